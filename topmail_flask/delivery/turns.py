"""Whose turn it is: shoppers take turns, each with the oldest of their views, one lot at a time.

What is known here is a shortcut: the outbox's table is the truth, and is swept through for whoever
waits in it and is not in line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

LONGEST_LINE = 10_000
"""Shoppers that are remembered as being in line; of more, a sweep reminds."""
Page = Callable[[str, int], list[str]]
"""The next shoppers in the table behind one of them, at most so many, in the table's order."""


class Turns:
    """The line of shoppers, by identity. A shopper with views under way has no other turn."""

    def __init__(self) -> None:
        self._line: deque[str] = deque()
        self._again: deque[str] = deque()
        self._in_line: set[str] = set()
        self._under_way: dict[str, tuple[set[str], float]] = {}
        self._more: set[str] = set()
        self._swept: deque[str] = deque()
        self._swept_to: str | None = ""

    def arrived(self, identities: Iterable[str]) -> None:
        """New views of these shoppers wait."""
        for identity in identities:
            if identity in self._under_way:
                self._more.add(identity)
            elif identity not in self._in_line:
                self._enter(self._line, identity)

    def sweep(self) -> None:
        """Have everybody in the table get a turn: others may have put something there."""
        self._swept_to = ""

    @property
    def sweeps(self) -> bool:
        """Whether a sweep is under way."""
        return bool(self._swept) or self._swept_to is not None

    def next(self, limit: int, due: list[str], page: Page, now: float) -> list[str]:
        """Who has the next turns: in turn those who are due, the one who came last, the one who has
        waited longest in line, one with more views after a turn, and one of the sweep.

        :param due: whose retry or purchase is due, the longest due first.
        """
        if not self._swept and self._swept_to is not None:
            self._swept.extend(page(self._swept_to, limit))
            self._swept_to = self._swept[-1] if len(self._swept) == limit else None
        waiting_due = deque(due)
        sources = (
            (waiting_due, waiting_due.popleft),
            (waiting_due, waiting_due.popleft),
            (self._line, self._line.pop),
            (self._line, self._line.popleft),
            (self._again, self._again.popleft),
            (self._swept, self._swept.popleft),
        )
        chosen: dict[str, None] = {}
        while len(chosen) < limit and any(line for line, _ in sources):
            for line, leave in sources:
                if line and len(chosen) < limit:
                    identity = leave()
                    self._in_line.discard(identity)
                    _, until = self._under_way.get(identity, (None, 0.0))
                    if until <= now:
                        self._under_way.pop(identity, None)
                        chosen[identity] = None
        return list(chosen)

    def began(self, identity: str, keys: Iterable[str], until: float, *, more: bool) -> None:
        """Views of a shopper are under way.

        :param until: when their lease ends.
        :param more: whether others of theirs wait behind these.
        """
        self._under_way[identity] = set(keys), until
        if more:
            self._more.add(identity)

    def ended(self, identity: str, key: str, *, waits: bool = False) -> None:
        """A view is not under way any more.

        :param waits: whether it waits for its next turn, which is due now.
        """
        keys, _ = self._under_way.get(identity, (set(), 0.0))
        if key not in keys:
            return
        keys.discard(key)
        if waits:
            self._more.add(identity)
        if not keys:
            del self._under_way[identity]
            if identity in self._more:
                self._more.discard(identity)
                self._enter(self._again, identity)

    def _enter(self, line: deque[str], identity: str) -> None:
        if len(self._line) + len(self._again) >= LONGEST_LINE:
            self._in_line.discard((self._line or self._again).popleft())
            self.sweep()
        self._in_line.add(identity)
        line.append(identity)
