"""A memory that may fail and may be slow, in front of pages that must not notice."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from topmail_flask.boundary import Boundary
from topmail_flask.storefront.looks import Companion, Look, LookMemory

PAUSE_SECONDS = 10.0
WAITING_LIMIT = 10_000
_AT_ONCE = 500
T = TypeVar("T")


class PatientMemory:
    """Looks wait in this process until an answer has been sent; then they are handed on together.

    After an error the memory is left alone for ten seconds: nothing is shown meanwhile, and looks
    wait, the newest 10,000 of them.
    """

    def __init__(
        self,
        memory: LookMemory,
        boundary: Boundary,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.memory = memory
        self._boundary = boundary
        self._monotonic = monotonic
        self._waiting: deque[Look] = deque(maxlen=WAITING_LIMIT)
        self._paused_until = 0.0

    def add(self, *looks: Look) -> None:
        """Let the looks wait for :meth:`flush`."""
        self._waiting.extend(looks)

    def flush(self) -> bool:
        """Hand on what waits. Returns whether anything was handed on."""
        if not self._waiting or self._monotonic() < self._paused_until:
            return False
        looks: list[Look] = []
        while self._waiting and len(looks) < _AT_ONCE:
            looks.append(self._waiting.popleft())
        try:
            self.memory.remember(looks)
        except Exception as error:  # noqa: BLE001  a shop's memory may raise anything
            self._waiting.extendleft(reversed(looks))
            self._fail(error)
            return False
        return True

    def seen_by(self, visitor: str) -> list[Look]:
        """What the visitor looked at; nothing if that cannot be told now."""
        self.flush()
        return self._asked(lambda: list(self.memory.seen_by(visitor)), [])

    def seen_with(self, product: str) -> list[Companion]:
        """What the product's viewers saw besides; nothing if that cannot be told now."""
        self.flush()
        return self._asked(lambda: list(self.memory.seen_with(product)), [])

    def move(self, looks: Iterable[Look], visitor: str) -> None:
        """Make one visitor's looks those of another."""
        looks = list(looks)
        self.add(*(one._replace(visitor=visitor) for one in looks))
        if self.flush():
            self.drop({one.visitor for one in looks})

    def drop(self, visitors: Iterable[str]) -> None:
        """Erase the looks of these visitors, as far as that is possible now."""
        gone = list(visitors)
        self._asked(lambda: self.memory.forget(gone), 0)

    def forget(self, visitors: Sequence[str]) -> int:
        """Erase the looks of these visitors, or raise what the memory raises."""
        self.flush()
        return self.memory.forget(visitors)

    def _asked(self, ask: Callable[[], T], otherwise: T) -> T:
        if self._monotonic() < self._paused_until:
            return otherwise
        try:
            return ask()
        except Exception as error:  # noqa: BLE001  a shop's memory may raise anything
            self._fail(error)
            return otherwise

    def _fail(self, error: Exception) -> None:
        self._paused_until = self._monotonic() + PAUSE_SECONDS
        self._boundary.report(type(self.memory), error)
