"""On Redis: a task that a killed worker took along comes again; one that only waits does not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from tests.delivery.brokers import LIMIT, PORTS, VISIBILITY_TIMEOUT, Broker, broker
from tests.delivery.celery_store import EMAIL
from tests.delivery.waiting import until
from topmail_flask.delivery.celery import Publisher, UnackedCopies
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=[EMAIL]) as sandbox:
        yield sandbox


@pytest.fixture
def there(sandbox: Sandbox, tmp_path: Path) -> Iterator[Broker]:
    with broker("redis", sandbox, tmp_path) as there:
        yield there


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis(port=PORTS["redis"][1]) as redis:
        yield redis


@pytest.fixture
def copies(there: Broker) -> Iterator[UnackedCopies]:
    with Celery("shop", set_as_current=False) as celery:
        celery.config_from_object(there.config())
        with celery.connection_for_write() as connection:
            yield UnackedCopies(connection, "account")


def is_swept(there: Broker, redis: Redis) -> bool:
    """Whether nothing is left of any view."""
    kept = list(redis.scan_iter(f"{there.queue}:topmail_flask.held.*"))
    return [key for key in kept if not key.endswith(b".sweep")] == []


def test_a_task_that_a_killed_worker_took_off_the_list_comes_again(
    there: Broker, sandbox: Sandbox, redis: Redis
) -> None:
    there.puts(2)
    taken = redis.rpop(f"{there.queue}:{there.queue}")  # what BRPOP does before anything is noted
    assert isinstance(taken, bytes)
    until(lambda: _passed(redis, there), "the visibility timeout")
    there.machine("later", 1).communicate(timeout=LIMIT)
    with there.worker("worker"):
        sandbox.wait_for_views(3, timeout=LIMIT)
        until(lambda: is_swept(there, redis), "nothing is kept of views that have ended")
    keys = [request.idempotency_key for request in sandbox.requests]
    assert len(keys) == len(set(keys)) == 3


def _passed(redis: Redis, there: Broker) -> bool:
    asked: Any = redis
    (times,) = asked.scan_iter(f"{there.queue}:topmail_flask.held.*.times")
    ((_, last),) = asked.zrange(times, -1, -1, withscores=True)
    return bool(time.time() > last + 1.2 * VISIBILITY_TIMEOUT)


def test_a_long_queue_is_no_loss(copies: UnackedCopies) -> None:
    for number in range(5):
        copies.keep(f"key-{number}", f"line-{number}", 1000.0 + number)
    assert copies.end("key-0") is None


def test_only_what_is_older_than_the_patience_is_lost_and_one_worker_looks(
    copies: UnackedCopies,
) -> None:
    copies.keep("lost", "line", 1000.0)
    copies.keep("waits", "line", 1002.0)
    copies.keep("worked-off", "line", 1002.5)
    before = copies.end("worked-off")
    assert before == 1001.5
    assert copies.lost(before) == [("lost", "line")]
    assert copies.lost(before) == [], "another worker looks for lost views just now"


def test_a_view_that_has_ended_already_tells_nothing(copies: UnackedCopies) -> None:
    assert copies.end("never kept") is None


def test_no_copy_is_kept_on_rabbitmq(sandbox: Sandbox, tmp_path: Path) -> None:
    with broker("amqp", sandbox, tmp_path) as there, Celery("shop", set_as_current=False) as celery:
        celery.config_from_object(there.config())
        publisher = Publisher(celery)
        assert not publisher.keeps_copies
        publisher.close()
