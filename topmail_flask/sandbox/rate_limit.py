"""A rate limit per API key over a sliding window."""

import math
from collections import deque
from collections.abc import Callable

from topmail_flask.sandbox.answers import ApiError
from topmail_flask.sandbox.records import timestamp

_NOMINAL_LIMIT = 10_000


class RateLimit:
    """At most ``limit`` requests in any ``window`` seconds; without a limit, none is refused."""

    def __init__(self, limit: int | None, window: float, clock: Callable[[], float]) -> None:
        """Start with an empty window for every key."""
        self._limit = limit
        self._window = window
        self._clock = clock
        self._taken: dict[str, deque[float]] = {}

    def take(self, key: str) -> None:
        """Count one request of ``key``; raise :class:`ApiError` (429) if the window is full."""
        if self._limit is None:
            return
        now = self._clock()
        taken = self._current(key, now)
        if len(taken) >= self._limit:
            wait = taken[0] + self._window - now if taken else self._window
            error = ApiError(429, "rate_limited", f"More than {self._limit} requests in the window")
            error.headers = (("Retry-After", str(max(1, math.ceil(wait)))),)
            raise error
        taken.append(now)

    def headers(self, key: str) -> tuple[tuple[str, str], ...]:
        """Return the two headers that every answer carries."""
        now = self._clock()
        if self._limit is None:
            remaining, reset = _NOMINAL_LIMIT, now
        else:
            taken = self._current(key, now)
            remaining = self._limit - len(taken)
            reset = (taken[0] if taken else now) + self._window
        return (
            ("X-RateLimit-Remaining", str(remaining)),
            ("X-RateLimit-Reset", timestamp(reset)),
        )

    def _current(self, key: str, now: float) -> deque[float]:
        taken = self._taken.setdefault(key, deque())
        while taken and taken[0] <= now - self._window:
            taken.popleft()
        return taken
