"""What the sandbox remembers: contacts, views, conversions and the calls that it received."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from werkzeug.datastructures import Headers

from topmail_flask.sandbox.answers import Json


def timestamp(seconds: float) -> str:
    """Return an instant as TopMail writes it: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


@dataclass(frozen=True)
class Contact:
    """A contact of the workspace."""

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
class Flow:
    """What a ``product_viewed`` flow made of one view; ``skipped`` says why it sends nothing."""

    name: str
    after: str
    skipped: str | None = None


@dataclass(frozen=True)
class RecordedView:
    """A product view that was accepted.

    ``time`` and ``first_attempt`` are seconds since the epoch; they differ when the same
    idempotency key came before and got no good answer. ``duplicate_of`` names an earlier view of
    the same product by the same contact within a minute. ``replays`` counts the answers repeated
    since.
    """

    id: str
    number: int
    time: float
    first_attempt: float
    earlier_attempts: int
    contact_id: str
    email: str
    body: Json
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
        return {
            **self.body,
            **asdict(self),
            "flows": [asdict(flow) for flow in self.flows],
            "viewed_at": timestamp(self.time),
        }


@dataclass(frozen=True)
class Conversion:
    """A conversion that was accepted."""

    id: str
    number: int
    time: float
    contact_id: str
    email: str
    type: str
    revenue: float | None
    currency: str
    order_id: str | None
    body: Json

    def as_json(self) -> Json:
        """Return the conversion as ``POST /conversions`` answers it, and what was sent."""
        return {**asdict(self), "created_at": timestamp(self.time)}


@dataclass(frozen=True)
class ReceivedRequest:
    """A request on ``/api/v1``; ``path`` is what follows that prefix.

    ``status`` is None as long as there is no answer, and for ever if the order was to give none.
    ``error`` says why the call was refused; ``fault`` names the ordered fault that it met.
    """

    number: int
    time: float
    method: str
    path: str
    query: Mapping[str, str]
    headers: Headers
    body: bytes
    status: int | None = None
    error: Mapping[str, str] | None = None
    fault: str | None = None
    replayed: bool = False

    @property
    def idempotency_key(self) -> str | None:
        """The ``Idempotency-Key`` header, or None."""
        return self.headers.get("Idempotency-Key")

    @property
    def rejected(self) -> bool:
        """Whether the call was refused for what it is, not by an order."""
        return self.error is not None

    def as_json(self) -> dict[str, Any]:
        """Return the call without its headers: they hold the API key."""
        return {
            "number": self.number,
            "time": self.time,
            "received_at": timestamp(self.time),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "error": dict(self.error) if self.error else None,
            "fault": self.fault,
            "replayed": self.replayed,
            "idempotency_key": self.idempotency_key,
            "body": self.body.decode("utf-8", "replace"),
        }
