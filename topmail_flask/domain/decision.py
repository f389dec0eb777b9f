"""What became of one page."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from topmail_flask.domain.extraction import Extraction
from topmail_flask.domain.product import Product
from topmail_flask.domain.product_view import ProductView
from topmail_flask.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one page.

    :ivar views: the views handed over for delivery; mostly one or none.
    :ivar product: the page's product, if there was one.
    :ivar reason: why there is no view; None if there is one.
    :ivar extraction: how the product was found, if the page was read.
    """

    views: tuple[ProductView, ...] = ()
    product: Product | None = None
    reason: Reason | None = None
    extraction: Extraction | None = None

    @property
    def header(self) -> str:
        """The decision as the value of the ``X-TopMail`` header."""
        if self.views:
            return f"view; product={quote(self.views[0].product.id)}"
        of = f"; product={quote(self.product.id)}" if self.product else ""
        return f"none; reason={self.reason}{of}"


@cache
def refused(reason: Reason) -> Decision:
    """What became of a page that was not looked at: the same for all that have one reason."""
    return Decision(reason=reason)
