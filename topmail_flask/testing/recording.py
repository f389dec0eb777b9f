"""What the extension decided, in the order of it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import has_request_context, request

from topmail_flask.model.decision import NOTHING, Decision, Trace
from topmail_flask.model.events import Event, Trigger
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """A page, or one of a page's products, that is no view.

    :ivar page: the request, such as ``GET /products/tea``.
    :ivar reason: why it is no view.
    :ivar product: the product, if it was looked for and found.
    :ivar trace: how it was looked for.
    """

    page: str
    reason: Reason
    product: Product | None = None
    trace: Trace = NOTHING


@dataclass(frozen=True, slots=True)
class Accepted:
    """A view, a purchase, another conversion or a trigger that was accepted.

    :ivar page: the request, such as ``GET /products/tea``.
    """

    page: str
    event: Event


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """A purchase, another conversion or a trigger that is not recorded.

    :ivar page: the request, such as ``POST /checkout``.
    :ivar kind: ``"purchase"``, ``"conversion"`` or ``"trigger"``.
    :ivar name: what the shop calls it: the order's number, the type, the automation.
    :ivar reason: why not.
    """

    page: str
    kind: str
    name: str
    reason: Reason


Recorded = Refusal | Accepted | NotAccepted


class Recording:
    """Listens where the extension tells what it decided.

    :ivar records: oldest first.
    """

    def __init__(self) -> None:
        self.records: list[Recorded] = []

    def accept(self, event: Event) -> None:
        """Note an event."""
        self.records.append(Accepted(_page(), event))

    def refuse(self, kind: str, name: object, reason: Reason) -> None:
        """Note what is not recorded, and is no view."""
        self.records.append(NotAccepted(_page(), kind, str(name), reason))

    def cancel(self, once: str, now: float) -> None:
        """Take back triggers that wait under this name."""
        for number, record in enumerate(self.records):
            event = record.event if isinstance(record, Accepted) else None
            if isinstance(event, Trigger) and event.once == once and (event.due or 0.0) > now:
                self.records[number] = NotAccepted(
                    record.page, "trigger", event.automation_id, Reason.CANCELLED
                )

    def decide(self, decision: Decision) -> None:
        """Note a page without a product; those of other pages are told one by one."""
        if decision.reason is not None and decision.product is None:
            trace = decision.extraction.trace if decision.extraction else NOTHING
            self.records.append(Refusal(_page(), decision.reason, None, trace))

    def drop(self, _app: object, *, product: Product, reason: Reason, **_: object) -> None:
        """Note a product that is no view."""
        self.records.append(Refusal(_page(), reason, product))


def _page() -> str:
    if not has_request_context():
        return "later, on its way to TopMail"
    return f"{request.method} {request.full_path.removesuffix('?')}"
