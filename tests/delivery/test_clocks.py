"""A clock that was ahead: what it dated neither waits for the future nor ends the past."""

from __future__ import annotations

from collections.abc import Callable
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
    imported,
    outbox,
)
from topmail_flask.delivery.entry import Entry
from topmail_flask.model.events import Purchase
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

AHEAD = 20 * 3600.0


def bought(at: float) -> Entry:
    return Entry.of(Purchase("7", Shopper(email=EMAIL), bought_at=at), identity="ada")


def withdrawn(at: float) -> Entry:
    return Entry("withdrawal", "w", at, "ada")


@pytest.mark.parametrize("mark", [bought, withdrawn])
@pytest.mark.parametrize("together", [True, False])
def test_a_mark_of_the_future_drops_no_later_view(
    tmp_path: Path, mark: object, together: bool
) -> None:
    assert callable(mark)
    clock = Clock(NOW + (0 if together else AHEAD))
    books = outbox(tmp_path / "box", clock)
    early = [entry(1, at=NOW + AHEAD - 5), mark(NOW + AHEAD)]
    if not together:
        fill(books, early)
        books.close()
        clock.now = NOW
        early = []
    later = [entry(n, at=NOW - 5 + n) for n in (2, 3)]
    imported(books, [*early, *later])
    books.begin_lead()
    assert [key for key in drain(books) if key.startswith("key")] == ["key-2", "key-3"]
    assert sum(books.stats().reasons.values()) == 1
    assert books.stats().balanced
    books.close()


def test_what_waited_when_such_a_mark_came_in_is_dropped_all_the_same(tmp_path: Path) -> None:
    books = outbox(tmp_path / "box")
    fill(books, [entry(1, at=NOW - 9), entry(2, identity="bob", at=NOW - 9)])
    fill(books, [withdrawn(NOW + AHEAD)])
    assert drain(books) == ["key-2"]
    assert books.stats().reasons == {Reason.CONSENT_WITHDRAWN: 1}
    books.close()


@pytest.mark.parametrize("mark", [bought, withdrawn])
def test_what_waits_is_dropped_though_the_clock_was_set_back_meanwhile(
    tmp_path: Path, mark: Callable[[float], Entry]
) -> None:
    clock = Clock(NOW)
    books = outbox(tmp_path / "box", clock)
    fill(books, [entry(1, at=NOW), entry(2, identity="bob", at=NOW)])
    clock.now = NOW - 60
    fill(books, [mark(NOW - 55)])
    clock.now = NOW - 50
    fill(books, [entry(3, at=NOW - 50)])
    sent = drain(books)
    assert sorted(key for key in sent if key.startswith("key")) == ["key-2", "key-3"]
    assert books.stats().balanced
    books.close()


def test_views_dated_ahead_expire_in_time_and_keep_their_order(tmp_path: Path) -> None:
    clock = Clock(NOW + AHEAD)
    books = outbox(tmp_path / "box", clock, max_age=3600)
    fill(books, [entry(n, at=NOW + AHEAD + n / 10) for n in range(3)])
    clock.now = NOW
    books.tidy()
    fill(books, [entry(9, at=NOW)])
    assert drain(books) == ["key-0", "key-1", "key-2", "key-9"]
    fill(books, [entry(10, at=NOW + AHEAD)])
    clock.now = NOW + 3700
    assert given_up(books.expire()) == [("key-10", Reason.EXPIRED)]
    books.close()
