"""TopMail is away, slow or overrun, and the store goes on as before."""

from __future__ import annotations

import json

import pytest

from tests.servers.server import Server, until
from tests.servers.shop import Shop, products


def test_browsing_goes_on_while_topmail_is_away(shop: Shop) -> None:
    """Issue 2, check 2: every page comes, every view later, none twice."""
    with shop.gunicorn("gthread") as server:
        before = products(100, "before")
        assert server.look_at(before) == before
        shop.expect_each_once(before)
        shop.sandbox.stop()
        away = products(100, "away")
        assert server.look_at(away) == away
        assert shop.arrived().total() == 100
        until(lambda: server.books()["pending"] == 100, 20, "the views wait")
        shop.sandbox.start()
        shop.expect_each_once(before + away, 60)
        books = shop.expect_settled(server, 60)
        assert books["accepted"] == 200


@pytest.mark.parametrize("worker", ["gthread", "gevent"])
def test_a_burst_is_taken_in_while_the_api_answers_nothing(shop: Shop, worker: str) -> None:
    """F104, F108: as many calls as there are senders are open, and the shoppers look on."""
    shop.sandbox.inject_faults(script=["hang"] * 100)
    with shop.gunicorn(worker, TOPMAIL_TIMEOUT=60) as server:
        looked = server.look_at(products(1000))
        assert len(looked) == 1000
        until(lambda: server.books()["pending"] == 1000, 20, "all wait")
        until(lambda: _senders(server) > 0, 20, "the leader is asked")
        assert _senders(server) <= 4
        assert 1 <= len(shop.sandbox.requests) <= 4
        shop.sandbox.inject_faults()
        shop.expect_each_once(looked, 60)
        shop.expect_settled(server)


def _senders(server: Server) -> int:
    """Threads of whichever worker answered that send."""
    threads: list[str] = json.loads(server.get("/threads"))
    return threads.count("topmail-sender")
