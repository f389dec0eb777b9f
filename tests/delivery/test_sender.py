"""What becomes of accepted views, by every answer that TopMail may give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
from tests.delivery.simulation import World, world
from topmail_flask.domain.reasons import Reason

HOUR = 3600.0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as one:
        yield one


@pytest.fixture
def creating_shop(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, unknown_contacts="create") as one:
        yield one


def test_a_view_is_delivered_once_and_the_shop_is_told(shop: World) -> None:
    """F001"""
    key = shop.look()
    shop.run(1)
    assert shop.chaos.keys == [key]
    ((view, receipt),) = shop.delivered
    assert (view.key, receipt.contact_id) == (key, "contact-of-ada@shop.example")
    assert shop.stats.delivered == 1
    assert shop.health.ok


def test_a_failed_call_is_made_again_with_the_same_key_and_bytes(shop: World) -> None:
    """F002"""
    shop.chaos.answers(500)
    shop.look()
    shop.run(30)
    first, second = shop.chaos.views
    assert (first.key, first.sha) == (second.key, second.sha)
    assert shop.stats.delivered == 1


@pytest.mark.parametrize("act", [acts.status(500), acts.page(503)])
@pytest.mark.parametrize("seed", range(3))
def test_an_outage_costs_few_calls_and_no_view(tmp_path: Path, seed: int, act: acts.Act) -> None:
    """F003, F004"""
    with world(tmp_path, seed) as shop:
        shop.chaos.otherwise = act
        keys = {shop.look(f"shopper{n}@shop.example") for n in range(100)}
        shop.run(600)
        assert 15 <= len(shop.chaos.calls) <= 40
        assert shop.stats.pending == 100
        shop.chaos.otherwise = acts.ok
        shop.run(300)
        assert shop.stats.delivered == 100
        assert set(shop.chaos.keys) == keys


def test_an_outage_of_one_view_is_no_replayed_error(shop: World) -> None:
    """A short outage that answers 500 must not cost a quiet store its view."""
    shop.chaos.otherwise = acts.status(500)
    shop.look()
    shop.run(HOUR)
    assert shop.stats.pending == 1
    shop.chaos.otherwise = acts.ok
    shop.run(400)
    assert shop.stats.delivered == 1


def test_retry_after_of_an_outage_is_kept(shop: World) -> None:
    """F005"""
    shop.chaos.answers(acts.status(503, ("Retry-After", "40")))
    shop.look("a@shop.example")
    shop.look("b@shop.example")
    shop.run(120)
    assert len(shop.chaos.calls) == 3
    assert shop.times()[1] >= 40


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ((("Retry-After", "7"),), 7),
        ((("Retry-After", "soon"),), 60),
        ((), 60),
    ],
)
def test_a_rate_limit_pauses_everything_and_is_no_attempt(
    shop: World, headers: tuple[tuple[str, str], ...], wait: float
) -> None:
    """F006, F008"""
    shop.chaos.answers(acts.status(429, *headers))
    for n in range(3):
        shop.look(f"shopper{n}@shop.example")
    shop.run(wait - 0.5)
    assert len(shop.chaos.calls) == 1
    assert shop.health.state == "paused"
    assert shop.health.reason == "rate_limited"
    shop.run(2)
    assert wait <= shop.times()[1] <= wait + 1
    assert shop.stats.delivered == 3
    assert shop.health.ok


def test_a_rate_limit_may_name_a_date(shop: World) -> None:
    """F007"""
    shop.chaos.answers(
        acts.status(429, ("Retry-After", formatdate(shop.clock() + 90, usegmt=True)))
    )
    shop.look()
    shop.run(120)
    assert 88 <= shop.times()[1] <= 91


def test_a_new_leader_keeps_the_pause_that_the_api_asked_for(shop: World) -> None:
    shop.chaos.answers(acts.status(429, ("Retry-After", "50")))
    shop.look()
    shop.run(10)
    shop.sender.close()
    shop.start()
    shop.run(60)
    assert shop.times()[1] >= 50
    assert shop.stats.delivered == 1


def test_a_used_up_quota_is_waited_for_before_it_is_refused(shop: World) -> None:
    """F010"""
    from datetime import UTC, datetime

    reset = datetime.fromtimestamp(shop.clock() + 33, UTC).isoformat()
    headers = (("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", reset))
    shop.chaos.answers(acts.ok_with(*headers))
    shop.look("a@shop.example")
    shop.look("b@shop.example")
    shop.run(60)
    assert shop.times()[1] >= 33
    assert shop.stats.delivered == 2


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (acts.status(401), "unauthorized"),  # F011
        (acts.error(403, "missing_permission"), "forbidden"),  # F012
        (acts.error(404, "workspace_not_found"), "workspace_not_found"),  # F018
        (acts.page(404), "wrong_address"),  # F019
        (acts.status(302, ("Location", "http://127.0.0.1:9/")), "redirect"),  # F030
    ],
)
def test_what_no_call_can_cure_stops_all_calls_and_keeps_the_views(
    shop: World, caplog: pytest.LogCaptureFixture, act: acts.Act, reason: str
) -> None:
    shop.chaos.otherwise = act
    for n in range(20):
        shop.look(f"shopper{n}@shop.example")
    shop.run(HOUR)
    assert 10 <= len(shop.chaos.calls) <= 13
    assert shop.stats.pending == 20
    assert shop.health.reason == reason
    assert shop.health.cure
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    shop.chaos.otherwise = acts.ok
    shop.run(310)
    assert shop.stats.delivered == 20
    assert shop.health.ok


def test_a_changed_key_is_tried_at_once(shop: World) -> None:
    """F011"""
    shop.chaos.answers(401)
    shop.look()
    shop.run(10)
    shop.sender.close()
    shop.start()
    shop.run(5)
    assert shop.stats.delivered == 1


def test_a_full_plan_stops_calls_until_the_next_day(shop: World) -> None:
    """F013"""
    shop.chaos.answers(acts.error(403, "limit_reached"))
    shop.look()
    tomorrow = 86_400 - shop.clock() % 86_400
    shop.run(tomorrow - 1)
    assert len(shop.chaos.calls) == 1
    shop.run(10)
    assert shop.stats.accepted == 1
    assert len(shop.chaos.calls) == 2 or shop.stats.expired == 1


def test_an_unknown_contact_costs_one_call_an_hour(shop: World) -> None:
    """F014, F107"""
    shop.chaos.answers(acts.error(404, "contact_not_found"))
    shop.look("nobody@shop.example")
    shop.run(5)
    shop.look("nobody@shop.example")
    shop.look("ada@shop.example")
    shop.run(5)
    assert len(shop.chaos.calls) == 2
    assert (shop.stats.dead, shop.stats.delivered) == (2, 1)
    assert shop.stats.reasons[Reason.CONTACT_NOT_FOUND] == 2
    assert [reason for _, reason in shop.dropped] == [Reason.CONTACT_NOT_FOUND] * 2
    shop.run(HOUR)
    shop.look("nobody@shop.example")
    shop.run(5)
    assert len(shop.chaos.calls) == 3


def test_an_unknown_contact_is_created_where_the_shop_asks_for_it(creating_shop: World) -> None:
    """F015"""
    shop = creating_shop
    shop.chaos.answers(acts.error(404, "contact_not_found"))
    shop.look("new@shop.example")
    shop.run(5)
    first, creation, again = shop.chaos.calls
    assert json.loads(creation.body) == {"email": "new@shop.example", "subscribed": False}
    assert (first.key, first.sha) == (again.key, again.sha)
    assert shop.stats.delivered == 1


def test_a_contact_that_exists_after_all_is_as_good_as_created(creating_shop: World) -> None:
    """F016"""
    shop = creating_shop
    shop.chaos.answers(acts.error(404, "contact_not_found"), acts.error(409, "duplicate"))
    shop.look("new@shop.example")
    shop.run(5)
    assert shop.stats.delivered == 1
    assert len(shop.chaos.calls) == 3


def test_creation_that_helps_nothing_ends(creating_shop: World) -> None:
    """F017"""
    shop = creating_shop
    not_found = acts.error(404, "contact_not_found")
    shop.chaos.answers(not_found, acts.ok)
    shop.chaos.otherwise = not_found
    shop.look("new@shop.example")
    shop.run(HOUR)
    assert len(shop.chaos.calls) == 4
    assert shop.stats.reasons == {Reason.CONTACT_NOT_FOUND: 1}


def test_a_full_plan_stops_creations_and_nothing_else(creating_shop: World) -> None:
    """F013"""
    shop = creating_shop
    shop.chaos.answers(acts.error(404, "contact_not_found"), acts.error(403, "limit_reached"))
    shop.look("new@shop.example")
    shop.run(5)
    shop.look("ada@shop.example")
    shop.run(600)
    assert len(shop.chaos.calls) == 3
    assert (shop.stats.delivered, shop.stats.pending) == (1, 1)


@pytest.mark.parametrize("number", [400, 405, 410, 413, 415, 422])
def test_a_refused_view_is_a_dead_letter_at_once_and_the_others_flow(
    shop: World, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    """F020, F021, F106"""
    shop.chaos.answers(acts.error(number, "validation_error", "product_url"))
    keys = [shop.look(f"shopper{n}@shop.example") for n in range(100)]
    shop.run(20)
    assert len(shop.chaos.calls) == 100
    assert (shop.stats.dead, shop.stats.delivered) == (1, 99)
    (record,) = caplog.records
    assert "validation_error" in record.getMessage()
    assert "product_url" in record.getMessage()
    assert any(key in record.getMessage() for key in keys)
    assert "@" not in record.getMessage()


def test_a_conflict_is_tried_three_times_more(shop: World) -> None:
    """F022"""
    shop.chaos.answers(409)
    shop.look()
    shop.run(30)
    assert len(set(shop.chaos.keys)) == 1
    assert shop.stats.delivered == 1
    shop.chaos.otherwise = acts.status(409)
    shop.look()
    shop.run(600)
    assert len(shop.chaos.calls) == 2 + 4
    assert shop.stats.dead == 1


@pytest.mark.parametrize(
    "act",
    [
        acts.status(200, body=b"nonsense"),  # F023
        acts.page(200),  # F024
        acts.status(202, body=b"{}"),  # F031
        acts.truncated,  # F039
    ],
)
def test_a_success_that_is_not_topmails_is_none(
    shop: World, caplog: pytest.LogCaptureFixture, act: acts.Act
) -> None:
    shop.chaos.otherwise = act
    shop.look()
    shop.run(290)
    assert len(shop.chaos.calls) == 4
    assert len(set(shop.chaos.keys)) == 1
    assert shop.health.reason == "suspicious_endpoint"
    assert len(caplog.records) == 1
    shop.chaos.otherwise = acts.ok
    shop.run(320)
    assert shop.stats.delivered == 1


def test_a_view_whose_answer_was_lost_is_sent_under_the_same_key(shop: World) -> None:
    """F027, F035, F037"""
    shop.chaos.answers(acts.reset, acts.hang)
    shop.look()
    shop.run(60)
    assert len(shop.chaos.keys) == 3
    assert len(set(shop.chaos.keys)) == 1
    assert shop.stats.delivered == 1


def test_an_error_that_is_replayed_for_one_key_ends_that_view_only(shop: World) -> None:
    """F028"""
    shop.chaos.answers(500)
    poisoned = shop.look("first@shop.example")
    shop.run(0.1)

    def cached_error(exchange: acts.Exchange) -> None:
        (acts.status(500) if exchange.seen.key == poisoned else acts.ok)(exchange)

    shop.chaos.otherwise = cached_error
    for n in range(30):
        shop.look(f"shopper{n}@shop.example")
        shop.run(20)
    assert shop.chaos.keys.count(poisoned) == 5
    assert shop.stats.reasons == {Reason.REPLAYED_ERROR: 1}
    assert shop.stats.delivered == 30


def test_a_flapping_api_gets_every_view_once(shop: World) -> None:
    """F047"""

    def flapping(exchange: acts.Exchange) -> None:
        (acts.ok if int(shop.clock()) % 2 else acts.reset)(exchange)

    shop.chaos.otherwise = flapping
    keys = set()
    for n in range(50):
        keys.add(shop.look(f"shopper{n}@shop.example"))
        shop.run(0.4)
    shop.run(600)
    assert shop.stats.delivered == 50
    assert set(shop.chaos.keys) == keys


def test_the_contacts_id_replaces_the_address_in_later_sends_only(shop: World) -> None:
    shop.chaos.answers(500)
    shop.look("ada@shop.example")
    shop.run(0.05)
    shop.look("ada@shop.example")
    shop.run(60)
    shop.look("ada@shop.example")
    shop.run(5)
    told = {call.key: json.loads(call.body) for call in shop.chaos.views}
    first, second, third = told.values()
    assert first["email"] == "ada@shop.example"
    assert third["contact_id"] == "contact-of-ada@shop.example"
    assert "email" not in third
    for key in told:
        assert len({call.sha for call in shop.chaos.views if call.key == key}) == 1
    assert second
    assert shop.stats.delivered == 3
