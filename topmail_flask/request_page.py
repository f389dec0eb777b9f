"""The snapshot at the edge: the one place that reads Flask's request and response."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response

from topmail_flask.domain.errors import InvalidValueError
from topmail_flask.domain.product import Product
from topmail_flask.domain.reasons import Reason
from topmail_flask.domain.rendered_page import RenderedPage
from topmail_flask.domain.settings import Settings
from topmail_flask.marking import Mark
from topmail_flask.sources.encodings import readable
from topmail_flask.sources.template_variable import read_product, template_product

HTML = ("text/html", "application/xhtml+xml")
Adapters = Mapping[type, Callable[[Any], Any]]


@dataclass(slots=True)
class RequestRecord:
    """What one request told the extension before its answer was final; lives on ``flask.g``.

    :ivar declared: what the shop named by ``track`` or in a template, or why it is no product.
    :ivar contexts: name and context of each outermost template render.
    :ivar depth: how many renders are under way.
    """

    declared: list[Product | Reason] = field(default_factory=list)
    contexts: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    depth: int = 0


class PageReader:
    """Reads products out of what a shop's code hands over."""

    def __init__(self, app: Flask, settings: Settings, adapters: Adapters) -> None:
        self._app = app
        self._settings = settings
        self._adapters = adapters

    def page(
        self, request: Request, response: Response, record: RequestRecord | None, mark: Mark | None
    ) -> RenderedPage:
        """The request and its final answer as plain values."""
        url = self.address(request)
        told = list(record.declared) if record else []
        contexts = record.contexts if record else []
        template: Product | Reason | None = None
        if mark is not None:
            told.append(self._marked(mark, contexts, request, response))
        elif not told:
            template = self._templates_product(contexts, request)
        declared = tuple(one for one in told if isinstance(one, Product))
        refusals = [one for one in (*told, template) if isinstance(one, Reason)]
        html, unread = self._html(response)
        if template is Reason.AMBIGUOUS:
            html = None
        return RenderedPage(
            environ=request.environ,
            url=url,
            path=request.path,
            status=response.status_code,
            mimetype=response.mimetype or "",
            html=html,
            charset=response.mimetype_params.get("charset"),
            unread=refusals[0] if refusals else unread,
            view_args=request.view_args,
            marked=mark is not None or bool(told),
            declared=declared,
            template_product=template if isinstance(template, Product) else None,
        )

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
        site, server_name = self._settings.site_url, self._app.config["SERVER_NAME"]
        if site is None and not server_name:
            return request.url
        parts = urlsplit(request.url)
        query = f"?{parts.query}" if parts.query else ""
        if site is not None:
            has_path = bool(urlsplit(site).path)
            path = parts.path.removeprefix(request.root_path) if has_path else parts.path
            return f"{site}{path}{query}"
        if parts.netloc == server_name or parts.netloc.endswith(f".{server_name}"):
            return request.url
        return f"{parts.scheme}://{server_name}{parts.path}{query}"

    def _marked(
        self,
        mark: Mark,
        contexts: list[tuple[str, Mapping[str, Any]]],
        request: Request,
        response: Response,
    ) -> Product | Reason | None:
        if mark.loader is not None:
            found = [_call(mark.loader, request.view_args or {}, response)]
        elif mark.variable is not None:
            found = [context.get(mark.variable) for _, context in contexts]
        else:
            names = self._settings.template_variables
            found = [template_product(context, names) for _, context in contexts]
        value = next((one for one in reversed(found) if one is not None), None)
        if value is None:
            return None
        try:
            return self.product(value, request, fields=mark.fields)
        except InvalidValueError as error:
            return reason_of(error)

    def _templates_product(
        self, contexts: list[tuple[str, Mapping[str, Any]]], request: Request
    ) -> Product | Reason | None:
        """Rules T1, T2, R21: the last page decides; two different products are none."""
        names = self._settings.template_variables
        pages = [context for name, context in contexts if name.rpartition("/")[2][:1] != "_"]
        found = [template_product(context, names) for context in pages]
        if not found or found[-1] is None:
            return None
        try:
            product = self.product(found[-1], request, needs_price=True)
        except InvalidValueError:
            return None
        for other in found[:-1]:
            if other is None or other is found[-1]:
                continue
            try:
                if self.product(other, request, needs_price=True).id != product.id:
                    return Reason.AMBIGUOUS
            except InvalidValueError:
                continue
        return product

    def _html(self, response: Response) -> tuple[bytes | None, Reason | None]:
        if response.mimetype not in HTML:
            return None, None
        if response.status_code == 304 or response.direct_passthrough or not response.is_sequence:
            return None, Reason.NO_BODY
        limit = self._settings.max_page_bytes
        return readable(response.get_data(), response.headers.get("Content-Encoding"), limit)


def reason_of(error: InvalidValueError) -> Reason:
    """The reason that a product could not be read."""
    if error.problem == "is missing":
        return Reason.INCOMPLETE
    if error.field == "id" and error.problem.startswith("is longer"):
        return Reason.ID_TOO_LONG
    return Reason.INVALID_PRODUCT


def _call(loader: Callable[..., Any], view_args: Mapping[str, Any], response: Response) -> Any:
    """Call ``loader`` with those view arguments that it names, and the response if it names that.

    One that names none of them, like ``shelf.get``, gets the only view argument by position.
    """
    try:
        parameters = inspect.signature(loader).parameters.values()
    except ValueError:  # some built-in functions do not tell
        parameters = {}.values()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return loader(**view_args)
    known = {**view_args, "response": response}
    by_name = [one for one in parameters if one.kind is not one.POSITIONAL_ONLY]
    named = {one.name: known[one.name] for one in by_name if one.name in known}
    if not named and len(view_args) == 1 and (parameters or not by_name):
        return loader(*view_args.values())
    return loader(**named)
