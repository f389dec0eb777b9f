"""The snapshot at the edge: the one place that reads Flask's request, templates and response."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response
from flask import request as current_request
from jinja2 import Template

from topmail_flask.extraction.attributes import are_mapped_at_all, is_mapped, template_product
from topmail_flask.extraction.extract import may_hold_product
from topmail_flask.guard import Guard
from topmail_flask.marking import Mark, call_loader, mark_of
from topmail_flask.model.decision import Decision
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.page import HTML, RenderedPage
from topmail_flask.site_address import server_address, site_address

if TYPE_CHECKING:
    from topmail_flask.extraction.objects import ProductReader

Adapters = Mapping[type, Callable[[Any], Any]]
BEACON = b"data-topmail-token="
_PAGE = "topmail_flask.page"
_PLAIN_PATH = re.compile(r"[/\w.~-]*", re.ASCII)
_RENDERING = frozenset({Template.render.__code__, Template.generate.__code__})


class HookFailedError(InvalidValueError):
    """A function of the shop that makes a product raised an error; it is reported already."""

    def __init__(self) -> None:
        super().__init__("product", "could not be made: a function of the shop raised an error")


@dataclass(frozen=True, slots=True)
class Unread:
    """A row whose attributes were expired when the shop named it: the page may load them yet."""

    value: object
    fields: Mapping[str, object] | None


class FlaskPage(RenderedPage):
    """The page of one Flask request, from the first thing that is known of it.

    :ivar named: what the shop named by ``track`` or in a template, or why it is no product.
    :ivar templates: name and context of each outermost template that was rendered.
    :ivar rows: what was read of rows of an ORM when their page was complete, by ``id()``: a commit
        after that would expire them.
    :ivar own: decides about a request for an address of our own, once its response is final.
    :ivar has_beacon: whether the page was given a beacon in this request.
    """

    __slots__ = (
        "_body",
        "_reader",
        "has_beacon",
        "mark",
        "named",
        "own",
        "request",
        "response",
        "rows",
        "templates",
    )

    def __init__(self, reader: PageReader, request: Request) -> None:
        super().__init__(request.environ, path=request.path, view_args=request.view_args)
        self._reader = reader
        self._body: tuple[bytes | None, Reason | None] | None = None
        self.request = request
        self.response: Response | None = None
        self.mark: Mark | None = None
        self.named: list[Product | Reason | Unread] = []
        self.templates: list[tuple[str, Mapping[str, Any]]] = []
        self.rows: dict[int, Product | InvalidValueError] = {}
        self.own: Callable[[Response], Decision] | None = None
        self.has_beacon = False

    def finish(self, response: Response) -> None:
        """Note the final response."""
        self.response = response
        self.note_headers(response.status_code, response.headers)
        self.mark = self._reader.mark_of(self.request)
        self.marked = self.mark is not None or bool(self.named)

    def may_show_product(self) -> bool:
        """Whether it pays to read the page: False only if it shows no product."""
        reader = self._reader
        if self.marked or any(
            reader.variable(context, None) is not None for _, context in self.templates
        ):
            return True
        html, _ = self.body()
        return html is None or may_hold_product(html)

    def read(self) -> None:
        """Fill in what the shop named, what the template shows, and the body."""
        named, shown = self._reader.shown_on(self)
        refusals = [found for found in (*named, shown) if isinstance(found, Reason)]
        html, unread = self.body()
        self.url = self._reader.address(self.request)
        is_settled = shown is Reason.AMBIGUOUS or Reason.HOOK_FAILED in refusals
        self.html = None if is_settled else html
        self.unread = refusals[0] if refusals else unread
        self.marked = self.mark is not None or bool(named)
        self.declared = tuple(found for found in named if isinstance(found, Product))
        self.template_product = shown if isinstance(shown, Product) else None

    def body(self) -> tuple[bytes | None, Reason | None]:
        """The body of an HTML page, not compressed any more; or why it cannot be read."""
        if self._body is None:
            self._body = self._read_body()
        return self._body

    def is_left_to_beacon(self) -> bool:
        """Whether the visitor gets, or has, an older copy of the page with a beacon on it.

        Where a template ran, only a 304 leaves the browser with its own copy: the page of most
        stores is not searched.
        """
        if self.templates:
            may_be_copy = self.has_beacon and self.status == 304
        else:
            may_be_copy = self.html is not None and BEACON in self.html
        return may_be_copy and self._reader.is_older_copy(self)

    def _read_body(self) -> tuple[bytes | None, Reason | None]:
        response = self.response
        if response is None or self.mimetype not in HTML:
            return None, None
        if response.direct_passthrough or not response.is_sequence:
            return None, Reason.NO_BODY
        # A 304 has its body still: Werkzeug leaves it out when the response is sent.
        body = response.get_data()
        if response.status_code == 304 and not body:
            return None, Reason.NO_BODY
        self.note_body(body, self._reader.settings.max_page_bytes)
        return self.html, self.unread


class PageReader:
    """Reads pages and products out of what one app's code hands over.

    :ivar is_older_copy: whether a page with a beacon comes from a cache; the beacon sets it.
    """

    def __init__(self, app: Flask, settings: Settings, adapters: Adapters, guard: Guard) -> None:
        self._app = app
        self._guard = guard
        self.settings = settings
        self._adapters = adapters
        self._objects: ProductReader | None = None
        self.is_older_copy: Callable[[FlaskPage], bool] = lambda _: False

    def current_page(self) -> FlaskPage:
        """The page of the current request, made when it is first asked for."""
        return self.page_of(current_request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  each look through the proxy costs 1 us

    def page_of(self, request: Request) -> FlaskPage:
        """The page of a request. It lives on the environ: ``g`` may be several requests'."""
        page: FlaskPage | None = request.environ.get(_PAGE)
        if page is None:
            page = request.environ[_PAGE] = FlaskPage(self, request)
        return page

    def finished(self, request: Request, response: Response) -> FlaskPage:
        """The page of a request whose response is final."""
        page = self.page_of(request)
        del request.environ[_PAGE]  # they would hold each other
        page.finish(response)
        return page

    def mark_of(self, request: Request) -> Mark | None:
        """The mark of the request's route."""
        return mark_of(self._app.view_functions.get(request.endpoint or ""))

    def product_so_far(self) -> Product | Reason:
        """The product of a page whose template is at work, or why there is no single one."""
        page = self.current_page()
        page.mark = self.mark_of(page.request)
        named, shown = self.shown_on(page)
        found = [value for value in (*named, shown) if value is not None]
        refusals = [value for value in found if isinstance(value, Reason)]
        different = {
            (value.id, value.variant_id): value for value in found if isinstance(value, Product)
        }
        if refusals or len(different) > 1:
            return refusals[0] if refusals else Reason.AMBIGUOUS
        return next(iter(different.values()), Reason.NO_PRODUCT)

    def shown_on(
        self, page: FlaskPage
    ) -> tuple[list[Product | Reason | None], Product | Reason | None]:
        """What the shop named, and what the template variable of other pages holds."""
        named: list[Product | Reason | None] = [
            self._read(value.value, page, value.fields) if isinstance(value, Unread) else value
            for value in page.named
        ]
        if page.mark is not None:
            return [*named, self._marked(page, page.mark)], None
        return named, None if named else self._variable_product(page)

    def named(
        self, value: object, request: Request, fields: Mapping[str, object] | None
    ) -> Product | Reason | Unread:
        """What the shop names in the middle of a request, as it is now."""
        try:
            return self.product(value, request, fields=fields)
        except InvalidValueError as error:
            return Unread(value, fields) if is_mapped(value) else reason_of(error)

    def note_template(self, name: str, context: Mapping[str, Any]) -> bool:
        """Note that a template begins. Returns whether it is a page, and not a part of one."""
        page = self.current_page()
        if page.templates and is_within_another():
            return False
        page.templates.append((name, context))
        return True

    def note_complete(self, context: Mapping[str, Any]) -> None:
        """Read rows of an ORM while what the page has shown of them is loaded."""
        page = self.current_page()
        if not are_mapped_at_all() or all(context is not known for _, known in page.templates):
            return
        mark = self.mark_of(page.request)
        value = self.variable(context, mark)
        rows = [(row.value, row.fields) for row in page.named if isinstance(row, Unread)]
        for row, fields in [(value, mark.fields if mark else None), *rows]:
            if is_mapped(row):
                try:
                    page.rows[id(row)] = self.product(
                        row, page.request, fields=fields, needs_price=mark is None and row is value
                    )
                except InvalidValueError as error:
                    page.rows[id(row)] = error

    def product(
        self,
        value: object,
        request: Request,
        *,
        fields: Mapping[str, object] | None = None,
        needs_price: bool = False,
    ) -> Product:
        """The product that an object of the shop stands for.

        :raises InvalidValueError: it stands for none.
        """
        for kind in type(value).__mro__ if self._adapters else ():
            if kind in self._adapters:
                value = self._hooked(self._app.ensure_sync(self._adapters[kind]), value)
                needs_price = False
                break
        if self._objects is None:
            # What reads prices is loaded with the first product, not at the start of the store.
            from topmail_flask.extraction.objects import ProductReader  # noqa: PLC0415

            self._objects = ProductReader(self.settings)
        return self._objects.read(
            value,
            self.address(request),
            request.view_args or {},
            fields=fields,
            needs_price=needs_price,
        )

    def _hooked(self, hook: Callable[..., object], *args: Any) -> Any:
        try:
            return hook(*args)
        except InvalidValueError:
            raise
        except Exception as error:  # noqa: BLE001  a shop's function may raise anything
            self._guard.report(args[0] if hook is call_loader else hook, error)
            raise HookFailedError from None

    def address(self, request: Request) -> str:
        """The request's URL on ``TOPMAIL_SITE_URL``, else on ``SERVER_NAME``.

        Where the shop set neither, its host is the one that the request names.
        """
        site = self.settings.site_url
        if site is not None:
            if not request.query_string and _PLAIN_PATH.fullmatch(request.path):
                # Almost every request: nothing to quote, and a tenth of the time of request.url.
                is_mounted = site.find("/", len("https://")) >= 0
                return f"{site}{'' if is_mounted else request.root_path}{request.path}"
            return site_address(request.url, site, request.root_path)
        server_name = self._app.config["SERVER_NAME"]
        return server_address(request.url, server_name) if server_name else request.url

    def variable(self, context: Mapping[str, Any], mark: Mark | None) -> object | None:
        """What the template variable of a page holds."""
        if mark is not None and mark.variable is not None:
            return context.get(mark.variable)
        return template_product(context, self.settings.template_variables)

    def _marked(self, page: FlaskPage, mark: Mark) -> Product | Reason | None:
        if mark.loader is not None:
            args = mark.loader, page.request.view_args or {}, page.response
            try:
                found = [self._hooked(call_loader, *args)]
            except InvalidValueError as error:
                return reason_of(error)
        else:
            found = [self.variable(context, mark) for _, context in page.templates]
        value = next((value for value in reversed(found) if value is not None), None)
        return None if value is None else self._read(value, page, mark.fields)

    def _variable_product(self, page: FlaskPage) -> Product | Reason | None:
        """The last page decides; two different products are none."""
        contexts = [found for name, found in page.templates if name.rpartition("/")[2][:1] != "_"]
        found = [self.variable(context, None) for context in contexts]
        if not found or found[-1] is None:
            return None
        last = self._read(found[-1], page, needs_price=True)
        if not isinstance(last, Product):
            return last if last is Reason.HOOK_FAILED else None
        for other in found[:-1]:
            if other is not None and other is not found[-1]:
                earlier = self._read(other, page, needs_price=True)
                if isinstance(earlier, Product) and earlier.id != last.id:
                    return Reason.AMBIGUOUS
        return last

    def _read(
        self,
        value: object,
        page: FlaskPage,
        fields: Mapping[str, object] | None = None,
        *,
        needs_price: bool = False,
    ) -> Product | Reason:
        known = page.rows.get(id(value))
        try:
            if known is None:
                return self.product(value, page.request, fields=fields, needs_price=needs_price)
        except InvalidValueError as error:
            known = error
        return known if isinstance(known, Product) else reason_of(known)


def reason_of(error: InvalidValueError) -> Reason:
    """The reason that a product could not be read."""
    if isinstance(error, HookFailedError):
        return Reason.HOOK_FAILED
    if error.problem == "is missing":
        return Reason.INCOMPLETE
    if error.field == "id" and error.problem.startswith("is longer"):
        return Reason.ID_TOO_LONG
    return Reason.INVALID_PRODUCT


def is_within_another() -> bool:
    """Whether any template is at work under this call.

    To be asked when a second template of a request begins: few requests have one.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        if frame.f_code in _RENDERING:
            return True
        frame = frame.f_back
    return False
