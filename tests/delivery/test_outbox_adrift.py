"""What a process still has open of an outbox file that is gone comes into the new one, whole."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.delivery.entry_making import (
    EMAIL,
    Clock,
    drain,
    entry,
    fill,
    import_all,
    journal,
    outbox,
)
from tests.delivery.test_outbox_vanishes import WAYS, alone
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.files import FILE_NAME, LEADER_LOCK, hold
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.delivery.sqlite_file import BUSY_SECONDS
from topmail_flask.model.events import Purchase
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper


def ten(first: int = 0) -> list[Entry]:
    return [entry(number, identity=f"shopper-{number}") for number in range(first, first + 10)]


def with_ten(place: Path) -> tuple[Path, Clock, Outbox]:
    """A directory, the clock of those who use it, and an outbox of it in which ten views wait."""
    directory, clock = place / "box", Clock()
    books = outbox(directory, clock)
    fill(books, ten())
    return directory, clock, books


def without_log(directory: Path) -> None:
    (directory / f"{FILE_NAME}-wal").unlink()


def without_index(directory: Path) -> None:
    (directory / f"{FILE_NAME}-shm").unlink()


@pytest.mark.parametrize("goes", [without_log, without_index])
def test_a_log_that_goes_from_under_its_file_takes_nothing_with_it(
    tmp_path: Path, goes: Callable[[Path], None]
) -> None:
    directory, clock, books = with_ten(tmp_path)
    goes(directory)
    fill(books, ten(10))
    with closing(outbox(directory, clock)) as another:  # the command line, or the next leader
        assert another.stats().pending == 20
    assert len(drain(books)) == 20
    assert books.stats().balanced
    assert books.file.rows("PRAGMA integrity_check") == [("ok",)]
    books.close()


@pytest.mark.parametrize("goes", WAYS)
def test_what_another_leader_counted_as_lost_is_not_once_it_is_saved(
    tmp_path: Path, goes: Callable[[Path], None]
) -> None:
    directory, clock = tmp_path / "box", Clock()
    before, after = outbox(directory, clock), outbox(directory, clock)
    fill(before, ten())
    for row in before.claim(4):
        before.delivered(row)
    before.file.keep_ledger()
    kept = (directory / "ledger").read_bytes()
    goes(directory)
    directory.mkdir(mode=0o700, exist_ok=True)
    (directory / "ledger").write_bytes(kept)
    fill(after, ten(10))  # it leads now, and finds a ledger without a file
    assert after.stats().reasons == {Reason.LOST: 6}
    before.close()
    stats = after.stats()
    assert (stats.accepted, stats.delivered, stats.pending) == (20, 4, 16)
    assert not any(stats.reasons.values())
    assert stats.balanced
    assert len(drain(after)) == 16
    after.close()


def test_a_ledger_is_counted_once_however_often_the_file_goes(tmp_path: Path) -> None:
    directory, _, books = with_ten(tmp_path)
    books.close()
    kept = (directory / "ledger").read_bytes()
    alone(directory)
    fill(books, ten(10))
    for _ in range(3):
        shutil.rmtree(directory)
        directory.mkdir(mode=0o700)
        (directory / "ledger").write_bytes(kept)
        fill(books, [])
    stats = books.stats()
    assert (stats.accepted, stats.pending, stats.reasons) == (20, 10, {Reason.LOST: 10})
    books.close()


def test_what_is_written_while_a_file_is_saved_is_saved_too(tmp_path: Path) -> None:
    """By another process that has it open: it began before the file went."""
    directory, _, books = with_ten(tmp_path)
    line = entry(99).to_line()
    with closing(
        sqlite3.connect(directory / FILE_NAME, isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        query = "INSERT INTO waiting (key, at, identity, line) VALUES ('key-99', 1, 'ada', ?)"
        other.execute(query, (line,))
        other.execute("UPDATE counts SET n = n + 1 WHERE name = 'accepted'")
        shutil.rmtree(directory)
        commits = threading.Timer(0.3, other.execute, ("COMMIT",))
        commits.start()
        while books.stats().pending < 11:
            time.sleep(0.01)
        commits.join()
    assert (directory / FILE_NAME).exists()
    assert len(drain(books)) == 11
    assert books.stats().balanced
    books.close()


def test_a_file_that_cannot_be_saved_now_stays_open_and_is_looked_at(tmp_path: Path) -> None:
    directory, clock, books = with_ten(tmp_path)
    shutil.rmtree(directory)
    books.stats()
    shutil.rmtree(directory)
    with closing(outbox(directory, clock)) as another:
        fill(another, [])
    with closing(sqlite3.connect(directory / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert books.stats().pending == 10
        assert books.claim(5) == []
        other.execute("ROLLBACK")
    assert books.stats().pending == 10
    assert len(drain(books)) == 10
    assert books.stats().balanced
    books.close()


def test_what_comes_in_from_a_file_set_aside_has_its_turn_at_once(tmp_path: Path) -> None:
    """A process died after it had set a file aside; who leads has looked through all shoppers."""
    directory, clock = tmp_path / "box", Clock()
    dead = outbox(tmp_path / "other", clock)
    fill(dead, ten())
    dead.close()
    books = outbox(directory, clock)
    fill(books, [entry(99)])
    assert drain(books) == ["key-99"]
    assert books.claim(5) == []
    aside = directory / f"{FILE_NAME}.damaged-1-abcdef-whole"
    shutil.copy(tmp_path / "other" / FILE_NAME, aside)
    os.utime(directory, (1, 1))
    fill(books, [entry(100)])
    assert len(drain(books)) == 11
    assert books.stats().balanced
    books.close()


def test_a_view_that_both_files_hold_is_sent_and_counted_once(tmp_path: Path) -> None:
    """A journal is carried over while it is imported: its lines come in twice."""
    directory, clock = tmp_path / "box", Clock()
    before, after = outbox(directory, clock), outbox(directory, clock)
    fill(before, ten())
    directory.rename(tmp_path / "away")
    fill(after, ten(5))
    before.close()
    stats = after.stats()
    assert (stats.accepted, stats.pending, stats.dropped) == (15, 15, 0)
    assert len(set(drain(after))) == 15
    after.close()


def test_a_copy_in_the_files_place_goes_on_with_the_ledger_of_the_file(tmp_path: Path) -> None:
    directory, _, books = with_ten(tmp_path)
    books.file.current.shrink()  # nothing is in the log alone
    shutil.copytree(directory, tmp_path / "copy")
    for row in books.claim(4):
        books.delivered(row)
    fill(books, ten(10))
    assert len(drain(books, 50)) == 16
    directory.rename(tmp_path / "away")
    (tmp_path / "copy").rename(directory)
    drain(books)
    stats = books.stats()
    assert stats.balanced
    assert stats.delivered >= 20
    assert stats.accepted == stats.delivered
    books.close()


def test_what_was_claimed_when_a_copy_was_made_holds_nobody_up(tmp_path: Path) -> None:
    directory, _, books = with_ten(tmp_path)
    rows = books.claim(10)
    shutil.copytree(directory, tmp_path / "copy")
    for row in rows[:4]:
        books.delivered(row)
    directory.rename(tmp_path / "away")
    (tmp_path / "copy").rename(directory)
    later = [entry(number, identity=f"shopper-{number - 20}") for number in range(20, 30)]
    fill(books, later)
    claimed = {row.entry.key for row in books.claim(50)}
    free = {row.entry.identity for row in rows[:4]}
    assert {view.key for view in later if view.identity in free} <= claimed
    assert not {row.entry.key for row in rows[4:]} & claimed, "these are under way"
    assert books.stats().balanced
    books.close()


def test_who_withdrew_consent_meanwhile_is_not_tracked_by_what_comes_back(tmp_path: Path) -> None:
    directory, clock = tmp_path / "box", Clock()
    before, after = outbox(directory, clock), outbox(directory, clock)
    fill(before, [entry(1, identity="ada"), entry(2, identity="grace"), entry(3, identity="joan")])
    shutil.rmtree(directory)
    clock.now += 1
    fill(after, [Entry("withdrawal", "w", clock.now, "ada")])
    order = Purchase("9", Shopper(email=EMAIL), revenue=Decimal(5), currency="EUR")
    fill(after, [Entry.of(replace(order, bought_at=clock.now), identity="grace")])
    before.close()
    assert sorted(drain(after)) == ["key-3", order.key]
    stats = after.stats()
    assert stats.reasons == {Reason.CONSENT_WITHDRAWN: 1, Reason.PURCHASED: 1}
    assert stats.balanced
    after.close()


def test_journals_are_imported_into_the_file_that_is_made_anew(tmp_path: Path) -> None:
    directory, clock = tmp_path / "box", Clock()
    written, books = journal(directory, clock), outbox(directory, clock)
    for number in range(40):
        clock.now += 0.3
        assert written.append(entry(number, identity=f"i{number}"))
        if number % 3 == 0:
            import_all(books)
        if number % 7 == 0:
            shutil.rmtree(directory)
    clock.now += 1
    assert written.append(entry(99))
    clock.now += 1
    written.check()
    import_all(books)
    assert len(set(drain(books))) == 41
    assert books.stats().balanced
    books.close()


def test_leases_of_a_leader_that_goes_on_stay_its_own(tmp_path: Path) -> None:
    directory, _, books = with_ten(tmp_path)
    rows = books.claim(4)
    shutil.rmtree(directory)
    assert len(books.claim(50)) == 6
    books.delivered(rows[0])
    books.release(rows[1:])
    assert len(books.claim(50)) == 3
    assert books.stats().delivered == 1
    books.close()


def test_whoever_leads_next_gets_what_was_claimed_when_the_file_went(tmp_path: Path) -> None:
    directory, clock = tmp_path / "box", Clock()
    before: Outbox = outbox(directory, clock)
    fill(before, ten())
    rows = before.claim(4)
    shutil.rmtree(directory)
    after = outbox(directory, clock)
    after.begin_lead()
    assert after.claim(50) == []
    before.delivered(rows[0])
    before.release(rows[1:])
    before.close()
    assert len(drain(after)) == 9
    stats = after.stats()
    assert (stats.accepted, stats.delivered, stats.pending) == (10, 10, 0)
    after.close()


def test_what_was_claimed_is_given_back_though_whoever_leads_next_is_writing(
    tmp_path: Path,
) -> None:
    directory, clock = tmp_path / "box", Clock()
    before, after = outbox(directory, clock), outbox(directory, clock)
    fill(before, ten())
    rows = before.claim(4)
    shutil.rmtree(directory)
    fill(after, ten(10))
    with closing(
        sqlite3.connect(directory / FILE_NAME, isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        ends = threading.Timer(BUSY_SECONDS * 2.5, other.execute, ("COMMIT",))
        ends.start()
        before.release(rows)
        before.close()
        ends.join()
    stats = after.stats()
    assert (stats.accepted, stats.pending) == (20, 20)
    assert len(drain(after)) == 20
    after.close()


def test_who_sends_from_memory_leaves_the_journals_to_whoever_leads_on_the_disk(
    tmp_path: Path,
) -> None:
    directory, clock = tmp_path / "box", Clock()
    written, books = journal(directory, clock), outbox(directory, clock)
    assert written.append(entry(1))
    books.file.keep_in_memory("the directory was refused when this one began")
    lead = hold(directory / LEADER_LOCK)
    assert lead is not None
    assert books.import_journals().imported == 0
    lead.release()
    assert books.import_journals().imported == 1
    books.close()


def test_what_became_of_a_row_is_written_when_its_disk_is_back(tmp_path: Path) -> None:
    directory, clock, books = with_ten(tmp_path)
    taken, *given_back = books.claim(10)
    shutil.rmtree(directory)
    directory.write_text("in the way")
    books.delivered(taken)
    books.release(given_back)
    directory.unlink()
    clock.now += 6
    assert sorted(drain(books)) == sorted(row.entry.key for row in given_back)
    assert books.stats().delivered == 10
    books.close()
