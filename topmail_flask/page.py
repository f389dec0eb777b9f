"""A page as it is sent, in plain values: behind it nobody reads the framework."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from operator import itemgetter
from types import SimpleNamespace
from typing import Any

from werkzeug.http import parse_options_header

from topmail_flask.extraction.attributes import VARIABLES
from topmail_flask.extraction.document import Document
from topmail_flask.extraction.encodings import readable
from topmail_flask.model.decision import GuessedProduct, Rejected
from topmail_flask.model.errors import IncompleteError, InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.rules.requests import Refusals
from topmail_flask.rules.visitors import Visitor

HTML = ("text/html", "application/xhtml+xml")
LOOKS_LIKE_A_PRODUCT = "looks like a product"


class RenderedPage:
    """A request, what the shop told of its page, and the final response.

    :ivar environ: the request as WSGI hands it over; never changed.
    :ivar url: absolute URL of the request on the shop's own site, with its query.
    :ivar path: the URL's path.
    :ivar view_args: the values that the route took from the URL.
    :ivar templates: names of the templates that were rendered as pages, each with its context.
    :ivar status: the final status.
    :ivar mimetype: media type of the response, lower-case, without parameters.
    :ivar charset: character set that the Content-Type named, if any.
    :ivar encoding: the ``Content-Encoding`` header, if there is one.
    :ivar disposition: the ``Content-Disposition`` header, if there is one.
    :ivar html: the body, undecoded; None when it cannot be read or need not be.
    :ivar document: the same, as far as it was looked through.
    :ivar unread: why there is no product to tell, if one was to be looked for; ``BEACON``: the
        page's own script tells who sees it, because a cache answered.
    :ivar marked: the route is marked, or the shop named the product.
    :ivar failed: an error of our own lost what the shop named, or what the template showed.
    :ivar explicit: the shop named it by ``topmail.track``: a POST counts, too.
    :ivar spoken_for: it also named the shopper and their consent: the request may be others'.
    :ivar declared: products named by route, template call or ``track``, in their order.
    :ivar template_product: what a template variable that nobody marked held, or None.
    :ivar remarks: why what was shown or named is no product, with the fix.
    :ivar refusals: why the request counts for nothing, if that was asked already.
    :ivar visitor: who made the request, once somebody asks.
    """

    # Most pages end before most of these are known: so they begin here, not in __init__.
    url: str = ""
    path: str = ""
    view_args: Mapping[str, object] | None = None
    status: int = 200
    mimetype: str = "text/html"
    charset: str | None = None
    encoding: str | None = None
    disposition: str | None = None
    html: bytes | None = None
    document: Document | None = None
    unread: Reason | None = None
    marked: bool = False
    explicit: bool = False
    spoken_for: bool = False
    failed: bool = False
    declared: tuple[Product, ...] = ()
    template_product: GuessedProduct | None = None
    remarks: tuple[Rejected, ...] = ()
    refusals: Refusals | None = None
    visitor: Visitor | None = None

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self.environ = environ

    @property
    def templates(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The templates that were rendered as pages, in their order; none outside of Flask."""
        return []

    def read(self) -> bool:
        """Fill in what the page shows, once somebody wants to know; False: surely no product."""
        return True

    def note_headers(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Note status and headers of the response, each read once."""
        self.status = status
        content_type, self.encoding, self.disposition = content_headers(headers)
        self.mimetype, self.charset = media_type(content_type)

    def note_body(self, body: bytes, limit: int) -> None:
        """Note the body, not compressed any more; or why it cannot be read.

        :param limit: bytes of the page at the most.
        """
        if self.encoding is None and len(body) <= limit:
            self.html = body
        else:
            self.html, self.unread = readable(body, self.encoding, limit)


def content_headers(
    headers: Iterable[tuple[str, str]],
) -> tuple[str | None, str | None, str | None]:
    """The values of ``Content-Type``, ``Content-Encoding`` and ``Content-Disposition``.

    A store's responses have the same few headers in the same order: where these three stand is
    remembered. (To look for one that is not there makes Werkzeug raise an exception.)
    """
    fields = (_NOT_THERE, *headers)
    at_type, at_encoding, at_disposition = _places(tuple(map(_NAME, fields)))
    return fields[at_type][1], fields[at_encoding][1], fields[at_disposition][1]


_NAME = itemgetter(0)
_NOT_THERE: Any = ("", None)


@lru_cache(maxsize=512)
def _places(names: tuple[str, ...]) -> tuple[int, int, int]:
    """Where the last one of each header stands; 0: nowhere."""
    at = {name.lower(): place for place, name in enumerate(names)}
    return (
        at.get("content-type", 0),
        at.get("content-encoding", 0),
        at.get("content-disposition", 0),
    )


@lru_cache(maxsize=64)
def media_type(content_type: str | None) -> tuple[str, str | None]:
    """The media type that a ``Content-Type`` header names, in lower case, and its charset."""
    mimetype, parameters = parse_options_header(content_type)
    return mimetype.lower(), parameters.get("charset")


def remark_on(error: InvalidValueError, name: str) -> Rejected:
    """Why a template variable, or what the shop named, is no product."""
    fix = error.fix if isinstance(error, IncompleteError) else ""
    what = name if error.field == "product" else f"{name}.{error.field}"
    return Rejected(what, error.problem, fix)


_USUAL_VARIABLES = frozenset(["request", "session", "g", "config", "current_user", "csrf_token"])


def with_parts(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What the store gave to a template, and below it what mappings hold: ``data.product``."""
    own = [(name, value) for name, value in _given(context) if not callable(value)]
    yield from own
    for name, value in own:
        held = vars(value) if isinstance(value, SimpleNamespace) else value
        if isinstance(held, dict):
            yield from ((f"{name}.{key}", part) for key, part in held.items())


def _given(context: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Without what every template has."""
    return [
        (name, value)
        for name, value in context.items()
        if name not in _USUAL_VARIABLES and name[:1] != "_"
    ]


def names_in(context: Mapping[str, Any], wanted: str | None, products: list[str]) -> Rejected:
    """What a template was given, where none of it is called as the product should be.

    :param wanted: the name that a mark gives.
    :param products: those of its names that hold what looks like a product.
    """
    for name in (wanted,) if wanted else VARIABLES:
        value = context.get(name)
        if name in context and value is None:
            return Rejected(name, "is None", "Answer with 404 where the view finds no product.")
        if isinstance(value, (list, tuple)):
            what = "is a list or tuple: a product has names"
            return Rejected(name, what, _of_row(name) if _is_row(value) else _DECLARE)
        if isinstance(value, (str, int, float)):
            return Rejected(name, "is a text or number: a product has a name and price", _DECLARE)
    names = [name for name, _ in _given(context)][:20]
    listed = ", ".join(names) or "no variable"
    listed += f" ({products[0]} {LOOKS_LIKE_A_PRODUCT})" if products else ""
    named = (
        f"variable {wanted}, which @product_page names" if wanted else "variable product or item"
    )
    row = next((name for name in names if _is_row(context[name])), None)
    if not products:
        fix = _of_row(row) if row else _DECLARE
    elif "." in products[0]:
        fix = f"{{{{ topmail_product({products[0]}) }}}} in the template."
    elif wanted is not None:
        fix = f'@product_page("{products[0]}"): name the variable that is.'
    else:
        mark, setting = f'@product_page("{products[0]}")', f'["{products[0]}"]'
        fix = f"{mark} right below the view's route, or TOPMAIL_TEMPLATE_VARIABLES = {setting}."
    return Rejected("template", f"has no {named}; it was given: {listed}", fix)


_DECLARE = (
    'Where it shows one product: {{ topmail_product({"id": ..., "name": ..., "price": ...}) }} in '
    "the template."
)


def _is_row(value: object) -> bool:
    """Whether it may be a product's row of a database: plain values by their numbers."""
    is_long = isinstance(value, (list, tuple)) and len(value) > 2
    return is_long and any(isinstance(each, str) for each in value)  # type: ignore[attr-defined]


def _of_row(name: str) -> str:
    return f'@product_page("{name}", fields={{"id": 0, "name": 1, "price": 2}})'
