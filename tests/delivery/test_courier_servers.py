"""Couriers of stores on real servers (F198): recycled workers, reloads, stops, uWSGI."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.couriers import couriers, leader, leading, state, until
from tests.servers.server import SHOPPER
from tests.servers.shop import Shop, products
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Sandbox(contacts=[SHOPPER]) as sandbox:
        yield Shop(sandbox, tmp_path, {"TOPMAIL_DELIVERY": "process"})
    for pid in couriers(tmp_path):
        os.kill(pid, signal.SIGKILL)


def zombies_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [
        int(one) for file in tasks for one in file.read_text().split() if state(int(one)) == "Z"
    ]


@pytest.mark.parametrize("worker", ["sync", "gthread", "gevent"])
def test_workers_that_are_recycled_keep_one_courier_and_lose_nothing(
    shop: Shop, worker: str
) -> None:
    """F058, F198: most of the workers that could have started it are gone."""
    recycled = ["--max-requests=10", "--max-requests-jitter=3"]
    with shop.gunicorn(worker, *recycled) as server:
        first = server.look_at(products(20, "first"))
        shop.expect_each_once(first)
        looked = [*first, *server.look_at(products(80, "later"), browsers=4)]
        shop.expect_each_once(looked)
        # Not the first one for sure: while both workers start anew there is no store for seconds.
        until(lambda: couriers(shop.outbox) == [leading(shop.outbox)], "there is one courier")
        shop.expect_settled(server)
        assert zombies_of(server.pid) == []
        assert server.stop() < 4.5  # 2.5 promised, the rest for a busy machine
    until(lambda: couriers(shop.outbox) == [], "the store is gone, and so is the courier")
    until(lambda: leader(shop.outbox) is None, "its files are closed last of all")


def test_a_reload_and_kills_of_everything_lose_nothing(shop: Shop) -> None:
    """F051, F056, F198."""
    with shop.gunicorn("gthread") as server:
        looked = server.look_at(products(30, "first"))
        server.send(signal.SIGHUP)
        looked += server.look_at(products(30, "reloaded"))
        os.kill(leading(shop.outbox), signal.SIGKILL)
        for worker in server.workers:
            if worker not in couriers(shop.outbox):
                os.kill(worker, signal.SIGKILL)
        looked += server.look_at(products(30, "after"))
        shop.expect_each_once(looked)
        shop.expect_settled(server)


def test_a_store_on_uwsgi_has_a_courier_though_its_python_is_uwsgi(shop: Shop) -> None:
    """F064."""
    with shop.uwsgi() as server:
        looked = server.look_at(products(20))
        shop.expect_each_once(looked)
        assert leading(shop.outbox) not in server.workers
        until(lambda: len(shop.marks("delivered")) == 20, "the store's receivers are told")
        assert set(shop.marks("delivered")) <= set(server.workers)
