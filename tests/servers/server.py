"""A real server process: started, asked, watched, and always reaped."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"
SHOPPER = "ann@example.com"


def until(condition: Callable[[], object], limit: float, what: str) -> None:
    """Return as soon as the condition holds.

    :raises AssertionError: it does not within ``limit`` seconds.
    """
    end, pause = time.monotonic() + limit, threading.Event()
    while not condition():
        assert time.monotonic() < end, f"not within {limit} s: {what}"
        pause.wait(0.01)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def children(pid: int) -> list[int]:
    """The child processes of a process, of whichever of its threads."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def wait_for_exit(pids: Iterable[int], limit: float) -> float:
    """The seconds until the last of these processes is gone.

    :raises AssertionError: one is still there after ``limit`` seconds.
    """
    begin = time.monotonic()
    for pid in pids:
        with suppress(ProcessLookupError):
            watch = os.pidfd_open(pid)
            try:
                left = max(0.0, begin + limit - time.monotonic())
                assert select.select([watch], [], [], left)[0], f"{pid} lives after {limit} s"
            finally:
                os.close(watch)
    return time.monotonic() - begin


@dataclass
class Server:
    """A running server of the store."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def workers(self) -> list[int]:
        return children(self.pid)

    @property
    def told(self) -> str:
        """What the server wrote."""
        return self.log.read_text(errors="replace")

    def get(self, path: str, *, user: str = SHOPPER, timeout: float = 30.0) -> bytes:
        """The body of a page.

        :raises OSError: or HTTPException: the server broke off.
        """
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"User-Agent": BROWSER, "Cookie": f"user={user}", "Connection": "close"}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, f"{path}: {answer.status}\n{self.told}"
        return body

    def look_at(self, products: Sequence[str], *, browsers: int = 8) -> list[str]:
        """Look at each product once, from several browsers; returns those whose page came whole."""

        def look(product: str) -> bool:
            with suppress(OSError, HTTPException):
                return f"Lamp {product}".encode() in self.get(f"/products/{product}")
            return False

        with ThreadPoolExecutor(browsers) as browser:
            seen = list(browser.map(look, products))
        return [product for product, came in zip(products, seen, strict=True) if came]

    def books(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.get("/books"))
        return told

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, limit: float = 10.0) -> float:
        """End it; returns the seconds until the server and all its processes were gone."""
        pids = [self.pid, *self.workers]
        self.send(number)
        begin = time.monotonic()
        self.process.wait(limit)
        wait_for_exit(pids[1:], limit)
        return time.monotonic() - begin


@contextmanager
def serving(
    command: Sequence[str], port: int, environment: Mapping[str, str], log: Path
) -> Iterator[Server]:
    """Runs a server while the block runs; what is left of it at the end is killed."""
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    server = Server(process, port, log)
    try:
        until(lambda: listens(port) or process.poll() is not None, 30, f"{command[0]} listens")
        assert process.poll() is None, f"{command} ended:\n{server.told}"
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def black_hole() -> Iterator[str]:
    """A base URL where connections are neither accepted nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        for _ in range(6):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(listener.getsockname())
            waiting.append(connection)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/v1"
        finally:
            for client in waiting:
                client.close()
