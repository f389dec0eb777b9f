"""The end of the process, and its forks: known once for all deliveries of the process."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakSet


class Living(Protocol):
    """What has to know of the end and of forks."""

    @property
    def exit_budget(self) -> float: ...
    def end_by(self, moment: float) -> None: ...
    def await_end(self, moment: float) -> None: ...
    def begin_anew(self) -> None: ...


LONGEST_LOADING = 5.0
"""Seconds that a fork waits for a thread that loads modules."""
_loading = threading.RLock()
_held = False
_living: WeakSet[Living] = WeakSet()
_registered = _watching = False


def register(one: Living) -> None:
    """Have ``one`` told of forks and of the end of the process. It is held weakly."""
    global _registered  # noqa: PLW0603  # once per process
    _living.add(one)
    if not _registered:
        _registered = True
        _watch_forks()
        atexit.register(_at_exit)


def _watch_forks() -> None:
    global _watching  # noqa: PLW0603  # once per process
    if not _watching:
        _watching = True
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
        )


def _at_exit() -> None:
    """One budget for all: they end side by side, and nobody is waited for beyond it.

    The end that a signal's handler asks for meanwhile is under way: it cuts nothing short.
    """
    living = list(_living)
    begin = time.monotonic()
    moments = [begin + one.exit_budget for one in living]
    for one, moment in zip(living, moments, strict=True):
        _to_the_end(one.end_by, moment)
    for one, moment in zip(living, moments, strict=True):
        _to_the_end(one.await_end, moment)


def _to_the_end(act: Callable[[float], None], moment: float) -> None:
    while True:
        try:
            return act(moment)
        except (SystemExit, KeyboardInterrupt):
            continue  # with what is left of the time


@contextmanager
def unforked() -> Iterator[None]:
    """No fork while the block loads modules or is inside of SQLite: the child would wait for ever
    for the lock of a module, or one of SQLite's own, whose thread it does not have, as soon as it,
    or the shop, imports the same or opens a file.
    """
    _watch_forks()
    with _loading:
        yield


def _before_fork() -> None:
    global _held  # noqa: PLW0603  # for the hooks after this one
    _held = _loading.acquire(timeout=LONGEST_LOADING)


def _after_fork() -> None:
    if _held:
        _loading.release()


def _after_fork_in_child() -> None:
    global _loading  # noqa: PLW0603  # whoever has it may be a thread of the parent
    _loading = threading.RLock()
    for one in list(_living):
        one.begin_anew()
