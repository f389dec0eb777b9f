"""The loop of whoever leads, or waits to lead: one process of a machine, with the newest settings.

While stores with different settings share a directory, as in a deployment, the newest that is
alive decides: each process that may send looks into one note about once a second. It claims the
note if that tells of an older configuration, or of one whose processes are gone, and else it keeps
the note fresh (the same configuration) or stands back (a newer one). Workers that an old store
leaves to finish their requests so never take the lead back, and get it back when the new store is
gone.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from functools import cache, cached_property
from pathlib import Path

from topmail_flask.delivery.client import version
from topmail_flask.delivery.files import (
    LEADER_LOCK,
    HeldFile,
    hold,
    prepare,
    read_note,
    refusal,
    write_note,
)
from topmail_flask.delivery.lifecycle import Wakeup
from topmail_flask.delivery.receivers import logger
from topmail_flask.delivery.sender import Sender
from topmail_flask.model.settings import Secret, Settings

FAILOVER_INTERVAL = 1.0
"""Seconds between two tries to become the leader."""
RECHECK_INTERVAL = 5.0
"""Seconds between two checks whether the disk can be used again, while it leads in memory."""
FAULTS_TO_REOPEN, TRIES_TO_LEAD = 5, 3
TIME_TO_SETTLE, TIME_TO_GIVE_BACK = 0.6, 0.15
"""Seconds that are kept at the end for calls under way to come to an end, and of these for giving
back what was claimed and not sent."""
LONGEST_CALL = 10.0
"""Seconds that whoever stands back waits for the calls under way."""
HEARTBEAT_INTERVAL = 0.25
NOTE = "leader.order"
NOTE_INTERVAL = 1.0
LASTS = 5.0
"""Seconds after its last sign of life for which a newer configuration still holds."""


class Leader:
    """Tries to lead, and while it leads, turns the sender until it is told to stop.

    :param directory: where the lock, the journals and the outbox are; None: in memory, alone.
    :param open_sender: opens the outbox and a sender for it.
    :param wakeup: set when a lot of calls has ended.
    :param while_waiting: done once a second while somebody else leads.
    :param holds: whether this one's settings hold; if not, it does not lead.
    :ivar sender: set while this one leads.
    :ivar turned_at: when the last turn began, by the monotonic clock; None while it waits.
    """

    def __init__(
        self,
        directory: Path | None,
        open_sender: Callable[[], Sender],
        wakeup: Wakeup,
        *,
        while_waiting: Callable[[], None] = lambda: None,
        holds: Callable[[], bool] = lambda: True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._open_sender = open_sender
        self._while_waiting = while_waiting
        self._holds = holds
        self._monotonic = monotonic
        self._stop_by: float | None = None
        self._settled_by = float("inf")
        self._wakeup = wakeup
        self._refusal = ""
        self.sender: Sender | None = None
        self.turned_at: float | None = None

    def run(self) -> None:
        """Wait to lead, lead, and return when told to stop."""
        while True:
            lock, alone = self._try_to_lead()
            if lock is not None or alone:
                self._lead(lock)
            if self._stop_by is not None:
                return
            self._while_waiting()
            self._wakeup.wait(FAILOVER_INTERVAL)

    def stop(self, moment: float) -> None:
        """Have :meth:`run` return: when nothing can be sent soon any more, or at this moment."""
        left = moment - self._monotonic()
        self._settled_by = moment - min(TIME_TO_GIVE_BACK, left / 4)
        self._stop_by = moment - min(TIME_TO_SETTLE, left / 2)
        self._wakeup.set()

    def _try_to_lead(self) -> tuple[HeldFile | None, bool]:
        """The lock, and whether to lead in memory because there can be none."""
        if self._directory is None:
            return None, True
        for _ in range(TRIES_TO_LEAD):
            lock, is_trusted = self._directory / LEADER_LOCK, False
            try:
                prepare(self._directory)
                is_trusted = True
                return (hold(lock) if self._holds() else None), False
            except OSError as error:
                before, self._refusal = self._refusal, refusal(self._directory, error)
                if is_trusted and self._refusal != before:  # else the journal has told it
                    logger.warning("TopMail: the outbox is in memory only. %s.", self._refusal)
                if not isinstance(error, FileNotFoundError):  # else it went at this very moment
                    break
        return None, True

    def _kept(self, lock: HeldFile) -> HeldFile | None:
        """The lock, or the one that stands in its place now; None: somebody else is to lead. What
        cannot be used at all is nobody else's either.
        """
        if lock.in_place and self._holds():
            return lock
        anew, nobody_can = self._try_to_lead()
        if anew is not None:
            lock.release()
        return lock if nobody_can else anew

    def _can_use_disk(self) -> bool:
        lock, alone = self._try_to_lead()
        if lock is not None:
            lock.release()
        return not alone

    def _lead(self, lock: HeldFile | None) -> None:
        self.sender = sender = self._open_sender()
        if lock is None:
            sender.outbox.file.keep_in_memory(self._refusal)
        recheck_at = self._monotonic() + RECHECK_INTERVAL
        faults, heartbeat_at = 0, 0.0
        try:
            while not self._is_done(sender) and faults < FAULTS_TO_REOPEN:
                self.turned_at = self._monotonic()
                if lock is not None and self.turned_at >= heartbeat_at:
                    heartbeat_at = self.turned_at + HEARTBEAT_INTERVAL
                    lock.touch()
                try:
                    wait = sender.turn()
                    faults = 0
                except Exception as error:  # noqa: BLE001  # the sender's loop goes on
                    faults += 1
                    wait = FAILOVER_INTERVAL
                    logger.warning(
                        "TopMail: a turn of the sender failed: %s.", type(error).__name__
                    )
                self.turned_at = None
                kept = self._kept(lock) if lock is not None else None
                if lock is not None and kept is None:
                    return
                lock = kept
                if lock is None and self._monotonic() > recheck_at:
                    recheck_at = self._monotonic() + RECHECK_INTERVAL
                    if self._can_use_disk() and sender.outbox.leave_memory():
                        return
                if self._stop_by is not None:
                    wait = min(wait, self._stop_by - self._monotonic())
                self._wakeup.wait(wait)
        finally:
            self.sender = None
            self.turned_at = None
            self._settle(sender)
            sender.close()
            if lock is not None:
                lock.release()

    def _settle(self, sender: Sender) -> None:
        """Whoever sends next must not send once more what TopMail is taking at this moment."""
        longest = self._monotonic() + LONGEST_CALL
        while not sender.end():
            left = min(longest, self._settled_by) - self._monotonic()
            if left <= 0:
                return
            self._wakeup.wait(left)

    def _is_done(self, sender: Sender) -> bool:
        if self._stop_by is None:
            return False
        return self._monotonic() >= self._stop_by or not sender.useful


class ConfigPrecedence:
    """One store's place in the order of configurations.

    :param directory: the app's directory.
    :param settings: of the store.
    :param born: when the configuration was read, by the monotonic clock of the machine.
    """

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        born: float,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note = directory / NOTE
        self._settings = settings
        self._born = born
        self._clock = clock
        self._monotonic = monotonic
        self._check_at = float("-inf")
        self._is_newest = True

    @cached_property
    def _rank(self) -> tuple[float, str]:
        return self._born, config_digest(self._settings)

    def is_newest(self) -> bool:
        """Whether these settings hold; to be asked again and again, for it says that the store is
        alive. Where nothing can be written, they do.
        """
        now = self._monotonic()
        if now >= self._check_at:
            self._check_at = now + NOTE_INTERVAL
            self._is_newest = self._check()
        return self._is_newest

    def _check(self) -> bool:
        text, written_at = read_note(self._note)
        noted = _rank_of(text)
        if noted[1] == self._rank[1]:
            with suppress(OSError):
                os.utime(self._note, follow_symlinks=False)
            return True
        if noted > self._rank and abs(self._clock() - written_at) <= LASTS:
            return False
        with suppress(OSError):
            write_note(self._note, b"%r %s\n" % (self._rank[0], self._rank[1].encode()))
        return True


def config_digest(settings: Settings) -> str:
    """Tells a configuration, and the installed code, from every other; betrays no key."""
    values = [getattr(settings, each.name) for each in fields(settings)]
    plain = [value.reveal() if isinstance(value, Secret) else value for value in values]
    text = repr([None if callable(value) else value for value in plain] + _code())
    return hashlib.blake2b(text.encode(), digest_size=16, person=b"topmail_order").hexdigest()


@cache
def _code() -> list[str]:
    installed = 0
    with suppress(OSError):
        installed = Path(__file__).parent.stat().st_mtime_ns
    return [version(), str(installed)]


def _rank_of(note: bytes) -> tuple[float, str]:
    """When the configuration of a note was read, and its digest."""
    try:
        born, digest = note.decode().split()
        return float(born), digest
    except ValueError:
        return 0.0, ""
