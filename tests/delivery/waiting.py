"""Waiting for a state of the world outside of the test."""

from __future__ import annotations

import time
from collections.abc import Callable

LIMIT = 20.0


def until(reached: Callable[[], bool], what: str, limit: float = LIMIT) -> float:
    """Wait until it is reached; returns the seconds that it took."""
    begin = time.monotonic()
    while not reached():
        assert time.monotonic() - begin < limit, f"waited {limit} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begin
