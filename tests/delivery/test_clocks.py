"""A clock that was ahead: what it dated neither waits for the future nor ends the past."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
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
from tests.delivery.simulation import world
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


BACK = 50 * 60.0


@pytest.mark.parametrize("back", [BACK, 86_400.0])
def test_a_clock_that_is_set_back_holds_no_retry_and_no_lease_of_a_dead_leader(
    tmp_path: Path, back: float
) -> None:
    clock = Clock(NOW)
    books = outbox(tmp_path / "box", clock)
    fill(books, [entry(n, identity=f"shopper-{n}") for n in range(4)])
    failed, asked_to_wait, claimed = books.claim(3)
    books.retry(failed, NOW + 300)
    books.retry(asked_to_wait, NOW + 900)
    books.file.close()  # it was killed with the third
    clock.now = NOW - back
    books = outbox(tmp_path / "box", clock)
    books.begin_lead()
    keys = {row.entry.key for row in books.claim(10)}
    assert keys >= {failed.entry.key, asked_to_wait.entry.key, claimed.entry.key}
    books.close()


def test_a_leader_that_lives_ends_what_a_clock_set_back_would_hold_within_a_minute(
    tmp_path: Path,
) -> None:
    with world(tmp_path) as shop:
        shop.chaos.otherwise = acts.status(503)
        shop.look()
        shop.run(200)
        shop.chaos.otherwise = acts.ok
        shop.begin -= BACK
        shop.run(61)
        assert shop.stats.delivered == 1


def test_a_contact_that_was_unknown_is_asked_for_again_though_the_clock_was_set_back(
    tmp_path: Path,
) -> None:
    with world(tmp_path) as shop:
        shop.chaos.otherwise = acts.error(404, "contact_not_found")
        shop.look()
        shop.run(5)
        shop.chaos.otherwise = acts.ok
        shop.begin -= 20 * 3600.0
        shop.run(130)
        shop.look()
        shop.run(5)
        assert shop.stats.delivered == 2


def test_a_pause_of_a_former_leader_is_over_once_it_lies_too_far_ahead(tmp_path: Path) -> None:
    with world(tmp_path) as shop:
        shop.chaos.answers(acts.status(429, ("Retry-After", "600")))
        shop.look()
        shop.run(5)
        shop.sender.close()
        shop.begin -= BACK
        shop.start()
        shop.run(5)
        assert shop.stats.delivered == 1


def test_an_outage_after_the_clock_was_set_back_is_told(tmp_path: Path) -> None:
    with world(tmp_path) as shop:
        shop.look()
        shop.run(5)
        assert shop.stats.delivered == 1
        shop.begin -= 20 * 3600.0
        shop.chaos.otherwise = acts.status(503)
        shop.look()
        shop.run(700)
        assert shop.health.state == "not_delivering"


def test_creation_that_is_limited_until_tomorrow_begins_then_whatever_the_clock_does(
    tmp_path: Path,
) -> None:
    with world(tmp_path, unknown_contacts="create") as shop:
        made: list[str] = []

        def answer(exchange: acts.Exchange) -> None:
            is_creation = exchange.path.endswith("/contacts")
            if is_creation and shop.passed < 43_000:
                acts.error(403, "limit_reached")(exchange)
            elif is_creation or made:
                made.append(exchange.path)
                acts.ok(exchange)
            else:
                acts.error(404, "contact_not_found")(exchange)

        shop.chaos.otherwise = answer
        shop.begin -= shop.begin % 86_400 - 43_200  # noon
        shop.look()
        shop.run(5)
        shop.begin -= 3 * 86_400.0
        shop.run(46_000)
        assert shop.stats.delivered == 1
