"""The feed: one entry for each call, with what it left behind, to be searched and paged."""

import json
import re
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from topmail_flask.sandbox.contract import Json
from topmail_flask.sandbox.records import (
    AutomationRun,
    Contact,
    Conversion,
    ReceivedRequest,
    Record,
    RecordedView,
    pretty,
)
from topmail_flask.sandbox.workspace import Workspace

PAGE_SIZE = 200
_NOT_FOR_CURL = {"host", "content-length", "connection", "accept-encoding", "accept", "user-agent"}
_SHOWN = {"view", "fault", "contact", "duplicate", "conversion", "automation", "rejected"}


@dataclass(frozen=True)
class Entry:
    """A call and the view, conversion or automation run that it made, if any.

    A record that comes from a state file has no request any more.
    """

    number: int
    request: ReceivedRequest | None
    record: Record | None

    @property
    def time(self) -> float:
        """When the call came, in seconds since the epoch."""
        return (self.request or self.record).time  # type: ignore[union-attr]  # it has one

    @property
    def kind(self) -> str:
        """What the call was: ``view``, ``duplicate``, ``conversion``, ``automation``, ``contact``,
        ``rejected``, ``fault``, ``repeat``, ``probe``, ``pending`` or ``read``.
        """
        match self.record:
            case RecordedView():
                return "duplicate" if self.record.duplicate_of else "view"
            case Conversion():
                return "conversion"
            case AutomationRun():
                return "automation"
        return self._kind_of_request(self.request) if self.request else "read"

    @staticmethod
    def _kind_of_request(request: ReceivedRequest) -> str:
        if request.is_probe:
            return "probe"
        if request.fault:
            return "fault"
        if request.rejected:
            return "rejected"
        if request.status is None:
            return "pending"
        if request.method == "GET":
            return "read"
        is_contact = request.path.startswith("/contacts") and not request.replayed
        return "contact" if is_contact else "repeat"

    @property
    def fault(self) -> str | None:
        """The fault that the call met, or None."""
        return self.request.fault if self.request else None

    @property
    def key(self) -> str | None:
        """The idempotency key of the call, or None."""
        if self.request is not None:
            return self.request.idempotency_key
        return getattr(self.record, "idempotency_key", None)

    @cached_property
    def body(self) -> Json:
        """The body that was sent, if it is a JSON object, else ``{}``."""
        if self.record is not None:
            return self.record.body
        return _json_object(self.request.body if self.request else b"")

    @property
    def text(self) -> str:
        """The body that was sent, for people."""
        if self.request is not None:
            return pretty(self.request.body)
        return pretty(json.dumps(self.body).encode())

    @property
    def response_text(self) -> str:
        """The body of the response, for people."""
        response = self.request.response if self.request else None
        return pretty(response.body) if response else ""

    @property
    def email(self) -> str:
        """The address that the call speaks of, or an empty text."""
        email = self.record.email if self.record else self.body.get("email")
        return email if isinstance(email, str) else ""

    @property
    def contact_id(self) -> str | None:
        """The id of the contact that the call speaks of, if it can be told."""
        if self.record is not None:
            return self.record.contact_id
        if "contact_id" in self.body:
            return str(self.body["contact_id"])
        if self.request is None or not self.request.path.startswith("/contacts"):
            return None
        in_path = re.fullmatch(r"/contacts/([^/]+)", self.request.path)
        response = self.request.response
        created = _json_object(response.body if response else b"").get("data")
        return in_path[1] if in_path else created["id"] if isinstance(created, dict) else None

    @property
    def title(self) -> str:
        """The call in a few words."""
        request, record = self.request, self.record
        match record:
            case RecordedView():
                return str(record.body["product_name"])
            case Conversion():
                return record.type.capitalize()
            case AutomationRun():
                return (
                    f"Automation {record.automation}: {'skipped' if record.skipped else 'started'}"
                )
        if request is None:
            return ""
        line = f"{request.method} {request.path}"
        titles = {
            "probe": f"Probe of the doctor: {line}",
            "fault": f"Fault: {request.fault}",
            "rejected": request.error["message"] if request.error else "",
            "pending": f"{line}: no response yet",
            "repeat": f"Repeat of call {request.replay_of}, not counted again",
            "contact": f"Contact {_CONTACT_VERBS.get(request.method, 'changed')}",
        }
        if self.kind == "repeat" and not request.replayed:
            return "Order known already, not counted again" if "order_id" in self.body else line
        return titles.get(self.kind, line)

    @property
    def items(self) -> list[str]:
        """What was bought, where a conversion's ``metadata`` has a list of ``items``."""
        metadata = self.body.get("metadata")
        items = metadata.get("items") if isinstance(metadata, dict) else None
        named = ("name", "product_name", "product_id", "sku", "id")
        return [
            f"{item.get('quantity', 1)} × {next((item[n] for n in named if n in item), '?')}"
            for item in (items if isinstance(items, list) else [])
            if isinstance(item, dict)
        ]

    @property
    def search_text(self) -> str:
        """Everything that is shown of the call, in lower case."""
        words = [self.kind, self.title, self.email, self.text, self.response_text, self.key or ""]
        if self.record is not None:
            words += [self.record.id, self.record.contact_id]
        if self.request is not None:
            request = self.request
            words += [request.method, request.path, request.query, str(request.status)]
            words += [request.fault or "", *(f"{name}: {v}" for name, v in request.shown_headers)]
        return " ".join(words).casefold()

    def fits(self, query: str, show: str, contact: Contact | None) -> bool:
        """Return whether a feed shows the entry: every word of ``query`` is somewhere in it."""
        kinds = {"view", "duplicate"} if show == "view" else {show}
        if show == "fault":
            is_shown = self.fault is not None
        else:
            is_shown = show not in _SHOWN or self.kind in kinds
        if contact is not None and self.contact_id != contact.id:
            is_shown &= self.email.casefold() == contact.email.casefold()
        words = query.casefold().split()
        return is_shown and (not words or all(map(self.search_text.__contains__, words)))

    def curl(self, url: str, secrets: Collection[str]) -> str | None:
        """Return the call as a command for a shell, or None if its body is not text.

        A key that is not of this sandbox becomes ``$TOPMAIL_API_KEY``.
        """
        request = self.request
        if request is None:
            return None
        try:
            body = request.body.decode()
        except UnicodeDecodeError:
            return None
        address = f"{url}/api/v1{request.path}" + (f"?{request.query}" if request.query else "")
        parts = [f"curl {shlex.quote(address)}"]
        if request.method != ("POST" if body else "GET"):
            parts[0] = f"curl -X {request.method} {shlex.quote(address)}"
        for name, value in request.headers:
            if name.lower() in {"authorization", "x-api-key"}:
                scheme, _, secret = value.rpartition(" ")
                if secret not in secrets:
                    parts.append(f'-H "{name}: {scheme} $TOPMAIL_API_KEY"'.replace("  ", " "))
                    continue
            if name.lower() not in _NOT_FOR_CURL:
                parts.append(f"-H {shlex.quote(f'{name}: {value}')}")
        if body:
            parts.append(f"--data-raw {shlex.quote(body)}")
        return " \\\n  ".join(parts)

    def as_json(self) -> Json:
        """Return the call and what it left behind."""
        return {
            "number": self.number,
            "kind": self.kind,
            "request": self.request and self.request.as_json(),
            "record": self.record and self.record.as_json(),
        }


_CONTACT_VERBS = {"POST": "created", "DELETE": "deleted"}


@dataclass(frozen=True)
class Feed:
    """What a page shows of the workspace: the newest first, filtered."""

    workspace: Workspace
    query: str = ""
    show: str = "all"
    contact: Contact | None = None
    before: int | None = None

    @classmethod
    def of(cls, workspace: Workspace, arguments: Mapping[str, str]) -> "Feed":
        """Return the feed that the arguments of an address ask for: q, show, contact, before."""
        before, person = arguments.get("before", ""), arguments.get("contact", "")
        show = arguments.get("show", "all")
        return cls(
            workspace,
            query=arguments.get("q", ""),
            show=show if show in _SHOWN else "all",
            contact=workspace.contacts.get(person) or workspace.find_contact(person),
            before=int(before) if before.isascii() and before.isdigit() else None,
        )

    @property
    def is_filtered(self) -> bool:
        """Whether there may be calls that it does not show."""
        return bool(self.query.strip()) or self.show in _SHOWN or self.contact is not None

    def entries(self) -> Iterator[Entry]:
        """Yield every entry that fits, the newest first. Hold the workspace's lock meanwhile."""
        records, calls = self.workspace.records(), self.workspace.requests
        for number in sorted(records.keys() | calls.keys(), reverse=True):
            entry = Entry(number, calls.get(number), records.get(number))
            if entry.fits(self.query, self.show, self.contact):
                yield entry

    def page(self) -> tuple[list[Entry], int, int | None]:
        """Return a page of entries, how many there are in all, and where the next page begins."""
        found = list(self.entries())
        rest = [each for each in found if self.before is None or each.number < self.before]
        shown = rest[:PAGE_SIZE]
        return shown, len(found), shown[-1].number if len(rest) > len(shown) else None

    def entry(self, number: int) -> Entry | None:
        """Return the entry of a call, or None when it is not known any more."""
        request, record = self.workspace.requests.get(number), self.workspace.record(number)
        return Entry(number, request, record) if request or record else None


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
