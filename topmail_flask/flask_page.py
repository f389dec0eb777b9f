"""The page of one request: Flask's request and final response, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Request, Response

from topmail_flask.extraction.extract import may_hold_product
from topmail_flask.model.decision import Decision, GuessedProduct
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.page import HTML, RenderedPage

if TYPE_CHECKING:
    from topmail_flask.page_reader import PageReader
    from topmail_flask.shoppers import FlaskShopperSource, NamedShopper

BEACON = b"data-topmail-token="
PAGE = "topmail_flask.page"
"""Key of the environ: the page that is being made."""


@dataclass(slots=True)
class Named:
    """What the shop named by ``track`` or in a template.

    :ivar found: the product, or why it is none; None for a row of an ORM whose attributes were
        expired then: the page may load them yet.
    """

    value: object
    fields: Mapping[str, object] | None
    found: Product | Reason | None


@dataclass(slots=True)
class Shown:
    """A template that was rendered as a page, and what its variable holds.

    :ivar value: None: nothing that could be a product.
    :ivar found: what was made of it when the template was done; None: nobody wanted to know yet.
    """

    template: str
    context: Mapping[str, Any]
    value: object | None
    found: Product | GuessedProduct | Reason | None = None


class FlaskPage(RenderedPage):
    """The page of one Flask request, from the first thing that is known of it.

    :ivar mark: of the request's route.
    :ivar rendering: context of the template that is at work.
    :ivar own: decides about a request for an address of our own, once its response is final.
    :ivar has_beacon: whether the page was given a beacon in this request.
    """

    response: Response | None = None
    rendering: Mapping[str, Any] | None = None
    own: Callable[[Response], Decision] | None = None
    has_beacon = False
    visitor: FlaskShopperSource | NamedShopper | None = None
    _is_body_noted = False

    def __init__(self, reader: PageReader, request: Request) -> None:
        self.environ = request.environ
        self.request = request
        self._reader = reader
        self.mark = reader.mark_of(request)
        self.marked = self.mark is not None
        self.named: list[Named] = []
        self.shown: list[Shown] = []

    @property
    def templates(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The templates that were rendered as pages, in their order."""
        return [(shown.template, shown.context) for shown in self.shown]

    def read(self) -> bool:
        """Fill in what the shop named, what the template shows, and the body; False: surely no
        product.
        """
        reader, request = self._reader, self.request
        if not self._may_show_product():
            return False
        self.path, self.view_args = request.path, request.view_args
        refusals: list[Reason] = []
        if self.marked:
            found: list[Any] = list(reader.named_on(self))
            if not self._is_whole():
                found = [reader.with_page(value, self) for value in found]
            self.declared = tuple(value for value in found if isinstance(value, Product))
            refusals = [value for value in found if isinstance(value, Reason)]
        else:
            shown = reader.template_product(self)
            if isinstance(shown, Reason):
                refusals = [shown]
            else:
                self.template_product = shown
        if not self.url:
            self.url = reader.address(request)
        if self.document is not None:
            self.document.url = self.url
        self._note_final_body()
        if refusals:
            self.unread = refusals[0]
            if Reason.AMBIGUOUS in refusals or Reason.HOOK_FAILED in refusals:
                self.html = None
        if self._is_left_to_beacon():
            self.unread = Reason.BEACON
        return True

    def _may_show_product(self) -> bool:
        if self.rendering is not None:  # streamed, in a way that was not seen at its beginning
            self._reader.note_shown(self, "", self.rendering, is_read=False)
        if self.marked:
            return True
        for shown in self.shown:
            if shown.value is not None:
                return True
        self._note_final_body()
        self.document = None if self.html is None else may_hold_product(self.html)
        return self.html is None or self.document is not None or self._reader.is_asked()

    def _is_whole(self) -> bool:
        """Whether the response is a page of its own, whose address is the request's."""
        is_page = self.mimetype in HTML and self.environ.get("REQUEST_METHOD") == "GET"
        return is_page and "HTTP_HX_REQUEST" not in self.environ

    def note_named(self, product: Product) -> None:
        """Note that the shop names a product that is read already."""
        self.named.append(Named(product, None, product))
        self.marked = True

    def _note_final_body(self) -> None:
        """Note the body of an HTML page, not compressed any more; or why it cannot be read."""
        response = self.response
        if self._is_body_noted or response is None or self.mimetype not in HTML:
            return
        self._is_body_noted = True
        chunks = response.response
        if response.direct_passthrough or not isinstance(chunks, (list, tuple)):
            self.unread = Reason.NO_BODY
            return
        # A 304 has its body still: Werkzeug leaves it out when the response is sent.
        is_plain = len(chunks) == 1 and type(chunks[0]) is bytes
        body = chunks[0] if is_plain else response.get_data()
        if self.status == 304 and not body:
            self.unread = Reason.NO_BODY
        else:
            self.note_body(body, self._reader.settings.max_page_bytes)

    def _is_left_to_beacon(self) -> bool:
        """Whether the visitor gets, or has, an older copy of the page with a beacon on it.

        Where a template ran, only a 304 leaves the browser with its own copy: the page of most
        stores is not searched.
        """
        if self.shown:
            may_be_copy = self.has_beacon and self.status == 304
        else:
            may_be_copy = self.html is not None and BEACON in self.html
        return may_be_copy and self._reader.is_older_copy(self)
