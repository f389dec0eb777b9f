"""An app as a Celery worker serves it: its client, its pace, and what follows from an answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from topmail_flask.delivery.claiming import Row
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.contacts import Job, Outcome, attempt
from topmail_flask.delivery.entry import Entry, Told
from topmail_flask.delivery.notices import Notices
from topmail_flask.delivery.pauses import BLOCKED_PROBE_INTERVAL, Pace
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.delivery.retries import backoff
from topmail_flask.delivery.sender import outcome_of
from topmail_flask.model.errors import CallRejected, Conflict, ContactNotFound, RetryLater
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Receipt

MOST_UNKNOWN, UNKNOWN_SECONDS = 10_000, 3600.0


class Account:
    """Sends views of one app, one call at a time in each thread. Between calls, each process of a
    worker keeps the pause that TopMail asked it for, and for an hour who TopMail does not know.

    :param name: as :func:`~topmail_flask.delivery.files.app_directory` names the app and its key.
    :param receivers: told what became of each view.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        receivers: Receivers,
        *,
        dice: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app, _, self.key = name.partition("-")
        self.settings = settings
        self.receivers = receivers
        self._dice = dice
        self._clock = clock
        self._monotonic = monotonic
        self._client: TopMailClient | None = None
        self._pace = Pace(senders=settings.senders, rate=settings.rate, dice=dice)
        self._notices = Notices()
        self._unknown: dict[str, float] = {}

    def pause(self) -> float:
        """Seconds for which no call may be made."""
        return self._pace.wait_of_pause(self._monotonic())

    def send(self, entry: Entry, told: Told, tries: int) -> Receipt | Reason | Entry | float:
        """Make one attempt.

        :param tries: attempts before this one.
        :returns: the receipt; or why the view will never be sent; or what to send instead, at once;
            or seconds until the next try.
        """
        shopper, creates = told.shopper, self.settings.unknown_contacts == "create"
        newcomer = shopper if creates and shopper and shopper.may_become_contact else None
        if not creates and self._unknown.get(entry.identity, 0.0) > self._monotonic():
            return Reason.CONTACT_NOT_FOUND
        job = Job(Row(entry, tries, 0.0), None if entry.contact_id else newcomer)
        outcome = outcome_of(self._attempt, job)
        error, now = outcome.result, self._monotonic()
        if isinstance(error, Receipt):
            self._pace.answered(now)
            return error
        if isinstance(error, ContactNotFound) and entry.contact_id:
            self._pace.answered(now)
            return entry.by_address()
        if isinstance(error, CallRejected) and not outcome.created:
            self._pace.answered(now)
            unknown = outcome.refused or isinstance(error, ContactNotFound)
            self._note(f"{entry.kind} {entry.key} was refused for good: {error.code}.", now)
            if unknown:
                self._remember_unknown(entry.identity, now)
            return Reason.CONTACT_NOT_FOUND if unknown else Reason.REJECTED
        again = backoff(tries + 1, self._dice())
        if isinstance(error, (Conflict, CallRejected)):
            self._pace.answered(now)
        elif outcome.refused:
            again = max(again, BLOCKED_PROBE_INTERVAL)
        else:
            self._pace.failed(error, now, self._clock())
            self._note(f"views are sent later: {error}", now)
        asked = error.wait if isinstance(error, RetryLater) and error.wait else 0.0
        return max(again, asked, self._pace.wait_of_pause(now))

    def _remember_unknown(self, identity: str, now: float) -> None:
        if len(self._unknown) >= MOST_UNKNOWN:
            self._unknown.clear()
        self._unknown[identity] = now + UNKNOWN_SECONDS

    def _attempt(self, job: Job) -> Outcome:
        if self._client is None:
            self._client = TopMailClient.of(self.settings)
        return attempt(self._client, job)

    def _note(self, sentence: str, now: float) -> None:
        self._notices.note("celery", sentence)
        self._notices.speak(now)
