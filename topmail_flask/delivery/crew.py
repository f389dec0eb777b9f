"""The sender threads: each waits for a job, makes its calls, and reports."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from topmail_flask.delivery.bells import Bell
from topmail_flask.delivery.contacts import Attempt, Job, Outcome, attempt
from topmail_flask.delivery.notices import logger
from topmail_flask.delivery.retries import Quota
from topmail_flask.model.errors import RetryLater


class Caller(Protocol):
    """What the senders call with: a :class:`~topmail_flask.TopMailClient`, or a broker's."""

    def take_quota(self) -> Quota | None: ...
    def close(self) -> None: ...


class Crew:
    """Daemon threads, begun when they are needed and used by one leader.

    :param client: makes the calls; the crew closes it in the end.
    :param reported: rung when an outcome can be taken.
    :param attempt: what a sender does with the client and a job.
    """

    def __init__(
        self,
        client: Caller,
        reported: Bell,
        attempt: Callable[[Any, Job], Outcome] = attempt,
    ) -> None:
        self._client = client
        self._attempt = partial(attempt, client)
        self._reported = reported
        self._senders: list[_Sender] = []
        self._outcomes: deque[Outcome] = deque()
        self._under_way: dict[str, Job] = {}

    @property
    def under_way(self) -> list[Job]:
        """The jobs that were given and not yet reported."""
        return list(self._under_way.values())

    def give(self, job: Job) -> bool:
        """Have a sender do the job; the leader gives no more at a time than there may be senders.

        Where no thread can be started at all, as at the end of the interpreter, the job is done
        here and now.

        :returns: False if there is no sender to be had for it now.
        """
        sender = next((one for one in self._senders if one.job is None), None)
        if sender is None:
            sender = _Sender(self._attempt, self._outcomes, self._reported)
            try:
                sender.start()
            except RuntimeError:
                if self._senders:
                    return False
                self._under_way[job.row.entry.key] = job
                self._outcomes.append(outcome_of(self._attempt, job))
                self._reported.ring()
                return True
            self._senders.append(sender)
        self._under_way[job.row.entry.key] = job
        sender.job = job
        sender.bell.ring()
        return True

    def take(self) -> list[Outcome]:
        """The outcomes since the last time."""
        taken = [self._outcomes.popleft() for _ in range(len(self._outcomes))]
        for outcome in taken:
            self._under_way.pop(outcome.job.row.entry.key, None)
        return taken

    def dismiss(self) -> None:
        """Let the threads end, each after the call that it is making; wait for none."""
        for sender in self._senders:
            sender.dismissed = True
            sender.bell.ring()
        self._client.close()

    def quota(self) -> Quota | None:
        """What the last answer said about the rate limit; once."""
        return self._client.take_quota()


class _Sender(threading.Thread):
    def __init__(self, attempt: Attempt, outcomes: deque[Outcome], reported: Bell) -> None:
        super().__init__(name="topmail-sender", daemon=True)
        self._attempt = attempt
        self._outcomes = outcomes
        self._reported = reported
        self.bell = Bell()
        self.job: Job | None = None
        self.dismissed = False

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  # error trackers watch threads
            logger.warning("TopMail: a sender thread ended: %s.", type(error).__name__)

    def _work(self) -> None:
        while self.bell.wait() and not self.dismissed:
            job = self.job
            if job is None:
                continue
            outcome = outcome_of(self._attempt, job)
            self.job = job = None
            self._outcomes.append(outcome)
            self._reported.ring()


def outcome_of(attempt: Attempt, job: Job) -> Outcome:
    """What becomes of a job, whatever goes wrong."""
    try:
        return attempt(job)
    except BaseException as error:  # noqa: BLE001  # no view is lost to a mistake of ours
        kind = type(error).__name__.lower()
    return Outcome(job, RetryLater(f"unexpected_{kind}"))
