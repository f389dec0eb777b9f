"""A clock that a test may put forward."""

from __future__ import annotations

import time
from datetime import timedelta


class Clock:
    """The real time and what a test added to it."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def advance(self, by: float | timedelta) -> None:
        """Put the clock forward.

        :param by: seconds, or a timedelta.
        :raises ValueError: it would go back.
        """
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        if seconds < 0:
            raise ValueError("a clock goes forward: advance it by 0 seconds or more")
        self._ahead += seconds

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self._ahead

    def monotonic(self) -> float:
        """Seconds since some moment, that never go back."""
        return time.monotonic() + self._ahead
