"""What becomes of accepted views, by the answer that TopMail gives."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
from tests.delivery.simulation import World, world
from topmail_flask.delivery.files import FILE_NAME
from topmail_flask.model.reasons import Reason

HOUR = 3600.0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_a_view_is_delivered_once_and_the_shop_is_told(shop: World) -> None:
    """F001"""
    key = shop.look()
    shop.run(1)
    assert shop.chaos.keys == [key]
    ((view, receipt),) = shop.delivered
    assert (view.key, receipt.contact_id) == (key, "contact-of-ada@shop.example")
    assert shop.stats.delivered == 1
    assert shop.health.ok


def test_a_view_in_an_idle_store_is_sent_within_a_moment(shop: World) -> None:
    """Whichever process took it: the leader looks into all journals."""
    shop.run(60)
    shop.look()
    shop.run(0.3)
    assert len(shop.chaos.calls) == 1


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


def test_a_conflict_is_tried_three_times_more_and_then_told(
    shop: World, caplog: pytest.LogCaptureFixture
) -> None:
    """F022"""
    shop.chaos.answers(409)
    shop.look()
    shop.run(30)
    assert len(set(shop.chaos.keys)) == 1
    assert shop.stats.delivered == 1
    shop.chaos.otherwise = acts.status(409)
    key = shop.look()
    shop.run(600)
    assert len(shop.chaos.calls) == 2 + 4
    assert shop.stats.dead == 1
    assert f"{key} was refused for good: conflict, status 409." in caplog.text


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


def test_views_that_a_person_removes_after_they_were_claimed_are_not_sent(tmp_path: Path) -> None:
    with world(tmp_path, senders=1, rate=10.0) as shop:
        for _ in range(9):
            shop.look()
        shop.run(0.01)
        sent = len(shop.chaos.keys)
        assert 0 < sent < 9
        beside = sqlite3.connect(shop.directory / FILE_NAME)
        beside.execute("DELETE FROM waiting")
        beside.commit()
        beside.close()
        shop.run(3)
        assert len(shop.chaos.keys) == sent


def test_an_answer_that_is_announced_is_waited_for(shop: World) -> None:
    """Of a proxy: 102 or 103 come before the answer."""

    def announced(exchange: acts.Exchange) -> None:
        exchange.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n")
        exchange.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        acts.ok(exchange)

    shop.chaos.otherwise = announced
    for number in range(5):
        shop.look(f"shopper{number}@shop.example")
    shop.run(30)
    assert len(shop.chaos.views) == 5
    assert len(shop.chaos.connections) == 1
    assert shop.stats.delivered == 5
