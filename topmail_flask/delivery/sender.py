"""One turn of the leader: import, claim, hand out lots, write what became of them, and tell."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from topmail_flask.delivery.attempt import LOT_SECONDS, LOT_VIEWS, Job, SenderThreads
from topmail_flask.delivery.claiming import Row
from topmail_flask.delivery.files import siblings
from topmail_flask.delivery.journal import Journal, RingBuffer
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.delivery.policy import LONGEST_PAUSE, RATE_LIMITED, Pace, Pause
from topmail_flask.delivery.reactions import Reactions
from topmail_flask.delivery.receivers import Notices, Receivers
from topmail_flask.delivery.sqlite_file import Fault
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Receipt

IMPORT_LIMIT = 1000
IMPORT_INTERVAL, IDLE_INTERVAL = 0.25, 1.0
"""Seconds between two looks into the journals, and where nothing can be sent anyway."""
TIDY_INTERVAL = 60.0
ASK_INTERVAL = 5.0
BATCH_SECONDS, BATCH_OUTCOMES = 0.05, 128
"""How long an outcome may wait for others to be written with it, and for how many."""


@dataclass(frozen=True)
class Chance:
    """Clocks and dice, for a test to move."""

    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    dice: Callable[[], float] = random.random


class Sender:
    """Moves views from the journals over the outbox to TopMail.

    Only the thread that leads calls it.

    :param receivers: told what became of each view.
    :param ring: what this process holds in memory.
    :param journal: this process's own journal, if it has one.
    """

    def __init__(
        self,
        outbox: Outbox,
        threads: SenderThreads,
        settings: Settings,
        receivers: Receivers,
        ring: RingBuffer,
        journal: Journal | None = None,
        chance: Chance = Chance(),
    ) -> None:
        self.outbox = outbox
        self._threads = threads
        self._senders = settings.senders
        self._receivers = receivers
        self._ring = ring
        self._journal = journal
        self._clock, self._monotonic, dice = chance.clock, chance.monotonic, chance.dice
        self._notices = Notices()
        self._pace = Pace(senders=settings.senders, rate=settings.rate, dice=dice)
        self._reactions = Reactions(outbox, self._pace, self._notices, settings, dice=dice)
        self._batch: ExitStack | None = None
        self._batch_until = 0.0
        self._outcomes = 0
        self._ended: list[tuple[Row, Receipt | Reason]] = []
        self._claimed: dict[str, deque[Row]] = {}
        """By shopper, in the order of their turns."""
        self._claims = max(1, min(LOT_VIEWS * max(4, settings.senders), int(settings.rate)))
        self._import_at = self._tidy_at = self._claim_at = self._check_at = self._ask_at = 0.0
        self._let_go_at = 0.0
        self._leads = False
        self._more = False
        self._moved: set[str] = set()
        """Keys of what is under way for shoppers who have another address by now."""
        self._pause: Pause | None = None
        state = outbox.state()
        if state.pause_reason == RATE_LIMITED and state.paused_until is not None:
            wait = state.paused_until - self._clock()
            if wait <= LONGEST_PAUSE:  # else the clock was set back
                self._pace.hold(Pause(self._monotonic() + max(0.0, wait), RATE_LIMITED))
        elif state.pause_reason:
            outbox.resume()  # a new leader tries at once

    def turn(self) -> float:
        """Do what can be done now without waiting.

        :returns: seconds after which there may be more to do.
        """
        now = self._monotonic()
        self._settle(now)
        if self._more or now >= self._import_at:
            self._import(now)
        if now >= self._ask_at:
            self._ask_at = now + ASK_INTERVAL
            self.outbox.ask_again()
            self._claim_at = min(self._claim_at, now)
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY_INTERVAL
            self._tidy(now)
        if now >= self._let_go_at:
            self._let_go_at = now + LOT_SECONDS
            self._let_go(now)
        wait = self._send(now)
        if self._batch is not None:
            open_for = self._batch_until - now if self._outcomes < BATCH_OUTCOMES else 0.0
            if open_for <= 0 or not (self._claimed or self._threads.lots):
                self._write()
            else:
                wait = min(wait, open_for)
        self._report_pause(now)
        self._notices.speak(now)
        if self._more:
            return 0.0
        return max(0.0, min(wait, self._import_at - now))

    @property
    def useful(self) -> bool:
        """Whether going on may deliver something soon: views wait, and nothing holds them back."""
        if self._threads.lots or self._pace.wait_of_pause(self._monotonic()):
            return bool(self._threads.lots)
        return len(self._ring) > 0 or self.outbox.pending() > 0

    def end(self) -> bool:
        """Begin no other call; whether those under way have ended."""
        return self._threads.shutdown()

    def close(self) -> None:
        """Give back what was claimed. Views of calls under way are sent again, by key."""
        self._threads.shutdown()
        self._threads.close()
        self._settle(self._monotonic())
        self._write()
        self._release()
        self._receivers.all_dropped(self._ring.put(*self.outbox.file.unsaved()))
        self.outbox.close()

    def _settle(self, now: float) -> None:
        outcomes, left = self._threads.completed()
        if self._moved and (outcomes or left):
            self._moved &= {job.row.entry.key for job in self._threads.under_way}
            self.outbox.sweep()
        if left:
            self._pace.started(-len(left))
            self._put_back(left)
        if not outcomes:
            return
        self._claim_at = now  # their shoppers may have more
        wall = self._clock()
        self._begin_batch(now, len(outcomes))
        for outcome in outcomes:
            if outcome.calls > 1:
                self._pace.started(outcome.calls - 1)
            row = outcome.job.row
            if (end := self._reactions.settle(outcome, now, wall)) is not None:
                self._ended.append((row, end))
            else:  # it waits for another try, and so do the shopper's later views
                self.outbox.release(self._claimed.pop(row.entry.identity, ()))
        quota = self._threads.client.take_quota()
        if quota is not None:
            self._pace.quota(quota, len(self._threads.under_way), now, wall)

    def _begin_batch(self, now: float, outcomes: int) -> None:
        self._outcomes += outcomes
        if self._batch is None:
            self._batch = ExitStack()
            self._batch.enter_context(self.outbox.batch())
            self._batch_until = now + BATCH_SECONDS

    def _write(self) -> None:
        """Write what became of views, and then tell the shop, which hears of nothing unwritten."""
        if self._batch is None:
            return
        batch, ended = self._batch, self._ended
        self._batch, self._ended, self._outcomes = None, [], 0
        batch.close()
        if not self._receivers.listen:
            return
        for row, end in ended:
            if isinstance(end, Receipt):
                self._receivers.delivered(row.event, end)
            elif end is not Reason.CONTACT_NOT_FOUND or not row.entry.renewed:  # not told before
                self._receivers.dropped(row.event, end)

    def _import(self, now: float) -> None:
        if self._journal is not None:
            self._journal.check()
        if not self._leads:
            # Whoever led before leads no more: end the leases that it left behind.
            self._leads = True
            self.outbox.begin_lead()
        report = self.outbox.import_journals(IMPORT_LIMIT)
        self._give_back(report.kept_address)
        self._more = self._empty_ring(now) or report.more
        if report.imported:
            self._claim_at = now
        held = self._pace.wait_of_pause(now) > IDLE_INTERVAL
        self._import_at = now + (IDLE_INTERVAL if held else IMPORT_INTERVAL)
        self._receivers.all_dropped(report.dropped)

    def _tidy(self, now: float) -> None:
        self._receivers.all_dropped(self.outbox.expire())
        self.outbox.tidy()
        if (directory := self.outbox.file.directory) is not None:
            for sibling in siblings(directory):
                if self.outbox.adopt(sibling):
                    self._claim_at = now

    def _send(self, now: float) -> float:
        """Hand out what may be sent; returns the seconds until more may be."""
        if self._pace.wait_of_pause(now):
            self._release()
            return self._pace.wait(now) or IDLE_INTERVAL
        while self._pace.room(now, self._threads.lots) > 0:
            self._claim(now)
            lot = self._next_lot(now)
            if not lot:
                break
            if not self._threads.submit(lot):
                self._put_back(lot)
                break
            self._pace.started(len(lot))
        return (self._pace.wait(now) if self._claimed else 0.0) or IDLE_INTERVAL

    def _claim(self, now: float) -> None:
        """Claim what is next, and leave out of what was claimed what nobody wants sent any more."""
        if self._claimed and now >= self._check_at:
            self._check_claimed(now)
        if now >= self._claim_at and not self._more:
            if not self._claimed:
                self._check_at = now + LOT_SECONDS
            waiting = sum(map(len, self._claimed.values()))
            rows = self.outbox.claim(self._claims) if waiting < self._claims else []
            for row in rows:
                self._claimed.setdefault(row.entry.identity, deque()).append(row)
            if len(rows) < self._claims:
                self._claim_at = now + IDLE_INTERVAL
            self._reactions.look_up(rows, self._clock())
            self._receivers.all_dropped(self.outbox.take_superseded())

    def _check_claimed(self, now: float) -> None:
        self._check_at = now + LOT_SECONDS
        rows = [row for rows in self._claimed.values() for row in rows]
        self._claimed.clear()
        for row in self.outbox.filter_waiting(rows):
            self._claimed.setdefault(row.entry.identity, deque()).append(row)
        self._reactions.look_up(rows, self._clock())

    def _let_go(self, now: float) -> None:
        """Begin no call for whom a command has forgotten, and tell it that."""
        with suppress(Fault):
            if not (asked := self.outbox.asked_to_let_go()):
                return
            under_way = self._threads.under_way
            waiting = self.outbox.waiting_keys(job.row for job in under_way)
            gone = [job for job in under_way if job.row.entry.key not in waiting]
            calls = self._threads.call_off(gone)
            self._check_claimed(now)
            self.outbox.let_go(asked, calls)

    def _next_lot(self, now: float) -> list[Job]:
        """Views of the shoppers whose turn it is, and whom no thread serves."""
        served = {job.row.entry.identity for job in self._threads.under_way}
        ready = [identity for identity in self._claimed if identity not in served]
        if self._pace.probes:  # the next call decides for all: not by what is wrong with one view
            ready.sort(key=lambda identity: self._reactions.failures(self._claimed[identity][0]))
        size = min(LOT_VIEWS, self._pace.calls(now))
        threads = max(1, self._senders - self._threads.lots)
        shoppers = ready[: max(1, min(size, -(-len(ready) // threads)))]
        lot: list[Job] = []
        for number, identity in enumerate(shoppers):
            rows = self._claimed.pop(identity)
            for _ in range(max(1, (size - len(lot)) // (len(shoppers) - number))):
                if not rows:
                    break
                row = rows.popleft()
                job = self._reactions.job(row, now, self._clock(), self._receivers.withdrew(row))
                if isinstance(job, Reason):
                    self._begin_batch(now, 1)
                    self._ended.append((row, self._reactions.give_up(row, job)))
                elif job is not None:
                    lot.append(job)
            if rows:  # behind all others
                self._claimed[identity] = rows
        return lot

    def _put_back(self, jobs: Sequence[Job]) -> None:
        """Have jobs that were not begun be the next of their shoppers."""
        for job in reversed(jobs):
            if job.called_off:
                self.outbox.release([job.row])
            else:
                self._claimed.setdefault(job.row.entry.identity, deque()).appendleft(job.row)

    def _give_back(self, keys: Collection[str]) -> None:
        """Give back what no call was begun for and whose shopper has another address by now."""
        if not keys:
            return
        under_way = [job for job in self._threads.under_way if job.row.entry.key in keys]
        self._threads.call_off(under_way)
        self._moved |= {job.row.entry.key for job in under_way}
        rows = [row for rows in self._claimed.values() for row in rows]
        self._claimed.clear()
        for row in rows:
            if row.entry.key in keys:
                self.outbox.release([row])
            else:
                self._claimed.setdefault(row.entry.identity, deque()).append(row)
        self.outbox.sweep()

    def _release(self) -> None:
        rows = [row for rows in self._claimed.values() for row in rows]
        self._claimed.clear()
        if rows:
            self.outbox.release(rows)

    def _empty_ring(self, now: float) -> bool:
        """Move what waits in memory to the disk, or straight into the outbox; whether more does."""
        ring = self._ring
        if not len(ring):
            return False
        if self._journal is not None:
            ring.flush_to(self._journal.append)
        lines = ring.take(IMPORT_LIMIT)
        report = self.outbox.import_lines(lines)
        self._give_back(report.kept_address)
        if report.imported:
            self._claim_at = now
        if report.fault:
            self._receivers.all_dropped(ring.put(*lines))
        self._receivers.all_dropped(report.dropped)
        return not report.fault and len(ring) > 0

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
            self._notices.note("pause", f"no views are sent for now: {pause.fix or pause.reason}")
