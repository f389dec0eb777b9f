"""What the extension saw of one request and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from topmail_flask.domain.product import Product
from topmail_flask.domain.reasons import Reason


class RenderedPage(NamedTuple):
    """A page as it was sent, in plain values: behind it nobody reads the framework.

    :ivar environ: the request as WSGI hands it over; never changed.
    :ivar url: absolute URL of the request on the shop's own site, with its query.
    :ivar path: the URL's path.
    :ivar status: the final status.
    :ivar mimetype: media type of the answer, lower-case, without parameters.
    :ivar html: the body, undecoded; None when it cannot be read or need not be.
    :ivar charset: character set that the Content-Type named, if any.
    :ivar unread: why :attr:`html` is None, if a product was to be looked for in it.
    :ivar view_args: the values that the route took from the URL.
    :ivar marked: the route is marked, or the shop called ``track``.
    :ivar declared: products named by route, template call or ``track``, in their order.
    :ivar template_product: what the template variable held, or None.
    """

    environ: Mapping[str, Any]
    url: str
    path: str
    status: int = 200
    mimetype: str = "text/html"
    html: bytes | None = None
    charset: str | None = None
    unread: Reason | None = None
    view_args: Mapping[str, object] | None = None
    marked: bool = False
    declared: tuple[Product, ...] = ()
    template_product: Product | None = None
