"""The courier: a process of its own that leads, so that a busy store keeps its interpreter.

Started by a store whose ``TOPMAIL_DELIVERY`` is ``"process"``, and told on its standard input what
to do: neither its arguments nor its environment hold the key.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from topmail_flask.delivery.adoption import inhabited
from topmail_flask.delivery.announcements import Announcer
from topmail_flask.delivery.background import Background
from topmail_flask.delivery.bells import Bell
from topmail_flask.delivery.held_files import held_here
from topmail_flask.delivery.leaders import make_leader
from topmail_flask.delivery.lock_holders import beat
from topmail_flask.delivery.notices import logger
from topmail_flask.delivery.orders import read_order
from topmail_flask.delivery.place import LEADER_LOCK
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.delivery.succession import is_superseded, mark_of
from topmail_flask.model.settings import Settings

STOPPING = signal.SIGTERM, signal.SIGINT
BEAT_INTERVAL, SPEAK_INTERVAL, RETRY_INTERVAL = 1.0, 0.2, 0.05
TIME_TO_LEAD = 3.0
"""Seconds after which a courier that does not lead is one too many."""
IDLE_LOOKS = 3
LONGEST_TURN = 120.0
LONGEST_END = 1.2
"""Seconds from TERM to the end, at the most."""


class Courier:
    """Leads in its own process for as long as a store is alive or something can be sent.

    :param directory: the app's directory.
    :param settings: of the app.
    :param mark: of its order; it ends when the stores want another's.
    """

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        mark: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._mark = mark
        self._monotonic = monotonic
        self._bell = Bell()
        self._announcer = Announcer(directory, self._bell.ring)
        receivers = Receivers(self._announcer.delivered, self._announcer.dropped)
        self._home = Background(partial(make_leader, settings, directory, receivers))
        self._ended = False
        self._idle = 0

    def run(self) -> None:
        """Lead, and return when told to end, when nothing is left to do, when another leads, or
        when it is superseded.
        """
        logger.addHandler(self._announcer)
        logger.setLevel(logging.INFO)  # the store's log decides what of it is written
        logger.propagate = False
        look_at, lead_by = 0.0, self._monotonic() + TIME_TO_LEAD
        while not self._ended and self._idle < IDLE_LOOKS:
            now = self._monotonic()
            if now >= look_at:
                if is_superseded(self._directory, self._mark):
                    break
                leads = self._look(now)
                look_at = now + (BEAT_INTERVAL if leads else RETRY_INTERVAL)
                if leads:
                    lead_by = look_at + TIME_TO_LEAD
                elif now >= lead_by:
                    break
            self._bell.wait(SPEAK_INTERVAL if self._announcer.speak() else RETRY_INTERVAL)
        end = self._monotonic() + min(self._settings.shutdown_timeout, LONGEST_END)
        self._home.end_by(end)
        self._home.await_end(end)
        self._announcer.speak()

    def end(self) -> None:
        """Have :meth:`run` return soon; to be called from anywhere."""
        self._ended = True
        self._bell.ring()

    def _look(self, now: float) -> bool:
        """Give a sign of life, and look for something to do. Returns whether it leads."""
        self._home.wake()
        sender = self._home.leader.sender if self._home.leader else None
        lock = _own(self._directory / LEADER_LOCK)
        if sender is None or lock is None:
            return False
        self._announcer.open()
        if (self._home.stuck_for or 0.0) < LONGEST_TURN:
            beat(lock, now)
        needed = self._announcer.stores() or inhabited(self._directory) or sender.useful
        self._idle = 0 if needed else self._idle + 1
        return True


def main() -> None:
    """Do what the standard input says."""
    if sys.stdin.isatty():
        sys.exit('A courier is started by a store with TOPMAIL_DELIVERY = "process".')
    os.umask(0o077)
    told = sys.stdin.buffer.read()
    courier = Courier(*read_order(told), mark_of(told))
    for number in STOPPING:
        signal.signal(number, lambda *_: courier.end())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)  # a drain blocks them, and started it
    courier.run()


def _own(path: Path) -> int | None:
    try:
        lock = held_here(path)
    except OSError:
        return None
    return lock.fd if lock else None


if __name__ == "__main__":
    main()
