"""An outbox file that goes while it is open, comes back, or is read for ever: nothing is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.delivery.entry_making import Clock, drain, entry, fill, outbox
from topmail_flask.delivery.files import FILE_NAME, LEADER_LOCK, hold
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.model.reasons import Reason

NAMES = ("", "-wal", "-shm")


def alone(directory: Path) -> None:
    (directory / FILE_NAME).unlink()


def with_its_log(directory: Path) -> None:
    for suffix in NAMES:
        (directory / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)


def tree(directory: Path) -> None:
    shutil.rmtree(directory)


WAYS = [alone, with_its_log, tree]


@pytest.fixture
def leading(tmp_path: Path) -> Outbox:
    """An outbox whose leader is this process."""
    books = outbox(tmp_path / "box", Clock())
    fill(books, [entry(number, identity=f"shopper-{number}") for number in range(10)])
    return books


@pytest.mark.parametrize("goes", WAYS)
def test_a_file_that_goes_is_saved_by_whoever_looks_first_if_only_to_read(
    leading: Outbox, tmp_path: Path, goes: Callable[[Path], None]
) -> None:
    goes(tmp_path / "box")
    assert leading.stats().pending == 10
    assert (tmp_path / "box" / FILE_NAME).exists()
    assert len(drain(leading)) == 10
    assert leading.stats().balanced
    leading.close()


@pytest.mark.parametrize("goes", WAYS)
def test_another_thread_that_reads_sees_what_waits_and_makes_no_file(
    leading: Outbox, tmp_path: Path, goes: Callable[[Path], None]
) -> None:
    held = hold(tmp_path / "box" / LEADER_LOCK)
    goes(tmp_path / "box")
    seen: list[int] = []
    reader = threading.Thread(target=lambda: seen.append(leading.stats().pending))
    reader.start()
    reader.join()
    assert seen == [10]
    assert not (tmp_path / "box" / FILE_NAME).exists()
    assert len(drain(leading)) == 10
    leading.close()
    assert held is not None
    held.release()


def test_a_log_that_was_left_behind_is_never_taken_for_the_next_files(tmp_path: Path) -> None:
    directory, clock = tmp_path / "box", Clock()
    books = outbox(directory, clock)
    fill(books, [entry(number) for number in range(50)])
    for suffix in NAMES:  # as after a kill: the log is not written back
        shutil.copy(directory / f"{FILE_NAME}{suffix}", tmp_path / f"copy{suffix}")
    books.close()
    (directory / FILE_NAME).unlink(missing_ok=True)
    for suffix in ("-wal", "-shm"):
        shutil.copy(tmp_path / f"copy{suffix}", directory / f"{FILE_NAME}{suffix}")
        os.chmod(directory / f"{FILE_NAME}{suffix}", 0o600)
    books = outbox(directory, clock)
    fill(books, [entry(99)])
    assert drain(books) == ["key-99"]
    assert books.file.rows("PRAGMA integrity_check") == [("ok",)]
    books.close()


def test_a_directory_that_is_renamed_away_and_back_keeps_its_ledger(tmp_path: Path) -> None:
    box, clock = tmp_path / "box", Clock()
    books = outbox(box, clock)
    delivered = 0
    for turn in range(4):
        fill(books, [entry(turn * 10 + n, identity=f"i{turn}-{n}") for n in range(6)])
        for row in books.claim(3):
            books.delivered(row)
            delivered += 1
        box.rename(tmp_path / "away")
        assert books.stats().delivered == delivered
        fill(books, [entry(turn * 10 + 9, identity=f"i{turn}-9")])
        box.rename(tmp_path / f"new-{turn}")
        (tmp_path / "away").rename(box)
        assert books.stats().balanced
        assert books.stats().accepted == (turn + 1) * 7
    sent = drain(books)
    assert len(sent) == len(set(sent)) == 4 * 7 - delivered
    stats = books.stats()
    assert (stats.accepted, stats.delivered, stats.pending) == (28, 28, 0)
    books.close()


def test_a_reader_that_never_ends_does_not_make_the_log_grow_without_bound(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory, clock = tmp_path / "box", Clock()
    books = outbox(directory, clock)
    fill(books, [entry(1)])
    forgotten = sqlite3.connect(directory / FILE_NAME, isolation_level=None)
    with closing(forgotten):
        forgotten.execute("BEGIN")
        forgotten.execute("SELECT COUNT(*) FROM waiting").fetchone()
        largest = 0
        for turn in range(40):
            clock.now += 6
            numbers = range(turn * 500 + 10, turn * 500 + 510)
            fill(books, [entry(n, identity=f"i{n}", first_name="x" * 900) for n in numbers])
            assert len(drain(books, 500)) >= 500
            log = directory / f"{FILE_NAME}-wal"
            largest = max(largest, log.stat().st_size if log.exists() else 0)
        assert largest < 32 * 1024 * 1024
        stats = books.stats()
        assert (stats.accepted, stats.delivered, stats.balanced) == (20_001, 20_001, True)
    assert any("write-ahead log" in message for message in caplog.messages)
    books.close()


@pytest.mark.parametrize("goes", [alone, with_its_log])
def test_what_nobody_could_save_is_counted_and_the_ledger_goes_on(
    tmp_path: Path, goes: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    directory, clock = tmp_path / "box", Clock()
    books = outbox(directory, clock)
    fill(books, [entry(number, identity=f"i{number}") for number in range(10)])
    for row in books.claim(4):
        books.delivered(row)
    books.close()
    goes(directory)
    books = outbox(directory, clock)
    fill(books, [entry(99)])
    stats = books.stats()
    assert (stats.accepted, stats.delivered, stats.pending) == (11, 4, 1)
    assert stats.reasons == {Reason.LOST: 6}
    assert stats.balanced
    assert "6 views that waited are lost" in caplog.text
    books.close()
    books = outbox(directory, clock)
    fill(books, [])
    assert books.stats() == stats, "it is counted once"
    books.close()
