"""What this process counted a moment ago."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

REMEMBERED = 10_000


class RepeatWindow:
    """The first look at a product counts, the next ones within the window do not.

    The window is fixed: it runs from the view that counted, so a shopper who reloads a page for
    an hour is counted once a window. This memory spares the journal most repeats; the last word,
    across all processes of the machine, is the outbox's.

    Every step is one atomic operation of a dict or a list, so threads need no lock, and a forked
    process inherits none.

    :param seconds: length of the window; 0 counts every look.
    :param clock: seconds that never go back.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._counted: dict[Hashable, list[float]] = {}

    def is_repeat(self, look: Hashable) -> bool:
        """Whether it counted within the window; if not, it counts from now.

        :param look: tells this shopper's look at this product from every other.
        """
        if self._seconds <= 0:
            return False
        now = self._clock()
        mine = [now]
        counted = self._counted.setdefault(look, mine)
        if counted is mine:
            self._forget_the_oldest()
            return False
        try:
            if now - counted[0] < self._seconds:
                return True
            counted.pop()  # only one thread can take the old time out and put the new one in
        except IndexError:
            return True
        counted.append(now)
        return False

    def _forget_the_oldest(self) -> None:
        while len(self._counted) > REMEMBERED:
            try:
                self._counted.pop(next(iter(self._counted)), None)
            except (RuntimeError, StopIteration):  # another thread is at it
                return
