"""Answers on the socket itself: what a WSGI server would never do to a client.

Each of these ends with :class:`ConnectionAbortedError`, the server's sign that the connection is
spent.
"""

import os
import socket
import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import cache
from http import HTTPStatus
from threading import Event

from topmail_flask.sandbox.answers import Answer
from topmail_flask.sandbox.script import Step

_CHUNK = 65_536


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return the status line and headers of an HTTP/1.1 answer, up to the empty line."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def perform(
    step: Step, answer: Answer, connection: socket.socket, released: Event
) -> Iterator[bytes]:
    """Do to ``connection`` what ``step`` says; ``released`` ends what would last for ever."""
    headers = (("Content-Type", answer.content_type), *answer.headers)
    whole = head(answer.status, (*headers, ("Content-Length", str(len(answer.body)))))
    match step.action:
        case "reset":
            _reset(connection)
        case "hang":
            released.wait()
        case "drip":
            for position in range(len(whole + answer.body)):
                connection.sendall((whole + answer.body)[position : position + 1])
                if released.wait(step.interval_ms / 1000):
                    break
        case "truncate":
            promised = ("Content-Length", str(len(answer.body) + 100))
            connection.sendall(head(answer.status, (*headers, promised)) + answer.body)
        case "close_after":
            connection.sendall(whole + answer.body)
        case "endless":
            connection.sendall(head(200, (*headers, ("Connection", "close"))) + b'{"data": "')
            for _ in range(step.size // _CHUNK):
                connection.sendall(b"x" * _CHUNK)
        case "gzip_bomb":
            bomb = _bomb(step.size)
            encoding = (("Content-Encoding", "gzip"), ("Content-Length", str(len(bomb))))
            connection.sendall(head(200, (*headers, *encoding)) + bomb)
    raise ConnectionAbortedError(step.action)
    yield b""  # a generator: the socket is touched when the server asks for the body


def _reset(connection: socket.socket) -> None:
    """Close so that the peer sees RST: the file descriptor itself, for no FIN may go before."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


@cache
def _bomb(size: int) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = [compressor.compress(b" " * _CHUNK) for _ in range(size // _CHUNK)]
    return b"".join(packed) + compressor.flush()
