"""What the extension decided, in the order of it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import has_request_context, request

from topmail_flask.domain.decision import Decision
from topmail_flask.domain.extraction import NOTHING, Trace
from topmail_flask.domain.product import Product
from topmail_flask.domain.product_view import ProductView
from topmail_flask.domain.reasons import Reason


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


class Recording:
    """Listens where the extension tells what it decided.

    :ivar told: oldest first.
    """

    def __init__(self) -> None:
        self.told: list[Taken | Refusal] = []

    def accept(self, view: ProductView) -> None:
        """Note a view."""
        self.told.append(Taken(_page(), view))

    def decide(self, decision: Decision) -> None:
        """Note a page without a product; those of other pages are told one by one."""
        if decision.reason is not None and decision.product is None:
            trace = decision.extraction.trace if decision.extraction else NOTHING
            self.told.append(Refusal(_page(), decision.reason, None, trace))

    def drop(self, _app: object, *, product: Product, reason: Reason, **_: object) -> None:
        """Note a product that is no view."""
        self.told.append(Refusal(_page(), reason, product))


def _page() -> str:
    if not has_request_context():
        return "later, on its way to TopMail"
    return f"{request.method} {request.full_path.removesuffix('?')}"
