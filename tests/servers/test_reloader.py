"""Flask's own commands and Werkzeug's reloader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.server import ROOT, children, listens, until
from tests.servers.shop import Shop, products


def test_only_the_serving_process_of_the_reloader_delivers(shop: Shop) -> None:
    """F069."""
    with shop.flask_run("--debug") as server:
        looked = server.look_at(products(30))
        shop.expect_each_once(looked)
        shop.expect_settled(server)
        assert set(shop.marks("delivered")) == set(children(server.pid))


def test_a_reload_while_views_are_sent_sends_none_twice(shop: Shop, tmp_path: Path) -> None:
    """F070: the code changes while views are on their way."""
    extra = tmp_path / "touched.py"
    extra.write_text("")
    shop.sandbox.inject_faults(latency_ms=100)
    with shop.flask_run("--debug", f"--extra-files={extra}") as server:
        looked = server.look_at(products(60, "old"))
        (former,) = children(server.pid)
        extra.write_text("# changed")
        until(lambda: len(set(shop.marks("loaded"))) > 1, 20, "the store is loaded again")
        until(lambda: former not in children(server.pid), 20, "the former process has ended")
        until(lambda: listens(server.port), 20, "the store listens again")
        looked += server.look_at(products(20, "new"))
        shop.sandbox.inject_faults()
        shop.expect_each_once(looked)
        shop.expect_settled(server)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["routes"], "/products/<product_id>"),
        (["shell"], "1 thread"),
    ],
    ids=["routes", "shell"],
)
def test_commands_that_serve_nothing_open_nothing(
    shop: Shop, command: list[str], said: str
) -> None:
    """F071."""
    look = 'import os; print(len(os.listdir("/proc/self/task")), "thread")\n'
    ran = subprocess.run(
        [sys.executable, "-m", "flask", "--app=tests.servers.store", *command],
        cwd=ROOT,
        env={**os.environ, **shop.environment()},
        input=look,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said in ran.stdout
    assert not shop.outbox.exists()
    assert shop.sandbox.requests == []
