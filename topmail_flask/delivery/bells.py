"""Waking a thread, from wherever it may be needed."""

from __future__ import annotations

import threading


class Bell:
    """Wakes the one thread that waits for it; rung several times it rings once.

    A bare lock, because nothing else may be used from a signal handler or a finaliser that
    interrupts this very code: releasing it takes no other lock.
    """

    __slots__ = ("_silence",)

    def __init__(self) -> None:
        # Looked up now and not at import: gevent may have replaced it in between.
        self._silence = threading.Lock()
        self._silence.acquire()

    def ring(self) -> None:
        """Wake the thread that waits, or let its next wait end at once."""
        try:
            self._silence.release()
        except RuntimeError:
            pass  # it rings already

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for a ring. Returns whether there was one in time."""
        return self._silence.acquire(timeout=-1 if seconds is None else max(seconds, 0.0))
