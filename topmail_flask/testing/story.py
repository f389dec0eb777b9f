"""The text of a failing test: what was asked for, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from topmail_flask.model.events import Event, ProductView, Purchase, Trigger
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper
from topmail_flask.testing.expectations import name_of
from topmail_flask.testing.recording import Accepted, NotAccepted, Recorded

_NOTHING = (
    "The app was asked for nothing: were the requests made inside of capture(app), "
    "and to this very app?"
)


def story(records: Iterable[Recorded]) -> str:
    """Every view, every purchase and every refusal, in their order."""
    lines = [line for record in records for line in (f"  {record.page}", *_outcome(record))]
    return "\n".join(["What the app was asked for:", *lines]) if lines else _NOTHING


def described(
    product_id: object, shopper: Shopper | str | None, expected: Mapping[str, object]
) -> str:
    """Which views a test means: ``of 'tea-1' by ann@shop.example with price 9.99``."""
    words = "of any product" if product_id is None else f"of {str(product_id)!r}"
    if shopper is not None:
        words += f" by {name_of(shopper)}"
    if expected:
        words += " with " + ", ".join(f"{name} {value}" for name, value in expected.items())
    return words


def said(event: Event) -> str:
    """An event in words: ``purchase of 'A-7' by ann@shop.example, 9.99 EUR``."""
    by = f"by {name_of(event.shopper)}"
    if isinstance(event, ProductView):
        return f"view of {_product(event.product)}, {by}"
    if isinstance(event, Trigger):
        later = f", after {event.wait}" if event.wait else ""
        return f"trigger of {event.automation_id!r} {by}{later}, with {event.data or 'no data'}"
    revenue = "no revenue" if event.revenue is None else f"{event.revenue} {event.currency}"
    if isinstance(event, Purchase):
        return f"purchase of {event.order_id!r} {by}, {revenue}"
    return f"conversion of {event.type!r} {by}, {revenue}"


def explained(reason: Reason) -> str:
    """A reason with its sentence and fix."""
    return f"{reason}. {reason.sentence}" + (f" Fix: {reason.fix}" if reason.fix else "")


def _outcome(record: Recorded) -> list[str]:
    if isinstance(record, Accepted):
        return [f"    {said(record.event)}"]
    if isinstance(record, NotAccepted):
        return [f"    no {record.kind} of {record.name!r}: {explained(record.reason)}"]
    of = f" of {_product(record.product)}" if record.product else ""
    lines = [f"    no view{of}: {record.reason}. {record.reason.sentence}"]
    if record.reason.fix:
        lines.append(f"    fix: {record.reason.fix}")
    lines += [f"    rejected: {what} {why}" for what, why, _ in record.trace.rejected]
    lines += [f"    candidate: {name}" for name in record.trace.candidates]
    return lines


def _product(product: Product) -> str:
    price = "no price" if product.price is None else f"{product.price} {product.currency}"
    variant = f" variant {product.variant_id!r}" if product.variant_id else ""
    return f"{product.id!r}{variant} ({product.name}, {price})"
