"""The server of these tests, when a browser does not stay to the end."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from tests.browser.serving import serving

RESET = struct.pack("ii", 1, 0)


def test_an_answer_is_closed_though_the_browser_leaves_at_its_end() -> None:
    """A file that stays open fails whichever test runs when it is collected."""
    gone, closed = threading.Event(), threading.Event()

    class Answer:
        def __iter__(self) -> Iterator[bytes]:
            yield b"whole"
            gone.wait(20)

        def close(self) -> None:
            closed.set()

    answer = Answer()  # kept: nothing but the server closes it

    def page(_: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "5")])
        return answer

    with serving(page) as url:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as browser:
            browser.sendall(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")
            got = b""
            while not got.endswith(b"whole"):
                got += browser.recv(1000)
            browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        gone.set()
        assert closed.wait(20)
