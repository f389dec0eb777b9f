"""What a courier has to tell the stores it works for: ends of views, and lines for their log.

A socket in the app's directory, because what is told names shoppers and belongs into no file. Each
message goes to one store process, at most once: a process that dies with it has not told it.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.notices import logger
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.model.events import ProductView
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Receipt

SOCKET_NAME = "courier.sock"
MOST_UNTOLD = 1000
LONGEST = 128 * 1024


class Announcer(logging.Handler):
    """The courier's end. :meth:`say` may be called in any thread, :meth:`speak` in one.

    :param ring: called when there is something to tell.
    """

    def __init__(self, directory: Path, ring: Callable[[], None]) -> None:
        super().__init__()
        self._directory = directory
        self._ring = ring
        self._untold: deque[bytes] = deque(maxlen=MOST_UNTOLD)
        self._door: socket.socket | None = None
        self._stores: deque[socket.socket] = deque()

    def delivered(self, view: ProductView, receipt: Receipt) -> None:
        """TopMail took a view."""
        ids = (receipt.id, receipt.contact_id, receipt.product_id, receipt.viewed_at)
        self._say(f"delivered {json.dumps(ids)}", _line(view))

    def dropped(self, view: ProductView, reason: Reason) -> None:
        """A view will not be sent."""
        self._say(f"dropped {reason.name}", _line(view))

    def emit(self, record: logging.LogRecord) -> None:
        """A line for the log."""
        self._say(f"log {record.levelno}", record.getMessage().encode())

    def open(self) -> None:
        """Let stores connect; to be called by the one courier that leads."""
        if self._door is None:
            self._door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._door.setblocking(False)
            with suppress(FileNotFoundError):
                (self._directory / SOCKET_NAME).unlink()
            with _address(self._directory) as address:
                self._door.bind(address)
            self._door.listen(64)

    def stores(self) -> int:
        """How many processes of stores listen."""
        while self._door is not None:
            try:
                store, _ = self._door.accept()
            except OSError:
                break
            store.setblocking(False)
            self._stores.append(store)
        for store in tuple(self._stores):
            try:
                store.recv(1)  # it says nothing, ever: this is its end
            except BlockingIOError:
                continue
            except OSError:
                pass
            self._forget(store)
        return len(self._stores)

    def speak(self) -> bool:
        """Tell what can be told without waiting. Returns whether all is told that anybody hears."""
        if not self._untold or not self.stores():
            return True
        while self._untold:
            message = self._untold.popleft()
            if not any(self._send(message) for _ in range(len(self._stores))):
                self._untold.appendleft(message)
                return False
        return True

    def _send(self, message: bytes) -> bool:
        store = self._stores[0]
        self._stores.rotate(-1)
        try:
            return store.send(message) > 0
        except BlockingIOError:
            return False
        except OSError:
            self._forget(store)
            return False

    def _forget(self, store: socket.socket) -> None:
        self._stores.remove(store)
        store.close()

    def _say(self, head: str, content: bytes) -> None:
        self._untold.append(head.encode() + b"\n" + content)
        self._ring()


class Listener:
    """A store process's end: what is told reaches its receivers and its log.

    :param is_heard: whether anybody in the store listens to the ends of views.
    """

    def __init__(self, directory: Path, receivers: Receivers, is_heard: Callable[[], bool]) -> None:
        self._directory = directory
        self._receivers = receivers
        self._is_heard = is_heard
        self._socket: socket.socket | None = None
        self._buffer = bytearray(LONGEST)

    def listen(self) -> int:
        """Pass on what was told since the last time; returns 0 if there is no more to come now."""
        count = 0
        if self._socket is None:
            self._socket = self._connected()
            count = int(self._socket is not None)
        while self._socket is not None and count < MOST_UNTOLD:
            try:
                size = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                break
            except OSError:
                size = 0
            if not size:
                self.close()
                break
            self._pass_on(bytes(self._buffer[:size]))
            count += 1
        return count

    def close(self) -> None:
        """Listen no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket | None:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        one.setblocking(False)
        try:
            with _address(self._directory) as address:
                one.connect(address)
        except OSError:
            one.close()
            return None
        return one

    def _pass_on(self, message: bytes) -> None:
        head, _, content = message.partition(b"\n")
        kind, _, about = head.decode().partition(" ")
        with suppress(ValueError, TypeError, KeyError):
            if kind == "log":
                logger.log(int(about), "%s", content.decode())
            elif self._is_heard():
                view = Entry.from_line(content).view()
                if kind == "delivered":
                    self._receivers.delivered(view, Receipt(*json.loads(about)))
                else:
                    self._receivers.dropped(view, Reason[about])


def _line(view: ProductView) -> bytes:
    return Entry.of_view(view, identity="", repeat="").to_line()


@contextmanager
def _address(directory: Path) -> Iterator[str]:
    """The socket's address: short, however long the path is (a path of 107 bytes is the limit)."""
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{SOCKET_NAME}"
    finally:
        os.close(fd)
