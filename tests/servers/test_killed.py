"""Workers that are killed: every view that a shopper saw the page of arrives, and none twice."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from threading import Thread

import pytest

from tests.servers.server import Server, until, wait_for_exit
from tests.servers.shop import Shop, products

SENDERS = 4


def kill_workers(server: Server) -> None:
    for worker in (victims := server.workers):
        os.kill(worker, signal.SIGKILL)
    wait_for_exit(victims, 5)


def test_views_of_killed_workers_are_delivered_by_their_successors(shop: Shop) -> None:
    """F051."""
    shop.sandbox.inject_faults(latency_ms=400)
    with shop.gunicorn() as server:
        looked = server.look_at(products(1000))
        assert len(looked) == 1000
        kill_workers(server)
        shop.sandbox.inject_faults()
        server.get("/about")
        shop.expect_each_once(looked)
        books = server.books()
    assert books["accepted"] == 1000
    assert books["balanced"]
    # What was being sent when its sender died is asked for again when its lease ends.
    assert books["pending"] <= SENDERS


def test_the_leader_that_is_killed_is_followed_by_another_worker(shop: Shop) -> None:
    """F051, F063: within five seconds, without a further view."""
    with shop.gunicorn("gthread") as server:
        looked = server.look_at(products(40, "before"))
        shop.expect_each_once(looked)
        (leader,) = set(shop.marks("delivered"))
        shop.sandbox.inject_faults(latency_ms=300)
        looked += server.look_at(products(40, "waiting"))
        os.kill(leader, signal.SIGKILL)
        shop.sandbox.inject_faults()
        (heir,) = (pid for pid in set(shop.marks("viewed")) if pid != leader)
        until(lambda: heir in shop.marks("delivered"), 5, "the other worker delivers")
        shop.expect_each_once(looked)


def test_a_store_killed_right_after_its_answers_delivers_after_a_restart(shop: Shop) -> None:
    """Issue 2, check 3: the first page that anybody asks for will do."""
    shop.sandbox.stop()
    with shop.gunicorn(workers=1) as server:
        looked = server.look_at(products(20))
        os.kill(server.pid, signal.SIGKILL)
        kill_workers(server)
    shop.sandbox.start()
    with shop.gunicorn(workers=1) as server:
        server.get("/about")
        shop.expect_each_once(looked)
        shop.expect_settled(server)


def test_kills_under_load_lose_nothing(shop: Shop) -> None:
    """F051: pages break off, but what a shopper saw is sent, and sent once."""
    shop.sandbox.inject_faults(latency_ms=20)
    with shop.gunicorn("gthread", "--preload") as server:
        looked: list[str] = []
        for round_ in range(8):
            shoppers = Thread(
                target=lambda name=f"r{round_}": looked.extend(server.look_at(products(60, name)))
            )
            shoppers.start()
            viewed = len(shop.marks("viewed"))
            until(partial(_more_than, shop, viewed + 20), 20, "views come in")
            os.kill(server.workers[0], signal.SIGKILL)
            shoppers.join(60)
        shop.sandbox.inject_faults()
        assert len(looked) > 8 * 30
        server.look_at(["last"])
        shop.expect_each_once(looked)


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_a_worker_that_hangs_is_aborted_and_loses_nothing(shop: Shop, worker: str) -> None:
    """F057: in C code that holds the interpreter's lock, so that no thread of ours can run."""
    shop.sandbox.inject_faults(latency_ms=200)
    with shop.gunicorn(worker, "--timeout=2", workers=1) as server:
        looked = server.look_at(products(60))
        hung = server.workers
        with suppress(OSError, HTTPException):
            server.get("/frozen")
        wait_for_exit(hung, 10)
        shop.sandbox.inject_faults()
        server.get("/about")
        shop.expect_each_once(looked)
        assert shop.marks("frozen") == hung


def _more_than(shop: Shop, views: int) -> bool:
    return len(shop.marks("viewed")) > views
