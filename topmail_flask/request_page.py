"""The snapshot at the edge: the one place that reads Flask's request and response."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response
from werkzeug.http import parse_options_header

from topmail_flask.domain.errors import InvalidValueError
from topmail_flask.domain.product import Product
from topmail_flask.domain.reasons import Reason
from topmail_flask.domain.rendered_page import RenderedPage
from topmail_flask.domain.settings import Settings
from topmail_flask.marking import Mark, call_loader
from topmail_flask.sources.encodings import readable
from topmail_flask.sources.mapped_rows import are_mapped_at_all, is_mapped
from topmail_flask.sources.markers import may_hold_product
from topmail_flask.sources.template_variable import read_product, template_product

HTML = ("text/html", "application/xhtml+xml")
Adapters = Mapping[type, Callable[[Any], Any]]
Context = tuple[str, Mapping[str, Any]]
_PLAIN_PATH = re.compile(r"[/\w.~-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unread:
    """A row whose attributes were expired when the shop named it: the page may load them yet."""

    value: object
    fields: Mapping[str, object] | None


@dataclass(slots=True)
class RequestRecord:
    """What one request told the extension before its answer was final; lives on ``flask.g``.

    :ivar declared: what the shop named by ``track`` or in a template, or why it is no product.
    :ivar contexts: name and context of each outermost template render.
    :ivar rows: what was read of rows of an ORM when their page was complete, by ``id()``: a commit
        after that would expire them.
    :ivar depth: how many renders are under way.
    """

    declared: list[Product | Reason | Unread] = field(default_factory=list)
    contexts: list[Context] = field(default_factory=list)
    rows: dict[int, Product | InvalidValueError] = field(default_factory=dict)
    depth: int = 0


class PageReader:
    """Reads products out of what a shop's code hands over."""

    def __init__(self, app: Flask, settings: Settings, adapters: Adapters) -> None:
        self._app = app
        self._settings = settings
        self._adapters = adapters
        self._site_has_path = bool(urlsplit(settings.site_url or "").path)

    def page(
        self, request: Request, response: Response, record: RequestRecord, mark: Mark | None
    ) -> RenderedPage:
        """The request and its final answer as plain values."""
        told: list[Product | Reason | None] = [
            self._read(one.value, request, record, one.fields) if isinstance(one, Unread) else one
            for one in record.declared
        ]
        template: Product | Reason | None = None
        if mark is not None:
            told.append(self._marked(mark, request, response, record))
        elif not told:
            template = self._shown(request, record)
        refusals = [one for one in (*told, template) if isinstance(one, Reason)]
        mimetype, charset = media_type(response.headers.get("Content-Type"))
        html, unread = self._html(response, mimetype)
        return RenderedPage(
            environ=request.environ,
            url=self.address(request),
            path=request.path,
            status=response.status_code,
            mimetype=mimetype,
            html=None if template is Reason.AMBIGUOUS else html,
            charset=charset,
            unread=refusals[0] if refusals else unread,
            view_args=request.view_args,
            marked=mark is not None or bool(told),
            declared=tuple(one for one in told if isinstance(one, Product)),
            template_product=template if isinstance(template, Product) else None,
        )

    def may_show_product(self, response: Response, record: RequestRecord, mark: object) -> bool:
        """Whether it pays to read the page: False only if it shows no product."""
        shown = [self._variable(context, None) for _, context in record.contexts]
        if mark or record.declared or any(one is not None for one in shown):
            return True
        html, _ = self._html(response, media_type(response.headers.get("Content-Type"))[0])
        return html is None or may_hold_product(html)

    def declared(
        self, value: object, request: Request, fields: Mapping[str, object] | None
    ) -> Product | Reason | Unread:
        """What the shop names in the middle of a request, as it is now."""
        try:
            return self.product(value, request, fields=fields)
        except InvalidValueError as error:
            return Unread(value, fields) if is_mapped(value) else reason_of(error)

    def page_is_complete(
        self, request: Request, record: RequestRecord, context: Mapping[str, Any], mark: Mark | None
    ) -> None:
        """Read rows of an ORM while what the page has shown of them is loaded."""
        if not are_mapped_at_all():
            return
        value = self._variable(context, mark)
        rows = [(one.value, one.fields) for one in record.declared if isinstance(one, Unread)]
        for row, fields in [(value, mark.fields if mark else None), *rows]:
            if is_mapped(row):
                try:
                    record.rows[id(row)] = self.product(
                        row, request, fields=fields, needs_price=mark is None and row is value
                    )
                except InvalidValueError as error:
                    record.rows[id(row)] = error

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
                value = self._app.ensure_sync(self._adapters[kind])(value)
                needs_price = False
                break
        return read_product(
            value,
            settings=self._settings,
            page_url=self.address(request),
            view_args=request.view_args or {},
            fields=fields,
            needs_price=needs_price,
        )

    def address(self, request: Request) -> str:
        """The request's URL on the shop's own site: a forged Host header does not get in."""
        site = self._settings.site_url
        if site is not None and not request.query_string and _PLAIN_PATH.fullmatch(request.path):
            # Almost every request: nothing to quote, and a tenth of the time of request.url.
            return f"{site}{'' if self._site_has_path else request.root_path}{request.path}"
        server_name = self._app.config["SERVER_NAME"]
        if site is None and not server_name:
            return request.url
        parts = urlsplit(request.url)
        query = f"?{parts.query}" if parts.query else ""
        if site is not None:
            mounted = self._site_has_path
            path = parts.path.removeprefix(request.root_path) if mounted else parts.path
            return f"{site}{path}{query}"
        if parts.netloc == server_name or parts.netloc.endswith(f".{server_name}"):
            return request.url
        return f"{parts.scheme}://{server_name}{parts.path}{query}"

    def _variable(self, context: Mapping[str, Any], mark: Mark | None) -> object | None:
        if mark is not None and mark.variable is not None:
            return context.get(mark.variable)
        return template_product(context, self._settings.template_variables)

    def _marked(
        self, mark: Mark, request: Request, response: Response, record: RequestRecord
    ) -> Product | Reason | None:
        if mark.loader is not None:
            found = [call_loader(mark.loader, request.view_args or {}, response)]
        else:
            found = [self._variable(context, mark) for _, context in record.contexts]
        value = next((one for one in reversed(found) if one is not None), None)
        return None if value is None else self._read(value, request, record, mark.fields)

    def _shown(self, request: Request, record: RequestRecord) -> Product | Reason | None:
        """Rules T1, T2, R21: the last page decides; two different products are none."""
        pages = [one for name, one in record.contexts if name.rpartition("/")[2][:1] != "_"]
        found = [self._variable(context, None) for context in pages]
        if not found or found[-1] is None:
            return None
        last = self._read(found[-1], request, record, needs_price=True)
        if not isinstance(last, Product):
            return None
        for other in found[:-1]:
            if other is not None and other is not found[-1]:
                earlier = self._read(other, request, record, needs_price=True)
                if isinstance(earlier, Product) and earlier.id != last.id:
                    return Reason.AMBIGUOUS
        return last

    def _read(
        self,
        value: object,
        request: Request,
        record: RequestRecord,
        fields: Mapping[str, object] | None = None,
        *,
        needs_price: bool = False,
    ) -> Product | Reason:
        told = record.rows.get(id(value))
        try:
            if told is None:
                return self.product(value, request, fields=fields, needs_price=needs_price)
        except InvalidValueError as error:
            told = error
        return told if isinstance(told, Product) else reason_of(told)

    def _html(self, response: Response, mimetype: str) -> tuple[bytes | None, Reason | None]:
        if mimetype not in HTML:
            return None, None
        if response.direct_passthrough or not response.is_sequence:
            return None, Reason.NO_BODY
        # A 304 has its body still: Werkzeug leaves it out when the answer is sent.
        body = response.get_data()
        if response.status_code == 304 and not body:
            return None, Reason.NO_BODY
        limit = self._settings.max_page_bytes
        return readable(body, response.headers.get("Content-Encoding"), limit)


@lru_cache(maxsize=64)
def media_type(content_type: str | None) -> tuple[str, str | None]:
    """The media type that a ``Content-Type`` header names, in lower case, and its charset."""
    mimetype, parameters = parse_options_header(content_type)
    return mimetype.lower(), parameters.get("charset")


def reason_of(error: InvalidValueError) -> Reason:
    """The reason that a product could not be read."""
    if error.problem == "is missing":
        return Reason.INCOMPLETE
    if error.field == "id" and error.problem.startswith("is longer"):
        return Reason.ID_TOO_LONG
    return Reason.INVALID_PRODUCT
