"""Conversions and triggers go the way of a view: once, kept, in order, and dropped when they must
be; what is to be sent later holds nothing up and can be cancelled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.delivery import chaos as acts
from tests.delivery.entry_making import bytes_below, total
from tests.delivery.simulation import World, world
from topmail_flask.delivery.admin import OutboxAdmin, forget
from topmail_flask.delivery.kinds import BY_TYPE, KINDS
from topmail_flask.model.events import Conversion, Event, ProductView, Purchase, Trigger
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

HOUR = 3600.0
ADA = Shopper(email="ada@shop.example")
LAMP = Product(id="lamp", name="Lamp", url="https://shop.example/lamp")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as machine:
        yield machine


def trigger(shop: World, shopper: Shopper = ADA, **more: Any) -> Trigger:
    return Trigger("flow-7", shopper, triggered_at=shop.clock(), **more)


def view(shop: World, shopper: Shopper = ADA) -> ProductView:
    return ProductView(LAMP, shopper, viewed_at=shop.clock())


def event_of(kind: str, shop: World) -> Event:
    events: tuple[Event, ...] = (
        view(shop),
        Purchase("A-7", ADA, bought_at=shop.clock()),
        Conversion("signup", ADA, converted_at=shop.clock()),
        trigger(shop),
    )
    return next(event for event in events if BY_TYPE[type(event)].name == kind)


kinds = pytest.mark.parametrize("kind", [kind.name for kind in KINDS])


def calls(shop: World) -> list[tuple[str, dict[str, Any]]]:
    return [(call.path.removeprefix("/api/v1"), json.loads(call.body)) for call in shop.chaos.calls]


def test_a_trigger_is_posted_to_its_automation_with_its_data(shop: World) -> None:
    shop.chaos.answers(acts.status(204))  # TopMail does not say what the answer is
    shop.tell(trigger(shop, data={"cart": [{"sku": "A"}]}))
    shop.run(5)
    assert [path.rpartition("/automations")[2] for path, _ in calls(shop)] == ["/flow-7/trigger"]
    assert calls(shop)[0][1] == {
        "email": "ada@shop.example",
        "trigger_data": {"cart": [{"sku": "A"}]},
    }
    ((event, _),) = shop.delivered
    assert event.data == {"cart": [{"sku": "A"}]}


def test_another_conversion_is_posted_with_all_that_it_tells(shop: World) -> None:
    flow = "7f1c9a52-5d3e-4a86-9d4d-2f8f7f1f0a11"
    signup = Conversion(
        "signup",
        ADA,
        revenue=Decimal(5),
        currency="eur",
        flow_id=flow,
        metadata={"from": "footer"},
    )
    shop.tell(signup)
    shop.run(5)
    ((path, body),) = calls(shop)
    assert path.endswith("/conversions")
    assert body == {
        "email": "ada@shop.example",
        "type": "signup",
        "revenue": 5,
        "currency": "EUR",
        "flow_id": flow,
        "metadata": {"from": "footer"},
    }


@kinds
def test_every_kind_outlives_an_outage_under_one_key_with_the_same_bytes(
    kind: str, shop: World
) -> None:
    shop.chaos.otherwise = acts.status(503)
    shop.tell(event_of(kind, shop))
    shop.run(60)
    shop.sender.close()
    shop.start()  # the leader was killed, and another one begins
    shop.chaos.otherwise = acts.ok
    shop.run(HOUR)
    assert len({(call.key, call.body) for call in shop.chaos.calls}) == 1
    assert (shop.stats.accepted, shop.stats.delivered) == (1, 1)
    assert len(shop.delivered) == 1


@kinds
def test_every_kind_is_dropped_when_its_shopper_withdraws_consent(kind: str, shop: World) -> None:
    shop.chaos.otherwise = acts.status(503)
    shop.tell(event_of(kind, shop))
    shop.run(5)
    shop.order("withdrawal", shop.identities.of(ADA))
    shop.chaos.otherwise = acts.ok
    before = len(shop.chaos.calls)
    shop.run(HOUR)
    assert len(shop.chaos.calls) == before
    assert [reason for _, reason in shop.dropped] == [Reason.CONSENT_WITHDRAWN]


@kinds
@pytest.mark.parametrize("later", [False, True])
def test_every_kind_is_gone_when_its_shopper_is_forgotten(
    kind: str, later: bool, shop: World
) -> None:
    shop.chaos.otherwise = acts.status(503)
    shop.tell(event_of(kind, shop))
    if later:
        shop.run(60)  # it was tried, and waits for another try
    shop.tell(trigger(shop, due=shop.clock() + HOUR))
    admin = OutboxAdmin(
        shop.directory, shop.settings, lambda *_: None, shop.identities.of, clock=shop.clock
    )
    assert total(forget(admin, [ADA], now=shop.clock()))["removed"] == 2
    admin.close()
    assert ADA.identity.encode() not in bytes_below(shop.directory)
    shop.chaos.otherwise = acts.ok
    before = len(shop.chaos.calls)
    shop.run(60)
    shop.passed += HOUR
    shop.run(60)
    assert len(shop.chaos.calls) == before
    assert (shop.stats.pending, shop.stats.reasons) == (0, {Reason.FORGOTTEN: 2})


@kinds
def test_what_topmail_refuses_for_good_is_told(kind: str, shop: World) -> None:
    shop.chaos.otherwise = acts.error(400, "validation_error", "email")
    shop.tell(event_of(kind, shop))
    shop.run(5)
    assert [reason for _, reason in shop.dropped] == [Reason.REJECTED]
    assert shop.stats.dead == 1


@pytest.mark.parametrize(("status", "code"), [(404, "not_found"), (403, "forbidden")])
def test_an_automation_that_cannot_be_started_holds_no_view_back(
    shop: World, status: int, code: str
) -> None:
    shop.chaos.answers(acts.error(status, code))
    shop.tell(trigger(shop))
    shop.run(1)
    shop.tell(view(shop))
    shop.run(5)
    assert [reason for _, reason in shop.dropped] == [Reason.REJECTED]
    assert shop.stats.delivered == 1


def test_what_happens_once_is_sent_once_for_each_shopper(shop: World) -> None:
    for shopper in (ADA, Shopper(email="bob@shop.example"), ADA):
        shop.tell(trigger(shop, shopper, once="cart-17", data={"at": shop.clock()}))
        shop.tell(Conversion("signup", shopper, once="cart-17", converted_at=shop.clock()))
        shop.run(5)
        shop.passed += 3 * 24 * HOUR
        shop.run(65)
    assert len(shop.chaos.calls) == 4
    assert shop.stats.reasons == {Reason.KNOWN_NAME: 2}


def test_what_is_due_later_waits_for_it_and_holds_no_view_up(shop: World) -> None:
    shop.tell(trigger(shop, due=shop.clock() + 8 * HOUR))
    shop.tell(view(shop))
    shop.run(HOUR)
    assert [path.rpartition("/")[2] for path, _ in calls(shop)] == ["product-view"]
    assert (shop.stats.pending, shop.outbox.pending()) == (1, 0)
    assert shop.health.ok
    shop.sender.close()
    shop.start()
    shop.run(6.9 * HOUR)
    assert len(shop.chaos.calls) == 1
    shop.run(0.2 * HOUR)
    assert calls(shop)[1][0].endswith("/flow-7/trigger")
    assert 8 * HOUR <= shop.times()[1] < 8 * HOUR + 30


def test_what_waits_can_be_cancelled_and_said_again(shop: World) -> None:
    name = shop.identities.named("trigger", "cart-17")
    shop.tell(trigger(shop, once="cart-17", due=shop.clock() + HOUR))
    shop.tell(trigger(shop, once="cart-18", due=shop.clock() + HOUR))
    shop.run(60)
    shop.order("cancellation", "", name)
    shop.run(60)
    assert shop.stats.reasons == {Reason.CANCELLED: 1}
    shop.tell(trigger(shop, once="cart-17", due=shop.clock() + HOUR))
    shop.run(2 * HOUR)
    assert len(shop.chaos.calls) == 2
    shop.order("cancellation", "", name)  # too late
    shop.tell(trigger(shop, once="cart-17"))
    shop.run(60)
    assert len(shop.chaos.calls) == 2
    assert shop.stats.reasons == {Reason.CANCELLED: 1, Reason.KNOWN_NAME: 1}


@pytest.mark.parametrize("kills", [False, True])
def test_what_falls_due_while_topmail_is_away_is_sent_afterwards_unless_it_was_cancelled(
    shop: World, kills: bool
) -> None:
    minute = 60.0
    shop.chaos.otherwise = acts.status(503)
    shop.tell(view(shop))
    for cart in ("cart-17", "cart-18", "cart-19"):
        shop.tell(trigger(shop, once=cart, due=shop.clock() + 20, data={"cart": cart}))
    shop.run(minute / 2)
    if kills:
        shop.sender.close()
        shop.start()
    shop.order("cancellation", "", shop.identities.named("trigger", "cart-18"))
    shop.run(minute / 2)
    shop.chaos.otherwise = acts.ok
    before = len(shop.chaos.calls)
    shop.order("cancellation", "", shop.identities.named("trigger", "cart-19"))
    shop.run(HOUR)
    sent = [body.get("trigger_data", {}).get("cart", "view") for _, body in calls(shop)[before:]]
    assert sorted(sent) == ["cart-17", "view"]
    assert shop.stats.reasons == {Reason.CANCELLED: 2}


def test_a_trigger_that_comes_in_after_its_cancellation_is_cancelled_all_the_same(
    shop: World,
) -> None:
    """From another process's journal, which is read later."""
    late = shop.entry(trigger(shop, once="cart-17", due=shop.clock() + HOUR))
    shop.run(1)
    shop.order("cancellation", "", shop.identities.named("trigger", "cart-17"))
    shop.run(1)
    assert shop.journal.append(late)
    shop.run(2 * HOUR)
    assert not shop.chaos.calls
    assert shop.stats.reasons == {Reason.CANCELLED: 1}


def test_what_waits_later_is_dropped_with_the_consent(shop: World) -> None:
    shop.tell(trigger(shop, due=shop.clock() + HOUR))
    shop.run(5)
    late = shop.entry(trigger(shop, due=shop.clock() + HOUR))
    shop.run(1)
    shop.order("withdrawal", shop.identities.of(ADA))
    shop.run(1)
    assert shop.journal.append(late)
    shop.run(2 * HOUR)
    assert not shop.chaos.calls
    assert shop.stats.reasons == {Reason.CONSENT_WITHDRAWN: 2}


def test_what_waits_goes_to_the_new_address_in_its_order(shop: World) -> None:
    new = Shopper(email="ada@new.example.org")
    shop.chaos.otherwise = acts.status(503)
    shop.tell(view(shop))
    shop.run(30)
    shop.tell(Conversion("signup", ADA, once="welcome", converted_at=shop.clock()))
    shop.tell(trigger(shop, due=shop.clock() + HOUR))
    shop.run(30)
    old, now = shop.identities.of(ADA), shop.identities.of(new)
    shop.order("move", old, now, json.dumps({"email": new.email}).encode())
    shop.run(1)
    shop.tell(Conversion("signup", new, once="welcome", converted_at=shop.clock()))
    shop.chaos.otherwise = acts.ok
    before = len(shop.chaos.calls)
    shop.run(2 * HOUR)
    sent = [(path.rpartition("/")[2], body["email"]) for path, body in calls(shop)[before:]]
    assert sent == [
        ("product-view", ADA.email),  # tried before: the same key keeps the same bytes
        ("conversions", new.email),
        ("trigger", new.email),
    ]
    assert shop.stats.reasons == {Reason.KNOWN_NAME: 1}
    shop.order("withdrawal", now)
    assert shop.stats.balanced


@kinds
@pytest.mark.parametrize("withdraws", [False, True])
def test_what_an_unknown_address_had_refused_is_tried_with_the_new_one(
    shop: World, kind: str, withdraws: bool
) -> None:
    new = Shopper(email="ada@new.example.org")
    shop.chaos.otherwise = acts.error(404, "contact_not_found")
    shop.tell(event_of(kind, shop))
    shop.run(5)
    (refused,) = shop.chaos.calls
    old, now = shop.identities.of(ADA), shop.identities.of(new)
    if withdraws:
        shop.order("withdrawal", old)
        shop.run(1)
    shop.order("move", old, now, json.dumps({"email": new.email}).encode())
    shop.chaos.otherwise = acts.ok
    shop.run(60)
    sent = shop.chaos.calls[1:]
    assert [json.loads(call.body)["email"] for call in sent] == [new.email] * (not withdraws)
    assert all(call.key != refused.key for call in sent), "another call under another key"
    assert (shop.stats.delivered, shop.stats.dead) == ((0, 1) if withdraws else (1, 0))
