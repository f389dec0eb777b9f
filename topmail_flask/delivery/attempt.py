"""The calls: what a thread gets to do, a lot at a time, and what became of it.

A lot is what one thread works off: views of some shoppers, whom no other thread serves meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from topmail_flask.delivery.claiming import Row
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.kinds import BY_NAME
from topmail_flask.delivery.lifecycle import Wakeup
from topmail_flask.delivery.policy import Quota
from topmail_flask.delivery.receivers import logger
from topmail_flask.model.errors import (
    CallRejected,
    Conflict,
    ContactNotFound,
    DeliveryError,
    RetryLater,
)
from topmail_flask.model.shopper import Receipt, Shopper


@dataclass(slots=True, eq=False)
class Job:
    """What a sender gets to do.

    :ivar row: the claimed row.
    :ivar new_contact: who becomes a contact, not subscribed, if TopMail does not know them.
    :ivar called_off: no call is to be begun for it any more.
    """

    row: Row = field(repr=False)
    new_contact: Shopper | None = None
    called_off: bool = False


def job_of(row: Row, *, creates: bool) -> Job:
    """The job for a row.

    :param creates: whether a shopper whom TopMail does not know may become a contact.
    """
    shopper = row.event.shopper if creates and not row.entry.contact_id else None
    return Job(row, shopper if shopper and shopper.may_become_contact else None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job.

    :ivar result: the receipt, or the error of the last call.
    :ivar calls: how many calls it took.
    :ivar refused: it was the creation of the contact that failed.
    :ivar renewed: what was sent under another key in the end; None: the row's own entry.
    """

    job: Job
    result: Receipt | DeliveryError
    calls: int = 1
    refused: bool = False
    renewed: Entry | None = None


LOT_VIEWS, LOT_SECONDS = 32, 0.05
"""Views that a thread gets at the most, and seconds after which it begins no other of them: for so
long a claimed view is known to wait still."""
Attempt = Callable[[Job], Outcome]
CONFLICTS_OF_A_NAME = 3
"""Attempts after which an order whose key is in use was told of by somebody else."""


def attempt(client: TopMailClient, job: Job) -> Outcome:
    """Send it; create its contact and send it again, if need be and if asked for.

    Where the contact is there and the answer is as before, TopMail may answer so to that key for as
    long as it remembers it: one more call, under another key, finds that out.
    """
    result = _post(client, job.row, job.row.entry)
    if job.new_contact is None or not isinstance(result, ContactNotFound) or job.called_off:
        return Outcome(job, result)
    made = client.post_contact(job.new_contact, subscribed=False)
    if isinstance(made, DeliveryError) and not isinstance(made, Conflict):
        return Outcome(job, made, calls=2, refused=True)
    if job.called_off:
        return Outcome(job, result, calls=2)
    result = _post(client, job.row, job.row.entry)
    if not isinstance(result, ContactNotFound) or job.called_off:
        return Outcome(job, result, calls=3)
    renewed = job.row.entry.as_renewed()
    return Outcome(job, _post(client, job.row, renewed), calls=4, renewed=renewed)


def _post(client: TopMailClient, row: Row, entry: Entry) -> Receipt | DeliveryError:
    kind = BY_NAME[entry.kind]
    result = client.post(kind, entry.sent_key, entry.sent_body, target=entry.target)
    # The key is made of the name: who used it, with whatever revenue or data, has told of this very
    # order. Only TopMail's being busy with it right now must not be taken for that.
    known = (
        isinstance(result, Conflict)
        and entry.repeat == entry.key
        and (result.code == "duplicate" or row.attempts >= CONFLICTS_OF_A_NAME)
    )
    return Receipt(None, None, None, None) if known else result


class Caller(Protocol):
    """What the threads call with: a :class:`~topmail_flask.TopMailClient`, or a broker's."""

    def take_quota(self) -> Quota | None: ...
    def close(self) -> None: ...


class SenderThreads:
    """Daemon threads, begun when they are needed and used by one leader.

    :param client: makes the calls; it is closed in the end.
    :param reported: set when the outcomes of a lot can be taken.
    :param attempt: what a thread does with the client and a job.
    """

    def __init__(
        self,
        client: Caller,
        reported: Wakeup,
        attempt: Callable[[Any, Job], Outcome] = attempt,
    ) -> None:
        self.client = client
        self._attempt = partial(attempt, client)
        self._reported = reported
        self._threads: list[_SenderThread] = []
        self._done: deque[Lot] = deque()
        self._under_way: dict[int, Lot] = {}

    @property
    def lots(self) -> int:
        """How many lots were given and not yet taken back."""
        return len(self._under_way)

    @property
    def under_way(self) -> list[Job]:
        """The jobs that were given and not yet taken back."""
        return [job for lot in self._under_way.values() for job in lot.jobs]

    def submit(self, lot: Sequence[Job]) -> bool:
        """Have a thread do the jobs, one after the other.

        Where no thread can be started at all, as at the end of the interpreter, they are done here
        and now.

        :returns: False if there is no thread to be had for it now.
        """
        work = Lot(tuple(lot))
        thread = next((each for each in self._threads if each.lot is None), None)
        if thread is None:
            thread = _SenderThread(self._attempt, self._done, self._reported)
            try:
                thread.start()
            except RuntimeError:
                if self._threads:
                    return False
                return self.do_here(work)
            self._threads.append(thread)
        self._under_way[id(work)] = work
        thread.lot = work
        thread.wakeup.set()
        return True

    def do_here(self, work: Lot) -> bool:
        """Make the calls in this thread, and return when they are made."""
        self._under_way[id(work)] = work
        work.do(self._attempt)
        self._done.append(work)
        self._reported.set()
        return True

    def completed(self) -> tuple[list[Outcome], list[Job]]:
        """The outcomes since the last time, and the jobs that were not begun."""
        outcomes: list[Outcome] = []
        left: list[Job] = []
        for _ in range(len(self._done)):
            lot = self._done.popleft()
            del self._under_way[id(lot)]
            outcomes += lot.outcomes
            left += lot.left
        return outcomes, left

    def call_off(self, jobs: Collection[Job]) -> int:
        """Begin no other call for these jobs; how many of them are under way all the same."""
        for job in jobs:
            job.called_off = True
        return sum(lot.begun in jobs for lot in self._under_way.values())

    def shutdown(self) -> bool:
        """Let the threads end, each after the call that it is making.

        :returns: whether all have ended.
        """
        for thread in self._threads:
            thread.dismissed = True
            thread.wakeup.set()
        for lot in self._under_way.values():
            lot.ends = True
        return len(self._done) == len(self._under_way)

    def close(self) -> None:
        """Wait for nobody: what has no outcome yet is left."""
        self.call_off(self.under_way)
        done = [*self._done, *(lot for lot in self._under_way.values() if lot not in self._done)]
        self._done = deque(lot.as_it_is() for lot in done)
        self._under_way = {id(lot): lot for lot in self._done}
        self.client.close()


@dataclass(slots=True, eq=False)
class Lot:
    """Jobs for one thread, and what became of them.

    :ivar begun: the job that is being done.
    :ivar ends: no other job is to be begun.
    """

    jobs: tuple[Job, ...]
    begun: Job | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    left: list[Job] = field(default_factory=list)
    ends: bool = False

    def as_it_is(self) -> Lot:
        """What has become of the jobs until now; the others are left."""
        outcomes = list(self.outcomes)
        ended = {id(outcome.job) for outcome in outcomes}
        left = [job for job in self.jobs if id(job) not in ended]
        return Lot(self.jobs, outcomes=outcomes, left=left)

    def do(self, attempt: Attempt) -> None:
        """Make the calls. What comes behind one that failed waits with it: a shopper's views keep
        their order, and what fails for all of them is found out by one.
        """
        end = time.monotonic() + LOT_SECONDS
        held: set[str] = set()
        for number, job in enumerate(self.jobs):
            self.begun = job  # before it is asked whether it is called off
            identity = job.row.entry.identity
            is_late = number and time.monotonic() >= end
            if identity in held or self.ends or is_late or job.called_off:
                self.left.append(job)
                continue
            outcome = outcome_of(attempt, job)
            self.outcomes.append(outcome)
            if not isinstance(outcome.result, Receipt):
                held.add(identity)
                self.ends = not isinstance(outcome.result, (CallRejected, Conflict))
        self.begun = None


class _SenderThread(threading.Thread):
    def __init__(self, attempt: Attempt, done: deque[Lot], reported: Wakeup) -> None:
        super().__init__(name="topmail-sender", daemon=True)
        self._attempt = attempt
        self._done = done
        self._reported = reported
        self.wakeup = Wakeup()
        self.lot: Lot | None = None
        self.dismissed = False

    def run(self) -> None:
        try:
            while self.wakeup.wait():
                lot = self.lot
                if lot is not None:
                    lot.do(self._attempt)
                    self._done.append(lot)
                    self.lot = lot = None
                    self._reported.set()
                if self.dismissed:
                    return
        except BaseException as error:  # noqa: BLE001  # error trackers watch threads
            logger.warning("TopMail: a sender thread ended: %s.", type(error).__name__)


def outcome_of(attempt: Attempt, job: Job) -> Outcome:
    """What becomes of a job, whatever goes wrong."""
    try:
        return attempt(job)
    except BaseException as error:  # noqa: BLE001  # no view is lost to a mistake of ours
        kind = type(error).__name__.lower()
    return Outcome(job, RetryLater(f"unexpected_{kind}"))
