"""The queues that are compared: each hands over, takes up, and can be filled beforehand."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from benchmarks.callers import KEY, body, view
from topmail_flask import Settings
from topmail_flask.delivery.entry import Entry, Identities
from topmail_flask.delivery.journal import Journal
from topmail_flask.delivery.outbox import Outbox

OURS, AGAIN, REDIS = "topmail journal", "topmail journal again", "celery on Redis"
COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "


class Queue(Protocol):
    def ready(self, number: int) -> Any:
        """What the store has in its hands, before anything is written."""

    def put(self, told: Any) -> object: ...

    def take(self, limit: int) -> int: ...

    def fill(self, rows: int) -> None: ...

    def bring_in(self) -> int:
        """Nanoseconds until what was handed over can be taken up."""


class Ours:
    def __init__(self, place: Path) -> None:
        self._identities = Identities(b"bench" * 8)
        place /= "store"  # the directory above has to be the owner's
        self._journal = Journal(place)
        settings = Settings(api_key=KEY, max_rows=1_000_000)  # type: ignore[arg-type]
        self._outbox = Outbox(place, settings)

    def ready(self, number: int) -> Any:
        return view(number)

    def put(self, told: Any) -> None:
        if not self._journal.append(Entry.from_line(self._identities.line(told)).to_line()):
            raise SystemExit("the journal took nothing")

    def fill(self, rows: int) -> None:
        for start in range(0, rows, 1000):
            many = range(10**6 + start, 10**6 + min(rows, start + 1000))
            lines = [self._identities.line(view(one)) for one in many]
            self._outbox.import_lines(lines)
        self._outbox.close()

    def bring_in(self) -> int:
        start = time.thread_time_ns()
        while self._outbox.import_journals().more:
            pass
        return time.thread_time_ns() - start

    def take(self, limit: int) -> int:
        rows = self._outbox.claim(limit)
        with self._outbox.batch():
            for row in rows:
                self._outbox.delivered(row)
        return len(rows)


class _Sqlite:
    """Filled by its own table: a hundred thousand commits would take minutes."""

    more = ""

    def __init__(self, place: Path) -> None:
        self._path = str(place / "queue.db")

    def ready(self, number: int) -> Any:
        return body(number)

    def put(self, told: Any) -> object:
        raise NotImplementedError

    def fill(self, rows: int) -> None:
        if rows:
            self.put(self.ready(0))
            with sqlite3.connect(self._path) as connection:
                connection.execute(COUNTING + self.more, (rows,))
            connection.close()

    def bring_in(self) -> int:
        return 0


class Huey(_Sqlite):
    more = "INSERT INTO task (queue, data, priority) SELECT queue, data, priority FROM task, n"

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        from huey.storage import SqliteStorage

        # As durable as the outbox: WAL and synchronous=NORMAL.
        self._queue = SqliteStorage("store", self._path)
        self._queue.conn.execute("PRAGMA synchronous=NORMAL")

    def put(self, told: Any) -> None:
        self._queue.enqueue(json.dumps(told).encode())

    def take(self, _: int) -> int:
        return int(self._queue.dequeue() is not None)


class PersistQueue(_Sqlite):
    more = (
        "INSERT INTO queue_default (data, timestamp) SELECT data, timestamp FROM queue_default, n"
    )

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        from persistqueue import SQLiteQueue

        self._path = str(place / "data.db")
        self._queue = SQLiteQueue(str(place), multithreading=True, auto_commit=True)

    def put(self, told: Any) -> None:
        self._queue.put(told)

    def take(self, _: int) -> int:
        return int(self._queue.get(block=False) is not None)


class LiteQueue(_Sqlite):
    more = (
        "INSERT INTO Queue (data, message_id, status, in_time) "
        "SELECT data, printf('%036d', i), status, in_time FROM Queue, n"
    )

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        from litequeue import LiteQueue as Opened

        self._queue = Opened(self._path)
        self._queue.conn.execute("PRAGMA busy_timeout=5000")

    def put(self, told: Any) -> None:
        self._queue.put(json.dumps(told))

    def take(self, _: int) -> int:
        message = self._queue.pop()
        if message is None:
            return 0
        self._queue.done(message.message_id)
        return 1


def send(told: object) -> object:
    """A shop's task; no worker of it runs here."""
    return told


class OnRedis:
    NAME = "topmail-benchmark-queue"

    def __init__(self, _: Path) -> None:
        from celery import Celery

        self._app = Celery("bench", broker="redis://127.0.0.1")
        self._app.conf.task_default_queue = self.NAME
        self._app.conf.task_ignore_result = True
        self._task: Any = self._app.task(name="bench.view")(send)

    def ready(self, number: int) -> Any:
        return body(number)

    def put(self, told: Any) -> None:
        self._task.apply_async((told,))

    def take(self, limit: int) -> int:
        raise NotImplementedError

    def bring_in(self) -> int:
        return 0

    def fill(self, rows: int) -> None:
        """What earlier rounds left goes; then as many messages as asked for."""
        from redis import Redis

        redis = Redis()
        redis.delete(self.NAME)
        if rows:
            self.put(self.ready(0))
            message: Any = redis.lindex(self.NAME, 0)
            for start in range(0, rows, 10_000):
                redis.rpush(self.NAME, *[message] * min(10_000, rows - start))


def remove_redis_queue() -> None:
    """Leave nothing behind on the broker."""
    from redis import Redis

    names = (f"_kombu.binding.{OnRedis.NAME}", f"_kombu.binding_permanent.{OnRedis.NAME}")
    with Redis() as redis:
        redis.delete(OnRedis.NAME, *names)


def redis_is_here() -> bool:
    try:
        socket.create_connection(("127.0.0.1", 6379), 0.5).close()
    except OSError:
        return False
    return True


QUEUES: dict[str, Callable[[Path], Queue]] = {
    OURS: Ours,
    AGAIN: Ours,
    "huey SQLite": Huey,
    "persist-queue": PersistQueue,
    "litequeue": LiteQueue,
    REDIS: OnRedis,
}
