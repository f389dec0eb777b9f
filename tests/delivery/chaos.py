"""A TopMail that misbehaves on the wire as told, and remembers every call."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import struct
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme

Act = Callable[["Exchange"], None]


@dataclass(frozen=True)
class Seen:
    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")

    @property
    def sha(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


class Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    chaos: Chaos

    def setup(self) -> None:
        super().setup()
        self.chaos.connections.append(str(self.client_address))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.chaos.clock(), self.command, self.path, headers, body)
        with self.chaos.lock:
            self.chaos.calls.append(seen)
            script = self.chaos.script
            act = script.popleft() if script else self.chaos.otherwise
        self.chaos.arrived.release()
        self.seen = seen
        act(self)

    do_GET = do_POST  # noqa: N815  # the server looks for this name

    def reply(
        self,
        status: int,
        body: bytes = b"",
        kind: str = "application/json",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        if "Content-Length" not in dict(headers):
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@dataclass
class Chaos:
    """Scripted answers first, then ``otherwise``."""

    clock: Callable[[], float] = time.time
    calls: list[Seen] = field(default_factory=list)
    script: deque[Act] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    released: threading.Event = field(default_factory=threading.Event)
    connections: list[str] = field(default_factory=list)
    base_url: str = ""

    def __post_init__(self) -> None:
        self.otherwise: Act = ok

    @property
    def views(self) -> list[Seen]:
        return [call for call in self.calls if call.path.endswith("/track/product-view")]

    @property
    def keys(self) -> list[str]:
        return [call.key for call in self.views]

    def answers(self, *acts: Act | int) -> None:
        self.script.extend(status(act) if isinstance(act, int) else act for act in acts)

    def wait_for(self, calls: int, limit: float = 20.0) -> None:
        """Return when that many further calls have come in."""
        for _ in range(calls):
            assert self.arrived.acquire(timeout=limit), f"saw {len(self.calls)} calls only"


@contextmanager
def chaos_server(
    clock: Callable[[], float] = time.time, certificate: trustme.LeafCert | None = None
) -> Iterator[Chaos]:
    chaos = Chaos(clock)
    exchange = type("ThisExchange", (Exchange,), {"chaos": chaos})
    server = ThreadingHTTPServer(("127.0.0.1", 0), exchange)
    server.daemon_threads = True
    server.block_on_close = False
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    scheme = "https" if certificate else "http"
    chaos.base_url = f"{scheme}://127.0.0.1:{server.server_port}/api/v1"
    try:
        yield chaos
    finally:
        chaos.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def ok(exchange: Exchange) -> None:
    told = json.loads(exchange.seen.body or b"{}")
    if exchange.path.endswith("/contacts"):
        answer = {"id": str(uuid.uuid4()), "email": told["email"], "subscribed": False}
    else:
        contact = told.get("contact_id") or f"contact-of-{told.get('email')}"
        answer = {"id": str(uuid.uuid4()), "contact_id": contact}
        if "product_id" in told:
            answer |= {"product_id": told["product_id"], "viewed_at": "2025-01-15T14:30:00.000Z"}
    exchange.reply(201, json.dumps({"data": answer}).encode())


def status(number: int, *headers: tuple[str, str], body: bytes | None = None) -> Act:
    codes = {400: "validation_error", 401: "unauthorized", 409: "conflict", 429: "rate_limited"}
    error = {"error": {"code": codes.get(number, "server_error"), "message": "ordered"}}
    content = json.dumps(error).encode() if body is None else body
    return lambda exchange: exchange.reply(number, content, headers=headers)


def error(number: int, code: str, path: str | None = None) -> Act:
    told = {"code": code, "message": "ordered"} | ({"path": path} if path else {})
    return status(number, body=json.dumps({"error": told}).encode())


def ok_with(*headers: tuple[str, str]) -> Act:
    body = b'{"data": {"id": "v", "contact_id": "c"}}'
    return lambda exchange: exchange.reply(201, body, headers=headers)


def page(number: int = 200) -> Act:
    return lambda exchange: exchange.reply(number, b"<h1>Log in</h1>", "text/html")


def reset(exchange: Exchange) -> None:
    """RST: as of a peer that has fallen over."""
    linger = struct.pack("ii", 1, 0)
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    exchange.close_connection = True
    exchange.connection.close()


def hang(exchange: Exchange) -> None:
    exchange.chaos.released.wait(60)
    exchange.close_connection = True


def ok_then_close(exchange: Exchange) -> None:
    """The answer, and a connection closed without a word (stale keep-alive)."""
    ok(exchange)
    exchange.close_connection = True


def truncated(exchange: Exchange) -> None:
    exchange.reply(200, b'{"data"', headers=(("Content-Length", "5000"),))
    exchange.close_connection = True


def endless(exchange: Exchange) -> None:
    exchange.reply(200, b"", headers=(("Content-Length", str(10**9)),))
    try:
        while not exchange.chaos.released.is_set():
            exchange.wfile.write(b"x" * 65_536)
    except OSError:
        exchange.close_connection = True


def drip_head(interval: float) -> Act:
    """Header upon header, and no end."""

    def act(exchange: Exchange) -> None:
        try:
            exchange.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            while not exchange.chaos.released.wait(interval):
                exchange.wfile.write(b"x")
        except OSError:
            exchange.close_connection = True

    return act


def drip(interval: float) -> Act:
    def act(exchange: Exchange) -> None:
        exchange.reply(200, b"{", headers=(("Content-Length", "100000"),))
        try:
            while not exchange.chaos.released.wait(interval):
                exchange.wfile.write(b" ")
        except OSError:
            exchange.close_connection = True

    return act
