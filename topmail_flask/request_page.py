"""The snapshot at the edge: the one place that reads Flask's request and response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response

from topmail_flask.extraction.attributes import are_mapped_at_all, is_mapped, template_product
from topmail_flask.extraction.extract import may_hold_product
from topmail_flask.final_answer import FinalAnswer
from topmail_flask.made_once import made_once
from topmail_flask.marking import Mark, call_loader
from topmail_flask.model.decision import RenderedPage
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.request_record import RequestRecord, Unread
from topmail_flask.site_address import site_address

if TYPE_CHECKING:
    from topmail_flask.extraction.objects import ProductReader

Adapters = Mapping[type, Callable[[Any], Any]]


class PageReader:
    """Reads products out of what a shop's code hands over."""

    def __init__(self, app: Flask, settings: Settings, adapters: Adapters) -> None:
        self._app = app
        self._settings = settings
        self._adapters = adapters

    @made_once
    def _objects(self) -> ProductReader:
        # What reads prices is loaded with the first product, not at the start of the store.
        from topmail_flask.extraction.objects import ProductReader  # noqa: PLC0415

        return ProductReader(self._settings)

    def page(
        self, request: Request, answer: FinalAnswer, record: RequestRecord, mark: Mark | None
    ) -> RenderedPage:
        """The request and its final answer as plain values."""
        told, template = self._told(request, answer.response, record, mark)
        refusals = [one for one in (*told, template) if isinstance(one, Reason)]
        html, unread = answer.page(self._settings.max_page_bytes)
        return RenderedPage(
            environ=request.environ,
            url=self.address(request),
            path=request.path,
            status=answer.response.status_code,
            mimetype=answer.mimetype,
            html=None if template is Reason.AMBIGUOUS else html,
            charset=answer.charset,
            unread=refusals[0] if refusals else unread,
            view_args=request.view_args,
            marked=mark is not None or bool(told),
            declared=tuple(one for one in told if isinstance(one, Product)),
            template_product=template if isinstance(template, Product) else None,
        )

    def product_so_far(
        self, request: Request, record: RequestRecord, mark: Mark | None
    ) -> Product | Reason:
        """The product of a page whose template is at work, or why there is no single one."""
        told, template = self._told(request, None, record, mark)
        found = [one for one in (*told, template) if one is not None]
        refusals = [one for one in found if isinstance(one, Reason)]
        different = {(one.id, one.variant_id): one for one in found if isinstance(one, Product)}
        if refusals or len(different) > 1:
            return refusals[0] if refusals else Reason.AMBIGUOUS
        return next(iter(different.values()), Reason.NO_PRODUCT)

    def _told(
        self,
        request: Request,
        response: Response | None,
        record: RequestRecord,
        mark: Mark | None,
    ) -> tuple[list[Product | Reason | None], Product | Reason | None]:
        """What the shop declared, and what the template variable of other pages holds."""
        told: list[Product | Reason | None] = [
            self._read(one.value, request, record, one.fields) if isinstance(one, Unread) else one
            for one in record.declared
        ]
        if mark is not None:
            return [*told, self._marked(mark, request, response, record)], None
        return told, None if told else self._shown(request, record)

    def may_show_product(self, answer: FinalAnswer, record: RequestRecord, mark: object) -> bool:
        """Whether it pays to read the page: False only if it shows no product."""
        shown = [self._variable(context, None) for _, context in record.contexts]
        if mark or record.declared or any(one is not None for one in shown):
            return True
        html, _ = answer.page(self._settings.max_page_bytes)
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
        return self._objects.read(
            value,
            self.address(request),
            request.view_args or {},
            fields=fields,
            needs_price=needs_price,
        )

    def address(self, request: Request) -> str:
        """The request's URL on the shop's own site."""
        return site_address(request, self._settings, self._app.config["SERVER_NAME"])

    def _variable(self, context: Mapping[str, Any], mark: Mark | None) -> object | None:
        if mark is not None and mark.variable is not None:
            return context.get(mark.variable)
        return template_product(context, self._settings.template_variables)

    def _marked(
        self, mark: Mark, request: Request, response: Response | None, record: RequestRecord
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


def reason_of(error: InvalidValueError) -> Reason:
    """The reason that a product could not be read."""
    if error.problem == "is missing":
        return Reason.INCOMPLETE
    if error.field == "id" and error.problem.startswith("is longer"):
        return Reason.ID_TOO_LONG
    return Reason.INVALID_PRODUCT
