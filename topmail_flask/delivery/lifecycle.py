"""The end of the process, and its forks: known once for all that send in the process."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from topmail_flask.delivery.runners import Runner


LONGEST_LOADING = 5.0
"""Seconds that a fork waits for a thread that loads modules."""
_loading = threading.RLock()
_held = False
_parked: list[Any] = []
_living: WeakSet[Runner] = WeakSet()
_registered = _watching = False


def register(living: Runner) -> None:
    """Have it told of forks and of the end of the process. It is held weakly, and by its thread."""
    global _registered  # noqa: PLW0603  # once per process
    _living.add(living)
    if not _registered:
        _registered = True
        _watch_forks()
        atexit.register(_at_exit)


def _watch_forks() -> None:
    """Not as this is imported: what is registered last is called first before a fork, and must be
    done with waiting for the modules that load before logging's hook takes the lock that they need.
    """
    global _watching  # noqa: PLW0603  # once per process
    if not _watching:
        _watching = True
        if not hasattr(os, "register_at_fork"):
            return  # Windows: there are no forks
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
        )


def _at_exit() -> None:
    """One budget for all: they end side by side, and nobody is waited for beyond it.

    The end that a signal's handler asks for meanwhile is under way: it cuts nothing short.
    """
    living = list(_living)
    begin = time.monotonic()
    moments = [begin + each.exit_budget for each in living]
    for each, moment in zip(living, moments, strict=True):
        _to_the_end(each.stop, moment)
    for each, moment in zip(living, moments, strict=True):
        _to_the_end(each.join, moment)


def _to_the_end(act: Callable[[float], None], moment: float) -> None:
    while True:
        try:
            return act(moment)
        except (SystemExit, KeyboardInterrupt):
            continue  # with what is left of the time


def park(handle: Any) -> None:
    """Keep what is the parent's, after a fork, for as long as the child lives: it must not be
    closed here, not even by the garbage collector.
    """
    _parked.append(handle)


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
    for each in list(_living):
        each.reset_after_fork()


class Wakeup:
    """Wakes the one thread that waits for it; set several times it wakes once.

    A bare lock, because nothing else may be used from a signal handler or a finaliser that
    interrupts this very code: releasing it takes no other lock.
    """

    __slots__ = ("_unset",)

    def __init__(self) -> None:
        # Looked up now and not at import: gevent may have replaced it in between.
        self._unset = threading.Lock()
        self._unset.acquire()

    def set(self) -> None:
        """Wake the thread that waits, or let its next wait end at once."""
        try:
            self._unset.release()
        except RuntimeError:
            pass  # it is set already

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is set, and unset it. Returns whether it was set in time."""
        return self._unset.acquire(timeout=-1 if seconds is None else max(seconds, 0.0))
