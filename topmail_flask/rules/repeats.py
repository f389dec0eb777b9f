"""Which of a shopper's page views are sent: one in a repeat window, and those of the sample."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from hashlib import blake2b

REMEMBERED = 10_000


class RepeatWindow:
    """The first view of a product counts, the next ones within the window do not.

    The window is fixed: it runs from the view that counted, so a shopper who reloads a page for
    an hour is counted once a window. This memory spares the journal most repeats; the outbox
    decides across all processes of the machine.

    Every step is one atomic operation of a dict or a list, so threads need no lock, and a forked
    process inherits none.

    :param seconds: length of the window; 0 counts every view.
    :param clock: seconds that never go back.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._counted: dict[Hashable, list[float]] = {}

    def is_repeat(self, view: Hashable) -> bool:
        """Whether it counted within the window; if not, it counts from now.

        :param view: tells this shopper's views of this product from every other.
        """
        if self._seconds <= 0:
            return False
        now = self._clock()
        mine = [now]
        counted = self._counted.setdefault(view, mine)
        if counted is mine:
            if len(self._counted) > REMEMBERED:
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


def in_sample(identity: str, rate: float) -> bool:
    """Whether a shopper's views are sent under ``TOPMAIL_SAMPLE_RATE``.

    The same in every process and for good; who is in a sample is also in every larger one.

    :param identity: :attr:`~topmail_flask.Shopper.identity`.
    :param rate: share of the shoppers, from 0 (nobody) to 1 (everybody).
    """
    if rate >= 1:
        return True
    drawn = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=8, person=b"sample")
    return int.from_bytes(drawn.digest(), "big") < rate * 2**64
