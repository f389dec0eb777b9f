"""Servers that are told to end: they do, in time, and what they could not send stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.servers.server import black_hole, children, until, wait_for_exit
from tests.servers.shop import Shop, products

EXIT_LIMIT = 2.5 + 2.0
"""Seconds: what is promised, and what a machine that is busy with other things may add."""
WORKERS = ["sync", "gthread", "gevent"]
# gunicorn's gevent worker looks once a second whether it is to end.
LOOKS_EACH = {"sync": 0.0, "gthread": 0.0, "gevent": 1.0}


@pytest.mark.parametrize("worker", WORKERS)
def test_a_stopped_store_sends_what_it_can_and_keeps_the_rest(shop: Shop, worker: str) -> None:
    """F054: more waits than can be sent in two seconds."""
    shop.sandbox.inject_faults(latency_ms=100)
    with shop.gunicorn(worker) as server:
        looked = server.look_at(products(200))
        assert server.stop() < EXIT_LIMIT + LOOKS_EACH[worker]
    # One shopper's, and one after the other: at most ten a second.
    assert 5 < len(shop.sandbox.views) < 200
    shop.sandbox.inject_faults()
    with shop.gunicorn(worker) as server:
        server.get("/about")
        shop.expect_each_once(looked)
        shop.expect_settled(server)


@pytest.mark.parametrize("worker", WORKERS)
def test_a_silent_api_does_not_hold_up_the_end(shop: Shop, worker: str) -> None:
    """F055."""
    with black_hole() as nowhere, shop.gunicorn(worker, TOPMAIL_BASE_URL=nowhere) as server:
        looked = server.look_at(products(30))
        assert server.stop() < EXIT_LIMIT + LOOKS_EACH[worker]
    with shop.gunicorn(worker) as server:
        server.get("/about")
        shop.expect_each_once(looked)


def test_a_store_with_nothing_to_send_ends_at_once(shop: Shop) -> None:
    """F054."""
    with shop.gunicorn() as server:
        shop.expect_each_once(server.look_at(products(5)))
        shop.expect_settled(server)
        assert server.stop() < 2.0


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGINT], ids=["QUIT", "INT"])
@pytest.mark.parametrize("worker", WORKERS)
def test_a_store_told_to_hurry_loses_nothing(
    shop: Shop, worker: str, number: signal.Signals
) -> None:
    """F056."""
    shop.sandbox.inject_faults(latency_ms=100)
    with shop.gunicorn(worker) as server:
        looked = server.look_at(products(100))
        assert server.stop(number) < EXIT_LIMIT + LOOKS_EACH[worker]
    shop.sandbox.inject_faults()
    with shop.gunicorn(worker) as server:
        server.get("/about")
        shop.expect_each_once(looked)
        shop.expect_settled(server)


@pytest.mark.parametrize("worker", WORKERS)
def test_a_reload_under_way_loses_nothing(shop: Shop, worker: str) -> None:
    """F056: HUP replaces the workers while views wait."""
    shop.sandbox.inject_faults(latency_ms=30)
    with shop.gunicorn(worker) as server:
        looked = server.look_at(products(150, "old"))
        former = set(server.workers)
        server.send(signal.SIGHUP)
        wait_for_exit(former, EXIT_LIMIT + LOOKS_EACH[worker] + 2.0)  # 2 s for the new ones' start
        looked += server.look_at(products(50, "new"))
        assert len(looked) == 200
        shop.sandbox.inject_faults()
        shop.expect_each_once(looked)
        shop.expect_settled(server)


def test_a_container_is_stopped_in_time(shop: Shop, tmp_path: Path) -> None:
    """F080: the server is the first process of its own world of processes, as in a container."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        pytest.skip("a world of processes of its own needs unshare and root")
    wrapped = [unshare, "--fork", "--pid", "--kill-child", "--mount-proc"]
    if subprocess.run([*wrapped, "true"], check=False).returncode:
        pytest.skip("this machine does not let us unshare")
    shop.sandbox.inject_faults(latency_ms=100)
    with shop.gunicorn(inside=wrapped) as server:
        looked = server.look_at(products(100))
        (first,) = children(server.pid)
        os.kill(first, signal.SIGTERM)
        assert wait_for_exit([first], 10) < EXIT_LIMIT
    shop.sandbox.inject_faults()
    with shop.gunicorn() as server:
        server.get("/about")
        shop.expect_each_once(looked)
        until(lambda: server.books()["balanced"], 5, "the books balance")


@pytest.mark.parametrize("worker", WORKERS)
def test_a_store_without_a_disk_sends_before_it_ends(shop: Shop, worker: str) -> None:
    """F054, F051: what is in memory only is sent within the two seconds, or reported as lost."""
    with shop.gunicorn(worker, TOPMAIL_OUTBOX=":memory:") as server:
        looked = server.look_at(products(24))
        server.stop()
        assert "lost" not in server.told
    shop.expect_each_once(looked, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
@pytest.mark.parametrize("worker", WORKERS)
def test_a_signal_to_master_and_workers_alike_loses_nothing(
    shop: Shop, worker: str, number: signal.Signals
) -> None:
    """F054, F056: systemd and terminals do so, and the master tells the workers once more."""
    shop.sandbox.inject_faults(script=["hang"] * 100)
    with shop.gunicorn(worker) as server:
        looked = server.look_at(products(40))
        pids = [server.pid, *server.workers]
        os.killpg(server.pid, number)
        assert wait_for_exit(pids, 10) < EXIT_LIMIT + LOOKS_EACH[worker]
        assert "topmail_flask" not in server.told  # no traceback leads through us
    shop.sandbox.inject_faults()
    with shop.gunicorn(worker) as server:
        server.get("/about")
        shop.expect_each_once(looked)
        shop.expect_settled(server)
