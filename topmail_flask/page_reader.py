"""The one place that reads what templates are given, and objects of the shop's code."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from flask import Flask, Request, Response, templating
from flask import request as current_request
from jinja2 import Template

from topmail_flask.extraction.attributes import VARIABLES, template_product
from topmail_flask.extraction.orm_rows import is_mapped, unflushed
from topmail_flask.extraction.page_purpose import doubt_about, has_listing, page_above, unnamed
from topmail_flask.flask_page import PAGE, FlaskPage, Named, Shown
from topmail_flask.guard import Guard, guarded
from topmail_flask.marking import Mark, call_loader, mark_of
from topmail_flask.model.decision import GuessedProduct, Rejected
from topmail_flask.model.errors import IncompleteError, InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.page import HTML, content_headers, media_type, names_in, remark_on, with_parts
from topmail_flask.rules.requests import RequestRules, refused_response
from topmail_flask.site_address import server_address, site_address

if TYPE_CHECKING:
    from topmail_flask.extraction.objects import ProductReader

Adapters = Mapping[type, Callable[[Any], Any]]
_PLAIN_PATH = re.compile(r"[/\w.~-]*", re.ASCII)
_RENDERING = frozenset({Template.render.__code__, Template.generate.__code__})
# Where Flask calls it otherwise, a streamed page is read when its response is final.
_STREAMING = getattr(getattr(templating, "_stream", None), "__code__", None)
_AT_ONCE = getattr(getattr(templating, "_render", None), "__code__", None)
_FRAMES_OF_A_SIGNAL = 3


_NOT_RENDERED = Rejected(
    "template",
    "none was rendered by Flask in this request: the page is a copy out of the store's own cache "
    "(Flask-Caching), or made in another way",
    "Put {{ topmail_beacon() }} into a template that is cached, or hand the mark a function: "
    "@product_page(load_product)",
)


class HookFailedError(InvalidValueError):
    """A function of the shop that makes a product raised an error; it is reported already."""

    def __init__(self) -> None:
        super().__init__("product", "could not be made: a function of the shop raised an error")


class PageReader:
    """Reads pages and products out of what one app's code hands over.

    :ivar is_asked: whether somebody looks at one page to know why it is no view.
    :ivar is_older_copy: whether a page with a beacon comes from a cache; the beacon sets it.
    :ivar requests: judges requests, before and after their response is made.
    :ivar may_count: whether anybody wants to know what a page shows, as far as can be told before
        its response is final; the core sets it.
    """

    def __init__(self, app: Flask, settings: Settings, adapters: Adapters, guard: Guard) -> None:
        self.guard = guard
        self.settings = settings
        self._app = app
        self._adapters = adapters
        self._objects: ProductReader | None = None
        self._marks: dict[object, Mark | None] = {}
        self._parts: dict[str, bool] = {}
        self.requests = RequestRules(settings.robots)
        self.is_asked: Callable[[], bool] = lambda: False
        self.is_older_copy: Callable[[FlaskPage], bool] = lambda _: False
        self.may_count: Callable[[FlaskPage], bool] = lambda _: True

    def current_page(self) -> FlaskPage:
        """The page of the current request, made when it is first asked for."""
        return self.page_of(current_request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  each look through the proxy costs 1 us

    def page_of(self, request: Request) -> FlaskPage:
        """The page of a request. It lives on the environ: ``g`` may be several requests'."""
        page: FlaskPage | None = request.environ.get(PAGE)
        if page is None:
            page = request.environ[PAGE] = FlaskPage(self, request)
        return page

    def mark_of(self, request: Request) -> Mark | None:
        """The mark of the request's route."""
        rule = request.url_rule
        if rule is None:
            return None
        view = self._app.view_functions.get(rule.endpoint)
        try:
            return self._marks[view]
        except KeyError:
            mark = self._marks[view] = mark_of(view)
            return mark

    def refused_at_sight(self, request: Request, response: Response) -> Reason | None:
        """Why what came of a route without a mark is no view, if no more is to be known; or None.

        Static files, JSON and what robots are shown end here: nothing is made for them.
        """
        if self.mark_of(request) is not None or response.status_code == 304:
            return None
        content_type, _, disposition = content_headers(response.headers)
        mimetype, _ = media_type(content_type)
        return (
            refused_response(
                response.status_code, mimetype, disposition, marked=False, declared=False
            )
            or self.requests.refusals(request.environ)[False]
        )

    def template_begins(
        self, _app: Flask, template: Template, context: dict[str, Any], **_: Any
    ) -> None:
        """Receives ``before_render_template``: of several templates the outermost is the page.

        What a robot is shown is not looked at.
        """
        page = None
        try:
            try:
                request = current_request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            except RuntimeError:
                return  # a mail that is written outside of a request, say
            environ = request.environ
            page = environ.get(PAGE)
            if page is None:
                refusals = self.requests.refusals(environ)
                if refusals[True] not in (None, Reason.METHOD):  # a POST may be tracked
                    return
                page = environ[PAGE] = FlaskPage(self, request)
                page.refusals = refusals
            elif page.rendering is not None and is_within_another():
                return
            page.rendering = context
            # Receivers of a signal are called by its ``send``, and that by Flask.
            if sys._getframe(2).f_code is not _AT_ONCE and is_streamed():  # noqa: SLF001
                page.rendering = None
                self.note_shown(page, template.name or "", context)
        except Exception as error:  # noqa: BLE001  as in :func:`~topmail_flask.guard.guarded`
            self.note_failure(page, self.template_begins, error)

    def template_done(
        self, _app: Flask, template: Template, context: dict[str, Any], **_: Any
    ) -> None:
        """Receives ``template_rendered``: the page's objects are read while they are at hand."""
        page = None
        try:
            try:
                request = current_request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            except RuntimeError:
                return
            page = request.environ.get(PAGE)
            if page is not None and page.rendering is context:
                page.rendering = None
                self.note_shown(page, template.name or "", context)
        except Exception as error:  # noqa: BLE001  as in :func:`~topmail_flask.guard.guarded`
            self.note_failure(page, self.template_done, error)

    @guarded(None, is_counted=True)
    def note_failure(
        self, page: FlaskPage | None, place: Callable[..., object], error: Exception
    ) -> None:
        """An error before the response is final: what is lost by it is known at the end."""
        self.guard.swallow(place, error, is_counted=True)
        (page or self.current_page()).failed = True

    def note_shown(
        self, page: FlaskPage, template: str, context: Mapping[str, Any], *, is_read: bool = True
    ) -> None:
        """Note what a template shows, and read it if anybody wants to know.

        Rows of an ORM are read while what the page has shown of them is loaded, objects before
        the store's ``after_request`` may change them.
        """
        mark, names = page.mark, self.settings.template_variables
        variable = mark.variable if mark is not None else None
        value = context.get(variable) if variable else template_product(context, names)
        shown = Shown(template, context, value)
        page.shown.append(shown)
        if not is_read or (value is None and not page.marked) or not self.may_count(page):
            return
        for named in page.named:
            if not isinstance(named.found, Product) and is_mapped(named.value):
                named.found = self._made(named.value, page, named.fields)
        if value is not None and (mark is None or mark.loader is None):
            found = self._read(shown, page)
            if isinstance(found, Reason):
                return
            if isinstance(found, GuessedProduct) and found.is_refused:
                return
        if page.visitor is not None:
            if is_mapped(value):
                with unflushed(value):
                    page.visitor.ask_early()
            else:
                page.visitor.ask_early()

    def product_so_far(self, context: Mapping[str, Any]) -> Product | Reason:
        """The product of a page whose template is at work, or why there is no single one.

        :param context: of the template that asks. The page of a request that does not count is not
            looked at, but a copy of it may be kept for those that do: fetched ahead, or by a cache
            that a robot fills.
        """
        page = self.current_page()
        rendering = context if page.rendering is None else page.rendering
        self.note_shown(page, "", rendering, is_read=False)  # it is read again when it is done
        try:
            guess = None if page.marked else self.template_product(page)
            alone = _sure_of(guess) if isinstance(guess, GuessedProduct) else guess
            values = self.named_on(page) if page.marked else [alone]
        finally:
            page.shown.pop()
        found = [value for value in values if value is not None]
        refusals = [value for value in found if isinstance(value, Reason)]
        different = {
            (value.id, value.variant_id): value for value in found if isinstance(value, Product)
        }
        if refusals or len(different) > 1:
            return refusals[0] if refusals else Reason.AMBIGUOUS
        return next(iter(different.values()), Reason.NO_PRODUCT)

    def name(
        self, page: FlaskPage, value: object, fields: Mapping[str, object] | None
    ) -> Product | Reason | None:
        """Note what the shop names in the middle of a request, as it is now."""
        found = self._made(value, page, fields)
        is_expired = not isinstance(found, Product) and is_mapped(value)
        page.named.append(Named(value, fields, None if is_expired else found))
        page.marked = True
        return found

    def track(
        self, value: object, fields: Mapping[str, object] | None, url: str | None
    ) -> FlaskPage:
        """Note what the shop tracks by an explicit call."""
        page = self.current_page()
        page.explicit = True
        found = self.name(page, value, fields)
        if url is not None and isinstance(found, Product):
            try:
                located = replace(found, url=urljoin(self.address(page.request), url))
                page.named[-1] = Named(value, fields, located)
            except InvalidValueError as error:
                page.named[-1] = Named(value, fields, reason_of(error))
        return page

    def product_outside(
        self, value: object, fields: Mapping[str, object] | None, url: str
    ) -> Product:
        """The product of an object, where there is no request.

        :raises InvalidValueError: it stands for none, or the address of its page is none.
        """
        address = urljoin(self.settings.site_url or "", url)
        if self._adapters:
            value, _ = self._adapted(value)
        objects = self._objects or self._load_objects()
        return replace(objects.read(value, address, {}, fields=fields), url=address)

    def named_on(self, page: FlaskPage) -> list[Product | Reason | None]:
        """What the shop named on a page, in its order, and what its marked route shows."""
        found: list[Product | Reason | None] = [
            named.found or self._made(named.value, page, named.fields) for named in page.named
        ]
        if page.mark is not None:
            found.append(self._marked(page, page.mark))
        return found

    def template_product(self, page: FlaskPage) -> GuessedProduct | Reason | None:
        """What the template variable holds: the last page decides; two products are none."""
        shown = page.shown
        if len(shown) > 1:
            shown = [part for part in shown if part.template.rpartition("/")[2][:1] != "_"]
        elif shown and shown[0].template.rpartition("/")[2][:1] == "_":
            return None
        if not shown:
            return None
        if len(shown) > 1:
            return self._of_several(shown, page)
        if shown[0].value is None:
            self._note_missing(shown[0], page)
            return None
        found = shown[0].found or self._read(shown[0], page)
        if isinstance(found, GuessedProduct) or found is Reason.HOOK_FAILED:
            return found
        return None

    def _of_several(self, shown: list[Shown], page: FlaskPage) -> GuessedProduct | Reason | None:
        """Cards and mails have templates of their own: the address tells the page's product."""
        guesses = [self._guessed(part, page) for part in shown]
        last, ids = guesses[-1], {guess.product.id for guess in guesses if guess is not None}
        if shown[-1].found is Reason.HOOK_FAILED:
            return Reason.HOOK_FAILED
        if last is not None and len(ids) == 1:
            return last
        own = {
            guess.product.id: guess
            for guess in guesses
            if guess is not None and guess.is_addressed and guess.doubt is None
        }
        if len(own) == 1:
            return replace(next(iter(own.values())), needs_title=True)
        if shown[-1].value is None:
            self._note_missing(shown[-1], page)
        return Reason.AMBIGUOUS if last is not None else None

    def _note_missing(self, shown: Shown, page: FlaskPage) -> None:
        if self.is_asked():
            page.remarks += (self._missing_variable(shown, page, None),)

    def _guessed(self, shown: Shown, page: FlaskPage) -> GuessedProduct | None:
        """The product of a template, if it has one."""
        found = None if shown.value is None else shown.found or self._read(shown, page)
        return found if isinstance(found, GuessedProduct) else None

    def product(
        self, value: object, request: Request, *, fields: Mapping[str, object] | None = None
    ) -> Product:
        """The product that an object of the shop stands for.

        :raises InvalidValueError: it stands for none.
        """
        if self._adapters:
            value, _ = self._adapted(value)
        objects = self._objects or self._load_objects()
        where = self.address(request), request.view_args or {}
        found = objects.guess(value, *where, fields=fields, needs_price=False)
        if self.is_asked():
            self.current_page().remarks += found.rejected
        return found.product

    def _guess(self, shown: Shown, page: FlaskPage) -> GuessedProduct:
        """The product of a template variable that nobody marked.

        :raises InvalidValueError: it is none.
        """
        objects, value = self._objects or self._load_objects(), shown.value
        request, arguments = page.request, page.request.view_args or {}
        address = page.url = page.url or self.address(request)
        if self._adapters:
            adapted, is_adapted = self._adapted(value)
            if is_adapted:
                return GuessedProduct(objects.read(adapted, address, arguments), is_certain=True)
        guess = objects.guess(value, address, arguments)
        rule = "" if request.url_rule is None else request.url_rule.rule
        doubt = doubt_about(rule, request.endpoint, request.path if "<path:" in rule else "")
        if doubt.reason is None:
            is_part = guess.is_addressed and self._is_part(rule, request.endpoint)
            return replace(guess, doubt=Reason.BACK_OFFICE) if is_part else guess
        needs_sign = doubt.needs_sign and not has_listing(shown.context)
        return replace(guess, doubt=doubt.reason, needs_sign=needs_sign)

    def _is_part(self, rule: str, endpoint: str | None) -> bool:
        """Whether a route is a part of the product's page: something is done with it there."""
        known = self._parts.get(rule)
        if known is None:
            known = self._parts[rule] = part_of(rule, endpoint, self._app) is not None
        return known

    def _adapted(self, value: object) -> tuple[object, bool]:
        """What the shop's adapter makes of an object; it may query, but flushes nothing."""
        for kind in type(value).__mro__:
            if kind in self._adapters:
                with unflushed(value):
                    adapter = self._app.ensure_sync(self._adapters[kind])
                    return self._hooked(adapter, value), True
        return value, False

    def _load_objects(self) -> ProductReader:
        # What reads prices is loaded with the first product, not at the start of the store.
        from topmail_flask.extraction.objects import ProductReader  # noqa: PLC0415

        self._objects = ProductReader(self.settings)
        return self._objects

    def with_page(self, product: Product | Reason | None, page: FlaskPage) -> object:
        """A product of a response that is no whole page, with the address of its own page."""
        if not isinstance(product, Product) or not is_same_path(product.url, page):
            return product
        made = self.settings.product_url
        try:
            if isinstance(made, str):
                values = {"id": product.id, "sku": product.sku, "variant_id": product.variant_id}
                parts = {name: quote(value or "", safe="") for name, value in values.items()}
                return replace(product, url=made.format(**parts))
            address = None if made is None else self._hooked(made, product)
            if address is not None:
                return replace(product, url=urljoin(self.address(page.request), address))
        except InvalidValueError as error:
            return reason_of(error)
        is_page = page.mimetype in HTML and page.environ.get("REQUEST_METHOD") == "GET"
        return product if is_page else Reason.NO_PAGE

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

    def _marked(self, page: FlaskPage, mark: Mark) -> Product | Reason | None:
        if mark.loader is not None:
            args = mark.loader, page.request.view_args or {}, page.response
            try:
                value = self._hooked(call_loader, *args)
            except InvalidValueError as error:
                return reason_of(error)
            return None if value is None else self._made(value, page, mark.fields)
        for shown in reversed(page.shown):
            if shown.value is not None:
                found = shown.found or self._read(shown, page)
                return found.product if isinstance(found, GuessedProduct) else found
        if page.shown:
            page.remarks += (self._missing_variable(page.shown[-1], page, mark.variable),)
        elif not page.named and page.mimetype in HTML:
            page.remarks += (_NOT_RENDERED,)
        return None

    def _read(self, shown: Shown, page: FlaskPage) -> Product | GuessedProduct | Reason:
        mark = page.mark
        try:
            if mark is None:
                shown.found = self._guess(shown, page)
            else:
                shown.found = self.product(shown.value, page.request, fields=mark.fields)
        except InvalidValueError as error:
            page.remarks += (remark_on(error, self._name_of(shown, mark)),)
            shown.found = reason_of(error)
        return shown.found

    def _made(
        self, value: object, page: FlaskPage, fields: Mapping[str, object] | None = None
    ) -> Product | Reason:
        try:
            return self.product(value, page.request, fields=fields)
        except InvalidValueError as error:
            page.remarks += (remark_on(error, "product"),)
            return reason_of(error)

    def _name_of(self, shown: Shown, mark: Mark | None) -> str:
        if mark is not None and mark.variable is not None:
            return mark.variable
        names = (*VARIABLES, *self.settings.template_variables)
        return next((name for name in names if shown.context.get(name) is shown.value), "product")

    def _missing_variable(self, shown: Shown, page: FlaskPage, wanted: str | None) -> Rejected:
        """What a template was given, where none of it is called as the product should be."""
        products = []
        if self.is_asked():  # else nothing is looked for in what is called otherwise
            for name, value in with_parts(shown.context):
                with suppress(InvalidValueError):
                    self._guess(Shown(shown.template, shown.context, value), page)
                    products.append(name)
        return names_in(shown.context, wanted, products)

    def _hooked(self, hook: Callable[..., object], *args: Any) -> Any:
        try:
            return hook(*args)
        except InvalidValueError:
            raise
        except Exception as error:  # noqa: BLE001  a shop's function may raise anything
            self.guard.report(args[0] if hook is call_loader else hook, error)
            raise HookFailedError from None


def part_of(rule: str, endpoint: str | None, app: Flask) -> str | None:
    """The route of another view that a route of an app is a part of, see :func:`page_above`."""
    rules = {
        unnamed(each.rule)
        for each in app.url_map.iter_rules()
        if "GET" in (each.methods or ()) and each.endpoint != endpoint
    }
    return page_above(rule, rules)


def _sure_of(guess: GuessedProduct) -> Product | Reason:
    """The product of a guess, if it can be told before there is a page to ask."""
    if guess.doubt is not None and guess.is_refused:
        return guess.doubt
    return Reason.AMBIGUOUS if guess.needs_title else guess.product


def reason_of(error: InvalidValueError) -> Reason:
    """The reason that a product could not be read."""
    if isinstance(error, HookFailedError):
        return Reason.HOOK_FAILED
    if isinstance(error, IncompleteError):
        return Reason.INCOMPLETE
    if error.field == "id" and error.problem.startswith("is longer"):
        return Reason.ID_TOO_LONG
    return Reason.INVALID_PRODUCT


def is_same_path(address: str | None, page: FlaskPage) -> bool:
    """Whether an address is that of the request itself, whatever its query."""
    return address is None or unquote(urlsplit(address).path).endswith(page.path)


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


def is_streamed() -> bool:
    """Whether the receiver of ``before_render_template`` that asks is told of a streamed template.

    Its end comes after the response: what it shows can only be read before.
    """
    frame = sys._getframe(2)  # noqa: SLF001
    for _ in range(_FRAMES_OF_A_SIGNAL):
        if frame.f_code is _STREAMING:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False
