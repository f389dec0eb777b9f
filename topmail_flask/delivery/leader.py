"""The loop of whoever leads, or waits to lead. It knows no home."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from topmail_flask.delivery.bells import Bell
from topmail_flask.delivery.held_files import HeldFile, hold
from topmail_flask.delivery.notices import logger
from topmail_flask.delivery.place import LEADER_LOCK, prepare
from topmail_flask.delivery.sender import Sender

FAILOVER_INTERVAL = 1.0
"""Seconds between two tries to become the leader."""
RECHECK_INTERVAL = 5.0
"""Seconds between two looks whether the disk can be used again, while it leads in memory."""
FAULTS_TO_REOPEN = 5
TOUCH_INTERVAL = 0.25
"""Seconds between two signs of life while it turns."""


class Leader:
    """Tries to lead, and while it leads, turns the sender until it is told to end.

    :param directory: where the lock, the journals and the outbox are; None: in memory, alone.
    :param open_sender: opens the books of a directory (None: in memory) and a sender for them.
    :param bell: rung when an own view was accepted or a call has ended.
    :param while_waiting: done once a second while somebody else leads.
    :param rules: whether this one's settings hold; if not, it does not lead.
    """

    def __init__(
        self,
        directory: Path | None,
        open_sender: Callable[[Path | None], Sender],
        bell: Bell,
        *,
        while_waiting: Callable[[], None] = lambda: None,
        rules: Callable[[], bool] = lambda: True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._open_sender = open_sender
        self._while_waiting = while_waiting
        self._rules = rules
        self._monotonic = monotonic
        self._end_by: float | None = None
        self.bell = bell
        self.accepted = False
        """Set by whoever rings because this process has accepted a view."""
        self.sender: Sender | None = None
        """Set while this one leads."""
        self.beat: float | None = None
        """When the last turn began, by the monotonic clock; None while it waits for a bell."""

    def run(self) -> None:
        """Wait to lead, lead, and return when told to end."""
        while True:
            lock, alone = self._try_to_lead()
            if lock is not None or alone:
                self._lead(lock)
            if self._end_by is not None:
                return
            self._while_waiting()
            self.bell.wait(FAILOVER_INTERVAL)

    def end_by(self, moment: float) -> None:
        """Have :meth:`run` return: when nothing can be sent soon any more, or at this moment."""
        self._end_by = moment
        self.bell.ring()

    def _try_to_lead(self) -> tuple[HeldFile | None, bool]:
        """The lock, and whether to lead in memory because there can be none."""
        if self._directory is None:
            return None, True
        try:
            prepare(self._directory)
            return (hold(self._directory / LEADER_LOCK) if self._rules() else None), False
        except OSError:
            return None, True

    def _disk_is_back(self) -> bool:
        lock, alone = self._try_to_lead()
        if lock is not None:
            lock.release()
        return not alone

    def _leaves_memory(self, sender: Sender) -> bool:
        """Whether the disk can be used again, and has what was in memory."""
        if self._directory is None or not self._disk_is_back():
            return False
        return sender.outbox.move_to(self._directory)

    def _lead(self, lock: HeldFile | None) -> None:
        self.sender = sender = self._open_sender(self._directory if lock else None)
        recheck_at = self._monotonic() + RECHECK_INTERVAL
        faults, self.accepted, touch_at = 0, True, 0.0
        try:
            while not self._done(sender) and faults < FAULTS_TO_REOPEN:
                self.beat = self._monotonic()
                if lock is not None and self.beat >= touch_at:
                    touch_at = self.beat + TOUCH_INTERVAL
                    lock.touch()
                try:
                    accepted, self.accepted = self.accepted, False
                    wait = sender.turn(accepted=accepted)
                    faults = 0
                except Exception as error:  # noqa: BLE001  # the sender's loop goes on
                    faults += 1
                    wait = FAILOVER_INTERVAL
                    logger.warning(
                        "TopMail: a turn of the sender failed: %s.", type(error).__name__
                    )
                self.beat = None
                is_deposed = lock is not None and not (lock.in_place and self._rules())
                if is_deposed and self._disk_is_back():
                    return
                if lock is None and self._monotonic() > recheck_at and not sender.useful:
                    if self._leaves_memory(sender):
                        return
                    recheck_at = self._monotonic() + RECHECK_INTERVAL
                if self._end_by is not None:
                    wait = min(wait, self._end_by - self._monotonic())
                self.bell.wait(wait)
        finally:
            self.sender = None
            self.beat = None
            sender.close()
            if lock is not None:
                lock.release()

    def _done(self, sender: Sender) -> bool:
        if self._end_by is None:
            return False
        return self._monotonic() >= self._end_by or not sender.useful
