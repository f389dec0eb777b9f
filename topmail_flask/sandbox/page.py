"""The web page, and the fragments of it that live events carry."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import request
from jinja2 import Environment

from topmail_flask.sandbox.answers import Json
from topmail_flask.sandbox.faults import Faults
from topmail_flask.sandbox.keys import ApiKey
from topmail_flask.sandbox.records import Conversion, ReceivedRequest, RecordedView
from topmail_flask.sandbox.workspace import Workspace

_SHOWN = 200
_COUNTERS = ("views", "rejected", "replays", "duplicates", "conversions", "requests")
_NEXT_CALLS = (
    ("answers 500", 500),
    ("503", 503),
    ("429, wait 7 s", {"status": 429, "headers": {"Retry-After": "7"}}),
    ("401", 401),
    ("403", 403),
    ("404 contact", {"status": 404, "code": "contact_not_found"}),
    ("is reset", "reset"),
    ("is recorded, then reset", {"action": "reset", "recorded": True}),
    ("hangs", "hang"),
    ("drips", {"action": "drip", "interval_ms": 50}),
    ("is cut short", "truncate"),
    ("closes after", "close_after"),
)
Record = RecordedView | ReceivedRequest | Conversion


@dataclass(frozen=True)
class Entry:
    """One row of the page: a view, a conversion, a refused call, or one that met a fault."""

    kind: str
    record: Any
    body: Json
    text: str

    @property
    def id(self) -> str:
        """The row's id in the page."""
        return f"{self.kind}-{self.record.number}"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The filters that show the row."""
        return ("view", "duplicate") if self.kind == "duplicate" else (self.kind,)

    @property
    def key(self) -> str | None:
        """The idempotency key of the call, or None."""
        return getattr(self.record, "idempotency_key", None)

    @property
    def announcement(self) -> str:
        """What a screen reader says when the row arrives."""
        if self.kind in {"view", "duplicate"}:
            return f"{self.kind}: {self.body['product_name']}, {self.record.email}"
        if self.kind == "conversion":
            return f"{self.record.type}: {self.record.email}"
        if self.kind == "rejected":
            return f"rejected: {self.record.error['message']}"
        return self.kind

    @property
    def search(self) -> str:
        """What the filter looks through."""
        named = ("email", "product_id", "product_name", "sku", "contact_id", "order_id")
        words = [str(self.body.get(name, "")) for name in named]
        return " ".join([*words, getattr(self.record, "email", "")]).casefold()


def entry_of(record: Record) -> Entry:
    """Return the row of a record."""
    if isinstance(record, RecordedView):
        kind = "duplicate" if record.duplicate_of else "view"
        return Entry(kind, record, record.body, _pretty(record.body))
    if isinstance(record, Conversion):
        return Entry("conversion", record, record.body, _pretty(record.body))
    text = record.body.decode("utf-8", "replace")
    try:
        body = json.loads(text)
        text = _pretty(body)
    except (ValueError, RecursionError):
        body = None
    kind = "rejected" if record.rejected else "fault"
    return Entry(kind, record, body if isinstance(body, dict) else {}, text)


class Page:
    """Renders the workspace. The same templates serve the page and its live fragments."""

    def __init__(
        self, jinja: Environment, workspace: Workspace, faults: Faults, keys: Sequence[ApiKey]
    ) -> None:
        """Render with ``jinja``."""
        self._jinja = jinja
        self._workspace = workspace
        self._faults = faults
        self._keys = keys
        jinja.filters.update(
            clock=_clock, instant=_instant, money=_money, seconds=_seconds, tail=_tail
        )

    def show(self) -> str:
        """``GET /``, filtered by ``?q=`` and ``?show=`` for browsers without JavaScript."""
        query, show = request.args.get("q", ""), request.args.get("show", "all")
        with self._workspace.changed:
            entries = [
                each
                for each in self._entries()
                if query.casefold() in each.search and show in ("all", *each.kinds)
            ]
            return self._jinja.get_template("page.html").render(
                entries=entries[:_SHOWN],
                query=query,
                show=show,
                contacts=list(reversed(self._workspace.contacts.values()))[:_SHOWN],
                change_number=self._workspace.change_number,
                order=self._faults.order,
                counters=self._counters(),
                keys=self._keys,
                next_calls=_NEXT_CALLS,
                url=request.host_url.rstrip("/"),
            )

    def update(self, changes: Iterable[tuple[str, Any]]) -> Json:
        """Return the counters and the fragments of what changed: ``list``, ``id``, ``html``."""
        with self._workspace.changed:
            fragments = [each for change in changes for each in self._fragments(*change)]
            return {"counters": self._counters(), "fragments": fragments}

    def _fragments(self, what: str, identity: Any) -> Iterator[Json]:
        workspace = self._workspace
        if what == "contact":
            contact = workspace.contacts.get(identity)
            html = self._render("contact.html", contact=contact) if contact else ""
            yield {"list": "contacts", "id": f"contact-{identity}", "html": html}
        elif what == "faults":
            html = self._render("order.html", order=self._faults.order)
            yield {"list": "orders", "id": "order", "html": html}
        else:
            record = (
                workspace.views.get(identity)
                or workspace.conversions.get(identity)
                or _with_row(workspace.requests.get(identity))
            )
            if record is not None:
                entry = entry_of(record)
                html = self._render("entry.html", entry=entry)
                yield {"list": "feed", "id": entry.id, "html": html}

    def _entries(self) -> list[Entry]:
        calls = [each for each in self._workspace.requests.values() if _with_row(each)]
        records: list[Record] = [*self._workspace.views.values(), *calls]
        records += self._workspace.conversions.values()
        records.sort(key=lambda record: record.number, reverse=True)
        return [entry_of(record) for record in records]

    def _counters(self) -> dict[str, int]:
        counters = {name: self._workspace.counters[name] for name in _COUNTERS}
        return {**counters, "contacts": len(self._workspace.contacts)}

    def _render(self, template: str, **values: Any) -> str:
        return self._jinja.get_template(template).render(**values)


def _with_row(call: ReceivedRequest | None) -> ReceivedRequest | None:
    """Return a call that has a row of its own: it was refused or met a fault."""
    return call if call is not None and (call.rejected or call.fault) else None


def _pretty(body: Any) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%H:%M:%S")


def _money(price: float) -> str:
    return f"{price:,}" if isinstance(price, int) else f"{price:,.2f}"


def _tail(key: str) -> str:
    return key if len(key) <= 10 else f"…{key[-8:]}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
