"""The end of the process, and its forks: known once for all deliveries of the process."""

from __future__ import annotations

import atexit
import os
import time
from typing import Protocol
from weakref import WeakSet


class Living(Protocol):
    """What has to know of the end and of forks."""

    @property
    def exit_budget(self) -> float: ...
    def end_by(self, moment: float) -> None: ...
    def await_end(self, moment: float) -> None: ...
    def begin_anew(self) -> None: ...


_living: WeakSet[Living] = WeakSet()
_registered = False


def register(one: Living) -> None:
    """Have ``one`` told of forks and of the end of the process. It is held weakly."""
    global _registered  # noqa: PLW0603  # once per process
    _living.add(one)
    if not _registered:
        _registered = True
        os.register_at_fork(after_in_child=_after_fork)
        atexit.register(_at_exit)


def _at_exit() -> None:
    """One budget for all: they end side by side, and nobody is waited for beyond it."""
    living = list(_living)
    begin = time.monotonic()
    moments = [begin + one.exit_budget for one in living]
    for one, moment in zip(living, moments, strict=True):
        one.end_by(moment)
    for one, moment in zip(living, moments, strict=True):
        one.await_end(moment)


def _after_fork() -> None:
    for one in list(_living):
        one.begin_anew()
