"""Where views wait while no disk takes them: bounded, the oldest dropped and counted."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Collection
from contextlib import suppress

from topmail_flask.delivery.entries import Entry
from topmail_flask.model.ledger import Stats
from topmail_flask.model.reasons import Reason


class MemoryRing:
    """Entries in memory, at most ``max_entries`` and ``max_bytes`` of them.

    It takes no lock: it may be used from a signal handler, a finaliser or a forked child, which
    begins with an empty ring of its own.
    """

    def __init__(self, max_entries: int = 10_000, max_bytes: int = 8 * 1024 * 1024) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._begin()

    def _begin(self) -> None:
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._dropped: Counter[str] = Counter()
        self._pid = os.getpid()

    def put(self, entry: Entry) -> list[Entry]:
        """Keeps an entry.

        :returns: the oldest ones, dropped to make room (:attr:`Reason.OVERFLOW`).
        """
        if self._pid != os.getpid():
            self._begin()
        line = entry.to_line()
        self._bytes += len(line)
        self._lines.append(line)
        dropped = []
        while len(self._lines) > self._max_entries or self._bytes > self._max_bytes:
            dropped += self.take(1)
        self._dropped[Reason.OVERFLOW] += len(dropped)
        return dropped

    def take(self, limit: int) -> list[Entry]:
        """Removes up to ``limit`` entries, the oldest first."""
        taken: list[Entry] = []
        with suppress(IndexError):
            while len(taken) < limit and self._pid == os.getpid():
                line = self._lines.popleft()
                self._bytes -= len(line)
                taken.append(Entry.from_line(line))
        return taken

    def pour(self, append: Callable[[Entry], bool]) -> int:
        """Gives what waits to ``append`` until that returns False.

        :returns: how many entries it took.
        """
        poured = 0
        for _ in range(len(self)):
            for entry in self.take(1):
                if not append(entry):
                    self._put_back(entry)
                    return poured
                poured += 1
        return poured

    def forget(self, identities: Collection[str], reason: Reason) -> list[Entry]:
        """Drops what waits for these identities, and counts it under ``reason``."""
        found: list[Entry] = []
        kept: list[Entry] = []
        for entry in self.take(len(self)):
            (found if entry.identity in identities else kept).append(entry)
        for entry in kept:
            self.put(entry)
        self._dropped[reason] += len(found)
        return found

    def give_up(self, reason: Reason) -> list[Entry]:
        """Drops all that waits, and counts it under ``reason``."""
        found = self.take(len(self))
        self._dropped[reason] += len(found)
        return found

    def _put_back(self, entry: Entry) -> None:
        line = entry.to_line()
        self._bytes += len(line)
        self._lines.appendleft(line)

    def __len__(self) -> int:
        return len(self._lines) if self._pid == os.getpid() else 0

    def stats(self) -> Stats:
        """What waits here, and what was dropped here; never what left for the disk."""
        if self._pid != os.getpid():
            return Stats()
        dropped = self._dropped.total()
        reasons = {reason: count for reason, count in self._dropped.items() if count}
        waiting = len(self)
        return Stats(accepted=waiting + dropped, pending=waiting, dropped=dropped, reasons=reasons)
