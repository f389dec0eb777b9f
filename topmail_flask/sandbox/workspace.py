"""The workspace: everything that the sandbox knows, behind one lock, and the file that keeps it."""

import hashlib
import json
import os
import tempfile
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from topmail_flask.sandbox.contract import ApiError, ApiResponse, Json, invalid
from topmail_flask.sandbox.records import (
    Automation,
    AutomationRun,
    Contact,
    Conversion,
    ReceivedRequest,
    Record,
    RecordedView,
    timestamp,
    triggered_flows,
)

_DUPLICATE_WITHIN = 60.0
_CHANGES = 5_000
_KEY_LIMIT = 255
_REMEMBERED = 100_000
_SAVE_EVERY = 0.5

Change = tuple[int, str, Any]
"""(running number, what changed, its id): a ``contact``, a ``call`` by number, ``faults``, …"""


@dataclass(frozen=True)
class RememberedResponse:
    """The first response to an idempotency key, and what it recorded, if anything."""

    fingerprint: str
    status: int
    body: str
    view_id: str | None = None
    number: int = 0


class RememberedResponses:
    """The newest 100,000 responses, by scope (an API key's label) and idempotency key."""

    def __init__(self) -> None:
        self._responses: dict[str, RememberedResponse] = {}

    def find(self, scope: str, request: ReceivedRequest) -> RememberedResponse | None:
        """Return the first response to the request's key, or None.

        Raises :class:`ApiError`: 409 when the key was used for another request, 400 for a key over
        255 characters.
        """
        key = request.idempotency_key or ""
        if len(key) > _KEY_LIMIT:
            raise invalid("Idempotency-Key", f"must be at most {_KEY_LIMIT} characters")
        found = self._responses.get(f"{scope} {key}")
        if found is not None and found.fingerprint != _fingerprint(request):
            raise ApiError(
                409,
                "idempotency_conflict",
                "This Idempotency-Key was used with another request: each operation needs its own",
            )
        return found

    def remember(
        self, scope: str, request: ReceivedRequest, response: ApiResponse, record: Record | None
    ) -> None:
        """Remember the response to a call."""
        self._responses[f"{scope} {request.idempotency_key}"] = RememberedResponse(
            _fingerprint(request),
            response.status,
            response.body.decode(),
            record.id if isinstance(record, RecordedView) else None,
            request.number,
        )
        _trim(self._responses, _REMEMBERED)

    def as_json(self) -> Json:
        """Return what :meth:`restore` takes."""
        return {key: vars(response).copy() for key, response in self._responses.items()}

    def restore(self, responses: Json) -> None:
        """Replace everything by ``responses``."""
        self._responses = {key: RememberedResponse(**each) for key, each in responses.items()}


def _fingerprint(request: ReceivedRequest) -> str:
    """Return what must be equal for two requests to be the same operation."""
    parts = (request.method.encode(), request.path.encode(), request.body)
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


class Workspace:
    """Contacts, automations, and the newest ``keep`` views, conversions, runs and received calls.

    Every method may be called from any thread; ``changed`` is notified after each change and guards
    the attributes. ``automations``: the ids of those that exist; None: any that is triggered.
    """

    def __init__(
        self,
        *,
        contacts: Iterable[str] = (),
        automations: Iterable[str] | None = None,
        keep: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.clock = clock
        self.changes: deque[Change] = deque(maxlen=_CHANGES)
        self._seeds = tuple(contacts)
        self._keep = keep
        # from the clock: a page that outlives a restart then sees that it missed something
        self.change_number = int(time.time() * 1_000_000)
        self.knows_any_automation = automations is None
        self.automations = {each: Automation(each, each) for each in automations or ()}
        self.contacts: dict[str, Contact] = {}
        self._number = 0
        self._forget_calls()
        self._seed()

    def clear(self, *, keep_contacts: bool = False) -> None:
        """Forget all calls; without ``keep_contacts`` return to the contacts of the start."""
        with self.changed:
            self._forget_calls()
            if not keep_contacts:
                self.contacts = {}
                self._seed()
            self.note("reset")

    def find_contact(self, email: str) -> Contact | None:
        """Return the contact with this address, whatever its capitals."""
        with self.changed:
            return self.contacts.get(self._ids_by_email.get(email.casefold(), ""))

    def add_contact(self, email: str, **fields: Any) -> Contact:
        """Add a contact; ``fields`` are those of :class:`Contact`. Raises ApiError (409)."""
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
            self.note("contact", contact.id)
            return contact

    def delete_contact(self, contact_id: str) -> None:
        """Forget a contact; the views that it had stay."""
        with self.changed:
            contact = self.contacts.pop(contact_id)
            del self._ids_by_email[contact.email.casefold()]
            self.note("contact", contact_id)

    def receive(self, request: ReceivedRequest) -> ReceivedRequest:
        """Take a request in, give it its number, and count the attempts of its key."""
        with self.changed:
            self._number += 1
            request = replace(request, number=self._number)
            self.requests[request.number] = request
            _trim(self.requests, self._keep)
            self.counters["requests"] += 1
            key = request.idempotency_key
            if key is not None:
                first, attempts = self._attempts.get(key, (request.time, 0))
                self._attempts[key] = (first, attempts + 1)
                _trim(self._attempts, self._keep)
            self.note("call", request.number)
            return request

    def conclude(self, request: ReceivedRequest) -> None:
        """Replace a request by itself with its response."""
        with self.changed:
            if request.number in self.requests:
                self.requests[request.number] = request
                self.counters["rejected"] += request.rejected and not request.is_probe
                self.counters["faults"] += request.fault is not None
                self.counters["replays"] += request.replayed
                self.note("call", request.number)

    def record_view(self, fields: Json, request: ReceivedRequest) -> RecordedView:
        """Record an accepted product view; ``fields`` are those of every record."""
        with self.changed:
            contact, now, body = self.contacts[fields["contact_id"]], fields["time"], fields["body"]
            seen = (contact.id, body["product_id"], body.get("variant_id", ""))
            earlier_id, earlier_time = self._last_seen.get(seen, (None, 0.0))
            first, attempts = self._attempts.get(request.idempotency_key or "", (now, 1))
            view = RecordedView(
                **fields,
                first_attempt=first,
                earlier_attempts=attempts - 1,
                idempotency_key=request.idempotency_key,
                flows=triggered_flows(contact, body),
                duplicate_of=earlier_id if now - earlier_time < _DUPLICATE_WITHIN else None,
            )
            self._last_seen[seen] = (view.id, now)
            _trim(self._last_seen, self._keep)
            self.counters["duplicates"] += view.duplicate_of is not None
            self._keep_record(self.views, view, "views")
            return view

    def count_replay(self, view_id: str | None) -> None:
        """Note on a view that its response was given again."""
        with self.changed:
            view = self.views.get(view_id or "")
            if view is not None:
                self.views[view.id] = replace(view, replays=view.replays + 1)
                self.note("call", view.number)

    def record_conversion(self, conversion: Conversion, *, ends_flows: bool) -> Conversion:
        """Record a conversion, or return the earlier one of the same ``order_id``.

        With ``ends_flows`` it ends those that the contact's views have set off.
        """
        with self.changed:
            if conversion.order_id is not None:
                for earlier in self.conversions.values():
                    if earlier.order_id == conversion.order_id:
                        return earlier
            self._keep_record(self.conversions, conversion, "conversions")
            for view in list(self.views.values()) if ends_flows else ():
                if view.contact_id == conversion.contact_id:
                    self.views[view.id] = view.ended_by_purchase()
                    self.note("call", view.number)
            return conversion

    def record_run(self, run: AutomationRun) -> None:
        """Record that an automation was started for a contact."""
        with self.changed:
            self._keep_record(self.runs, run, "automations")

    def note(self, what: str, identity: Any = None) -> None:
        """Wake those who wait for a change."""
        with self.changed:
            self.change_number += 1
            self.changes.append((self.change_number, what, identity))
            self.changed.notify_all()

    def records(self) -> dict[int, Record]:
        """Return every view, conversion and run by the number of its call."""
        kinds: tuple[Mapping[str, Record], ...] = (self.views, self.conversions, self.runs)
        return {each.number: each for kind in kinds for each in kind.values()}

    def record(self, number: int) -> Record | None:
        """Return the view, conversion or run of a call, or None."""
        record_id = self._ids.get(number, "")
        return (
            self.views.get(record_id) or self.conversions.get(record_id) or self.runs.get(record_id)
        )

    def as_json(self) -> dict[str, list[Json]]:
        """Return contacts, automations and records, each oldest first."""
        with self.changed:
            return {
                "contacts": [each.as_json() for each in self.contacts.values()],
                "automations": [vars(each) for each in self.automations.values()],
                "views": [each.as_json() for each in self.views.values()],
                "conversions": [each.as_json() for each in self.conversions.values()],
                "automation_runs": [each.as_json() for each in self.runs.values()],
            }

    def saved(self) -> Json:
        """Return what :meth:`restore` takes; refused calls are not part of it."""
        contacts = [vars(each) for each in self.contacts.values()]
        return {**self.as_json(), "contacts": contacts, "answers": self.responses.as_json()}

    def _forget_calls(self) -> None:
        self.views: dict[str, RecordedView] = {}
        self.conversions: dict[str, Conversion] = {}
        self.runs: dict[str, AutomationRun] = {}
        self.requests: dict[int, ReceivedRequest] = {}
        self.responses = RememberedResponses()
        self.counters: Counter[str] = Counter()
        self._ids: dict[int, str] = {}
        self._attempts: dict[str, tuple[float, int]] = {}
        self._last_seen: dict[tuple[str, str, str], tuple[str, float]] = {}

    def restore(self, state: Json) -> None:
        """Replace everything by what an earlier run saved, then add contacts that are missing."""
        with self.changed:
            self._forget_calls()
            contacts = [{**each, "lists": tuple(each["lists"])} for each in state["contacts"]]
            self.contacts = {each["id"]: Contact(**each) for each in contacts}
            for each in state.get("automations", ()):
                self.automations.setdefault(each["id"], Automation(**each))
            self.views = {each["id"]: RecordedView.restored(each) for each in state["views"]}
            self.conversions = {
                each["id"]: Conversion.restored(each) for each in state["conversions"]
            }
            runs = state.get("automation_runs", ())
            self.runs = {each["id"]: AutomationRun.restored(each) for each in runs}
            self.responses.restore(state["answers"])
            self.counters.update(
                views=len(self.views), conversions=len(self.conversions), automations=len(self.runs)
            )
            self.counters["duplicates"] = sum(bool(v.duplicate_of) for v in self.views.values())
            self._ids = {number: record.id for number, record in self.records().items()}
            self._number = max(self._ids, default=0)
            for view in self.views.values():
                variant = view.body.get("variant_id", "")
                seen = (view.contact_id, view.body["product_id"], variant)
                self._last_seen[seen] = (view.id, view.time)
            self._seed()

    def _keep_record(self, kind: dict[str, Any], record: Record, counter: str) -> None:
        kind[record.id] = record
        self._ids[record.number] = record.id
        _trim(kind, self._keep)
        _trim(self._ids, 3 * self._keep)
        self.counters[counter] += 1
        self.note("call", record.number)

    def _seed(self) -> None:
        self._ids_by_email = {c.email.casefold(): c.id for c in self.contacts.values()}
        for email in self._seeds:
            if self.find_contact(email) is None:
                self.add_contact(email)


def _trim(records: dict[Any, Any], limit: int) -> None:
    """Forget the oldest beyond the limit."""
    while len(records) > limit:
        del records[next(iter(records))]


class StateFile:
    """Keeps a workspace's contacts, records and idempotency keys in ``path``, a JSON file.

    The file is replaced whole, at most twice a second and when the sandbox stops: one that is
    killed loses half a second.
    """

    def __init__(self, path: Path, workspace: Workspace) -> None:
        """Restore the workspace if the file is there.

        Raises :class:`ValueError` when the file holds something else, :class:`OSError` when its
        directory cannot be written.
        """
        self._path = path
        self._workspace = workspace
        self._saved = 0
        if path.exists():
            try:
                workspace.restore(json.loads(path.read_text(encoding="utf-8"))["version 1"])
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise ValueError(f"{path} is not a state file of this sandbox") from error
        self.save()

    def start(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._keep_saving, name="topmail-sandbox-state", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Save once more and leave it."""
        self._stopped.set()
        self._thread.join()
        self.save()

    def save(self) -> None:
        """Write the file if there was a change since it was last written."""
        with self._workspace.changed:
            number = self._workspace.change_number
            if number == self._saved:
                return
            state = self._workspace.saved()
        written, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)
        with os.fdopen(written, "w", encoding="utf-8") as file:
            json.dump({"version 1": state}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(self._path)
        self._saved = number

    def _keep_saving(self) -> None:
        while not self._stopped.wait(_SAVE_EVERY):
            self.save()
