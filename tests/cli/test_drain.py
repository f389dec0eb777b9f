"""``flask topmail drain``: what waits is sent beside the store, or instead of its processes."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.cli.drain_store import EMAIL, create_app
from tests.cli.operated import LivingStore
from tests.delivery.waiting import until
from topmail_flask.core import core_of
from topmail_flask.delivery.files import holder
from topmail_flask.sandbox import Sandbox

LIMIT = 30.0


class Store:
    """A store in "worker" mode: this process is one of its web processes."""

    def __init__(self, sandbox: Sandbox, place: Path) -> None:
        self.numbers = itertools.count()
        self.env = {
            "TOPMAIL_API_KEY": sandbox.api_key,
            "TOPMAIL_BASE_URL": sandbox.base_url,
            "TOPMAIL_OUTBOX": str(place),
            "TOPMAIL_RATE": "2000",
            "TOPMAIL_ENABLED": "true",
        }

    def looks(self, count: int) -> None:
        """One of the store's processes takes views over."""
        self.app = create_app()
        client = self.app.test_client()
        for _ in range(count):
            assert client.get(f"/tea/{next(self.numbers)}").status_code == 200
        assert core_of(self.app).delivery.stats().accepted >= count

    def drain(self, *words: str, **env: str) -> subprocess.Popen[str]:
        program = [sys.executable, "-m", "flask", "--app", "tests.cli.drain_store"]
        return subprocess.Popen(
            [*program, "topmail", "drain", *words],
            env=os.environ | self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=[EMAIL]) as sandbox:
        yield sandbox


@pytest.fixture
def store(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store(sandbox, tmp_path / "outbox")
    for name, value in store.env.items():
        monkeypatch.setenv(name, value)
    return store


def told(drain: subprocess.Popen[str], status: int) -> str:
    out, err = drain.communicate(timeout=LIMIT)
    assert drain.returncode == status, out + err
    return out + err


def test_web_processes_only_put_and_start_no_thread(store: Store, sandbox: Sandbox) -> None:
    threads = threading.active_count()
    store.looks(5)
    assert threading.active_count() == threads
    assert not list(Path(store.env["TOPMAIL_OUTBOX"]).rglob("*.lock"))
    assert sandbox.requests == []


def test_a_drain_sends_what_waits_and_says_so(store: Store, sandbox: Sandbox) -> None:
    """F065, F186: the store's processes live on, and send nothing."""
    store.looks(20)
    answer = json.loads(told(store.drain("--json"), 0))
    assert (answer["delivered"], answer["left"]) == (20, 0)
    assert len(sandbox.wait_for_views(20)) == 20
    stats = core_of(store.app).delivery.stats()
    assert (stats.delivered, stats.pending, stats.balanced) == (20, 0, True)


def drained_by(app: Flask) -> dict[str, object]:
    """What a drain says that the store itself runs: in a test, a shell or a view for its staff."""
    result = app.test_cli_runner().invoke(args=["topmail", "drain", "--timeout", "20", "--json"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


@pytest.mark.parametrize("kind", ["worker", "background"])
def test_a_process_of_the_store_drains_and_goes_on(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("TOPMAIL_DELIVERY", kind)
    store.looks(4)
    assert drained_by(store.app)["left"] == 0
    sandbox.wait_for_views(4, timeout=LIMIT)
    assert store.app.test_client().get("/tea/later").status_code == 200
    if kind == "worker":
        thread = threading.Thread(target=drained_by, args=(store.app,))
        thread.start()
        thread.join()
    assert len(sandbox.wait_for_views(5, timeout=LIMIT)) == 5
    core_of(store.app).delivery.close()


def test_a_drain_of_an_empty_outbox_ends_at_once(store: Store) -> None:
    assert "0 delivered, 0 given up, 0 left." in told(store.drain(), 0)


def test_two_drains_at_once_send_each_view_once(store: Store, sandbox: Sandbox) -> None:
    """F091."""
    store.looks(500)
    drains = [store.drain("--json"), store.drain("--json")]
    for drain in drains:
        assert json.loads(told(drain, 0))["left"] == 0
    sent = [request for request in sandbox.requests if request.path.endswith("product-view")]
    assert (len(sandbox.views), len(sent)) == (500, 500)


def test_a_drain_waits_for_another_sender_and_names_it(store: Store, sandbox: Sandbox) -> None:
    follower = store.drain("--follow")
    store.looks(1)
    sandbox.wait_for_views(1, timeout=LIMIT)
    sandbox.inject_faults(latency_ms=20_000)
    store.looks(2)
    sandbox.wait_for_requests(2, timeout=LIMIT)
    assert f"Process {follower.pid} sends" in told(store.drain("--timeout", "1"), 1)
    sandbox.inject_faults()
    assert ", 0 left." in told(store.drain(), 0)
    follower.send_signal(signal.SIGTERM)
    told(follower, 0)


def test_what_cannot_be_sent_is_left_and_the_drain_says_why(store: Store, sandbox: Sandbox) -> None:
    store.looks(3)
    sandbox.inject_faults(script=[401] * 20)
    answer = told(store.drain("--timeout", "2"), 1)
    assert "3 left" in answer
    assert "unauthorized" in answer
    assert EMAIL not in answer
    sandbox.inject_faults()
    assert "3 delivered" in told(store.drain(), 0)


def test_a_drain_that_follows_sends_until_it_is_told_to_end(
    store: Store, sandbox: Sandbox, tmp_path: Path
) -> None:
    signals = tmp_path / "signals"
    drain = store.drain("--follow", TOLD=str(signals))
    store.looks(3)
    sandbox.wait_for_views(3, timeout=LIMIT)
    drain.send_signal(signal.SIGTERM)
    assert "3 delivered" in told(drain, 0)
    # The shop's receivers are called where the views are sent.
    assert signals.read_text().splitlines() == [f"{drain.pid} tests.cli.drain_store"] * 3


def test_a_drain_that_is_told_to_end_while_the_api_hangs_leaves_the_views(
    store: Store, sandbox: Sandbox
) -> None:
    """F055: within the shutdown budget."""
    store.looks(3)
    sandbox.inject_faults(latency_ms=10_000)
    drain = store.drain("--follow")
    sandbox.wait_for_requests(1, timeout=LIMIT)
    drain.send_signal(signal.SIGINT)
    out, _ = drain.communicate(timeout=5)
    assert drain.returncode == 0
    assert "3 left" in out


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_where_a_drain_ends_the_web_processes_send_and_the_other_way_round(
    store: Store, sandbox: Sandbox, ending: signal.Signals
) -> None:
    drain = store.drain("--follow")
    store.looks(1)
    sandbox.wait_for_views(1, timeout=LIMIT)
    with LivingStore() as living:
        living.looks(100, 10, shopper=EMAIL)
        sandbox.wait_for_views(11, timeout=LIMIT)
        drain.send_signal(ending)
        drain.communicate(timeout=LIMIT)
        living.looks(200, 10, shopper=EMAIL)
        sandbox.wait_for_views(21, timeout=LIMIT)
        second = store.drain("--follow")
    store.looks(10)
    sandbox.wait_for_views(31, timeout=LIMIT)
    second.send_signal(signal.SIGTERM)
    told(second, 0)
    assert len(sandbox.views) == 31  # a kill may have one sent again, under its key
    assert core_of(store.app).delivery.stats().balanced


def test_the_drain_of_a_new_release_sends_while_the_old_one_still_runs(
    store: Store, sandbox: Sandbox
) -> None:
    """The newest settings hold, and a drain with older ones waits until it is needed."""
    old = store.drain("--follow")
    store.looks(1)
    sandbox.wait_for_views(1, timeout=LIMIT)
    with Sandbox(contacts=[EMAIL]) as moved:
        new = store.drain("--follow", TOPMAIL_BASE_URL=moved.base_url)
        leads = Path(store.env["TOPMAIL_OUTBOX"])
        until(
            lambda: set(map(holder, leads.glob("*/leader.lock"))) == {new.pid}, "the new one leads"
        )
        store.looks(5)
        assert len(moved.wait_for_views(5, timeout=LIMIT)) == 5
        new.kill()
        new.communicate(timeout=LIMIT)
        store.looks(1)
        sandbox.wait_for_views(2, timeout=LIMIT)
        assert len(moved.views) == 5
    old.send_signal(signal.SIGINT)
    told(old, 0)


def test_a_second_signal_does_not_cut_the_end_of_a_drain_short(
    store: Store, sandbox: Sandbox
) -> None:
    store.looks(1)
    sandbox.inject_faults(latency_ms=1_000)
    drain = store.drain("--follow", TOPMAIL_SHUTDOWN_TIMEOUT="20")
    sandbox.wait_for_requests(1, timeout=LIMIT)
    for _ in range(3):
        drain.send_signal(signal.SIGINT)
        drain.send_signal(signal.SIGTERM)
    assert "1 delivered, 0 given up, 0 left." in told(drain, 0)


def test_a_store_without_a_key_is_told_what_is_missing(store: Store) -> None:
    assert "TOPMAIL_API_KEY" in told(store.drain(TOPMAIL_ENABLED="false"), 1)
