"""Workers that come and go by themselves, and a master that must stay clean."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.servers.shop import Shop, products


def test_workers_that_are_replaced_after_a_few_requests_lose_nothing(shop: Shop) -> None:
    """F058."""
    with shop.gunicorn(
        "sync", "--preload", "--max-requests=5", "--max-requests-jitter=3"
    ) as server:
        looked = server.look_at(products(150), browsers=4)
        assert len(looked) == 150
        shop.expect_settled(server)
        shop.expect_each_once(looked)
    assert len(set(shop.marks("viewed"))) > 150 / 8


@pytest.mark.parametrize("worker", ["sync", "gevent"])
def test_a_master_that_has_loaded_the_store_stays_clean(shop: Shop, worker: str) -> None:
    """F059: no thread, no file of the outbox, nothing to do at its end."""
    with shop.gunicorn(worker, "--preload", "--no-control-socket") as server:
        shop.expect_each_once(server.look_at(products(40)))
        assert set(shop.marks("loaded")) == {server.pid}
        assert len(os.listdir(f"/proc/{server.pid}/task")) == 1
        open_here = [os.readlink(fd) for fd in Path(f"/proc/{server.pid}/fd").iterdir()]
        assert [name for name in open_here if str(shop.outbox) in name] == []
        assert server.pid not in shop.marks("viewed") + shop.marks("delivered")
        assert len(set(shop.marks("delivered"))) == 1


def test_an_old_and_a_new_server_share_one_outbox(shop: Shop) -> None:
    """F091, F051: a deployment starts the new one before it ends the old one."""
    shop.sandbox.inject_faults(latency_ms=50)
    with shop.gunicorn("gthread") as old:
        looked = old.look_at(products(100, "old"))
        with shop.gunicorn("sync") as new:
            looked += new.look_at(products(100, "new"))
            looked += old.look_at(products(50, "both"))
            old.stop()
            looked += new.look_at(products(50, "alone"))
            shop.sandbox.inject_faults()
            shop.expect_each_once(looked)
            books = shop.expect_settled(new)
    assert books["accepted"] == len(looked) == 300
