"""What the outbox remembers, and what a person does with dead letters."""

from __future__ import annotations

from pathlib import Path

from tests.delivery.entry_making import NOW, Clock, contact_id_of, entry, fill, operator, outbox
from topmail_flask.delivery.claiming import UnknownContact
from topmail_flask.model.reasons import Reason


def test_contacts_and_pauses_are_remembered_for_every_process(tmp_path: Path) -> None:
    clock = Clock()
    books, other = outbox(tmp_path / "box", clock), outbox(tmp_path / "box", clock)
    books.remember_contact("ada", "c-1")
    books.remember_unknown("bob", UnknownContact(1, NOW + 60))
    books.pause(NOW + 300, "unauthorized")
    fill(books, [entry(1)])
    books.delivered(books.claim(1)[0])
    fill(books, [entry(2, at=NOW - 9)])
    assert contact_id_of(other, "ada") == "c-1"
    assert other.unknown_contacts(["ada", "bob"]) == {"bob": UnknownContact(1, NOW + 60)}
    assert contact_id_of(other, "bob") is None
    standing = other.state()
    assert (standing.paused_until, standing.pause_reason) == (NOW + 300, "unauthorized")
    assert (standing.last_success, standing.oldest_pending) == (NOW, NOW - 9)
    books.resume()
    clock.now += 3601
    assert other.state().paused_until is None
    books.forget_unknown("bob")
    assert other.unknown_contacts(["bob"]) == {}
    books.close()
    other.close()


def test_what_an_answer_says_cannot_spoil_the_books(tmp_path: Path) -> None:
    books = outbox(tmp_path / "box")
    fill(books, [entry(1)])
    with books.batch():
        books.remember_contact("ada", "\ud800")
        books.remember_contact("bob", "x" * 101)
        books.pause(NOW + 9, "odd \ud800 reason")
        books.delivered(books.claim(1)[0])
    assert books.stats().delivered == 1
    assert contact_id_of(books, "ada") is None
    assert contact_id_of(books, "bob") is None
    assert books.state().pause_reason == "odd ? reason"
    books.close()


def kept(directory: Path) -> int:
    hand = operator(directory)
    try:
        return sum(hand.kept().values())
    finally:
        hand.close()


def test_dead_letters_are_kept_for_a_week(tmp_path: Path) -> None:
    # F160
    clock = Clock()
    books = outbox(tmp_path / "box", clock)
    fill(books, [entry(1)])
    books.dead_letter(books.claim(1)[0], Reason.REJECTED)
    clock.now += 6.9 * 86_400
    books.tidy()
    assert kept(tmp_path / "box") == 1
    clock.now += 1.1 * 86_400
    books.tidy()
    assert kept(tmp_path / "box") == 0
    assert books.stats().dead == 1
    books.close()
