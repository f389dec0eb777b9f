"""Views of one shopper arrive in the order in which they were looked at; shoppers take turns."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
from tests.delivery.entry_making import NOW, Clock, drain, entry, fill, imported, outbox
from tests.delivery.simulation import World, world
from topmail_flask.delivery.entry import Entry
from topmail_flask.model.reasons import Reason

SHOPPERS = [f"shopper{number}@shop.example" for number in range(6)]


def arrived(shop: World) -> dict[str, list[str]]:
    """The products that TopMail took, by shopper, in the order in which it took them."""
    taken = {view.key: view for view, _ in shop.delivered}
    products: dict[str, list[str]] = defaultdict(list)
    for key in dict.fromkeys(call.key for call in shop.chaos.views):
        view = taken[key]
        assert view.shopper is not None
        products[view.shopper.email or view.shopper.contact_id or ""].append(view.product.id)
    return products


def look_around(shop: World, seconds: float) -> None:
    for product in "abcd":
        for shopper in SHOPPERS:
            shop.look(shopper, product)
            shop.run(seconds)


@pytest.mark.parametrize("senders", [1, 4])
def test_views_of_a_healthy_store_keep_their_order(tmp_path: Path, senders: int) -> None:
    with world(tmp_path, senders=senders) as shop:
        look_around(shop, 0.02)
        shop.run(10)
        assert arrived(shop) == {shopper: list("abcd") for shopper in SHOPPERS}


@pytest.mark.parametrize("seed", range(3))
def test_views_of_an_outage_keep_their_order(tmp_path: Path, seed: int) -> None:
    with world(tmp_path, seed) as shop:
        shop.chaos.otherwise = acts.status(503)
        look_around(shop, 1.0)
        shop.chaos.otherwise = acts.ok
        shop.run(400)
        assert arrived(shop) == {shopper: list("abcd") for shopper in SHOPPERS}


def test_views_that_a_dead_leader_had_claimed_keep_their_order(tmp_path: Path) -> None:
    with world(tmp_path, rate=5.0) as shop:
        look_around(shop, 0.0)
        shop.run(1)
        assert 0 < len(shop.chaos.views) < 24
        shop.start()  # the one before is killed with views in its hands
        shop.run(30)
        assert arrived(shop) == {shopper: list("abcd") for shopper in SHOPPERS}


@pytest.mark.parametrize("act", [acts.status(500), acts.reset, acts.status(409)])
def test_a_view_that_has_to_be_sent_again_is_waited_for_by_its_shoppers_later_ones(
    tmp_path: Path, act: acts.Act
) -> None:
    with world(tmp_path) as shop:
        shop.chaos.answers(acts.ok, act, act)
        look_around(shop, 0.0)
        shop.run(60)
        assert arrived(shop) == {shopper: list("abcd") for shopper in SHOPPERS}


def test_shoppers_take_turns_and_one_who_floods_keeps_nobody_back(tmp_path: Path) -> None:
    with world(tmp_path, rate=20.0) as shop:
        for number in range(300):
            shop.look("flood@shop.example", f"f{number}")
        shop.run(5)
        waited = []
        for number in range(10):
            key, begin = shop.look("good@shop.example", f"g{number}"), shop.passed
            while key not in shop.chaos.keys:
                shop.run(0.05)
                assert shop.passed < begin + 5
            waited.append(shop.passed - begin)
        assert max(waited) <= 1.0


def test_who_floods_evicts_nobody_elses_views(tmp_path: Path) -> None:
    books = outbox(tmp_path / "box", max_rows=100)
    others = [entry(n, key=f"other-{n}", identity=f"other-{n % 10}") for n in range(50)]
    fill(books, others)
    report = imported(books, [entry(n, identity="flood") for n in range(500)])
    assert {Entry.from_line(line).identity for line, _ in report.dropped} == {"flood"}
    assert books.stats().pending == 100
    assert {other.key for other in others} <= set(drain(books))
    books.close()


def test_of_views_that_waited_for_long_only_the_newest_of_each_shopper_are_sent(
    tmp_path: Path,
) -> None:
    clock = Clock()
    books = outbox(tmp_path / "box", clock)
    many = [entry(n, key=f"many-{n:02}", at=NOW + n, identity="many") for n in range(60)]
    few = [entry(n, key=f"few-{n}", at=NOW + n, identity="few") for n in range(5)]
    clock.now += 60
    fill(books, [*many, *few])
    clock.now += 1000
    sent = drain(books)
    assert [key for key in sent if key.startswith("few")] == [entry.key for entry in few]
    assert [key for key in sent if key.startswith("many")] == [entry.key for entry in many[40:]]
    assert len(books.take_superseded()) == 40
    assert books.stats().reasons == {Reason.SUPERSEDED: 40}
    assert books.stats().balanced
    books.close()


def test_the_shop_hears_of_superseded_views(tmp_path: Path) -> None:
    with world(tmp_path) as shop:
        shop.chaos.otherwise = acts.status(503)
        for number in range(30):
            shop.look(product=f"p{number:02}")
        shop.run(1000)
        shop.chaos.otherwise = acts.ok
        shop.run(400)
        superseded = [view.product.id for view, reason in shop.dropped]
        assert superseded == [f"p{number:02}" for number in range(10)]
        assert {reason for _, reason in shop.dropped} == {Reason.SUPERSEDED}
        told = [json.loads(call.body)["product_id"] for call in shop.chaos.views]
        assert list(dict.fromkeys(told))[-20:] == [f"p{number:02}" for number in range(10, 30)]
        assert shop.stats.delivered == 20


def test_a_view_that_fails_on_its_own_keeps_its_shoppers_others_back_for_ten_minutes(
    tmp_path: Path,
) -> None:
    with world(tmp_path) as shop:
        bad = shop.look("ann@shop.example", "bad")
        later = shop.look("ann@shop.example", "later")

        def resets(exchange: acts.Exchange) -> None:
            (acts.reset if exchange.seen.key == bad else acts.ok)(exchange)

        shop.chaos.otherwise = resets
        ended = 0.0
        while later not in shop.chaos.keys and shop.passed < 3000:
            shop.look(f"other{shop.passed}@shop.example")
            shop.run(20)
            ended = shop.passed
        assert 500 <= ended <= 640
        assert (shop.stats.dead, shop.stats.pending) == (1, 0)
        assert arrived_products(shop, "ann@shop.example") == ["later"]


def arrived_products(shop: World, email: str) -> list[str]:
    return [
        view.product.id
        for view, _ in shop.delivered
        if view.shopper is not None and view.shopper.email == email
    ]


def test_an_outage_is_no_failure_of_a_views_own(tmp_path: Path) -> None:
    with world(tmp_path) as shop:
        shop.chaos.otherwise = acts.reset
        for number in range(5):
            shop.look(f"shopper{number}@shop.example")
        shop.run(3600)
        assert shop.stats.pending == 5
        shop.chaos.otherwise = acts.ok
        shop.run(400)
        assert shop.stats.delivered == 5
