"""What the extension keeps for one app, and where it looks at that app's requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Flask, Request, Response, current_app, g
from flask import request as current_request
from flask.signals import before_render_template, request_finished, template_rendered

from topmail_flask.app_rooms import AppRooms
from topmail_flask.boundary import Boundary
from topmail_flask.consent_function import ConsentFunction
from topmail_flask.extraction.attributes import are_mapped_at_all
from topmail_flask.final_answer import FinalAnswer
from topmail_flask.flask_visitor import FlaskVisitor, Hooks
from topmail_flask.identify.memory import Memory
from topmail_flask.identify.recognition import Recognition
from topmail_flask.marking import Mark, mark_of
from topmail_flask.model.decision import Decision, RenderedPage
from topmail_flask.model.errors import ConfigurationError
from topmail_flask.model.ledger import Stats
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.purchases import Purchases
from topmail_flask.rendering import is_within_another
from topmail_flask.request_page import PageReader
from topmail_flask.request_record import RequestRecord, current_record
from topmail_flask.rules.requests import OBSERVER, refused_fetch_of_page, refused_response
from topmail_flask.signals import Ends

NAME = "topmail"
_NOTHING_TOLD = RequestRecord()


def state_of(app: Flask | None) -> AppState:
    """What the extension keeps for ``app``, or for the current one.

    :raises ConfigurationError: the app has no extension.
    """
    state = (app or current_app).extensions.get(NAME)
    if not isinstance(state, AppState):
        raise ConfigurationError("this app has no TopMail: call topmail.init_app(app)")
    return state


class AppState(AppRooms):
    """One app's settings, tracker and delivery, made at the first page that needs them."""

    def __init__(self, app: Flask, settings: Settings, hooks: Hooks) -> None:
        self.settings = settings
        self.hooks = hooks
        self.boundary = Boundary()
        self.watchers: list[Callable[[Decision], None]] = []
        """Told every decision about a page: the command line and the testing kit listen here."""
        self.visitor_type = FlaskVisitor
        self._app = app
        self._ends = Ends(app, self.boundary)
        self._consent = ConsentFunction(
            app, hooks, self.boundary, settings, lambda: self.delivery.learned
        )
        self.recognition = Recognition(app, self)
        self.memory = Memory(app, self)
        self.reader = PageReader(app, settings, hooks.adapters)
        self._minds_rows = False  # most signals cost a store more than what is done about them
        # Signals hold receivers weakly: these attributes keep them for as long as the app lives.
        self._on_render = self.boundary.fence(self._note_render, None)
        self._on_rendered = self.boundary.fence(self._note_rendered, None)
        self._on_finished = self.boundary.fence(self._look, None)
        self.purchases = Purchases(self, self._consent.ask)
        self.declare = self.boundary.fence(self._declare, None)
        """Note a product that the shop names in this request; whatever it is, the page goes on."""

    def watch(self) -> None:
        """Look at the app's pages from now on."""
        self._app.url_value_preprocessor(self.recognition.notice_link)
        self._connect()
        if self.settings.delivery == "celery":
            from topmail_flask.delivery.homes import serve  # noqa: PLC0415  as for the delivery

            ends = self._ends.delivered, self._ends.dropped
            self._served = serve(self.settings, self.name, *ends)

    def _connect(self) -> None:
        before_render_template.connect(self._on_render, self._app)
        if self._minds_rows:
            template_rendered.connect(self._on_rendered, self._app)
        request_finished.connect(self._on_finished, self._app)

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """The app answers as if it had no extension, for as long as the block runs."""
        before_render_template.disconnect(self._on_render, self._app)
        template_rendered.disconnect(self._on_rendered, self._app)
        request_finished.disconnect(self._on_finished, self._app)
        try:
            yield
        finally:
            self._connect()

    def visitor(self, request: Request) -> FlaskVisitor:
        """Who made the request; nobody is asked yet."""
        asked = self._consent.ask, self.recognition.shopper
        return self.visitor_type(self._app, self.hooks, request, *asked)

    def stats(self) -> Stats:
        """The books of the outbox, with this process's own refusals among the reasons."""
        return self.delivery.stats().with_refusals(self.tracker.refusals)

    def _declare(self, product: object, fields: Mapping[str, object] | None) -> None:
        current_record().declared.append(self.reader.declared(product, current_request, fields))

    def product_of(self, value: object, fields: Mapping[str, object] | None) -> Product:
        """The product that an object of the shop stands for on the current page.

        :raises InvalidValueError: it stands for none.
        """
        return self.reader.product(value, current_request, fields=fields)

    def product_so_far(self) -> Product | Reason:
        """The product of a page that is being rendered, or why there is no single one."""
        mark = self._mark_of(current_request)
        return self.reader.product_so_far(current_request, current_record(), mark)

    def _note_render(self, _app: Flask, template: Any, context: dict[str, Any], **_: Any) -> None:
        record = current_record()
        if record.contexts and is_within_another():
            return
        record.contexts.append((template.name or "", context))
        if not self._minds_rows and are_mapped_at_all():
            self._minds_rows = True
            template_rendered.connect(self._on_rendered, self._app)

    def _note_rendered(self, _app: Flask, context: dict[str, Any], **_: Any) -> None:
        record = current_record()
        if any(context is one for _, one in record.contexts):
            request = current_request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            self.reader.page_is_complete(request, record, context, self._mark_of(request))

    def _mark_of(self, request: Request) -> Mark | None:
        return mark_of(self._app.view_functions.get(request.endpoint or ""))

    def _look(self, _app: Flask, response: Response, **_: Any) -> None:
        request = current_request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
        if self.is_enabled():
            self.delivery.resume()
        self.memory.catch_up(request, response)
        decision = self._decide(request, response)
        self.memory.settle(request, response, decision)
        # A middleware around this app saw the same request: it leaves it to us.
        request.environ[OBSERVER] = self
        for watcher in self.watchers:
            watcher(decision)
        if self.tells_browser():
            response.headers["X-TopMail"] = decision.header

    def _decide(self, request: Request, response: Response) -> Decision:
        record = g.get("_topmail") or _NOTHING_TOLD
        if record.own is not None:
            # An answer of ours may come late: the session in it would undo a newer one.
            response.headers.remove("Set-Cookie")
            return record.own(response)
        mark = self._mark_of(request)
        marked = mark is not None or bool(record.declared)
        answer = FinalAnswer(response)
        status = response.status_code
        reason = refused_response(
            status,
            answer.mimetype,
            answer.disposition,
            marked=marked,
            declared=marked or status == 304,  # whatever can be known of a 304 is known here
            fetch=refused_fetch_of_page(request.environ) if marked else None,
        ) or self.tracker.refused_request(request.environ, marked=marked)
        if reason is not None:
            return self.tracker.refuse(reason)
        if not self.reader.may_show_product(answer, record, mark):
            return self.tracker.refuse(Reason.NO_PRODUCT)
        return self.observe(
            request, response, lambda: self.reader.page(request, answer, record, mark)
        )

    def observe(
        self, request: Request, response: Response, page: Callable[[], RenderedPage]
    ) -> Decision:
        """Decide about a page that passed the request rules; it is read if anybody is there."""
        visitor = self.visitor(request)
        if visitor.is_surely_nobody() and not self._is_heard():
            return self.tracker.pass_by(visitor, request.environ)
        seen = page()
        if current_record().may_show_copy(seen) and self.beacon.tells_of(seen):
            return self.tracker.refuse(Reason.BEACON)
        return self.tracker.observe(seen, visitor, response)

    def _is_heard(self) -> bool:
        """Whether anybody wants to know of views that are not sent more than their number."""
        told = self.watchers or self.settings.backfill or self.tells_browser()
        return bool(told) or self.tracker.is_heard

    def tells_browser(self) -> bool:
        """Whether pages say what was decided about them."""
        return self.settings.debug_header or self._app.debug
