"""What follows from an outcome: for the view, for its contact, and for the pace of all calls."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from topmail_flask.delivery.attempt import Job, Outcome, job_of
from topmail_flask.delivery.claiming import Row, UnknownContact
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.delivery.policy import (
    BLOCKED_PROBE_INTERVAL,
    LONGEST_PAUSE,
    Pace,
    backoff,
    until_tomorrow,
)
from topmail_flask.delivery.receivers import Notices
from topmail_flask.model.errors import (
    CallRejected,
    Conflict,
    ContactNotFound,
    DeliveryError,
    RateLimited,
    RetryLater,
    SendingBlocked,
)
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Receipt

CONFLICTS_TO_DIE = 4
SAME_ERRORS_TO_DIE = 5
LONGEST_FAILING = 600.0
"""Seconds for which a view that fails while others pass may keep back its shopper's later views."""
ABOUT_THE_KEY = ("unauthorized", "limit_reached")
MOST_HISTORIES = 10_000
WRITTEN_AFTER = 1.0
"""Seconds after which what was learnt is in the outbox, if it takes anything."""


@dataclass(slots=True)
class _History:
    """What is remembered of a view that was tried: lost with the leader, which only asks more."""

    failures: int = 0
    conflicts: int = 0
    same_errors: int = 0
    error: str = ""
    successes_before: int = 0
    failing_since: float | None = None
    successes_then: int = -1
    successes_lately: int = 0


class Reactions:
    """Carries out the reaction to each outcome.

    :param outbox: where views are settled.
    :param pace: told of every answer.
    :param notices: told of what a person should know.
    """

    def __init__(
        self,
        outbox: Outbox,
        pace: Pace,
        notices: Notices,
        settings: Settings,
        *,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._pace = pace
        self._notices = notices
        self._creates = settings.unknown_contacts == "create"
        self._dice = dice
        self._histories: dict[str, _History] = {}
        self._unknown: dict[str, UnknownContact] = {}
        self._learnt_at: dict[str, float] = {}
        self._contacts: dict[str, str] = {}
        self._create_at = float("-inf")
        self._successes = 0

    def look_up(self, rows: Iterable[Row], wall: float) -> None:
        """Read at once what is known of the contacts of claimed rows, except of those about whom
        something was learnt a moment ago: that may not be written yet.
        """
        if not self._creates and rows:
            if len(self._unknown) >= MOST_HISTORIES:
                self._unknown.clear()
            lately = {
                name for name, at in self._learnt_at.items() if 0 <= wall - at < WRITTEN_AFTER
            }
            self._learnt_at = {name: self._learnt_at[name] for name in lately}
            identities = {row.entry.identity for row in rows} - lately
            found = self._outbox.unknown_contacts(identities)
            for identity in identities - found.keys():
                self._unknown.pop(identity, None)
            self._unknown |= found

    def job(self, row: Row, now: float, wall: float, withdrawn: bool) -> Job | Reason | None:
        """What to do for a claimed row; or why it needs no call; or None: it is put off."""
        if withdrawn:
            return Reason.CONSENT_WITHDRAWN
        if row.entry.due > wall:
            self._outbox.retry(row, min(row.entry.due, wall + LONGEST_PAUSE), counts=False)
            return None
        unknown = self._unknown.get(row.entry.identity)
        # A guest who was unknown a moment ago may be a contact since this checkout.
        is_new_view = row.entry.kind == "view" and row.entry.key not in self._histories
        if is_new_view and unknown and wall < unknown.ask_at:
            return Reason.CONTACT_NOT_FOUND
        return job_of(row, creates=self._creates and now >= self._create_at)

    def settle(self, outcome: Outcome, now: float, wall: float) -> Receipt | Reason | None:
        """Settle a view. Returns the receipt, or why it will never be sent, or None: later.

        :param now: by the monotonic clock.
        :param wall: seconds since the epoch.
        """
        result, row = outcome.result, outcome.job.row
        if isinstance(result, Receipt):
            self._pace.answered(now)
            self._successes += 1
            self._outbox.delivered(row)
            self._remember_contact(row, result.contact_id)
            if self._unknown.pop(row.entry.identity, None) is not None:
                self._learnt_at[row.entry.identity] = wall
                self._outbox.forget_unknown(row.entry.identity)
            self._histories.pop(row.entry.key, None)
            return result
        if isinstance(result, ContactNotFound) and row.entry.contact_id:
            # Deleted and made anew, a contact has another id and the same address.
            self._pace.answered(now)
            self._contacts.pop(row.entry.identity, None)
            self._outbox.forget_contact(row.entry.identity)
            self._outbox.retry(row, wall, counts=False, renewed=row.entry.by_address())
            return None
        reason = self._reason_to_give_up(outcome, result, now, wall)
        if reason is not None:
            self._pace.answered(now)
            return self.give_up(row, reason)
        self._try_later(outcome, result, now, wall)
        return None

    def _remember_contact(self, row: Row, contact_id: str | None) -> None:
        """The contact's id, once: views that come in from now on name it instead of the address."""
        identity = row.entry.shopper
        if not contact_id or contact_id == row.entry.contact_id or not row.entry.names_address:
            return
        if self._contacts.get(identity) != contact_id:
            if len(self._contacts) >= MOST_HISTORIES:
                self._contacts.clear()
            self._contacts[identity] = contact_id
            self._outbox.remember_contact(identity, contact_id)

    def give_up(self, row: Row, reason: Reason) -> Reason:
        """Give a view up for good."""
        if reason is Reason.CONSENT_WITHDRAWN:
            self._outbox.drop(row, reason)
        else:
            self._outbox.dead_letter(row, reason)
        self._histories.pop(row.entry.key, None)
        return reason

    def _reason_to_give_up(
        self, outcome: Outcome, error: DeliveryError, now: float, wall: float
    ) -> Reason | None:
        row = outcome.job.row
        if isinstance(error, ContactNotFound) or (
            outcome.refused and isinstance(error, CallRejected)
        ):
            if self._creates and now < self._create_at:
                return None
            if self._creates:
                return Reason.CONTACT_NOT_FOUND
            identity = row.entry.identity
            unknown = UnknownContact.after(self._unknown.get(identity), wall)
            self._unknown[identity], self._learnt_at[identity] = unknown, wall
            self._outbox.remember_unknown(identity, unknown)
            return Reason.CONTACT_NOT_FOUND
        if isinstance(error, CallRejected):
            self._tell_rejected(row, error)
            return Reason.REJECTED
        if isinstance(error, Conflict):
            history = self._history(row)
            history.conflicts += 1
            if history.conflicts < CONFLICTS_TO_DIE:
                return None
            self._tell_rejected(row, error)
            return Reason.REJECTED
        self._history(row).failures += 1
        if isinstance(error, RateLimited) or error.code in ABOUT_THE_KEY:
            return None
        if self._replayed(row, error):
            return Reason.REPLAYED_ERROR
        return self._reason_after_long_failing(row, error, wall)

    def _tell_rejected(self, row: Row, error: CallRejected | Conflict) -> None:
        fields = error.fields if isinstance(error, CallRejected) else ()
        named = f" (fields: {', '.join(fields)})" if fields else ""
        size = f"; it has {len(row.entry.sent_body)} bytes" if error.status == 413 else ""
        self._notices.note(
            "rejected",
            f"{row.entry.kind} {row.entry.key} was refused for good: {error.code}{named}, "
            f"status {error.status}{size}.",
        )

    def _reason_after_long_failing(
        self, row: Row, error: DeliveryError, wall: float
    ) -> Reason | None:
        """Why a view is given up that goes on to fail while TopMail takes those of others."""
        history = self._history(row)
        nobody_passed = self._successes == history.successes_then
        if history.failing_since is None or nobody_passed:  # it may be the same for everybody
            history.failing_since, history.successes_then = wall, self._successes
        others_pass = self._successes > history.successes_lately
        history.successes_lately = self._successes
        if wall - history.failing_since < LONGEST_FAILING or not others_pass:
            return None
        self._notices.note(
            "failing", f"{row.entry.kind} {row.entry.key} failed for ten minutes: {error.code}."
        )
        return Reason.REPLAYED_ERROR if error.status else Reason.REJECTED

    def _replayed(self, row: Row, error: DeliveryError) -> bool:
        """Whether TopMail repeats one stored error for this key, while it takes other views."""
        if error.status != 500:
            return False
        history = self._history(row)
        if history.error != error.code:
            history.error, history.same_errors = error.code, 0
            history.successes_before = self._successes
        history.same_errors += 1
        others_pass = self._successes > history.successes_before
        return others_pass and history.same_errors >= SAME_ERRORS_TO_DIE

    def _try_later(self, outcome: Outcome, error: DeliveryError, now: float, wall: float) -> None:
        row = outcome.job.row
        creation_waits = isinstance(error, ContactNotFound)
        if isinstance(error, SendingBlocked) and outcome.refused:
            self._pause_creation(error, now, wall)
            creation_waits = True
        if creation_waits:
            self._pace.answered(now)
            due = wall + min(self._create_at - now, LONGEST_PAUSE)
            self._outbox.retry(row, due, counts=False)
            return
        if isinstance(error, Conflict):
            self._pace.answered(now)
        else:
            self._pace.failed(error, now, wall)
        if isinstance(error, (RateLimited, SendingBlocked)):
            # The pause holds every view back; after it those go first that have not failed.
            since = self._history(row).failing_since
            self._outbox.retry(row, wall, counts=False, failing_since=since)
            return
        asked = error.wait if isinstance(error, RetryLater) and error.wait else 0.0
        wait = max(backoff(row.attempts + 1, self._dice()), asked)
        since = self._history(row).failing_since
        due = wall + wait
        if since is not None:  # when it is over, one more attempt decides
            due = min(due, max(since + LONGEST_FAILING, wall + 1.0))
        self._outbox.retry(row, due, renewed=outcome.renewed, failing_since=since)

    def _pause_creation(self, error: SendingBlocked, now: float, wall: float) -> None:
        limited = error.code == "limit_reached"
        wait = until_tomorrow(wall) if limited else BLOCKED_PROBE_INTERVAL
        self._create_at = max(self._create_at, now + wait)
        self._notices.note("contacts", f"no contacts are created for now: {error}")

    def failures(self, row: Row) -> int:
        """How often it has failed here."""
        history = self._histories.get(row.entry.key)
        return history.failures if history else 0

    def _history(self, row: Row) -> _History:
        if row.entry.key not in self._histories:
            if len(self._histories) > MOST_HISTORIES:
                self._histories.clear()
            self._histories[row.entry.key] = _History(failing_since=row.failing_since)
        return self._histories[row.entry.key]
