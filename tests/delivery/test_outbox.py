"""What waits, what is sent next, and what became of it."""

from __future__ import annotations

import gc
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.delivery.entry_making import (
    EMAIL,
    NOW,
    Clock,
    drain,
    entry,
    fill,
    given_up,
    import_all,
    journal,
    outbox,
)
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.model.events import ProductView, Purchase
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper


def change(directory: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(directory / "outbox.sqlite3")) as file, file:
        file.execute(statement, values)


def pragma(books: Outbox, name: str) -> object:
    return books.file.rows(f"PRAGMA {name}")[0][0]


def test_a_claimed_view_carries_the_very_bytes_that_were_accepted(tmp_path: Path) -> None:
    written, books = journal(tmp_path / "box"), outbox(tmp_path / "box")
    assert written.append(entry(1))
    import_all(books)
    (row,) = books.claim(5)
    assert row.entry == entry(1)
    assert isinstance(row.event, ProductView)
    assert row.event.product.id == "p1"
    assert row.attempts == 0
    books.close()


def test_an_outbox_that_is_let_go_leaves_nothing_open(tmp_path: Path) -> None:
    """Python 3.13 warns of a connection that nobody closed: a shop's own tests would fail."""
    books = outbox(tmp_path / "box")
    fill(books, [entry(1)])
    assert (tmp_path / "box" / "outbox.sqlite3-wal").exists()
    del books
    gc.collect()
    assert not (tmp_path / "box" / "outbox.sqlite3-wal").exists()


def test_a_purchase_is_no_view(tmp_path: Path) -> None:
    books = outbox(tmp_path / "box")
    bought = Purchase("7", Shopper(email=EMAIL), bought_at=NOW)
    fill(books, [Entry.of(bought, identity="ada")])
    (row,) = books.claim(1)
    assert row.event == bought
    assert row.entry.body == bought.body_bytes()
    books.close()


def of_many(*numbers: int) -> list[Entry]:
    """Views that were looked at one second after the other, each by another shopper."""
    return [entry(n, at=NOW - 1000 + n, identity=f"shopper-{n:03}") for n in numbers]


def test_shoppers_with_new_views_take_turns_with_those_that_wait_longest(tmp_path: Path) -> None:
    # F093
    clock = Clock()
    books = outbox(tmp_path / "box", clock)
    fill(books, of_many(*range(10)))
    sent = [row.entry.key for row in books.claim(6)]
    assert {"key-9", "key-8", "key-0", "key-1"} <= set(sent)
    fill(books, of_many(99))
    assert "key-99" in {row.entry.key for row in books.claim(2)}
    books.close()


def test_the_views_of_one_shopper_leave_in_their_order_and_one_lot_at_a_time(
    tmp_path: Path,
) -> None:
    books = outbox(tmp_path / "box")
    fill(books, [entry(n, at=NOW - 100 + n) for n in (3, 1, 2, 0)])
    first = books.claim(2)
    assert [row.entry.key for row in first] == ["key-0", "key-1"]
    assert books.claim(2) == []  # these are under way
    books.delivered(first[0])
    assert books.claim(2) == []
    books.release(first[1:])
    assert drain(books, 1) == ["key-1", "key-2", "key-3"]
    books.close()


def test_a_view_that_has_to_wait_holds_the_later_ones_of_its_shopper(tmp_path: Path) -> None:
    clock = Clock()
    books = outbox(tmp_path / "box", clock)
    fill(books, [entry(n, at=NOW - 100 + n) for n in range(3)])
    first, second = books.claim(2)
    books.retry(first, clock.now + 50)
    books.release([second])
    assert drain(books) == []
    clock.now += 50
    assert drain(books) == ["key-0", "key-1", "key-2"]
    books.close()


def test_a_poison_row_holds_nobody_up(tmp_path: Path) -> None:
    # F106
    clock = Clock()
    books = outbox(tmp_path / "box", clock)
    fill(books, of_many(*range(100)))
    (poison,) = books.claim(1)
    books.retry(poison, clock.now + 900)
    assert len(drain(books)) == 99
    assert books.claim(1) == []
    clock.now += 900
    (again,) = books.claim(1)
    assert (again.entry, again.attempts) == (poison.entry, 1)
    books.dead_letter(again, Reason.REJECTED)
    stats = books.stats()
    assert (stats.delivered, stats.dead, stats.pending) == (99, 1, 0)
    assert stats.reasons == {Reason.REJECTED: 1}
    assert stats.balanced
    books.close()


def test_a_retry_that_does_not_count_is_no_attempt(tmp_path: Path) -> None:
    # F006
    books = outbox(tmp_path / "box")
    fill(books, [entry(1)])
    (row,) = books.claim(1)
    books.retry(row, NOW + 7, counts=False)
    assert books.claim(1, NOW + 6) == []
    assert books.claim(1, NOW + 7)[0].attempts == 0
    books.close()


def test_what_is_released_can_be_claimed_at_once(tmp_path: Path) -> None:
    books = outbox(tmp_path / "box")
    fill(books, [entry(number) for number in range(4)])
    rows = books.claim(4)
    assert books.claim(4) == []
    books.release(rows)
    assert len(books.claim(4)) == 4
    books.close()


def test_a_lease_ends_and_a_late_answer_does_no_harm(tmp_path: Path) -> None:
    # F092
    clock = Clock()
    hung, other = outbox(tmp_path / "box", clock), outbox(tmp_path / "box", clock)
    fill(hung, [entry(1), entry(2)])
    late = {row.entry.key: row for row in hung.claim(2)}
    assert other.claim(2) == []
    clock.now += 61
    rows = {row.entry.key: row for row in other.claim(2)}
    assert rows.keys() == late.keys()
    hung.delivered(late["key-1"])  # the answer came at last
    hung.retry(late["key-2"], NOW)  # and this one must not free what the other is sending
    assert other.claim(2) == []
    other.delivered(rows["key-1"])
    other.delivered(rows["key-2"])
    stats = other.stats()
    assert (stats.delivered, stats.pending) == (2, 0)
    assert stats.balanced
    hung.close()
    other.close()


def test_old_views_expire_and_are_counted(tmp_path: Path) -> None:
    # F102
    clock = Clock()
    books = outbox(tmp_path / "box", clock, max_age=3600)
    clock.now += 3000
    fill(books, [entry(1), entry(2), entry(3, at=NOW + 3000)])
    rows = {row.entry.key: row for row in books.claim(3)}
    books.release([rows["key-1"], rows["key-3"]])
    books.retry(rows["key-2"], NOW + 100_000)
    clock.now += 661
    assert {key for key, _ in given_up(books.expire())} == {"key-1", "key-2"}
    assert drain(books) == ["key-3"]
    stats = books.stats()
    assert (stats.expired, stats.delivered) == (2, 1)
    assert stats.reasons == {Reason.EXPIRED: 2}
    assert stats.balanced
    books.close()


def test_an_expired_view_is_never_claimed(tmp_path: Path) -> None:
    # F102
    books = outbox(tmp_path / "box")
    fill(books, [entry(1)])
    assert books.claim(1, NOW + 25 * 3600) == []
    books.close()


@pytest.mark.parametrize("jump", [-86_400.0, -NOW])
def test_a_clock_that_jumps_back_stops_nothing(tmp_path: Path, jump: float) -> None:
    # F101
    clock = Clock()
    books = outbox(tmp_path / "box", clock)
    fill(books, [entry(number) for number in range(3)])
    for row in books.claim(2):
        books.retry(row, NOW + 300)
    clock.now += jump
    assert len(drain(books)) == 3
    books.close()


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("UPDATE waiting SET line = ?", b"not a line"),
        ("UPDATE waiting SET line = ?", pickle.dumps(print)),
        ("UPDATE waiting SET line = ?", "text"),
        ("UPDATE waiting SET line = replace(line, 'shop.example', ?)", "evil.example"),
        ("UPDATE waiting SET key = ?", "other"),
        ("UPDATE waiting SET attempts = ?", "many"),
    ],
)
def test_a_row_that_was_tampered_with_is_never_sent(
    tmp_path: Path, statement: str, value: object
) -> None:
    # F100, F174
    directory = tmp_path / "box"
    books = outbox(directory)
    fill(books, [entry(1)])
    change(directory, statement, value)
    assert books.claim(1) == []
    stats = books.stats()
    assert (stats.dead, stats.pending) == (1, 0)
    assert stats.reasons == {Reason.INVALID_ROW: 1}
    assert stats.balanced
    books.close()


@pytest.mark.parametrize(("chosen", "level"), [("NORMAL", 1), ("FULL", 2)])
def test_the_file_is_as_durable_as_configured(tmp_path: Path, chosen: str, level: int) -> None:
    # F103
    books = outbox(tmp_path / "box", synchronous=chosen)
    fill(books, [])
    assert pragma(books, "synchronous") == level
    assert pragma(books, "journal_mode") == "wal"
    assert pragma(books, "secure_delete") == 1
    assert pragma(books, "auto_vacuum") == 2
    books.close()


def test_a_settling_batch_is_one_transaction(tmp_path: Path) -> None:
    books, other = outbox(tmp_path / "box"), outbox(tmp_path / "box")
    fill(books, [entry(number) for number in range(3)])
    with books.batch():
        for row in books.claim(3):
            books.delivered(row)
            assert other.stats().delivered == 0
            assert books.stats().balanced
    assert other.stats().delivered == 3
    books.close()
    other.close()
