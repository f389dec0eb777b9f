"""Views of many machines over real brokers: RabbitMQ and Redis (issue: where one is not enough)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from tests.delivery.brokers import LIMIT, VISIBILITY_TIMEOUT, Broker, broker
from tests.delivery.celery_store import EMAIL, create_app
from tests.delivery.waiting import until
from topmail_flask.core import core_of
from topmail_flask.delivery.celery import Publisher
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=[EMAIL]) as sandbox:
        yield sandbox


@pytest.fixture(params=["amqp", "redis"])
def there(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Iterator[Broker]:
    with broker(request.param, sandbox, tmp_path) as there:
        yield there


@pytest.fixture
def celery(there: Broker) -> Iterator[Celery]:
    with Celery("shop", set_as_current=False) as celery:
        celery.config_from_object(there.config())
        yield celery


def sent(sandbox: Sandbox) -> list[tuple[str, bytes]]:
    """Key and bytes of every call, answered or not."""
    return [(request.idempotency_key or "", request.body) for request in sandbox.requests]


def test_two_machines_and_two_workers_send_each_view_once(there: Broker, sandbox: Sandbox) -> None:
    with there.worker("worker-1"), there.worker("worker-2"):
        machines = [there.machine("machine-1", 40), there.machine("machine-2", 40)]
        for machine in machines:
            out, _ = machine.communicate(timeout=LIMIT)
            # For the machine a view is delivered when the broker has it.
            assert json.loads(out) == {"left": True, "stats": 40}
        views = sandbox.wait_for_views(80, timeout=LIMIT)
        until(lambda: len(there.told) == 80, "the receivers in the workers are told")
    assert len({view["product_id"] for view in views}) == 80
    assert len(sandbox.requests) == 80
    assert {word for word, _, _ in there.told} == {"delivered"}
    assert {worker for _, _, worker in there.told} == {"worker-1", "worker-2"}
    logs = [(there.place / f"worker-{number}.log").read_text() for number in (1, 2)]
    assert "topmail_flask.send" in logs[0] + logs[1]
    assert EMAIL not in logs[0] + logs[1]


def test_an_outage_of_the_broker_costs_the_store_nothing_and_loses_nothing(
    there: Broker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in there.env("machine").items():
        monkeypatch.setenv(name, value)
    app = create_app()
    delivery, client = core_of(app).delivery, app.test_client()
    try:
        client.get("/tea/before")
        assert delivery.flush(LIMIT)
        there.wire.cut()
        for number in range(20):
            assert client.get(f"/tea/{number}").status_code == 200
        until(lambda: delivery.health().reason == "broker_unreachable", "health tells of it")
        assert delivery.stats().pending == 20
        there.wire.mend()
        assert delivery.flush(LIMIT)
        assert delivery.health().ok
    finally:
        delivery.close()
    with there.worker("worker"):
        views = sandbox.wait_for_views(21, timeout=LIMIT)
    assert len({view["product_id"] for view in views}) == 21


@pytest.mark.parametrize("killed", ["child", "worker"])
def test_a_worker_killed_in_the_middle_of_a_task_loses_nothing(
    there: Broker, sandbox: Sandbox, killed: str
) -> None:
    """The view is sent again under the same key, with the same bytes."""
    sandbox.inject_faults(latency_ms=15_000)
    there.puts(1)
    with there.worker("worker-1") as worker:
        sandbox.wait_for_requests(1, timeout=LIMIT)
        children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        if killed == "child":
            os.kill(int(children[0]), signal.SIGKILL)
        else:
            os.killpg(worker.pid, signal.SIGKILL)
        sandbox.inject_faults()
        # A worker on Redis looks for abandoned tasks when it starts, and then every 100 seconds.
        over = time.monotonic() + 1.5 * VISIBILITY_TIMEOUT
        until(lambda: time.monotonic() > over, "the visibility timeout")
        with there.worker("worker-2"):
            until(lambda: len(there.told) > 0, "a receiver is told", LIMIT)
    assert len(sandbox.views) == 1
    calls = sent(sandbox)
    assert len(calls) >= 2
    assert len(set(calls)) == 1


def test_a_task_comes_again_on_the_word_of_the_api(there: Broker, sandbox: Sandbox) -> None:
    again_later = {"status": 429, "headers": {"Retry-After": "1"}}
    sandbox.inject_faults(script=[503, again_later])
    there.puts(1)
    with there.worker("worker"):
        sandbox.wait_for_views(1, timeout=LIMIT)
    calls = sent(sandbox)
    assert len(calls) == 3
    assert len(set(calls)) == 1
    assert EMAIL not in (there.place / "worker.log").read_text()


def test_a_view_that_is_refused_is_told_where_the_worker_runs(
    there: Broker, sandbox: Sandbox
) -> None:
    sandbox.inject_faults(script=[{"action": "answer", "status": 422}])
    there.puts(1)
    with there.worker("worker"):
        until(lambda: len(there.told) > 0, "a receiver is told", LIMIT)
    assert there.told == [["rejected", "machine-0", "worker"]]


def test_the_broker_keeps_no_address_where_people_look(there: Broker, celery: Celery) -> None:
    """Monitors show a task's headers; the arguments' text in them is hidden."""
    there.puts(1)
    with celery.connection_for_read() as connection:
        message = connection.default_channel.basic_get(there.queue, no_ack=True)
    assert message is not None
    assert EMAIL not in json.dumps(message.headers)
    assert message.headers["task"] == "topmail_flask.send"
    assert message.properties.get("delivery_mode") == 2  # kept on the broker's disk


def test_a_queue_that_was_deleted_is_made_again_before_a_view_leaves(
    there: Broker, celery: Celery
) -> None:
    """RabbitMQ confirms a message that no queue takes, unless it is asked to give it back."""
    publisher = Publisher(celery)
    publisher.publish("account", "line", key="first")
    there.remove()
    publisher.publish("account", "line", key="second")
    publisher.close()
    with celery.connection_for_read() as connection:
        message = connection.default_channel.basic_get(there.queue, no_ack=True)
    assert message is not None
    assert message.headers["id"] == "second"


def test_celery_is_imported_only_where_it_is_chosen() -> None:
    program = (
        "import sys, flask, topmail_flask; topmail_flask.TopMail(flask.Flask('shop'));"
        "sys.exit('celery' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
