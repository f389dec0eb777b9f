"""What a person does with the entries of an outbox, and what the books say afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.delivery.entry_making import (
    EMAIL,
    NOW,
    entry,
    fill,
    given_up,
    journal,
    operator,
    outbox,
    total,
)
from topmail_flask.delivery.admin import OutboxUnavailable, Selection
from topmail_flask.delivery.claiming import UnknownContact
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.model.events import ProductView
from topmail_flask.model.reasons import Reason

ALL = Selection()


def with_letters(directory: Path, reason: Reason, *entries: Entry) -> Outbox:
    books = outbox(directory)
    fill(books, entries)
    for row in books.claim(len(entries)):
        books.dead_letter(row, reason)
    return books


def test_a_replayed_error_is_sent_again_under_a_new_key_and_any_other_under_its_own(
    tmp_path: Path,
) -> None:
    """F028: TopMail may have taken what it refused otherwise; it must not count twice."""
    directory = tmp_path / "box"
    books = with_letters(directory, Reason.REPLAYED_ERROR, entry(1), entry(2))
    fill(books, [entry(3)])
    books.dead_letter(books.claim(1)[0], Reason.REJECTED)
    hand = operator(directory)
    chosen = hand.find("dead", Selection(keys=("key-1", "key-3", "no-such-key")))
    assert total(hand.retry(chosen))["retried"] == 2
    rows = {
        row.event.product.id: row for row in books.claim(9) if isinstance(row.event, ProductView)
    }
    assert set(rows) == {"p1", "p3"}
    assert rows["p3"].entry.key == "key-3"
    assert rows["p1"].entry.key not in ("key-1", "key-2")
    # The same key goes with the same bytes: only an untried view may be told by contact id.
    assert (rows["p1"].attempts, rows["p3"].attempts) == (0, 1)
    stats = books.stats()
    assert (stats.dead, stats.pending, stats.accepted) == (1, 2, 3)
    assert stats.reasons == {Reason.REPLAYED_ERROR: 1}
    assert stats.balanced
    hand.close()
    books.close()


def test_a_retried_view_is_not_refused_again_by_what_was_remembered(tmp_path: Path) -> None:
    directory = tmp_path / "box"
    books = with_letters(directory, Reason.CONTACT_NOT_FOUND, entry(1))
    books.remember_unknown("ada", UnknownContact(1, NOW + 60))
    hand = operator(directory)
    total(hand.retry(hand.find("dead", ALL)))
    assert books.unknown_contacts(["ada"]) == {}
    hand.close()
    books.close()


def test_what_may_not_be_sent_any_more_is_not_sent_again(tmp_path: Path) -> None:
    """Of yesterday, TopMail would take it for new; and who withdrew consent meant all of it."""
    directory = tmp_path / "box"
    old = entry(1, at=NOW - 86_401)
    withdrawn = entry(2, identity="bob")
    books = with_letters(directory, Reason.REJECTED, withdrawn, entry(3))
    fill(books, [Entry("withdrawal", "w", NOW, "bob"), old])
    books.dead_letter(books.claim(1, NOW - 9)[0], Reason.REJECTED)
    hand = operator(directory)
    ends = total(hand.retry(hand.find("dead", ALL)))
    assert {end: n for end, n in ends.items() if end} == {
        "retried": 1,
        "too_old": 1,
        "withdrawn": 1,
    }
    assert [row.entry.key for row in books.claim(9)] == ["key-3"]
    assert (books.stats().dead, books.stats().balanced) == (2, True)
    hand.close()
    books.close()


def test_a_letter_whose_view_waits_already_is_left_alone(tmp_path: Path) -> None:
    """As two files that were saved into one may have it."""
    directory = tmp_path / "box"
    books = with_letters(directory, Reason.REJECTED, entry(1))
    fill(books, [entry(1)])
    hand = operator(directory)
    assert total(hand.retry(hand.find("dead", ALL)))["waiting"] == 1
    stats = books.stats()
    assert (stats.dead, stats.pending, stats.balanced) == (1, 1, True)
    hand.close()
    books.close()


def test_what_came_while_somebody_decided_is_not_dropped(tmp_path: Path) -> None:
    """SQLite gives the number of a deleted row to the next one."""
    directory = tmp_path / "box"
    books = outbox(directory)
    fill(books, [entry(1)])
    hand = operator(directory)
    chosen = hand.find("waiting", ALL)
    books.delivered(books.claim(1)[0])
    fill(books, [entry(2)])
    assert total(hand.drop("waiting", chosen))["removed"] == 0
    assert [row.entry.key for row in books.claim(9)] == ["key-2"]
    hand.close()
    books.close()


def test_entries_are_shown_without_addresses(tmp_path: Path) -> None:
    """F173"""
    directory = tmp_path / "box"
    books = with_letters(directory, Reason.REJECTED, entry(1))
    fill(books, [entry(2)])
    hand = operator(directory)
    shown = [*hand.listed("dead", ALL, 9), *hand.listed("waiting", ALL, 9)]
    assert [(letter.key, letter.shopper, letter.reason) for letter in shown] == [
        ("key-1", "a***@shop.example", "rejected"),
        ("key-2", "a***@shop.example", ""),
    ]
    assert EMAIL not in repr(shown)
    hand.close()
    books.close()


def test_what_is_given_up_by_hand_is_counted_and_told(tmp_path: Path) -> None:
    directory = tmp_path / "box"
    books = with_letters(directory, Reason.REJECTED, *(entry(number) for number in range(500)))
    fill(books, [entry(number) for number in range(1000, 1500)])
    told: list[tuple[bytes, Reason]] = []
    hand = operator(directory, told.extend)
    letters = hand.drop("dead", hand.find("dead", ALL))
    steps = list(letters.steps)
    assert letters.total == 500
    assert [step[""] for step in steps] == [200, 200, 100], "short transactions"
    assert total(hand.drop("waiting", hand.find("waiting", ALL)))["removed"] == 500
    stats = books.stats()
    assert (stats.dead, stats.dropped, stats.pending) == (500, 500, 0)
    assert {key for key, _ in given_up(told)} == {f"key-{number}" for number in range(1000, 1500)}
    assert [reason for _, reason in told] == [Reason.REMOVED] * 500
    assert stats.reasons == {Reason.REJECTED: 500, Reason.REMOVED: 500}
    assert stats.balanced
    hand.close()
    books.close()


def test_the_command_brings_in_what_only_the_journals_hold(tmp_path: Path) -> None:
    directory = tmp_path / "box"
    written = journal(directory)
    for number in range(5):
        assert written.append(entry(number))
    hand = operator(directory)
    assert len(hand.find("waiting", ALL)) == 5
    assert len(hand.find("waiting", Selection(keys=("key-3",)))) == 1
    hand.close()
    written.close()


def test_an_outbox_that_may_not_be_looked_into_is_not_taken_for_none(tmp_path: Path) -> None:
    directory = tmp_path / "box"
    with_letters(directory, Reason.REJECTED, entry(1)).close()
    hand, us = operator(directory), os.geteuid()
    directory.chmod(0)
    if us == 0:
        os.seteuid(65_534)
    try:
        with pytest.raises(OutboxUnavailable, match="as the store's user"):
            hand.check()
    finally:
        os.seteuid(us)
        directory.chmod(0o700)
    hand.close()
