"""Faults on purpose: what the next calls suffer, in words and on the socket.

A script names what becomes of the next calls, one fault each. A fault is a mapping, or short:
``"reset"`` for ``{"action": "reset"}`` and ``503`` for ``{"action": "answer", "status": 503}``. The
actions:

``pass``         the ordinary response
``answer``       ``status`` with ``body``, ``headers``, ``content_type``; without a body, TopMail's
                 error shape with ``code``
``reset``        the connection is reset (RST) before any response
``hang``         no response; the connection closes when other faults are set
``drip``         the response, one byte every ``interval_ms``
``truncate``     a ``Content-Length`` that promises more than comes, then the connection closes
``close_after``  the response, and the connection closes without having said so (stale keep-alive)
``endless``      a body of ``size`` bytes (1 GB) without a ``Content-Length``
``gzip_bomb``    a small compressed body that unpacks to ``size`` bytes (200 MB)

``recorded`` says whether the call is dealt with first, as if the fault were on the way back; it is
true for drip, truncate and close_after, false for the others. With an ``answer`` that is recorded
the view is there, and the client gets an error all the same.
"""

import json
import os
import random
import socket
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from http import HTTPStatus
from typing import Any, Literal, get_args

from topmail_flask.sandbox.contract import ApiError, ApiResponse, Headers

Action = Literal[
    "pass", "answer", "reset", "hang", "drip", "truncate", "close_after", "endless", "gzip_bomb"
]
_RECORDED = {"drip", "truncate", "close_after"}
_SIZES = {"endless": 1_000_000_000, "gzip_bomb": 200_000_000}
_CODES = {
    400: "validation_error",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "duplicate",
    413: "payload_too_large",
    429: "rate_limited",
}
_CHUNK = 65_536

Per = Literal["second", "minute", "hour"]
SECONDS: Mapping[Per, int] = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True)
class Fault:
    """What becomes of one call; see the module for the actions."""

    action: Action
    recorded: bool = False
    status: int = 500
    code: str = "server_error"
    body: bytes | None = None
    headers: Headers = ()
    content_type: str = "application/json"
    interval_ms: float = 400
    size: int = 0

    @property
    def on_the_wire(self) -> bool:
        """Whether the fault needs the socket itself."""
        return self.action not in {"pass", "answer"}

    @property
    def is_silent(self) -> bool:
        """Whether the client gets no response at all."""
        return self.action in {"reset", "hang"}

    def response(self) -> ApiResponse:
        """Return the response that is asked for: its body, or TopMail's error shape."""
        if self.body is not None:
            return ApiResponse(self.status, self.body, self.headers, self.content_type)
        message = "This response is a fault set in the sandbox"
        return ApiError(self.status, self.code, message, headers=self.headers).response

    def as_json(self) -> dict[str, Any]:
        """Return the fault as a mapping; a body that is not UTF-8 loses what is not."""
        body = None if self.body is None else self.body.decode("utf-8", "replace")
        return {**vars(self), "body": body}

    def __str__(self) -> str:
        """Say the fault in a few words, for the page."""
        when = " after recording" if self.recorded and self.action not in _RECORDED else ""
        name = f"answer {self.status}" if self.action == "answer" else self.action
        return name.replace("_", " ") + when


def read_script(script: Sequence[Fault | Mapping[str, Any] | str | int]) -> tuple[Fault, ...]:
    """Return the faults of a script; raise :class:`ValueError` for one that makes no sense."""
    if isinstance(script, str | bytes | Mapping) or not isinstance(script, Sequence):
        raise ValueError("script must be a list of faults")
    return tuple(each if isinstance(each, Fault) else _read_fault(each) for each in script)


def _read_fault(given: Mapping[str, Any] | str | int) -> Fault:
    if isinstance(given, str):
        given = {"action": given}
    elif isinstance(given, int) and not isinstance(given, bool):
        given = {"status": given}
    if not isinstance(given, Mapping):
        raise ValueError("a fault of the script is a mapping, the name of an action, or a status")
    wanted = {"action": "answer", **given}
    unknown = [name for name in wanted if name not in {each.name for each in fields(Fault)}]
    if unknown:
        raise ValueError(f"a fault has no {unknown[0]}")
    action = wanted["action"]
    if action not in get_args(Action):
        raise ValueError(f"there is no action {action!r}: take {', '.join(get_args(Action))}")
    status = wanted.setdefault("status", 500)
    if not isinstance(status, int) or not 200 <= status <= 599:
        raise ValueError("status must be a whole number from 200 to 599")
    if action == "answer" and status < 300 and "body" not in wanted:
        raise ValueError('a success needs a body; take "pass" for the ordinary response')
    wanted["body"] = _read_body(wanted.get("body"))
    wanted["headers"] = _read_headers(wanted.get("headers", {}))
    for name in ("interval_ms", "size"):
        if not isinstance(wanted.get(name, 0), int | float) or wanted.get(name, 0) < 0:
            raise ValueError(f"{name} must be a number of 0 or more")
    wanted.setdefault("code", _CODES.get(status, "server_error"))
    wanted.setdefault("recorded", action in _RECORDED)
    wanted.setdefault("size", _SIZES.get(action, 0))
    return Fault(**wanted)


def _read_body(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def _read_headers(headers: Any) -> Headers:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    read = tuple((str(name), str(value)) for name, value in pairs)
    if any("\r" in part or "\n" in part for pair in read for part in pair):
        raise ValueError("headers must not contain line breaks")
    return read


@dataclass(frozen=True)
class Faults:
    """What is to go wrong.

    ``latency_ms`` and up to ``jitter_ms`` more before each response (the view is recorded first);
    ``error_rate`` (0 to 1) of all calls get 500; ``outage`` gives 503 to all; ``rate_limit``
    requests ``per`` second, minute or hour and API key; ``script`` says what becomes of the next
    calls, one fault each (see ``topmail_flask.sandbox.faults``).
    """

    latency_ms: float = 0
    jitter_ms: float = 0
    error_rate: float = 0
    outage: bool = False
    rate_limit: int | None = None
    per: Per = "minute"
    script: Sequence[Fault | Mapping[str, Any] | str | int] = ()

    def __post_init__(self) -> None:
        """Check every field; raise :class:`ValueError` with the name of the one that is wrong."""
        for name, highest in (("latency_ms", 600_000), ("jitter_ms", 600_000), ("error_rate", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} must be a number")
            if not 0 <= value <= highest:
                raise ValueError(f"{name} must be between 0 and {highest}")
        if not isinstance(self.outage, bool):
            raise ValueError("outage must be true or false")
        if self.rate_limit is not None and (
            isinstance(self.rate_limit, bool)
            or not isinstance(self.rate_limit, int)
            or self.rate_limit < 0
        ):
            raise ValueError("rate_limit must be a whole number of 0 or more, or null")
        if self.per not in get_args(Per):
            raise ValueError("per must be second, minute or hour")
        object.__setattr__(self, "script", read_script(self.script))

    def as_json(self) -> dict[str, Any]:
        """Return what :meth:`read` takes."""
        return {**vars(self), "script": [fault.as_json() for fault in read_script(self.script)]}

    @property
    def none_active(self) -> bool:
        """Whether nothing is to go wrong."""
        return self == Faults()

    @classmethod
    def read(cls, wanted: Mapping[str, Any]) -> "Faults":
        """Return the faults that a JSON object asks for; raise :class:`ValueError`."""
        known = {each.name for each in fields(cls)}
        for name in wanted:
            if name not in known:
                raise ValueError(f"{name} is no fault: there are {', '.join(sorted(known))}")
        return cls(**wanted)


class FaultInjector:
    """The faults in force, and how much of their script is left. Safe to use from any thread."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._lock = threading.RLock()
        self._released = threading.Event()
        self._faults = Faults()
        self._script: deque[Fault] = deque()

    def inject(self, faults: Faults) -> None:
        """Put ``faults`` in the place of those before and release what hangs."""
        with self._lock:
            self._faults = faults
            self._script = deque(read_script(faults.script))
            self.release()

    def release(self) -> None:
        """End every response that hangs, drips or is held back."""
        with self._lock:
            self._released.set()
            self._released = threading.Event()

    @property
    def faults(self) -> Faults:
        """The faults in force, with what is left of their script."""
        with self._lock:
            return Faults(**{**vars(self._faults), "script": tuple(self._script)})

    def next_fault(self) -> tuple[Fault | None, threading.Event]:
        """Return the fault of the call that has just come in, if any, and what sets it free."""
        fault = None
        with self._lock:
            if self._script:
                fault = self._script.popleft()
            elif self._faults.outage:
                fault = Fault("answer", status=503)
            elif self._faults.error_rate and self._dice.random() < self._faults.error_rate:
                fault = Fault("answer", status=500)
            return fault, self._released

    def delay(self) -> float:
        """Return how long this response is held back, in seconds."""
        with self._lock:
            jitter = self._dice.random() * self._faults.jitter_ms
            return (self._faults.latency_ms + jitter) / 1000


def head(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    """Return the status line and headers of an HTTP/1.1 response, up to the empty line."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def perform(
    fault: Fault, response: ApiResponse, connection: socket.socket, released: threading.Event
) -> Iterator[bytes]:
    """Do to ``connection`` what a WSGI server would never do; ``released`` ends what would last.

    It ends with :class:`ConnectionAbortedError`, the server's sign that the connection is spent.
    """
    headers = (("Content-Type", response.content_type), *response.headers)
    length = len(response.body)
    whole = head(response.status, (*headers, ("Content-Length", str(length)))) + response.body
    match fault.action:
        case "reset":
            _reset(connection)
        case "hang":
            released.wait()
        case "drip":
            _drip(connection, whole, partial(released.wait, fault.interval_ms / 1000))
        case "truncate":
            promised = ("Content-Length", str(length + 100))
            connection.sendall(head(response.status, (*headers, promised)) + response.body)
        case "close_after":
            connection.sendall(whole)
        case "endless":
            connection.sendall(head(200, (*headers, ("Connection", "close"))) + b'{"data": "')
            for _ in range(fault.size // _CHUNK):
                connection.sendall(b"x" * _CHUNK)
        case "gzip_bomb":
            bomb = _bomb(fault.size)
            encoding = (("Content-Encoding", "gzip"), ("Content-Length", str(len(bomb))))
            connection.sendall(head(200, (*headers, *encoding)) + bomb)
    raise ConnectionAbortedError(fault.action)
    yield b""  # a generator: the socket is touched when the server asks for the body


def _drip(connection: socket.socket, whole: bytes, is_over: Callable[[], bool]) -> None:
    for position in range(len(whole)):
        connection.sendall(whole[position : position + 1])
        if is_over():
            return


def _reset(connection: socket.socket) -> None:
    """Close so that the peer sees RST: the file descriptor itself, for no FIN may go before."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


@cache
def _bomb(size: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = [compressor.compress(b" " * _CHUNK) for _ in range(size // _CHUNK)]
    return b"".join(packed) + compressor.flush()
