"""Contacts that TopMail does not know, creates, or names by an id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
from tests.delivery.simulation import World, world
from topmail_flask.model.reasons import Reason

HOUR = 3600.0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def creating_shop(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, unknown_contacts="create") as made:
        yield made


def test_an_unknown_contact_is_asked_for_again_after_1_5_and_30_minutes(shop: World) -> None:
    """F014, F107: with the views that are kept for it, and what comes meanwhile costs no call."""
    shop.chaos.otherwise = acts.error(404, "contact_not_found")
    for number in range(9):
        shop.look("nobody@shop.example", f"p{number}")
        shop.run(1)
    shop.look("nobody@shop.example", "last")
    shop.run(1)
    assert len(shop.chaos.views) == 1
    assert (shop.stats.dead, shop.stats.pending) == (10, 0)
    shop.run(3 * HOUR)
    calls = [round((call.at - shop.begin) / 60) for call in shop.chaos.views]
    assert calls == [0, 1, 6, 36]
    assert (shop.stats.dead, shop.stats.pending) == (10, 0)
    assert [reason for _, reason in shop.dropped] == [Reason.CONTACT_NOT_FOUND] * 10


def test_from_then_on_it_is_asked_for_once_an_hour_with_its_next_view(shop: World) -> None:
    """F107"""
    shop.chaos.otherwise = acts.error(404, "contact_not_found")
    shop.look("nobody@shop.example")
    shop.run(HOUR)
    asked = len(shop.chaos.views)
    shop.look("nobody@shop.example")
    shop.run(2 * HOUR)
    assert len(shop.chaos.views) == asked
    shop.look("nobody@shop.example")
    shop.run(30)
    assert len(shop.chaos.views) == asked + 1
    shop.look("nobody@shop.example")
    shop.run(2 * HOUR)
    assert len(shop.chaos.views) == asked + 1


def test_a_contact_that_is_made_meanwhile_gets_its_views_within_a_minute(shop: World) -> None:
    """In their order, and under other keys: TopMail may have stored its answer for the first."""
    shop.chaos.answers(acts.error(404, "contact_not_found"))
    for product in "abc":
        shop.look("new@shop.example", product)
        shop.run(2)
    assert (shop.stats.dead, len(shop.chaos.views)) == (3, 1)
    shop.run(61)
    assert [view.product.id for view, _ in shop.delivered] == ["a", "b", "c"]
    assert len(set(shop.chaos.keys)) == 4
    shop.look("new@shop.example", "d")
    shop.run(5)
    assert shop.delivered[-1][0].product.id == "d"
    assert (shop.stats.dead, shop.stats.delivered, dict(shop.stats.reasons)) == (0, 4, {})


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


def test_no_contact_is_created_of_an_address_that_documentation_uses(creating_shop: World) -> None:
    shop = creating_shop
    shop.chaos.answers(acts.error(404, "contact_not_found"))
    shop.look("shopper@example.com")
    shop.run(5)
    assert len(shop.chaos.calls) == 1
    assert shop.stats.reasons == {Reason.CONTACT_NOT_FOUND: 1}


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


def test_an_answer_that_is_repeated_for_a_key_is_asked_for_under_another(
    creating_shop: World,
) -> None:
    """An API that stores its answers by key, that it does not know the contact included."""
    shop = creating_shop
    contacts: set[str] = set()
    stored: dict[str, acts.Act] = {}

    def answer(exchange: acts.Exchange) -> None:
        email = json.loads(exchange.seen.body)["email"]
        if exchange.path.endswith("/contacts"):
            contacts.add(email)
            acts.ok(exchange)
            return
        act = acts.ok if email in contacts else acts.error(404, "contact_not_found")
        stored.setdefault(exchange.seen.key, act)(exchange)

    shop.chaos.otherwise = answer
    shop.look("new@shop.example")
    shop.run(5)
    assert shop.stats.delivered == 1
    assert len({call.sha for call in shop.chaos.views}) == 1


def test_a_full_plan_stops_creations_and_nothing_else(creating_shop: World) -> None:
    """F013"""
    shop = creating_shop
    shop.begin -= shop.begin % 86_400 - 43_200  # noon: at midnight (UTC) creations are tried anew
    shop.chaos.answers(acts.error(404, "contact_not_found"), acts.error(403, "limit_reached"))
    shop.look("new@shop.example")
    shop.run(5)
    shop.look("ada@shop.example")
    shop.run(600)
    assert len(shop.chaos.calls) == 3
    assert (shop.stats.delivered, shop.stats.pending) == (1, 1)


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


def test_a_contact_under_another_id_is_told_by_its_address_again(shop: World) -> None:
    """A contact that was deleted and made anew, or another workspace: the old id is not known."""
    shop.look("ada@shop.example")
    shop.run(5)
    shop.chaos.answers(acts.error(404, "contact_not_found"))
    shop.look("ada@shop.example")
    shop.run(60)
    shop.look("ada@shop.example")
    shop.run(60)
    told = [json.loads(call.body) for call in shop.chaos.views]
    assert ["contact_id" in body for body in told] == [False, True, False, True]
    assert (shop.stats.delivered, shop.stats.dead) == (3, 0)


def test_a_contact_that_is_gone_under_every_name_is_given_up(shop: World) -> None:
    shop.look("ada@shop.example")
    shop.run(5)
    shop.chaos.otherwise = acts.error(404, "contact_not_found")
    shop.look("ada@shop.example")
    shop.run(30)
    assert ["contact_id" in json.loads(call.body) for call in shop.chaos.views] == [
        False,
        True,
        False,
    ]
    assert shop.stats.reasons == {Reason.CONTACT_NOT_FOUND: 1}


def test_a_contact_gone_by_its_id_is_made_anew_by_its_address(creating_shop: World) -> None:
    shop = creating_shop
    shop.look("ada@shop.example")
    shop.run(5)
    not_found = acts.error(404, "contact_not_found")
    shop.chaos.answers(not_found, not_found)
    shop.look("ada@shop.example")
    shop.run(60)
    assert json.loads(shop.chaos.calls[-2].body) == {
        "email": "ada@shop.example",
        "subscribed": False,
    }
    assert (shop.stats.delivered, shop.stats.dead) == (2, 0)
