"""A forgotten shopper is gone from rows, dead letters, caches and the bytes of every file."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.delivery.entry_making import (
    EMAIL,
    NOW,
    Clock,
    bytes_below,
    contact_id_of,
    drain,
    entry,
    fill,
    given_up,
    identity_of,
    import_all,
    imported,
    journal,
    operator,
    outbox,
    total,
)
from topmail_flask.delivery.admin import OutboxUnavailable, forget
from topmail_flask.delivery.entry import Entry
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper


def forgotten(directory: Path, now: float, shopper: str = EMAIL) -> int:
    """A command forgets her; how many views and dead letters it removed."""
    command = operator(directory)
    try:
        return total(forget(command, [Shopper(shopper)], now=now))["removed"]
    finally:
        command.close()


def other(number: int, **changes: object) -> Entry:
    body = entry(number).body.replace(EMAIL.encode(), b"bob@shop.example")
    return entry(number, identity="bob", body=body, **changes)


def test_no_byte_of_a_forgotten_shopper_is_left(tmp_path: Path) -> None:
    # F159: pending, dead, being sent, remembered, and still in a live journal
    directory, clock = tmp_path / "box", Clock()
    written, books = journal(directory, clock), outbox(directory, clock)
    fill(books, [entry(number) for number in range(300)])
    for row in books.claim(100):
        books.dead_letter(row, Reason.REJECTED)
    in_flight = books.claim(3)
    books.remember_contact("ada", "contact-of-ada")
    for number in range(300, 340):
        assert written.append(entry(number))
    fill(books, [other(number) for number in range(400, 420)])
    assert EMAIL.encode() in bytes_below(directory)
    clock.now += 1
    assert forgotten(directory, clock.now) == 340
    left = bytes_below(directory)
    assert EMAIL.encode() not in left
    assert b"contact-of-ada" not in left
    books.delivered(in_flight[0])  # its answer came after all: nothing to write down
    assert len(drain(books)) == 20
    stats = books.stats()
    assert (stats.accepted, stats.delivered, stats.dead) == (360, 20, 100)
    assert stats.reasons[Reason.FORGOTTEN] == 240
    assert stats.balanced
    books.close()


def test_what_was_set_aside_goes_too(tmp_path: Path) -> None:
    # F159
    directory = tmp_path / "box"
    books = outbox(directory)
    fill(books, [entry(1)])
    books.close()
    (directory / "outbox.sqlite3").write_bytes(b"garbage " + EMAIL.encode() * 1000)
    fill(books, [entry(2)])
    assert EMAIL.encode() in bytes_below(directory)
    forgotten(directory, NOW)
    assert EMAIL.encode() not in bytes_below(directory)
    books.close()


def test_what_a_forgotten_shopper_left_in_memory_never_comes_in(tmp_path: Path) -> None:
    # F159: a view of before, that reaches the outbox after
    clock = Clock(NOW + 10)
    books = outbox(tmp_path / "box", clock)
    fill(books, [other(0)])
    forgotten(tmp_path / "box", clock.now)
    clock.now += 20
    report = imported(books, [entry(1), entry(2, at=NOW + 20)])
    assert given_up(report.dropped) == [("key-1", Reason.FORGOTTEN)]
    assert sorted(drain(books)) == ["key-0", "key-2"]  # she came back
    books.close()


def test_a_change_of_address_that_comes_in_late_brings_nothing_to_who_was_forgotten(
    tmp_path: Path,
) -> None:
    clock, new = Clock(NOW + 10), "ada@new.example.org"
    books = outbox(tmp_path / "box", clock)
    fill(books, [entry(1), other(2)])
    forgotten(tmp_path / "box", clock.now, new)
    body = json.dumps({"email": new}).encode()
    fill(books, [Entry("move", "m", NOW + 5, "ada", identity_of(Shopper(new)), body)])
    assert drain(books) == ["key-2"]
    assert books.stats().reasons == {Reason.FORGOTTEN: 1}
    books.close()


def test_views_that_come_while_somebody_is_forgotten_are_all_delivered(tmp_path: Path) -> None:
    # F197
    directory, clock = tmp_path / "box", Clock()
    written, books = journal(directory, clock), outbox(directory, clock)

    def browse() -> None:
        for number in range(400):
            assert written.append(other(number))

    fill(books, [other(9_999)])
    shopper = threading.Thread(target=browse)
    shopper.start()
    while shopper.is_alive():
        fill(books, [entry(10_000 + round(clock.now - NOW))])
        clock.now += 1
        forgotten(directory, clock.now)
    shopper.join()
    import_all(books)
    forgotten(directory, clock.now)
    assert EMAIL.encode() not in bytes_below(directory)
    assert len(drain(books)) == 401
    assert books.stats().balanced
    books.close()


def test_who_is_kept_under_a_former_secret_or_a_contact_id_is_forgotten_too(tmp_path: Path) -> None:
    # F159
    directory, clock = tmp_path / "box", Clock()
    books = outbox(directory, clock)
    by_id = entry(3).body.replace(f'"email": "{EMAIL}"'.encode(), b'"contact_id": "p4"')
    shouted = entry(2).body.replace(EMAIL.encode(), EMAIL.upper().encode())
    of_namesake = entry(4).body.replace(EMAIL.encode(), b"jo" + EMAIL.encode())
    fill(
        books,
        [
            entry(1, identity="ada-under-a-former-secret"),
            entry(2, identity="ada-under-a-former-secret", body=shouted),
            entry(3, identity=identity_of(Shopper(contact_id="p4")), body=by_id),
            entry(4, identity="joada", body=of_namesake, at=NOW - 9),
        ],
    )
    rows = {row.entry.key: row for row in books.claim(9)}
    books.dead_letter(rows.pop("key-1"), Reason.REJECTED)
    books.release(rows.values())
    books.remember_contact("ada", "p4")
    assert forgotten(directory, clock.now) == 3
    left = bytes_below(directory).lower()
    assert left.count(EMAIL.encode()) == left.count(b"jo" + EMAIL.encode())
    assert left.count(b'"p4"') == 1, "the product of the namesake"
    assert drain(books) == ["key-4"]
    books.close()


def test_an_answer_that_comes_after_does_not_bring_the_forgotten_back(tmp_path: Path) -> None:
    directory, clock = tmp_path / "box", Clock()
    books = outbox(directory, clock)
    fill(books, [entry(number) for number in range(3)])
    first, second, third = books.claim(3)
    forgotten(directory, clock.now)
    assert books.filter_waiting([first, second, third]) == []
    books.delivered(first)
    books.remember_contact("ada", "contact-of-ada")
    books.retry(second, clock.now + 9)
    books.dead_letter(third, Reason.REJECTED)
    assert contact_id_of(books, "ada") is None
    left = bytes_below(directory)
    assert EMAIL.encode() not in left
    assert b"contact-of-ada" not in left
    assert (books.stats().dropped, books.stats().balanced) == (3, True)
    books.close()


def test_who_cannot_be_erased_from_the_log_yet_is_not_called_forgotten(tmp_path: Path) -> None:
    # F159: somebody reads what was written before
    directory = tmp_path / "box"
    books = outbox(directory)
    fill(books, [entry(1)])
    with closing(sqlite3.connect(directory / "outbox.sqlite3", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM waiting").fetchall()
        with pytest.raises(OutboxUnavailable, match="Try again"):
            forgotten(directory, NOW)
    forgotten(directory, NOW)
    assert EMAIL.encode() not in bytes_below(directory)
    books.close()
