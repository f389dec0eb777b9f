"""Damaged, deleted, replaced and foreign outbox files: rows are saved, new views flow."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.delivery.entry_making import (
    Clock,
    drain,
    entry,
    fill,
    import_all,
    journal,
    outbox,
    output_of,
)
from topmail_flask.delivery.files import FILE_NAME, LEADER_LOCK, hold
from topmail_flask.model.reasons import Reason


def aside(directory: Path) -> list[Path]:
    found = directory.glob(f"{FILE_NAME}.corrupt-*")
    return [path for path in found if not path.name.endswith(("-wal", "-shm"))]


def closed_outbox(directory: Path, rows: int) -> Path:
    books = outbox(directory)
    fill(books, [entry(number) for number in range(rows)])
    books.close()
    return directory / FILE_NAME


@pytest.mark.parametrize("content", [b"garbage " * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_garbage_file_is_set_aside_and_views_flow(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    # F086
    directory = tmp_path / "box"
    closed_outbox(directory, 0).write_bytes(content)
    written, books = journal(directory), outbox(directory)
    assert written.append(entry(1))
    assert books.stats().pending == 1  # a reader mends nothing, and does not break
    with caplog.at_level(logging.WARNING):
        import_all(books)
    assert drain(books) == ["key-1"]
    assert len(caplog.records) == 1
    (quarantined,) = aside(directory)
    assert quarantined.read_bytes() == content
    assert quarantined.stat().st_mode & 0o777 == 0o600
    books.close()


def test_an_empty_file_is_a_new_outbox(tmp_path: Path) -> None:
    # F086
    directory = tmp_path / "box"
    closed_outbox(directory, 3).write_bytes(b"")
    books = outbox(directory)
    fill(books, [entry(9)])
    assert drain(books) == ["key-9"]
    assert not aside(directory)
    books.close()


def test_a_truncated_file_gives_back_what_is_left(tmp_path: Path) -> None:
    # F086
    directory = tmp_path / "box"
    path = closed_outbox(directory, 400)
    os.truncate(path, path.stat().st_size // 2)
    books = outbox(directory)
    fill(books, [entry(9999)])
    sent = drain(books)
    assert "key-9999" in sent
    assert len(set(sent)) == len(sent)
    assert books.stats().balanced
    assert len(aside(directory)) == 1
    books.close()


def test_a_damaged_page_costs_the_rows_on_it_and_no_others(tmp_path: Path) -> None:
    # F087
    directory = tmp_path / "box"
    path = closed_outbox(directory, 2000)
    middle = path.stat().st_size // 2
    with path.open("r+b") as file:
        file.seek(middle)
        file.write(b"\xa5" * 40_000)
    books = outbox(directory)
    fill(books, [entry(9999)])
    sent = drain(books)
    assert len(sent) > 1000
    assert len(set(sent)) == len(sent)
    assert "key-9999" in sent
    stats = books.stats()
    assert stats.balanced
    assert stats.pending == 0
    assert stats.accepted == 2001
    assert stats.delivered + stats.reasons.get(Reason.INVALID_ROW, 0) == 2001
    assert len(aside(directory)) == 1
    books.close()


def test_only_the_leader_mends_what_it_is_writing_to(tmp_path: Path) -> None:
    # F087, F186
    directory = tmp_path / "box"
    closed_outbox(directory, 3).write_bytes(b"garbage " * 1000)
    leading = hold(directory / LEADER_LOCK)
    assert leading is not None
    text = """
import sys
from pathlib import Path
from tests.delivery.entry_making import *
print(imported(outbox(Path(sys.argv[1])), [entry(1)]).fault)
"""
    assert output_of(text, directory) == "busy"
    books = outbox(directory)
    fill(books, [entry(2)])
    assert drain(books) == ["key-2"]
    assert leading.in_place
    assert hold(directory / LEADER_LOCK) is None
    books.close()


def test_a_file_with_other_tables_is_set_aside(tmp_path: Path) -> None:
    # F086
    directory = tmp_path / "box"
    directory.mkdir(mode=0o700)
    with closing(sqlite3.connect(directory / FILE_NAME)) as foreign, foreign:
        foreign.execute("CREATE TABLE shop (name TEXT)")
    foreign.close()
    books = outbox(directory)
    fill(books, [entry(1)])
    assert drain(books) == ["key-1"]
    assert len(aside(directory)) == 1
    books.close()


def test_a_process_that_died_while_mending_loses_nothing(tmp_path: Path) -> None:
    # F087 and F190: the file was set aside, its rows not yet taken over
    directory = tmp_path / "box"
    path = closed_outbox(directory, 10)
    path.rename(f"{path}.damaged-1700000000-abcdef")
    books = outbox(directory)
    fill(books, [entry(99)])
    assert len(drain(books)) == 11
    assert books.stats().balanced
    books.close()
    books = outbox(directory)
    fill(books, [])
    assert books.stats().accepted == 11
    books.close()


@pytest.mark.parametrize("harm", ["unlink", "garbage", "other outbox", "directory"])
def test_a_file_that_goes_while_it_is_open_is_noticed(tmp_path: Path, harm: str) -> None:
    # F088
    directory, clock = tmp_path / "box" / "app", Clock()
    books = outbox(directory, clock)
    fill(books, [entry(number) for number in range(5)])
    books.delivered(books.claim(1)[0])
    if harm == "unlink":
        (directory / FILE_NAME).unlink()
    elif harm == "garbage":
        (tmp_path / "other").write_bytes(b"garbage" * 1000)
        (tmp_path / "other").rename(directory / FILE_NAME)
    elif harm == "other outbox":
        (closed_outbox(tmp_path / "other", 2)).rename(directory / FILE_NAME)
        shutil.rmtree(tmp_path / "other")
    else:
        shutil.rmtree(directory.parent)
    clock.now += 1
    fill(books, [entry(77)])
    reader = outbox(directory, clock)
    assert reader.stats().pending >= 5
    sent = drain(books)
    assert {"key-77", "key-1", "key-2", "key-3"} <= set(sent)
    assert books.stats().balanced
    assert reader.stats().pending == 0
    books.close()
    reader.close()


def test_a_file_of_an_older_version_is_taken_over(tmp_path: Path) -> None:
    # F099, F188
    directory = tmp_path / "box"
    directory.mkdir(mode=0o700)
    with closing(sqlite3.connect(directory / FILE_NAME)) as old, old:
        old.execute("CREATE TABLE views (key TEXT PRIMARY KEY, at REAL, body BLOB)")
        old.execute("INSERT INTO views VALUES ('old-1', 1700000000.0, ?)", (entry(1).body,))
    old.close()
    books = outbox(directory)
    fill(books, [entry(2)])
    assert sorted(drain(books)) == ["key-2", "old-1"]
    assert books.stats().balanced
    books.close()


def test_a_file_of_a_newer_version_is_left_to_it(tmp_path: Path) -> None:
    # F099, F188
    directory = tmp_path / "box"
    path = closed_outbox(directory, 3)
    with closing(sqlite3.connect(path)) as newer, newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    before = path.read_bytes()
    for number in (7, 8):
        books = outbox(directory)
        fill(books, [entry(number)])
        assert drain(books) == [f"key-{number}"]
        books.close()
    assert path.read_bytes() == before
    assert not aside(directory)
    other = outbox(directory)
    fill(other, [entry(9)])
    other.close()
    path.unlink()  # the newer version is gone for good: its file no longer stands in the way
    books = outbox(directory)
    fill(books, [entry(10)])
    assert sorted(drain(books)) == ["key-10", "key-9"]
    assert books.stats().delivered == 4
    books.close()


def test_what_was_set_aside_is_deleted_like_a_dead_letter(tmp_path: Path) -> None:
    # F160
    directory, clock = tmp_path / "box", Clock()
    closed_outbox(directory, 3).write_bytes(b"garbage" * 1000)
    books = outbox(directory, clock)
    fill(books, [entry(1)])
    books.tidy()
    assert len(aside(directory)) == 1
    clock.now += 8 * 86_400
    books.tidy()
    assert not aside(directory)
    books.close()
