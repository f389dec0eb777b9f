"""The workspace: everything that the sandbox knows, behind one lock."""

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Condition, RLock
from typing import Any, TypeVar

from topmail_flask.sandbox.answers import ApiError, Json
from topmail_flask.sandbox.flows import ended_by_purchase, triggered_flows
from topmail_flask.sandbox.idempotency import RememberedAnswers
from topmail_flask.sandbox.records import (
    Contact,
    Conversion,
    ReceivedRequest,
    RecordedView,
    timestamp,
)

_DUPLICATE_WITHIN = 60.0
_CHANGES = 5_000
_Key = TypeVar("_Key")

Change = tuple[int, str, Any]
"""(running number, what changed: ``view``, ``request``, …, its id)."""


class Workspace:
    """Contacts, views, conversions and received calls, the newest ``keep`` of each.

    Every method may be called from any thread; ``changed`` is notified after each change and guards
    the attributes.
    """

    def __init__(
        self, *, contacts: Iterable[str] = (), keep: int, clock: Callable[[], float] = time.time
    ) -> None:
        """Start with ``contacts`` (e-mail addresses) only."""
        self.changed = Condition(RLock())
        self.clock = clock
        self.changes: deque[Change] = deque(maxlen=_CHANGES)
        self._seeds = tuple(contacts)
        self._keep = keep
        # from the clock: a page that outlives a restart then sees that it missed something
        self._change_number = int(time.time() * 1_000_000)
        self._number = 0
        self.contacts: dict[str, Contact] = {}
        self._forget_calls()
        self._seed()

    def clear(self, *, keep_contacts: bool = False) -> None:
        """Forget all calls; without ``keep_contacts`` return to the contacts of the start."""
        with self.changed:
            self._forget_calls()
            if not keep_contacts:
                self.contacts = {}
                self._seed()
            self._note("reset", None)

    def find_contact(self, email: str) -> Contact | None:
        """Return the contact with this address, whatever its capitals."""
        with self.changed:
            wanted = email.casefold()
            contact_id = self._ids_by_email.get(wanted)
            return self.contacts.get(contact_id) if contact_id else None

    def add_contact(self, email: str, **fields: Any) -> Contact:
        """Add a contact; ``fields`` are those of :class:`Contact`. Raises ApiError (409)."""
        with self.changed:
            if self.find_contact(email) is not None:
                raise ApiError(409, "duplicate", "A contact with this e-mail address exists")
            defaults = {"id": str(uuid.uuid4()), "created_at": timestamp(self.clock())}
            return self.store_contact(Contact(email=email, **{**defaults, **fields}))

    def store_contact(self, contact: Contact) -> Contact:
        """Put ``contact`` in the place of the one with its id. Raises ApiError (409)."""
        with self.changed:
            other = self.find_contact(contact.email)
            if other is not None and other.id != contact.id:
                raise ApiError(409, "duplicate", "A contact with this e-mail address exists")
            before = self.contacts.get(contact.id)
            if before is not None:
                del self._ids_by_email[before.email.casefold()]
            self.contacts[contact.id] = contact
            self._ids_by_email[contact.email.casefold()] = contact.id
            self._note("contact", contact.id)
            return contact

    def delete_contact(self, contact_id: str) -> None:
        """Forget a contact; the views that it had stay."""
        with self.changed:
            contact = self.contacts.pop(contact_id)
            del self._ids_by_email[contact.email.casefold()]
            self._note("contact", contact_id)

    def receive(self, request: ReceivedRequest) -> ReceivedRequest:
        """Take a request in, give it its number, and count the attempts of its key."""
        with self.changed:
            self._number += 1
            request = replace(request, number=self._number)
            self.requests[request.number] = request
            self._trim(self.requests)
            self.counters["requests"] += 1
            key = request.idempotency_key
            if key is not None:
                first, attempts = self.attempts.get(key, (request.time, 0))
                self.attempts[key] = (first, attempts + 1)
                self._trim(self.attempts)
            self._note("request", request.number)
            return request

    def conclude(self, request: ReceivedRequest) -> None:
        """Replace a request by itself with its answer."""
        with self.changed:
            if request.number in self.requests:
                self.requests[request.number] = request
                self.counters["rejected"] += request.rejected
                self.counters["faults"] += request.fault is not None
                self.counters["replays"] += request.replayed
                self._note("request", request.number)

    def record_view(self, contact: Contact, body: Json, request: ReceivedRequest) -> RecordedView:
        """Record an accepted product view."""
        with self.changed:
            now = self.clock()
            view_id = str(uuid.uuid4())
            seen = (contact.id, body["product_id"], body.get("variant_id", ""))
            earlier_id, earlier_time = self._last_seen.get(seen, (None, 0.0))
            duplicate_of = earlier_id if now - earlier_time < _DUPLICATE_WITHIN else None
            first, attempts = self.attempts.get(request.idempotency_key or "", (now, 1))
            view = RecordedView(
                id=view_id,
                number=request.number,
                time=now,
                first_attempt=first,
                earlier_attempts=attempts - 1,
                contact_id=contact.id,
                email=contact.email,
                body=body,
                idempotency_key=request.idempotency_key,
                flows=triggered_flows(contact, body),
                duplicate_of=duplicate_of,
            )
            self.views[view_id] = view
            self._last_seen[seen] = (view_id, now)
            self._trim(self.views)
            self._trim(self._last_seen)
            self.counters["views"] += 1
            self.counters["duplicates"] += duplicate_of is not None
            self._note("view", view_id)
            return view

    def count_replay(self, view_id: str | None) -> None:
        """Note on a view that its answer was given again."""
        with self.changed:
            view = self.views.get(view_id or "")
            if view is not None:
                self.views[view.id] = replace(view, replays=view.replays + 1)
                self._note("view", view.id)

    def record_conversion(self, conversion: Conversion) -> Conversion:
        """Record a conversion, or return the earlier one of the same ``order_id``.

        A purchase ends the flows that the contact's views have set off.
        """
        with self.changed:
            if conversion.order_id is not None:
                for earlier in self.conversions.values():
                    if earlier.order_id == conversion.order_id:
                        return earlier
            self.conversions[conversion.id] = conversion
            self._trim(self.conversions)
            self.counters["conversions"] += 1
            self._note("conversion", conversion.id)
            if conversion.type == "purchase":
                for view in list(self.views.values()):
                    if view.contact_id == conversion.contact_id:
                        self.views[view.id] = ended_by_purchase(view)
                        self._note("view", view.id)
            return conversion

    def note(self, what: str) -> None:
        """Tell those who watch of a change that is not the workspace's own."""
        with self.changed:
            self._note(what, None)

    @property
    def change_number(self) -> int:
        """The number of the newest change."""
        return self._change_number

    def restore(
        self,
        contacts: Iterable[Contact],
        views: Iterable[RecordedView],
        conversions: Iterable[Conversion],
        answers: Json,
    ) -> None:
        """Replace everything by what an earlier run saved, then add seeds that are missing."""
        with self.changed:
            self._forget_calls()
            self.contacts = {each.id: each for each in contacts}
            self._ids_by_email = {each.email.casefold(): each.id for each in contacts}
            self.views.update((each.id, each) for each in views)
            self.conversions.update((each.id, each) for each in conversions)
            self.answers.restore(answers)
            self.counters["views"] = len(self.views)
            self.counters["conversions"] = len(self.conversions)
            self.counters["duplicates"] = sum(bool(v.duplicate_of) for v in self.views.values())
            known: list[RecordedView | Conversion] = [
                *self.views.values(),
                *self.conversions.values(),
            ]
            self._number = max((each.number for each in known), default=0)
            for view in self.views.values():
                variant = view.body.get("variant_id", "")
                seen = (view.contact_id, view.body["product_id"], variant)
                self._last_seen[seen] = (view.id, view.time)
            self._seed()

    def _forget_calls(self) -> None:
        self.views: dict[str, RecordedView] = {}
        self.conversions: dict[str, Conversion] = {}
        self.requests: dict[int, ReceivedRequest] = {}
        self.attempts: dict[str, tuple[float, int]] = {}
        self.answers = RememberedAnswers()
        self.counters: Counter[str] = Counter()
        self._last_seen: dict[tuple[str, str, str], tuple[str, float]] = {}

    def _seed(self) -> None:
        self._ids_by_email = {c.email.casefold(): c.id for c in self.contacts.values()}
        for email in self._seeds:
            if self.find_contact(email) is None:
                self.add_contact(email)

    def _trim(self, records: dict[_Key, Any]) -> None:
        while len(records) > self._keep:
            del records[next(iter(records))]

    def _note(self, what: str, identity: Any) -> None:
        self._change_number += 1
        self.changes.append((self._change_number, what, identity))
        self.changed.notify_all()
