"""uWSGI: it forks without telling Python, and may run no threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from http.client import HTTPException

import pytest

from tests.servers.server import ROOT, until, wait_for_exit
from tests.servers.shop import Shop, products


def test_forked_workers_deliver_what_they_accept(shop: Shop) -> None:
    """F064: the store is loaded before the fork, and no fork hook runs."""
    with shop.uwsgi() as server:
        looked = server.look_at(products(200))
        assert len(looked) == 200
        shop.expect_each_once(looked)
        books = shop.expect_settled(server)
        assert books["accepted"] == 200
        assert set(shop.marks("loaded")) == {server.pid}
        assert len(os.listdir(f"/proc/{server.pid}/task")) == 1
        assert server.pid not in shop.marks("delivered")


def test_a_killed_leader_under_uwsgi_is_followed(shop: Shop) -> None:
    """F064, F051."""
    shop.sandbox.inject_faults(latency_ms=300)
    with shop.uwsgi() as server:
        looked = server.look_at(products(60))
        until(lambda: shop.marks("delivered"), 10, "somebody delivers")
        os.kill(shop.marks("delivered")[0], signal.SIGKILL)
        shop.sandbox.inject_faults()
        looked += server.look_at(products(20, "later"))
        shop.expect_each_once(looked)
        shop.expect_settled(server)


@pytest.mark.parametrize(
    "options", [("--lazy-apps",), ("--skip-atexit",), ("--lazy-apps", "--threads=4")]
)
def test_a_stop_keeps_what_could_not_be_sent(shop: Shop, options: tuple[str, ...]) -> None:
    """F066: with or without the interpreter's own end."""
    shop.sandbox.inject_faults(latency_ms=100)
    with shop.uwsgi(*options) as server:
        looked = server.look_at(products(100))
        assert server.stop() < 3.5  # uWSGI's master looks once a second
    shop.sandbox.inject_faults()
    with shop.uwsgi(*options) as server:
        server.get("/about")
        shop.expect_each_once(looked)
        shop.expect_settled(server)


def test_a_worker_killed_for_a_slow_request_loses_nothing(shop: Shop) -> None:
    """F066: harakiri."""
    shop.sandbox.inject_faults(latency_ms=100)
    with shop.uwsgi("--harakiri=2") as server:
        looked = server.look_at(products(60))
        with suppress(OSError, HTTPException):
            server.get("/frozen")
        (hung,) = shop.marks("frozen")
        wait_for_exit([hung], 10)
        shop.sandbox.inject_faults()
        server.get("/about")
        shop.expect_each_once(looked)
        shop.expect_settled(server)


WITHOUT_THREADS = """
import sys, types
sys.modules["uwsgi"] = types.SimpleNamespace(opt={{"master": True}}, version_info={version})
import threading
from tests.servers.store import create_app
shopper = create_app().test_client()
shopper.set_cookie("user", "ann@example.com")
browser = {{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"}}
for number in range(20):
    assert shopper.get(f"/products/p-{{number}}", headers=browser).status_code == 200
print(threading.active_count())
"""


def test_where_uwsgi_runs_no_threads_the_views_wait_for_the_command(shop: Shop) -> None:
    """F065: uWSGI up to 2.0.26 runs threads only when asked to; it is stood in for."""
    environment = {**os.environ, **shop.environment()}
    script = WITHOUT_THREADS.format(version=(2, 0, 21, 0, b""))
    store = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert store.stdout.split() == ["1"]
    assert store.stderr.count("--enable-threads") == 1
    assert shop.sandbox.requests == []
    drain = [sys.executable, "-m", "flask", "--app=tests.servers.store", "topmail", "drain"]
    subprocess.run(
        drain, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    shop.expect_each_once(products(20), 1)


@pytest.mark.parametrize(
    ("version", "first"),
    [((2, 0, 31), ""), ((2, 0, 21), "from gevent import monkey; monkey.patch_all()")],
    ids=["newer", "green"],
)
def test_where_uwsgi_runs_threads_they_are_used(
    shop: Shop, version: tuple[int, ...], first: str
) -> None:
    """F065, F067: newer ones run them without being asked, and green ones run anywhere."""
    store = subprocess.run(
        [sys.executable, "-c", first + WITHOUT_THREADS.format(version=version)],
        cwd=ROOT,
        env={**os.environ, **shop.environment()},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert store.stderr == ""
    shop.expect_each_once(products(20), 5)
