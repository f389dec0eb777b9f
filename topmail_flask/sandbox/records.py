"""What the sandbox remembers: contacts, views, conversions, automation runs and received calls."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qsl

from werkzeug.datastructures import Headers

from topmail_flask.sandbox.contract import ApiResponse, Json

_SECRET_HEADERS = {"authorization", "x-api-key", "proxy-authorization", "cookie"}
_AS_THEY_ARE = (
    *("number", "time", "method", "path", "query", "status", "fault", "replayed", "replay_of"),
    "idempotency_key",
)


def timestamp(seconds: float) -> str:
    """Return an instant as TopMail writes it: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


@dataclass(frozen=True)
class Contact:
    """A contact of the workspace; ``lists`` holds the ids of its lists."""

    id: str
    email: str
    created_at: str
    first_name: str | None = None
    last_name: str | None = None
    attributes: Json = field(default_factory=dict)
    subscribed: bool = True
    lists: tuple[str, ...] = ()

    def as_json(self) -> Json:
        """Return the contact as ``GET /contacts/:id`` does."""
        lists = [{"id": each, "name": f"List {each[:8]}"} for each in self.lists]
        return {**asdict(self), "lists": lists}


@dataclass(frozen=True)
class Automation:
    """An automation (the dashboard calls it a flow) that a call can trigger."""

    id: str
    name: str
    status: str = "active"


@dataclass(frozen=True)
class Flow:
    """What a ``product_viewed`` flow made of one view; ``skipped`` says why it sends nothing."""

    name: str
    skipped: str | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """Something that an accepted call left behind; ``time`` is seconds since the epoch.

    ``number`` is the call's, ``body`` what was sent.
    """

    id: str
    number: int
    time: float
    contact_id: str
    email: str
    body: Json

    def as_json(self) -> Json:
        """Return every field, and the instant as TopMail writes it."""
        return {**asdict(self), "created_at": timestamp(self.time)}

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Self:
        """Return the record that :meth:`as_json` made ``saved`` of."""
        return cls(**{each.name: saved[each.name] for each in fields(cls) if each.name in saved})


@dataclass(frozen=True, kw_only=True)
class RecordedView(Record):
    """A product view that was accepted.

    ``first_attempt`` differs from ``time`` when the same idempotency key came before and got no
    good response. ``duplicate_of`` names an earlier view of the same product by the same contact
    within a minute. ``replays`` counts the responses repeated since.
    """

    first_attempt: float
    earlier_attempts: int
    idempotency_key: str | None
    flows: tuple[Flow, ...]
    duplicate_of: str | None = None
    replays: int = 0

    @property
    def resent(self) -> int:
        """How often this view was sent again with the same key."""
        return self.earlier_attempts + self.replays

    def as_json(self) -> Json:
        """Return the view's own fields over those of the body that was sent."""
        flows = [asdict(flow) for flow in self.flows]
        viewed_at = timestamp(self.time)
        return {**self.body, **super().as_json(), "flows": flows, "viewed_at": viewed_at}

    @classmethod
    def restored(cls, saved: Mapping[str, Any]) -> Self:
        """Return the view that :meth:`as_json` made ``saved`` of."""
        flows = tuple(Flow(**each) for each in saved["flows"])
        return super().restored({**saved, "flows": flows})

    def ended_by_purchase(self) -> Self:
        """Return the view with its flows ended: the contact has bought."""
        bought = "the contact has bought since"
        flows = (replace(flow, skipped=flow.skipped or bought) for flow in self.flows)
        return replace(self, flows=tuple(flows))


@dataclass(frozen=True, kw_only=True)
class Conversion(Record):
    """A conversion that was accepted."""

    type: str
    revenue: float | None
    currency: str
    order_id: str | None


@dataclass(frozen=True, kw_only=True)
class AutomationRun(Record):
    """An automation that a call started; ``skipped`` says why it sends nothing."""

    automation_id: str
    automation: str
    skipped: str | None = None


def triggered_flows(contact: Contact, body: Json) -> tuple[Flow, ...]:
    """Return what each ``product_viewed`` flow of the workspace makes of one accepted view."""
    unsubscribed = None if contact.subscribed else "the contact is not subscribed"
    no_price = None if "price" in body else "the view has no price"
    return (Flow("Abandoned browse", unsubscribed), Flow("Price drop", unsubscribed or no_price))


@dataclass(frozen=True)
class ReceivedRequest:
    """A request on ``/api/v1``; ``path`` is what follows that prefix.

    ``response`` is None as long as there is none, and for ever if a fault was to give none.
    ``error`` says why the call was refused; ``fault`` names the injected fault that it met;
    ``replay_of`` is the number of the call whose response was repeated.
    """

    number: int
    time: float
    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    response: ApiResponse | None = None
    error: Mapping[str, str] | None = None
    fault: str | None = None
    replay_of: int | None = None

    @property
    def status(self) -> int | None:
        """The status of the response, or None."""
        return None if self.response is None else self.response.status

    @property
    def arguments(self) -> Mapping[str, str]:
        """The arguments of the query, the first value of each."""
        return dict(reversed(parse_qsl(self.query, keep_blank_values=True)))

    @property
    def idempotency_key(self) -> str | None:
        """The ``Idempotency-Key`` header, or None."""
        return self.headers.get("Idempotency-Key")

    @property
    def replayed(self) -> bool:
        """Whether the response is that of an earlier call with the same key."""
        return self.replay_of is not None

    @property
    def rejected(self) -> bool:
        """Whether the call was refused for what it is, not by a fault."""
        return self.error is not None

    @property
    def is_probe(self) -> bool:
        """Whether ``flask topmail doctor`` made the call: it sends empty ones on purpose."""
        return "doctor" in self.headers.get("User-Agent", "")

    @property
    def shown_headers(self) -> list[tuple[str, str]]:
        """The headers in their order; of a secret only the last four characters."""
        return [
            (name, f"…{value[-4:]}" if name.lower() in _SECRET_HEADERS else value)
            for name, value in self.headers
        ]

    def as_json(self) -> Json:
        """Return the call and its response, without the API key."""
        sent = self.response
        return {
            **{name: getattr(self, name) for name in _AS_THEY_ARE},
            "received_at": timestamp(self.time),
            "headers": self.shown_headers,
            "error": dict(self.error) if self.error else None,
            "body": self.body.decode("utf-8", "replace"),
            "response": sent
            and {"headers": sent.headers, "body": sent.body.decode("utf-8", "replace")},
        }


def pretty(body: bytes) -> str:
    """Return a body as text: JSON with indentation, anything else as it is."""
    text = body.decode("utf-8", "replace")
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass
    return text.encode("utf-8", "replace").decode()  # an escaped lone surrogate is not UTF-8
