"""Real brokers behind a wire that can be cut, the machines of a store, and their workers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis

from tests.conftest import missing
from topmail_flask.sandbox import Sandbox

PORTS = {"amqp": ("RabbitMQ", 5672), "redis": ("Redis", 6379)}
LIMIT = 40.0
VISIBILITY_TIMEOUT = 1
"""Seconds after which Redis gives a task that was begun and not ended to another worker."""


class Wire:
    """A TCP connection to a port of this machine that can be cut and mended."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.mend(self._listener)

    def cut(self) -> None:
        """As of a broker that is gone: connections break, new ones are refused."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for pump in self._pumps:
            pump.join()
        for connection in self._open:
            connection.close()
        self._open.clear()

    def mend(self, listener: socket.socket | None = None) -> None:
        self._listener = listener or socket.create_server(("127.0.0.1", self.port))
        self._pumps: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    pump = threading.Thread(target=self._pump, args=pair, daemon=True)
                    self._pumps.append(pump)
                    pump.start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65_536):
                sink.sendall(chunk)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@dataclass
class Broker:
    """A queue of its own on a real broker, and what a store's environment says of it."""

    kind: str
    wire: Wire
    sandbox: Sandbox
    place: Path
    queue: str = field(default_factory=lambda: f"topmail-test-{uuid.uuid4().hex[:12]}")

    @property
    def told(self) -> list[list[str]]:
        """What receivers in workers were told: word, product, worker."""
        file = self.place / "told"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def config(self, port: int | None = None) -> dict[str, Any]:
        user, path, options = "guest:guest@", "/", dict[str, Any]()
        if self.kind == "redis":
            user, path = "", "0"
            options = {
                "visibility_timeout": VISIBILITY_TIMEOUT,
                "global_keyprefix": f"{self.queue}:",
            }
        return {
            "broker_url": f"{self.kind}://{user}127.0.0.1:{port or self.wire.port}/{path}",
            "broker_transport_options": options,
            "broker_connection_retry_on_startup": True,
            "task_default_queue": self.queue,
            "worker_enable_remote_control": False,
            "worker_prefetch_multiplier": 1,
            "worker_hijack_root_logger": False,
        }

    def env(self, name: str) -> dict[str, str]:
        return {
            "CELERY": json.dumps(self.config()),
            "NAME": name,
            "TOLD": str(self.place / "told"),
            "TOPMAIL_API_KEY": self.sandbox.api_key,
            "TOPMAIL_BASE_URL": self.sandbox.base_url,
            "TOPMAIL_ENABLED": "true",
            "TOPMAIL_OUTBOX": str(self.place / name),
            "TOPMAIL_RATE": "500",
        }

    def puts(self, views: int) -> None:
        """A machine's views leave for the broker."""
        machine = self.machine("machine", views)
        out, _ = machine.communicate(timeout=LIMIT)
        assert json.loads(out) == {"left": True, "stats": views}

    def machine(self, name: str, views: int) -> subprocess.Popen[str]:
        """A process of the store with an outbox of its own; it ends when its views have left."""
        words = ["-m", "tests.delivery.celery_store", name, str(views), str(LIMIT)]
        env = os.environ | self.env(name)
        return subprocess.Popen(
            [sys.executable, *words], env=env, stdout=subprocess.PIPE, text=True
        )

    @contextmanager
    def worker(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A Celery worker with one child; its log is the file ``NAME.log``."""
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        words = ["-A", "tests.delivery.make_celery", "worker", "-l", "INFO", "-c", "1", *quiet]
        with (self.place / f"{name}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "celery", *words, "-n", f"{name}@test"],
                env=os.environ | self.env(name),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield worker
        finally:
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    def remove(self) -> None:
        """Leave nothing behind on the broker."""
        if self.kind == "redis":
            with Redis(port=PORTS["redis"][1]) as redis:
                for key in redis.scan_iter(f"{self.queue}:*"):
                    redis.delete(key)
            return
        with Celery(set_as_current=False) as celery:
            celery.config_from_object(self.config(PORTS["amqp"][1]))
            with celery.connection_for_write() as connection:
                connection.default_channel.queue_delete(self.queue)


@contextmanager
def broker(kind: str, sandbox: Sandbox, place: Path) -> Iterator[Broker]:
    """A real broker of this kind; without one the test is skipped."""
    name, port = PORTS[kind]
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        missing(f"{name} on port {port}")
    wire = Wire(port)
    found = Broker(kind, wire, sandbox, place)
    try:
        yield found
    finally:
        found.remove()
        wire.cut()
