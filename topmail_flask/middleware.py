"""The same for any WSGI application: Django, Bottle, Pyramid, a Flask app nobody can change."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.util import application_uri, request_uri

from werkzeug.http import parse_options_header

from topmail_flask.boundary import Boundary
from topmail_flask.delivery.front_door import Delivery
from topmail_flask.delivery.homes import serve
from topmail_flask.environ_visitor import Environ, EnvironVisitor
from topmail_flask.extraction.encodings import readable
from topmail_flask.model.decision import RenderedPage
from topmail_flask.model.events import ProductView
from topmail_flask.model.ledger import Health, Stats
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import PREFIX, Settings
from topmail_flask.model.shopper import Receipt
from topmail_flask.rules.requests import OBSERVER, refused_response
from topmail_flask.signals import send, view_delivered, view_dropped
from topmail_flask.tracker import Tracker
from topmail_flask.watched_answer import Headers, WatchedAnswer


@dataclass(slots=True)
class _Visit:
    # A copy from before the application: routers shift SCRIPT_NAME and PATH_INFO in the original.
    asked: Environ
    environ: Environ
    status: int = 0
    mimetype: str = ""
    charset: str | None = None
    encoding: str | None = None
    refusal: Reason | None = Reason.STATUS


class TopMailMiddleware:
    """Product views of any WSGI application, by the structured data of its pages.

    .. code-block:: python

        application = TopMailMiddleware(
            get_wsgi_application(),
            api_key="tm_live_…",
            shopper=lambda environ: environ.get("shop.email"),
            site_url="https://shop.example",
        )

    The application's answers pass through unchanged, each chunk as it comes. What a page was is
    decided when the server closes the answer, after the client has it; a page that the client did
    not wait for is no view. The signals' sender is the middleware. A Flask app inside that has a
    :class:`~topmail_flask.TopMail` of its own tells of its pages itself.

    The callables get the request's environ as the application left it, so a Django middleware may
    say who the shopper is by ``request.META["shop.email"] = request.user.email``. They run after
    the application's answer is complete and before the server closes it. One that raises costs the
    view, never the page.

    :param wsgi_app: the application.
    :param api_key: TopMail API key; without one nothing is sent.
    :param shopper: ``environ -> Shopper | e-mail address | None``.
    :param consent: ``environ -> True | False | None`` (no decision yet: return False there if the
        shop needs an opt-in), or the policy, ``"opt-in"`` or ``"opt-out"``: then the cookies of
        common cookie banners are read.
    :param exclude: ``environ -> bool``: whether the shop leaves this request out.
    :param before_send: takes each view before it is sent; returns it, a changed one, or None.
    :param celery: the Celery app that views are handed to with ``delivery="celery"``. Its worker
        has to make this middleware as well, with the same application and key.
    :param settings: the settings of :class:`~topmail_flask.model.settings.Settings` by their
        names in lower case, without ``TOPMAIL_``. ``outbox`` is ``instance/topmail`` below the
        working directory, unless given. Set ``site_url``: the Host header is the visitor's.
    :raises ConfigurationError: a setting is unknown or wrong.
    """

    def __init__(
        self,
        wsgi_app: Callable[..., Iterable[bytes]],
        *,
        api_key: str | None = None,
        shopper: Callable[[Environ], object] | None = None,
        consent: Callable[[Environ], bool | None] | str | None = None,
        exclude: Callable[[Environ], object] | None = None,
        before_send: Callable[[ProductView], ProductView | None] | None = None,
        celery: object = None,
        **settings: Any,
    ) -> None:
        reader = consent if callable(consent) else None
        chosen = {"api_key": api_key, "consent": None if reader else consent, **settings}
        self.settings = Settings.from_config(
            {PREFIX + name.upper(): value for name, value in chosen.items()}
        )
        self.wsgi_app = wsgi_app
        self.boundary = Boundary()
        self._visitor = partial(EnvironVisitor, shopper=shopper, consent=reader, exclude=exclude)
        key = self.settings.api_key
        # Without a key nothing is sent: no other process has to come to the same digests.
        secret = key.reveal().encode() if key else os.urandom(16)
        place = self.settings.outbox or str(Path("instance", "topmail").absolute())
        name = f"wsgi:{type(wsgi_app).__module__}"
        self._served = serve(self.settings, name, self._tell_delivered, self._tell_dropped)
        self._delivery = Delivery(
            self.settings,
            app_name=name,
            directory=None if place == ":memory:" else Path(place),
            secret=secret,
            owner=(self.settings.site_url or "").encode(),
            on_delivered=self._tell_delivered,
            on_dropped=self._tell_dropped,
            celery=lambda: celery,
        )
        self._tracker = Tracker(
            self.settings,
            self._delivery,
            sender=self,
            secret=secret,
            boundary=self.boundary,
            before_send=[before_send] if before_send else [],
            is_enabled=lambda: key is not None and self.settings.enabled is not False,
        )
        self._watch = self.boundary.fence(self._begin, None)
        self._room = self.boundary.fence(self._judge, 0)
        self._finish = self.boundary.fence(self._look, None)
        self._starting = self.boundary.fence(WatchedAnswer.starting, None)
        self._around = self.boundary.fence(WatchedAnswer.around, None)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = self._watch(environ)
        if answer is None:
            return self.wsgi_app(environ, start_response)
        result = self.wsgi_app(environ, self._starting(answer, start_response) or start_response)
        watched = self._around(answer, result, environ.get("wsgi.file_wrapper"))
        return result if watched is None else watched

    def stats(self) -> Stats:
        """Counts of views; they always balance."""
        return self._delivery.stats().with_refusals(self._tracker.refusals)

    def health(self) -> Health:
        """Whether views reach TopMail, and if not, why and what to do."""
        return self._delivery.health()

    def flush(self, timeout: float = 10.0) -> bool:
        """Wait until nothing waits for delivery any more, at most ``timeout`` seconds.

        :returns: whether all views have left.
        """
        return self._delivery.flush(timeout)

    def close(self) -> None:
        """Send what can be sent within ``shutdown_timeout`` and end the threads.

        The end of the process does so by itself; this is for programs that go on.
        """
        self._delivery.close()

    def _begin(self, environ: Environ) -> WatchedAnswer | None:
        if OBSERVER in environ:
            return None
        environ[OBSERVER] = self
        self._delivery.resume()
        reason = self._tracker.refused_request(environ, marked=False)
        if reason is not None:
            self._tracker.refuse(reason)
            return None
        visit = _Visit(dict(environ), environ)
        return WatchedAnswer(partial(self._room, visit), partial(self._finish, visit))

    def _judge(self, visit: _Visit, status: str, headers: Headers) -> int:
        """How much of this answer's body to keep."""
        told = {name.lower(): value for name, value in headers}
        mimetype, parameters = parse_options_header(told.get("content-type"))
        visit.status = int(status[:3])
        visit.mimetype = mimetype.lower()
        visit.charset = parameters.get("charset")
        visit.encoding = told.get("content-encoding")
        visit.refusal = refused_response(
            visit.status,
            visit.mimetype,
            told.get("content-disposition"),
            marked=False,
            declared=False,
        )
        return 0 if visit.refusal else self.settings.max_page_bytes

    def _look(self, visit: _Visit, answer: WatchedAnswer) -> None:
        if visit.environ.get(OBSERVER) is not self:
            return
        if visit.refusal is not None or not answer.complete:
            self._tracker.refuse(visit.refusal or Reason.NO_BODY)
            return
        body = answer.body
        html: bytes | None = None
        unread: Reason | None = Reason.TOO_LARGE
        if body is not None:
            html, unread = readable(body, visit.encoding, self.settings.max_page_bytes)
        page = RenderedPage(
            environ=visit.asked,
            url=self._address(visit.asked),
            path=visit.asked.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace"),
            status=visit.status,
            mimetype=visit.mimetype,
            html=html,
            charset=visit.charset,
            unread=unread,
        )
        self._tracker.observe(page, self._visitor(visit.environ))

    def _address(self, environ: Environ) -> str:
        """The request's URL on the shop's own site: a forged Host header does not get in."""
        url = request_uri(environ)
        site = self.settings.site_url
        if site is None:
            return url
        parts = urlsplit(url)
        path = parts.path
        if urlsplit(site).path:
            path = path.removeprefix(urlsplit(application_uri(environ)).path.rstrip("/"))
        return f"{site}{path}" + (f"?{parts.query}" if parts.query else "")

    def _tell_delivered(self, view: ProductView, receipt: Receipt) -> None:
        send(view_delivered, self, self.boundary, view=view, receipt=receipt)

    def _tell_dropped(self, view: ProductView, reason: Reason) -> None:
        send(view_dropped, self, self.boundary, view=view, product=view.product, reason=reason)
