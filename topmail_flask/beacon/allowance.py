"""How many messages one address may send."""

from __future__ import annotations

import time
from collections.abc import Callable

PER_SECOND, AT_ONCE = 10.0, 100.0
REMEMBERED = 10_000


class Allowance:
    """A bucket for each sender: :data:`AT_ONCE` messages, refilled by :data:`PER_SECOND`.

    It counts in this process alone. A browser sends one message a look: the limit is there for
    programs, and wide enough for a whole company behind one address. Threads need no lock: what
    they race for is a message more or less.

    :param clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, sender: str) -> bool:
        """Whether ``sender`` may send one more message now."""
        now = self._clock()
        left, since = self._left.pop(sender, (AT_ONCE, now))
        left = min(AT_ONCE, left + (now - since) * PER_SECOND)
        self._left[sender] = max(0.0, left - 1), now
        while len(self._left) > REMEMBERED:  # the one that was silent the longest
            try:
                self._left.pop(next(iter(self._left)), None)
            except (RuntimeError, StopIteration):  # another thread is at it
                break
        return left >= 1

    def __len__(self) -> int:
        return len(self._left)
