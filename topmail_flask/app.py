"""Composes what watches one app; the only place that connects signals."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from blinker import NamedSignal
from flask import Flask, Response, current_app
from flask import request as current_request
from flask.signals import before_render_template, request_finished, template_rendered
from markupsafe import Markup

from topmail_flask.core import NAME, Core, cached_once
from topmail_flask.delivery.files import HAS_LOCKS
from topmail_flask.events import Events
from topmail_flask.flask_page import PAGE, FlaskPage
from topmail_flask.guard import guarded
from topmail_flask.identify.identify import COOKIES, Identify
from topmail_flask.model.decision import Decision, refused
from topmail_flask.model.errors import ConfigurationError
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper
from topmail_flask.page_reader import PageReader
from topmail_flask.routes import MESSAGE, add_own_routes
from topmail_flask.rules.requests import OBSERVER
from topmail_flask.shoppers import IDENTIFIED, Hooks, NamedShopper

if TYPE_CHECKING:
    from topmail_flask.beacon.beacon import Beacon


log = logging.getLogger("topmail_flask")
WITHOUT_LOCKS = (
    "TopMail: this system has no file locks (Windows), so views are kept in memory only: what is "
    "not sent when the process ends is lost. For development that is enough."
)


class AppState:
    """One app's core, its features, and the receivers of its signals."""

    def __init__(self, app: Flask, settings: Settings, hooks: Hooks) -> None:
        self.core = Core(app, settings, hooks)
        self.guard = self.core.guard
        self.identify = Identify(self.core)
        self.events = Events(self.core)
        self.core.identified = self.identify.shopper
        self.core.reader.is_older_copy = self._is_older_copy
        self._resumed_in = 0
        reader = self.core.reader
        # Signals hold receivers weakly: this keeps them for as long as the app lives. A partial is
        # one reference to follow; a bound method is made anew each time.
        self._receivers: tuple[tuple[NamedSignal, Callable[..., None]], ...] = (
            (before_render_template, partial(PageReader.template_begins, reader)),
            (template_rendered, partial(PageReader.template_done, reader)),
            (request_finished, partial(AppState._finished, self)),
        )

    @cached_once
    def beacon(self) -> Beacon:
        """Signs products for pages, and hears from browsers that these are shown."""
        from topmail_flask.beacon.beacon import Beacon  # noqa: PLC0415  only who uses it pays

        return Beacon(self.core)

    def watch(self) -> None:
        """Look at the app's pages from now on."""
        core = self.core
        if not HAS_LOCKS and core.settings.outbox != ":memory:":
            log.warning(WITHOUT_LOCKS)
        # A url_value_preprocessor costs three times as much: Flask looks twice through its proxy.
        core.app.before_request(self.identify.notice_link)
        self._connect()
        add_own_routes(core, self._own_view)
        if core.settings.delivery == "celery":
            from topmail_flask.delivery.runners import serve  # noqa: PLC0415  as for the delivery

            self._served = serve(core.settings, core.name, core.receivers, owner=core.owner)

    def _connect(self) -> None:
        for signal, receiver in self._receivers:
            signal.connect(receiver, self.core.app)

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """The app answers as if it had no extension, for as long as the block runs."""
        for signal, receiver in self._receivers:
            signal.disconnect(receiver, self.core.app)
        try:
            yield
        finally:
            self._connect()

    def declare(self, product: object, fields: Mapping[str, object] | None) -> None:
        """Note a product that the shop names in this request; whatever it is, the page goes on."""
        try:
            reader = self.core.reader
            reader.name(reader.current_page(), product, fields)
        except Exception as error:  # noqa: BLE001  as in :func:`guarded`
            self.core.reader.note_failure(None, self.declare, error)

    def track(
        self,
        product: object,
        fields: Mapping[str, object] | None,
        shopper: Shopper | str | None,
        url: str | None,
        consent: bool | None,
    ) -> None:
        """Note a product that the shop tracks in this request; whatever it is, the page goes on."""
        core = self.core
        try:
            page = core.reader.track(product, fields, url)
            if shopper is not None or consent is not None:
                page.visitor = NamedShopper(
                    shopper, core.shopper_source(page.request), core.consent.ask, consent=consent
                )
                page.spoken_for = shopper is not None and consent is True
        except Exception as error:  # noqa: BLE001  as in :func:`guarded`
            core.reader.note_failure(None, self.track, error)

    @guarded(Markup(""))
    def beacon_tag(self, context: Mapping[str, Any], product: object, **options: Any) -> Markup:
        """The beacon's element of the current page, or nothing."""
        return self.beacon.tag(context, product, **options)

    def _finished(self, _app: Flask, response: Response, **_: Any) -> None:
        try:
            core = self.core
            if self._resumed_in != os.getpid() and core.is_enabled():
                self._resumed_in = os.getpid()
                core.delivery.resume()
            request = current_request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            environ, has_watchers = request.environ, core.has_watchers()
            # Taken out of there: they would hold each other.
            page: FlaskPage | None = environ.pop(PAGE, None)
            if page is None:
                if not has_watchers and IDENTIFIED not in environ:
                    reason = core.reader.refused_at_sight(request, response)
                    if reason is not None:
                        core.tracker.refuse(reason)
                        environ[OBSERVER] = self
                        return
                page = FlaskPage(core.reader, request)
            page.response = response
            page.note_headers(response.status_code, response.headers)
            if has_watchers:
                self.identify.catch_up(page, response)
            if page.own is None:
                decision = core.tracker.decide(page, core.visitor_of, response)
            else:
                # A response of ours may come late: the session in it would undo a newer one.
                response.headers.remove("Set-Cookie")
                decision = page.own(response)
            if has_watchers or IDENTIFIED in environ or COOKIES in environ.get("HTTP_COOKIE", ""):
                self.identify.update_cookies(page, response, decision)
            # A middleware around this app saw the same request: it leaves it to us.
            environ[OBSERVER] = self
            if has_watchers:
                self._tell(response, decision)
        except Exception as error:  # noqa: BLE001  as in :func:`guarded`
            self._lose(response, error)

    @guarded(None)
    def _lose(self, response: Response, error: Exception) -> None:
        """An error in the decision: the view is lost, and everybody is told."""
        self.guard.swallow(self._finished, error, is_counted=True)
        self.core.tracker.lose()
        self._tell(response, refused(Reason.INTERNAL_ERROR))

    def _tell(self, response: Response, decision: Decision) -> None:
        for watcher in self.core.watchers:
            watcher(decision)
        if self.core.tells_browser():
            response.headers["X-TopMail"] = decision.header + self._held(decision)

    def _held(self, decision: Decision) -> str:
        shopper = decision.views[0].shopper if decision.views else None
        until = self.core.delivery.held_until(shopper) if shopper else None
        if until is None:
            return ""
        seconds = max(0.0, until - time.time())
        return f"; held={Reason.CONTACT_NOT_FOUND}; asked_again_in={seconds:.0f}"

    def _is_older_copy(self, page: FlaskPage) -> bool:
        return self.beacon.tells_of(page)

    def _own_view(self, name: str) -> Callable[[], Response]:
        return self.beacon.receive if name == MESSAGE else self.beacon.script


def state_of(app: Flask | None) -> AppState:
    """What the extension keeps for ``app``, or for the current one.

    :raises ConfigurationError: the app has no extension.
    """
    state = (app or current_app).extensions.get(NAME)
    if not isinstance(state, AppState):
        raise ConfigurationError(
            "this app has no TopMail. Call topmail.init_app(app) in its factory"
        )
    return state
