"""A forgotten shopper is gone from rows, dead letters, caches and the bytes of every file."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.delivery.entry_making import (
    EMAIL,
    NOW,
    Clock,
    bytes_below,
    drain,
    entry,
    fill,
    import_all,
    journal,
    outbox,
)
from topmail_flask.domain.reasons import Reason


def other(number: int, **changes: object) -> object:
    body = entry(number).body.replace(EMAIL.encode(), b"bob@shop.example")
    return entry(number, identity="bob", body=body, **changes)


def test_no_byte_of_a_forgotten_shopper_is_left(tmp_path: Path) -> None:
    # F159: pending, dead, being sent, remembered, and still in a live journal
    directory, clock = tmp_path / "box", Clock()
    written, books = journal(directory, clock), outbox(directory, clock)
    fill(books, [entry(number) for number in range(300)])
    for row in books.claim(100):
        books.bury(row, Reason.REJECTED)
    in_flight = books.claim(3)
    books.remember_contact("ada", "contact-of-ada")
    for number in range(300, 340):
        assert written.append(entry(number))
    fill(books, [other(number) for number in range(400, 420)])  # type: ignore[misc]
    assert EMAIL.encode() in bytes_below(directory)
    clock.now += 1
    assert books.forget(["ada"]) == 340
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
    books.forget(["ada"])
    assert EMAIL.encode() not in bytes_below(directory)
    books.close()


def test_what_a_forgotten_shopper_left_in_memory_never_comes_in(tmp_path: Path) -> None:
    # F159: a view of before, that reaches the outbox after
    clock = Clock(NOW + 10)
    books = outbox(tmp_path / "box", clock)
    books.forget(["ada"])
    report = books.import_entries([entry(1), entry(2, at=NOW + 20)])
    assert [(one.key, reason) for one, reason in report.dropped] == [("key-1", Reason.FORGOTTEN)]
    assert drain(books) == ["key-2"]  # she came back
    books.close()


def test_views_that_come_while_somebody_is_forgotten_are_all_delivered(tmp_path: Path) -> None:
    # F197
    directory, clock = tmp_path / "box", Clock()
    written, books = journal(directory, clock), outbox(directory, clock)

    def browse() -> None:
        for number in range(400):
            assert written.append(other(number))  # type: ignore[arg-type]

    shopper = threading.Thread(target=browse)
    shopper.start()
    while shopper.is_alive():
        fill(books, [entry(10_000 + round(clock.now - NOW))])
        clock.now += 1
        books.forget(["ada"])
    shopper.join()
    import_all(books)
    books.forget(["ada"])
    assert EMAIL.encode() not in bytes_below(directory)
    assert len(drain(books)) == 400
    assert books.stats().balanced
    books.close()
