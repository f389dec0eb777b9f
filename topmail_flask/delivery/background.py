"""The leader at home in a daemon thread of a web process."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from topmail_flask.delivery import standing
from topmail_flask.delivery.hosts import NO_THREADS, runs_threads
from topmail_flask.delivery.notices import logger

if TYPE_CHECKING:
    from topmail_flask.delivery.leader import Leader
    from topmail_flask.delivery.outbox import Outbox

RETRY_INTERVAL, WARNING_INTERVAL = 1.0, 60.0
TIME_TO_GIVE_BACK = 0.3
"""Seconds that the leader gets at its end to give back what it claimed and did not send."""


# A parent's connections must not be closed in its child, not even by the garbage collector.
_parked: list[Leader] = []


class Background:
    """Keeps one thread alive that leads or waits to lead; begun by the first accepted view.

    :param make_leader: makes what the thread runs; called in each thread, for it may take a while.
    """

    def __init__(
        self,
        make_leader: Callable[[], Leader],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_leader = make_leader
        self._monotonic = monotonic
        self.leader: Leader | None = None
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the thread: after a fork it is the parent's, and so may be every lock."""
        if self.leader is not None:
            _parked.append(self.leader)
        self._pid = os.getpid()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._done = threading.Event()
        self._retry_at = self._warn_at = 0.0
        self._end_by: float | None = None
        self.leader = None

    def wake(self) -> None:
        """A view was accepted: the leader should know, and there should be one. Never waits."""
        if self._pid != os.getpid():
            self.begin_anew()
        thread, leader = self._thread, self.leader
        if thread is None or not thread.is_alive():
            self._start()
        elif leader is not None and leader.sender is not None:
            leader.accepted = True
            leader.bell.ring()
            self._warn_if_stuck()

    def _warn_if_stuck(self) -> None:
        stuck_for = self.stuck_for
        if stuck_for is not None and stuck_for > standing.STUCK_AFTER:
            now = self._monotonic()
            if now >= self._warn_at:
                self._warn_at = now + WARNING_INTERVAL
                logger.warning("TopMail: a receiver of delivery's signals does not return.")

    @property
    def outbox(self) -> Outbox | None:
        """The books, while the thread of this process leads."""
        sender = self.leader.sender if self.leader and self._pid == os.getpid() else None
        return sender.outbox if sender else None

    @property
    def stuck_for(self) -> float | None:
        """Seconds since the turn that is going on in this process began."""
        beat = self.leader.beat if self.leader and self._pid == os.getpid() else None
        return None if beat is None else self._monotonic() - beat

    @property
    def can_run(self) -> bool:
        """Whether threads run here (a uWSGI may have none)."""
        return runs_threads()

    def end_by(self, moment: float) -> None:
        """Tell the thread to end in time for :meth:`await_end` with the same moment."""
        if self._pid != os.getpid():
            return
        left = moment - self._monotonic()
        self._end_by = moment - min(TIME_TO_GIVE_BACK, left / 4)
        if self.leader is not None:
            self.leader.end_by(self._end_by)

    def await_end(self, moment: float) -> bool:
        """Wait for the thread's end until a moment of the monotonic clock."""
        thread = self._thread
        if thread is None or self._pid != os.getpid() or thread is threading.current_thread():
            return True
        # Not by join alone: before Python 3.13 a join that a signal's handler breaks off by an
        # exception takes the thread for ended.
        done = self._done.wait(max(0.0, moment - self._monotonic()))
        if done:
            thread.join(max(0.0, moment - self._monotonic()))
        return done

    def _start(self) -> None:
        # Whoever comes second, a signal handler in between included, leaves it to the first.
        if sys.is_finalizing() or not self._starting.acquire(blocking=False):
            return
        try:
            now = self._monotonic()
            alive = self._thread is not None and self._thread.is_alive()
            if alive or now < self._retry_at:
                return
            self._retry_at = now + RETRY_INTERVAL
            if not runs_threads():
                if now >= self._warn_at:
                    self._warn_at = float("inf")
                    logger.warning(NO_THREADS)
                return
            self.leader = self._end_by = None
            done = threading.Event()
            run = partial(self._run, done)
            thread = threading.Thread(target=run, name="topmail-leader", daemon=True)
            thread.start()
            self._thread, self._done = thread, done
        except RuntimeError as error:
            # At the end of the interpreter that is as it should be.
            if "shutdown" not in str(error):
                logger.warning("TopMail: no thread could be started; views wait for one.")
        finally:
            self._starting.release()

    def _run(self, done: threading.Event) -> None:
        try:
            self.leader = leader = self._make_leader()
            if self._end_by is not None:  # told while there was none yet
                leader.end_by(self._end_by)
            leader.run()
        except BaseException as error:  # noqa: BLE001  # the next accepted view starts another
            logger.warning("TopMail: the sender's thread ended: %s.", type(error).__name__)
        finally:
            done.set()
