"""The leader's loop, one turn of it: import, claim, send, settle, tell. It knows no home."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from topmail_flask.delivery.contacts import Job, Outcome
from topmail_flask.delivery.journal import Journal
from topmail_flask.delivery.memory_ring import MemoryRing
from topmail_flask.delivery.notices import Notices
from topmail_flask.delivery.outbox import Outbox, Row
from topmail_flask.delivery.pauses import RATE_LIMITED, Pace, Pause
from topmail_flask.delivery.place import siblings
from topmail_flask.delivery.reactions import Reactions
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.delivery.retries import Quota
from topmail_flask.delivery.settling import Settling
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

IMPORT_LIMIT = 1000
CLAIM_LIMIT = 32
BUSY_INTERVAL, IDLE_INTERVAL = 0.25, 1.0
"""Seconds between two looks at the other processes' journals, while views come in and otherwise."""
BUSY_FOR = 10.0
OWN_INTERVAL = 0.02
"""Seconds between two looks at the own journal while views are accepted."""
TIDY_INTERVAL = 60.0
LOOK_INTERVAL = 0.05
"""Seconds for which a claimed row is known to wait still; to ask before each call costs as much."""


class SenderThreads(Protocol):
    """Whoever makes the calls: :class:`~topmail_flask.delivery.crew.Crew`."""

    @property
    def under_way(self) -> list[Job]: ...
    def give(self, job: Job) -> bool: ...
    def take(self) -> list[Outcome]: ...
    def dismiss(self) -> None: ...
    def quota(self) -> Quota | None: ...


class Sender:
    """Moves views from the journals over the outbox to TopMail.

    Only the thread that leads calls it.

    :param outbox: the books.
    :param crew: makes the calls.
    :param directory: of the outbox; None: in memory.
    :param receivers: told what became of each view.
    :param journal: this process's own journal, if it has one.
    :param ring: what this process holds in memory.
    """

    def __init__(
        self,
        outbox: Outbox,
        crew: SenderThreads,
        settings: Settings,
        receivers: Receivers,
        *,
        directory: Path | None = None,
        journal: Journal | None = None,
        ring: MemoryRing | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self.outbox = outbox
        self._crew = crew
        self._settings = settings
        self._receivers = receivers
        self._directory = directory
        self._journal = journal
        self._ring = MemoryRing() if ring is None else ring
        self._clock = clock
        self._monotonic = monotonic
        self._notices = Notices()
        self._pace = Pace(senders=settings.senders, rate=settings.rate, dice=dice)
        self._reactions = Reactions(outbox, self._pace, self._notices, settings, dice=dice)
        self._settling = Settling(outbox, self._reactions, receivers)
        self._claimed: deque[Row] = deque()
        self._claims = max(1, min(CLAIM_LIMIT, int(settings.rate), settings.senders * 8))
        self._import_at = self._tidy_at = self._claim_at = self._look_at = 0.0
        self._imported_at = -OWN_INTERVAL
        self._took_over = False
        self._busy_until = 0.0
        self._more = False
        self._pause: Pause | None = None
        standing = outbox.standing()
        if standing.pause_reason == RATE_LIMITED and standing.paused_until is not None:
            wait = min(max(0.0, standing.paused_until - clock()), 900.0)
            self._pace.hold(Pause(monotonic() + wait, RATE_LIMITED))
        elif standing.pause_reason:
            outbox.resume()  # a new leader tries at once

    def turn(self, *, accepted: bool = False) -> float:
        """Do what can be done now without waiting.

        :param accepted: this process has accepted a view since the last turn.
        :returns: seconds after which there may be more to do.
        """
        now = self._monotonic()
        self._settle(now)
        if accepted:
            self._import_at = min(self._import_at, self._imported_at + OWN_INTERVAL)
        if self._more or now >= self._import_at:
            self._import(now)
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY_INTERVAL
            self._tidy(now)
        wait = self._send(now)
        open_for = self._settling.wait(now)
        if open_for is not None and (open_for <= 0 or not (self._claimed or self._crew.under_way)):
            self._settling.write()
        elif open_for is not None:
            wait = min(wait, open_for)
        self._report_pause(now)
        self._notices.speak(now)
        if self._more:
            return 0.0
        return max(0.0, min(wait, self._import_at - now))

    @property
    def useful(self) -> bool:
        """Whether going on may deliver something soon: views wait, and nothing holds them back."""
        if self._crew.under_way or self._pace.wait_of_pause(self._monotonic()):
            return bool(self._crew.under_way)
        return len(self._ring) > 0 or self.outbox.pending() > 0

    def close(self) -> None:
        """Give back what was claimed. Calls under way go on; their views are sent again, by key."""
        self._crew.dismiss()
        self._settle(self._monotonic())
        self._settling.write()
        self.outbox.release([*self._claimed, *(job.row for job in self._crew.under_way)])
        self._claimed.clear()
        for entry in self.outbox.unsaved():
            self._ring.put(entry)
        self.outbox.close()

    def _settle(self, now: float) -> None:
        outcomes = self._crew.take()
        if not outcomes:
            return
        wall = self._clock()
        for outcome in outcomes:
            self._pace.started(outcome.calls - 1)
            self._settling.add(outcome, now, wall)
        left = self._crew.quota()
        if left is not None:
            self._pace.quota(left, len(self._crew.under_way), now, wall)

    def _import(self, now: float) -> None:
        if self._journal is not None:
            self._journal.check()
        report = self.outbox.import_journals(IMPORT_LIMIT)
        self._empty_ring(now)
        if report.imported:
            self._busy_until = now + BUSY_FOR
            self._claim_at = now
        self._more = report.more
        interval = BUSY_INTERVAL if now < self._busy_until else IDLE_INTERVAL
        self._imported_at = now
        self._import_at = now + interval
        for entry, reason in report.dropped:
            self._receivers.dropped(entry, reason)

    def _tidy(self, now: float) -> None:
        for entry in self.outbox.expire():
            self._receivers.dropped(entry, Reason.EXPIRED)
        self.outbox.tidy()
        if self._directory is not None:
            for sibling in siblings(self._directory):
                if self.outbox.adopt(sibling):
                    self._claim_at = now

    def _send(self, now: float) -> float:
        """Hand out what may be sent; returns the seconds until more may be."""
        while self._pace.room(now, len(self._crew.under_way)) > 0:
            row = self._next_row(now)
            if row is None:
                break
            job = self._reactions.job(row, self._clock(), self._receivers.withdrew(row.told))
            if isinstance(job, Reason):
                self._settling.bury(row, job, now)
            elif self._crew.give(job):
                self._pace.started()
            else:
                self._claimed.appendleft(row)
                break
        if self._pace.wait_of_pause(now):
            self.outbox.release(self._claimed)
            self._claimed.clear()
        if not self._claimed:
            return IDLE_INTERVAL
        return self._pace.wait(now) or IDLE_INTERVAL

    def _next_row(self, now: float) -> Row | None:
        if not self._claimed and now >= self._claim_at:
            if not self._took_over:
                # Whoever led before leads no more: end the leases that it left behind.
                self._took_over = True
                self.outbox.end_leases()
            self._claimed.extend(self.outbox.claim(self._claims))
            if not self._claimed:
                self._claim_at = now + IDLE_INTERVAL
            self._look_at = now
        if self._claimed and now >= self._look_at:
            self._look_at = now + LOOK_INTERVAL
            self._claimed = deque(self.outbox.still_waiting(self._claimed))
            self._reactions.look_up(self._claimed)
        return self._claimed.popleft() if self._claimed else None

    def _empty_ring(self, now: float) -> None:
        """Move what waits in memory to the disk, or straight into the books."""
        ring = self._ring
        if not len(ring):
            return
        if self._journal is not None:
            ring.pour(self._journal.append)
        entries = ring.take(IMPORT_LIMIT)
        report = self.outbox.import_entries(entries)
        if report.imported:
            self._claim_at = now
        if report.fault:
            for entry in entries:
                ring.put(entry)
        for entry, reason in report.dropped:
            self._receivers.dropped(entry, reason)
        self._more = self._more or (not report.fault and len(ring) > 0)

    def _report_pause(self, now: float) -> None:
        pause = self._pace.pause
        if pause is self._pause:
            return
        self._pause = pause
        if pause is None:
            self.outbox.resume()
            self._notices.over("pause", "views are sent again.")
        else:
            self.outbox.pause(self._clock() + max(0.0, pause.until - now), pause.reason)
            self._notices.note("pause", f"no views are sent for now: {pause.cure or pause.reason}")
