"""What the extension keeps for one app, and where it looks at that app's requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import (
    Flask,
    Request,
    Response,
    before_render_template,
    current_app,
    g,
    request_finished,
    template_rendered,
)
from flask import request as current_request

from topmail_flask.boundary import Boundary
from topmail_flask.consent_function import ConsentFunction
from topmail_flask.delivery.front_door import Delivery
from topmail_flask.delivery.homes import serve
from topmail_flask.domain.decision import Decision
from topmail_flask.domain.errors import ConfigurationError
from topmail_flask.domain.ledger import Stats
from topmail_flask.domain.product_view import ProductView
from topmail_flask.domain.reasons import Reason
from topmail_flask.domain.receipt import Receipt
from topmail_flask.domain.settings import Settings
from topmail_flask.flask_visitor import FlaskVisitor, Hooks
from topmail_flask.made_once import made_once
from topmail_flask.marking import Mark, mark_of
from topmail_flask.middleware import OBSERVER
from topmail_flask.request_page import PageReader, RequestRecord, media_type
from topmail_flask.signals import send, view_delivered, view_dropped
from topmail_flask.tracker import Tracker
from topmail_flask.visits.rules import refused_response

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


class AppState:
    """One app's settings, tracker and delivery, made at the first page that needs them."""

    def __init__(self, app: Flask, settings: Settings, hooks: Hooks) -> None:
        self.settings = settings
        self.hooks = hooks
        self.boundary = Boundary()
        self.watchers: list[Callable[[Decision], None]] = []
        """Told every decision about a page: the command line and the testing kit listen here."""
        self.visitor_type = FlaskVisitor
        self._app = app
        self._consent = ConsentFunction(
            app, hooks, self.boundary, opt_in=settings.consent == "opt-in"
        )
        self._reader = PageReader(app, settings, hooks.adapters)
        # Signals hold receivers weakly: these attributes keep them for as long as the app lives.
        self._on_render = self.boundary.fence(self._note_render, None)
        self._on_rendered = self.boundary.fence(self._note_rendered, None)
        self._on_finished = self.boundary.fence(self._look, None)
        self.declare = self.boundary.fence(self._declare, None)
        """Note a product that the shop names in this request; whatever it is, the page goes on."""

    def watch(self) -> None:
        """Look at the app's pages from now on."""
        self._connect()
        self._served = serve(self.settings, self._name, self._tell_delivered, self._tell_dropped)

    def _connect(self) -> None:
        before_render_template.connect(self._on_render, self._app)
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

    @made_once
    def secret(self) -> bytes:
        """Keys the digests: the app's own secret, else the API key."""
        secret = self._app.secret_key or ""
        if not secret and self.settings.api_key is not None:
            secret = self.settings.api_key.reveal()
        if not secret:  # without a key nothing is sent: no other process has to agree
            return os.urandom(16)
        return secret.encode() if isinstance(secret, str) else secret

    @made_once
    def delivery(self) -> Delivery:
        """The way to TopMail; opens nothing before the first view."""
        place = self.settings.outbox or str(Path(self._app.instance_path) / "topmail")
        return Delivery(
            self.settings,
            app_name=self._name,
            directory=None if place == ":memory:" else Path(place),
            secret=self.secret,
            on_delivered=self._tell_delivered,
            on_dropped=self._tell_dropped,
            is_heard=self._hears_ends,
            celery=lambda: self._app.extensions.get("celery"),
            is_withdrawn=self._consent.is_withdrawn,
        )

    @made_once
    def tracker(self) -> Tracker:
        """Decides about this app's pages."""
        return Tracker(
            self.settings,
            self.delivery,
            sender=self._app,
            secret=self.secret,
            boundary=self.boundary,
            before_send=self.hooks.before_send,
            is_enabled=self.is_enabled,
        )

    def is_enabled(self) -> bool:
        """Whether views may be sent: there is a key, and no test is running unless it asks."""
        if self.settings.api_key is None:
            return False
        enabled = self.settings.enabled
        return not self._app.testing if enabled is None else enabled

    def stats(self) -> Stats:
        """The books of the outbox, with this process's own refusals among the reasons."""
        return self.delivery.stats().with_refusals(self.tracker.refusals)

    def _declare(self, product: object, fields: Mapping[str, object] | None) -> None:
        _record().declared.append(self._reader.declared(product, current_request, fields))

    def _note_render(self, _app: Flask, template: Any, context: dict[str, Any], **_: Any) -> None:
        record = _record()
        if record.depth == 0:
            record.contexts.append((template.name or "", context))
        record.depth += 1

    def _note_rendered(self, _app: Flask, context: dict[str, Any], **_: Any) -> None:
        record = _record()
        record.depth -= 1
        if record.depth == 0:
            request = current_request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            self._reader.page_is_complete(request, record, context, self._mark_of(request))

    def _mark_of(self, request: Request) -> Mark | None:
        return mark_of(self._app.view_functions.get(request.endpoint or ""))

    def _look(self, _app: Flask, response: Response, **_: Any) -> None:
        request = current_request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
        if self.is_enabled():
            self.delivery.resume()
        decision = self._decide(request, response)
        # A middleware around this app saw the same request: it leaves it to us.
        request.environ[OBSERVER] = self
        for watcher in self.watchers:
            watcher(decision)
        if self._tells_browser():
            response.headers["X-TopMail"] = decision.header

    def _decide(self, request: Request, response: Response) -> Decision:
        record = g.get("_topmail") or _NOTHING_TOLD
        mark = self._mark_of(request)
        marked = mark is not None or bool(record.declared)
        status = response.status_code
        reason = refused_response(
            status,
            media_type(response.headers.get("Content-Type"))[0],
            response.headers.get("Content-Disposition"),
            marked=marked,
            declared=marked or status == 304,  # whatever can be known of a 304 is known here
        ) or self.tracker.refused_request(request.environ, marked=marked)
        if reason is not None:
            return self.tracker.refuse(reason)
        if not self._reader.may_show_product(response, record, mark):
            return self.tracker.refuse(Reason.NO_PRODUCT)
        visitor = self.visitor_type(self._app, self.hooks, request, self._consent.ask)
        if visitor.is_surely_nobody() and not self._is_heard():
            return self.tracker.pass_by(visitor, request.environ)
        page = self._reader.page(request, response, record, mark)
        return self.tracker.observe(page, visitor, response)

    def _is_heard(self) -> bool:
        """Whether anybody wants to know of views that are not sent more than their number."""
        return bool(self.watchers) or self._tells_browser() or self.tracker.is_heard

    def _tells_browser(self) -> bool:
        return self.settings.debug_header or self._app.debug

    @property
    def _name(self) -> str:
        return f"{self._app.import_name}:{self._app.name}"

    def _hears_ends(self) -> bool:
        ends = (view_delivered, view_dropped)
        return any(end.has_receivers_for(self._app) for end in ends)

    def _tell_delivered(self, view: ProductView, receipt: Receipt) -> None:
        with self._app.app_context():
            send(view_delivered, self._app, self.boundary, view=view, receipt=receipt)

    def _tell_dropped(self, view: ProductView, reason: Reason) -> None:
        with self._app.app_context():
            send(
                view_dropped,
                self._app,
                self.boundary,
                view=view,
                product=view.product,
                reason=reason,
            )


def _record() -> RequestRecord:
    record: RequestRecord | None = g.get("_topmail")
    if record is None:
        record = g._topmail = RequestRecord()  # noqa: SLF001
    return record
