"""A purchase reaches TopMail once, before the views that wait, and ends those of its shopper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
from tests.delivery.entry_making import EMAIL, NOW, Clock, entry, fill, operator, outbox, total
from tests.delivery.simulation import World, world
from topmail_flask.delivery.admin import Selection
from topmail_flask.delivery.entry import Entry
from topmail_flask.model.events import Purchase
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

HOUR = 3600.0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def bought(
    order: str = "A-7", at: float = NOW, shopper: str = EMAIL, identity: str = "ada"
) -> Entry:
    purchase = Purchase(order, Shopper(email=shopper), bought_at=at)
    return Entry.of(purchase, identity=identity)


def test_a_purchase_is_posted_as_a_conversion_under_the_orders_key(shop: World) -> None:
    key = shop.buy("A-7", revenue=19.99)
    shop.run(5)
    (call,) = shop.chaos.calls
    assert call.path.endswith("/conversions")
    assert call.key == key
    assert json.loads(call.body) == {
        "email": "ada@shop.example",
        "type": "purchase",
        "order_id": "A-7",
        "revenue": 19.99,
        "currency": "EUR",
    }
    assert (shop.stats.accepted, shop.stats.delivered) == (1, 1)
    assert [event.order_id for event, _ in shop.delivered] == ["A-7"]


def test_a_purchase_is_tried_though_its_shopper_was_unknown_a_moment_ago(shop: World) -> None:
    """A guest becomes a contact at the checkout; only views go by what TopMail said before."""
    shop.chaos.answers(acts.error(404, "contact_not_found"))
    shop.look()
    shop.run(5)
    shop.look()
    shop.run(5)
    assert len(shop.chaos.calls) == 1
    shop.buy("A-7")
    shop.run(5)
    assert shop.chaos.calls[-1].path.endswith("/conversions")
    assert (len(shop.chaos.calls), shop.stats.delivered) == (2, 1)


def test_an_order_told_of_twice_is_one_conversion(shop: World) -> None:
    """A thank-you page that is reloaded, and the payment provider's webhook with its own sum."""
    shop.buy("A-7")
    shop.run(5)
    shop.buy("A-7")
    shop.run(HOUR)
    shop.buy("A-7", "ada.lovelace@shop.example", revenue=4.5)
    shop.run(5)
    assert len(shop.chaos.calls) == 1
    assert shop.stats.reasons == {Reason.KNOWN_ORDER: 2}


@pytest.mark.parametrize(("code", "calls"), [("duplicate", 1), ("idempotency_conflict", 4)])
def test_an_order_that_topmail_knows_is_delivered(shop: World, code: str, calls: int) -> None:
    """Another server told of it, perhaps with another sum; or TopMail is busy with it right now."""
    shop.chaos.otherwise = acts.error(409, code)
    shop.buy("A-7")
    shop.run(HOUR)
    assert len(shop.chaos.calls) == calls
    assert (shop.stats.delivered, shop.stats.dead) == (1, 0)


def test_views_that_wait_when_their_shopper_buys_are_not_sent(shop: World) -> None:
    """They would set off the very mail that the purchase is to prevent."""
    shop.chaos.otherwise = acts.status(503)
    shop.look(product="desk")
    shop.look("bob@shop.example", product="lamp")
    shop.run(60)
    shop.chaos.otherwise = acts.ok
    shop.buy("A-7")
    shop.run(1)
    shop.look(product="chair")
    shop.run(HOUR)
    sent = [json.loads(call.body).get("product_id") for call in shop.chaos.calls[-3:]]
    assert sorted(map(str, sent)) == ["None", "chair", "lamp"]
    assert [(view.product.id, reason) for view, reason in shop.dropped] == [
        ("desk", Reason.PURCHASED)
    ]
    assert shop.stats.reasons == {Reason.PURCHASED: 1}
    assert (shop.stats.accepted, shop.stats.delivered, shop.stats.dropped) == (4, 3, 1)


def test_a_view_that_comes_in_late_from_another_process_is_not_sent_either(tmp_path: Path) -> None:
    books = outbox(tmp_path / "box")
    fill(books, [bought(at=NOW)])
    fill(books, [entry(1, at=NOW - 1), entry(2, at=NOW + 1), entry(3, identity="bob", at=NOW - 1)])
    waiting = {row.entry.key for row in books.claim(9)}
    assert waiting == {bought().key, "key-2", "key-3"}
    stats = books.stats()
    assert stats.balanced
    assert stats.reasons == {Reason.PURCHASED: 1}
    books.close()


def test_a_reload_later_on_does_not_drop_what_was_looked_at_since(tmp_path: Path) -> None:
    clock = Clock()
    books = outbox(tmp_path / "box", clock)
    fill(books, [bought(at=NOW)])
    clock.now += HOUR
    books.tidy()
    fill(books, [entry(1, at=NOW + 60), bought(at=NOW + HOUR)])
    assert {row.entry.key for row in books.claim(9)} == {bought().key, "key-1"}
    assert books.stats().reasons == {Reason.KNOWN_ORDER: 1}
    books.close()


def test_purchases_go_before_the_views_that_wait(tmp_path: Path) -> None:
    """A flow that has begun is running out while the backlog of an outage is sent."""
    books = outbox(tmp_path / "box")
    views = [entry(number, identity=f"i{number}", at=NOW - number) for number in range(200)]
    other = bought("A-2", NOW - 160, identity="bob")
    fill(books, [*views[:100], bought("A-1", at=NOW - 150), *views[100:], other])
    first = {row.entry.key for row in books.claim(4)}
    assert {bought("A-1").key, bought("A-2").key} < first


def test_purchases_keep_their_place_when_they_are_given_back(tmp_path: Path) -> None:
    books = outbox(tmp_path / "box")
    views = [entry(number, identity=f"i{number}", at=NOW - number) for number in range(50)]
    fill(books, [bought("A-1", NOW - 150), bought("A-2", NOW - 160, identity="bob"), *views])
    books.release(row for row in books.claim(4) if row.entry.key == bought("A-1").key)
    books.begin_lead()  # of a leader that was killed with A-2 in its hands
    keys = {row.entry.key for row in books.claim(4)}
    assert {bought("A-1").key, bought("A-2").key} < keys
    books.close()


def test_a_buyer_unknown_to_topmail_is_treated_as_one_who_looks(tmp_path: Path) -> None:
    with world(tmp_path) as shop:
        shop.chaos.answers(acts.error(404, "contact_not_found"))
        shop.buy("A-7", "guest@shop.example")
        shop.run(5)
        assert len(shop.chaos.calls) == 1
        assert shop.stats.reasons == {Reason.CONTACT_NOT_FOUND: 1}


def test_a_buyer_becomes_a_contact_where_the_shop_asks_for_it(tmp_path: Path) -> None:
    with world(tmp_path, unknown_contacts="create") as shop:
        shop.chaos.answers(acts.error(404, "contact_not_found"))
        shop.buy("A-7", "guest@shop.example")
        shop.run(5)
        first, creation, again = shop.chaos.calls
        assert json.loads(creation.body) == {"email": "guest@shop.example", "subscribed": False}
        assert (first.key, first.sha) == (again.key, again.sha)
        assert again.path.endswith("/conversions")
        assert shop.stats.delivered == 1


def test_a_purchase_carries_the_same_key_and_bytes_through_an_outage(shop: World) -> None:
    shop.chaos.answers(503, 500, acts.reset)
    shop.buy("A-7")
    shop.run(HOUR)
    assert len(shop.chaos.calls) == 4
    assert len({(call.path, call.key, call.sha) for call in shop.chaos.calls}) == 1
    assert shop.stats.delivered == 1


def test_who_withdraws_consent_withdraws_the_purchase_too(tmp_path: Path) -> None:
    books = outbox(tmp_path / "box")
    fill(books, [bought(at=NOW), Entry("withdrawal", "w", NOW + 1, "ada")])
    assert books.claim(9) == []
    assert books.stats().reasons == {Reason.CONSENT_WITHDRAWN: 1}
    books.close()


def test_dead_views_from_before_a_purchase_are_left_alone_by_a_retry(tmp_path: Path) -> None:
    box = tmp_path / "box"
    books = outbox(box)
    fill(books, [entry(1, at=NOW - 9)])
    books.dead_letter(books.claim(1)[0], Reason.CONTACT_NOT_FOUND)
    fill(books, [bought(at=NOW)])
    books.dead_letter(books.claim(1)[0], Reason.REPLAYED_ERROR)
    hand = operator(box)
    ends = total(hand.retry(hand.find("dead", Selection())))
    assert (ends["retried"], ends["bought"]) == (1, 1)
    (row,) = books.claim(9)
    assert isinstance(row.event, Purchase)
    assert row.entry.key != bought().key  # TopMail repeats an error under the old one
    books.close()


def test_what_a_damaged_file_says_of_a_purchase_is_not_believed(tmp_path: Path) -> None:
    books = outbox(tmp_path / "box")
    body = b'{"email":"ada@shop.example","order_id":"7","type":"purchase","list_id":"x"}'
    fill(books, [entry(1, kind="purchase", body=body)])
    assert books.claim(1) == []
    assert books.stats().reasons == {Reason.INVALID_ROW: 1}
    books.close()
