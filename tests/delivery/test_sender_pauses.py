"""What stops all calls for a while, and when the next one is made."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
from tests.delivery.simulation import World, world

HOUR = 3600.0


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


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
    assert shop.times()[1] >= 32.999  # the header names microseconds
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
def test_what_no_call_can_fix_stops_all_calls_and_keeps_the_views(
    shop: World, caplog: pytest.LogCaptureFixture, act: acts.Act, reason: str
) -> None:
    shop.chaos.otherwise = act
    for n in range(20):
        shop.look(f"shopper{n}@shop.example")
    shop.run(HOUR)
    assert 10 <= len(shop.chaos.calls) <= 13
    assert shop.stats.pending == 20
    assert shop.health.reason == reason
    assert shop.health.fix
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    shop.chaos.otherwise = acts.ok
    shop.run(310)
    assert shop.stats.delivered == 20
    assert shop.health.ok


@pytest.mark.parametrize("views", [1, 30])
def test_an_api_that_is_down_is_told_within_seconds_and_until_it_is_up(
    shop: World, views: int
) -> None:
    """F184: also between two attempts of the only view, which may be minutes apart."""
    shop.chaos.otherwise = acts.status(503)
    for n in range(views):
        shop.look(f"shopper{n}@shop.example")
    shop.run(15)
    told = set()
    for _ in range(280):
        shop.run(1)
        told.add((shop.health.state, shop.health.reason, bool(shop.health.fix)))
    assert told == {("paused", "server_error", True)}
    shop.chaos.otherwise = acts.ok
    shop.run(310)
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


@pytest.mark.parametrize(
    ("act", "dead"),
    [
        (acts.page(403), 1),
        (acts.page(200), 1),
        (acts.status(402), 1),
        (acts.error(403, "forbidden"), 1),
        (acts.status(503, ("Retry-After", "300")), 1),
        (acts.status(429, ("Retry-After", "60")), 0),
    ],
    ids=["firewall", "log-in page", "plan", "forbidden", "busy", "limit"],
)
def test_a_view_that_stops_all_calls_by_itself_does_not_stop_them_for_ever(
    tmp_path: Path, act: acts.Act, dead: int
) -> None:
    """F012, F106: a firewall dislikes the text of one product; other views find out that it is not
    the way that is closed.
    """
    with world(tmp_path) as shop:

        def answer(exchange: acts.Exchange) -> None:
            (act if b"evil" in exchange.seen.body else acts.ok)(exchange)

        shop.chaos.otherwise = answer
        shop.look("eve@shop.example", "evil")
        for number in range(15):
            shop.run(100)
            shop.look(f"shopper{number}@shop.example")
        shop.run(700)
        assert shop.stats.delivered == 15
        assert shop.stats.dead == dead
