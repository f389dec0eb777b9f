"""A shopper's new address: whatever the order in which journals tell of it, each change counts from
its own time on, and nothing that was not sent yet goes to an address that is not theirs any more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from tests.delivery import chaos as acts
from tests.delivery.entry_making import (
    EMAIL,
    NOW,
    Clock,
    bytes_below,
    drain,
    entry,
    fill,
    identity_of,
    imported,
    operator,
    outbox,
    total,
)
from tests.delivery.simulation import world
from topmail_flask.delivery.admin import forget
from topmail_flask.delivery.entry import Entry, Identities
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.model.events import Conversion, ProductView, Purchase
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

FIRST, SECOND, THIRD = "one@shop.example", "two@shop.example", "three@shop.example"
OTHER = "other@shop.example"
ORDERS = tuple(permutations(range(3)))
WHO = Identities(b"a secret of the store")


def named(email: str) -> str:
    return WHO.of(Shopper(email=email))


def viewed(at: float, email: str = FIRST, product: str = "lamp") -> Entry:
    shown = Product(id=product, name="Lamp", url="https://shop.example/lamp")
    event = ProductView(shown, Shopper(email=email), viewed_at=NOW + at)
    return Entry.from_line(WHO.line(event))


def moved(at: float, old: str, new: str) -> Entry:
    body = json.dumps({"email": new}).encode()
    return Entry("move", f"move-{at}", NOW + at, named(old), named(new), body)


def refused(at: float, email: str) -> Entry:
    return Entry("withdrawal", f"withdrawal-{at}", NOW + at, named(email))


def bought(at: float, email: str) -> Entry:
    event = Purchase(f"order-at-{at}", Shopper(email=email), bought_at=NOW + at)
    return Entry.from_line(WHO.line(event))


def signed_up(at: float, email: str) -> Entry:
    event = Conversion("signup", Shopper(email=email), once="welcome", converted_at=NOW + at)
    return Entry.from_line(WHO.line(event))


def sent(books: Outbox) -> list[tuple[str, str]]:
    """What is sent now, and to whom, in this order."""
    found = []
    while rows := books.claim(50):
        for row in rows:
            found.append((row.entry.kind, json.loads(row.entry.sent_body)["email"]))
            books.delivered(row)
    assert books.stats().balanced
    return found


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Outbox]:
    made = outbox(tmp_path / "box", Clock(NOW + 100))
    yield made
    made.close()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("together", [True, False])
def test_two_changes_of_an_address_count_in_the_order_of_their_times(
    books: Outbox, order: tuple[int, ...], together: bool
) -> None:
    told = [viewed(1), moved(2, FIRST, SECOND), moved(3, SECOND, THIRD)]
    told = [told[number] for number in order]
    for lines in [told] if together else [[line] for line in told]:
        fill(books, lines)
    assert sent(books) == [("view", THIRD)]


@pytest.mark.parametrize("order", ORDERS)
def test_an_address_that_is_changed_back_keeps_what_waits(
    books: Outbox, order: tuple[int, ...]
) -> None:
    told = [viewed(1), moved(2, FIRST, SECOND), moved(3, SECOND, FIRST)]
    for number in order:
        fill(books, [told[number]])
    assert sent(books) == [("view", FIRST)]


@pytest.mark.parametrize("order", ORDERS)
def test_who_gets_an_address_that_was_somebody_elses_gets_nothing_of_theirs(
    books: Outbox, order: tuple[int, ...]
) -> None:
    told = [viewed(1), moved(3, FIRST, SECOND), moved(2, SECOND, OTHER)]
    for number in order:
        fill(books, [told[number]])
    assert sent(books) == [("view", SECOND)]


def test_views_that_come_in_behind_a_backlog_follow_the_change_before_it(books: Outbox) -> None:
    fill(books, [moved(2, FIRST, SECOND)])
    fill(books, [viewed(1), viewed(3, product="chair")])
    assert sorted(sent(books)) == [("view", FIRST), ("view", SECOND)]  # the old one is used again


def test_views_of_before_a_change_are_sent_before_those_of_after_it(books: Outbox) -> None:
    fill(books, [moved(2, FIRST, SECOND), viewed(3, SECOND, "b")])
    fill(books, [viewed(1, FIRST, "a")])
    rows = books.claim(10)
    told = [json.loads(row.entry.sent_body) for row in rows]
    assert [(body["product_id"], body["email"]) for body in told] == [("a", SECOND), ("b", SECOND)]


@pytest.mark.parametrize("email", [FIRST, SECOND])
@pytest.mark.parametrize("order", ORDERS)
def test_who_refuses_under_either_address_gets_nothing(
    books: Outbox, email: str, order: tuple[int, ...]
) -> None:
    told = [viewed(1), moved(3, FIRST, SECOND), refused(2 if email == FIRST else 4, email)]
    for number in order:
        fill(books, [told[number]])
    assert sent(books) == []
    assert books.stats().reasons == {Reason.CONSENT_WITHDRAWN: 1}


@pytest.mark.parametrize("email", [FIRST, SECOND])
@pytest.mark.parametrize("order", ORDERS)
def test_who_buys_under_either_address_gets_no_mail_about_what_they_looked_at_before(
    books: Outbox, email: str, order: tuple[int, ...]
) -> None:
    told = [viewed(1), moved(3, FIRST, SECOND), bought(2 if email == FIRST else 4, email)]
    for number in order:
        fill(books, [told[number]])
    assert sent(books) == [("purchase", SECOND)]
    assert books.stats().reasons == {Reason.PURCHASED: 1}


@pytest.mark.parametrize("order", ORDERS)
def test_what_happens_once_under_a_name_happens_once_to_whoever_changes_the_address(
    books: Outbox, order: tuple[int, ...]
) -> None:
    told = [signed_up(1, FIRST), moved(2, FIRST, SECOND), signed_up(3, SECOND)]
    for number in order:
        fill(books, [told[number]])
    assert sent(books) == [("conversion", SECOND)]
    assert books.stats().reasons == {Reason.KNOWN_NAME: 1}


@pytest.mark.parametrize("mark", [refused, bought])
def test_the_later_of_two_marks_holds_whichever_is_read_first(books: Outbox, mark: Any) -> None:
    fill(books, [mark(5, FIRST)])
    fill(books, [mark(2, FIRST)])
    fill(books, [viewed(4)])
    assert "view" not in dict(sent(books))


def test_a_change_of_a_clock_that_was_ahead_is_none_of_what_comes_later(books: Outbox) -> None:
    fill(books, [viewed(1), moved(90_000, FIRST, SECOND)])
    books._clock.now += 10  # type: ignore[attr-defined]
    fill(books, [viewed(105, product="chair")])
    assert sorted(sent(books)) == [("view", FIRST), ("view", SECOND)]


def test_what_is_claimed_and_not_sent_yet_goes_to_the_new_address(tmp_path: Path) -> None:
    with world(tmp_path, rate=4.0) as shop:
        for number in range(6):
            shop.tell(
                ProductView(
                    Product(id=str(number), name="Lamp", url="https://shop.example/lamp"),
                    Shopper(email=FIRST),
                    viewed_at=shop.clock(),
                )
            )
        while len(shop.chaos.calls) < 2:
            shop.run(0.05)
        old, now = named(FIRST), named(SECOND)
        shop.order("move", old, now, json.dumps({"email": SECOND}).encode())
        shop.run(0.3)
        before = len(shop.chaos.calls)
        assert before < 5
        shop.run(60)
        told = [json.loads(call.body) for call in shop.chaos.calls]
        assert [body["product_id"] for body in told] == list("012345")
        assert {body["email"] for body in told[before:]} == {SECOND}


def test_what_was_perhaps_sent_before_its_leader_was_killed_keeps_its_bytes(tmp_path: Path) -> None:
    clock = Clock(NOW + 100)
    killed = outbox(tmp_path / "box", clock)
    fill(killed, [viewed(1), viewed(2, product="chair")])
    (row,) = killed.claim(1)
    killed.file.close()  # nothing is given back
    books = outbox(tmp_path / "box", clock)
    books.begin_lead()
    fill(books, [moved(50, FIRST, SECOND)])
    rows = {each.entry.key: each.entry for each in books.claim(10)}
    assert rows.pop(row.entry.key).sent_body == row.entry.sent_body
    assert [json.loads(each.sent_body)["email"] for each in rows.values()] == [SECOND]
    books.close()


def test_a_call_that_was_under_way_is_made_again_with_its_bytes(tmp_path: Path) -> None:
    with world(tmp_path) as shop:
        shop.chaos.otherwise = acts.status(503)
        shop.tell(
            ProductView(
                Product(id="lamp", name="Lamp", url="https://shop.example/lamp"),
                Shopper(email=FIRST),
                viewed_at=shop.clock(),
            )
        )
        shop.run(10)
        shop.order("move", named(FIRST), named(SECOND), json.dumps({"email": SECOND}).encode())
        shop.run(10)
        shop.chaos.otherwise = acts.ok
        shop.run(600)
        assert len({(call.key, call.body) for call in shop.chaos.calls}) == 1
        assert shop.stats.delivered == 1


def test_a_change_is_known_for_as_long_as_a_view_of_before_it_may_be_sent(tmp_path: Path) -> None:
    clock = Clock(NOW + 100)
    books = outbox(tmp_path / "box", clock, max_age=3600)
    fill(books, [moved(2, FIRST, SECOND)])
    clock.now = NOW + 3500
    books.tidy()
    fill(books, [viewed(1)])
    assert sent(books) == [("view", SECOND)]
    clock.now = NOW + 3700
    books.tidy()
    books.close()
    assert SECOND.encode() not in bytes_below(tmp_path)


def test_nothing_tells_of_an_address_that_was_forgotten(tmp_path: Path) -> None:
    clock = Clock(NOW + 100)
    books = outbox(tmp_path / "box", clock)
    who = identity_of(Shopper(email=SECOND))
    body = json.dumps({"email": SECOND}).encode()
    fill(books, [entry(1), Entry("move", "m", NOW + 5, "ada", who, body), entry(2, at=NOW + 9)])
    books.close()
    person = operator(tmp_path / "box")
    total(forget(person, [Shopper(email=SECOND)], now=NOW + 50))
    person.close()
    assert SECOND.encode() not in bytes_below(tmp_path)
    assert EMAIL.encode() in bytes_below(tmp_path), "somebody else's, from the change on"
    assert drain(books) == ["key-2"]
    books.close()


def test_a_change_that_memory_was_told_of_holds_on_the_disk(tmp_path: Path) -> None:
    clock = Clock(NOW + 100)
    books = outbox(tmp_path / "box", clock)
    books.file.keep_in_memory("no directory")
    fill(books, [moved(2, FIRST, SECOND)])
    assert books.leave_memory()
    assert imported(books, [viewed(1)]).imported == 1
    assert sent(books) == [("view", SECOND)]
    books.close()
