"""What the extension decided, in the order of it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import has_request_context, request

from topmail_flask.model.decision import NOTHING, Decision, Trace
from topmail_flask.model.events import ProductView, Purchase
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class Taken:
    """A view that was accepted.

    :ivar page: the request, such as ``GET /products/tea``.
    """

    page: str
    view: ProductView


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
class Bought:
    """A purchase that was accepted.

    :ivar page: the request, such as ``POST /checkout``.
    """

    page: str
    purchase: Purchase


@dataclass(frozen=True, slots=True)
class NotBought:
    """A purchase that is not recorded.

    :ivar page: the request, such as ``POST /checkout``.
    :ivar order_id: the order's number, as the shop told it.
    :ivar reason: why not.
    """

    page: str
    order_id: str
    reason: Reason


Recorded = Taken | Refusal | Bought | NotBought


class Recording:
    """Listens where the extension tells what it decided.

    :ivar records: oldest first.
    """

    def __init__(self) -> None:
        self.records: list[Recorded] = []

    def accept(self, event: ProductView | Purchase) -> None:
        """Note a view or a purchase."""
        page = _page()
        accepted = Bought(page, event) if isinstance(event, Purchase) else Taken(page, event)
        self.records.append(accepted)

    def refuse_purchase(self, order_id: object, reason: Reason) -> None:
        """Note a purchase that is not recorded."""
        self.records.append(NotBought(_page(), str(order_id), reason))

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
