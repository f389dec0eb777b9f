"""The same for any WSGI application: Django, Bottle, Pyramid, a Flask app nobody can change."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.util import application_uri, request_uri

from werkzeug.wsgi import ClosingIterator

from topmail_flask.delivery.delivery import Delivery
from topmail_flask.delivery.delivery import Shop as DeliveringShop
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.delivery.runners import serve
from topmail_flask.extraction.objects import ProductReader
from topmail_flask.guard import Guard, guarded, must_take
from topmail_flask.model.decision import Decision, Rejected, refused
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import ProductView
from topmail_flask.model.ledger import Health, Stats
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import PREFIX, Settings
from topmail_flask.model.shopper import Shopper
from topmail_flask.page import RenderedPage
from topmail_flask.rules.consent import Consent, cookie_banner_consent, decision_of
from topmail_flask.rules.requests import OBSERVER, refused_response
from topmail_flask.rules.visitors import Visitor
from topmail_flask.signals import tell_delivered, tell_dropped
from topmail_flask.site_address import site_address
from topmail_flask.tracker import Shop, Tracker

Environ = dict[str, Any]
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Callables:
    """What the shop gave to the middleware."""

    shopper: Callable[[Environ], object] | None
    consent: Callable[[Environ], bool | None] | None
    exclude: Callable[[Environ], object] | None
    product: Callable[[Environ], object] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            function = getattr(self, field.name)
            if function is not None:
                must_take(function, f"TopMailMiddleware({field.name}=…)", "environ")


def _check(wsgi_app: object, before_send: object) -> None:
    must_take(wsgi_app, "TopMailMiddleware(wsgi_app)", "environ", "start_response")
    if before_send is not None:
        must_take(before_send, "TopMailMiddleware(before_send=…)", "view")


class EnvironShopperSource(Visitor):
    """Asks the shop's callables, each of which gets the environ."""

    def __init__(self, environ: Environ, callables: _Callables) -> None:
        self._environ = environ
        self._callables = callables

    def shopper(self) -> Shopper | None:
        """Who it is, if anybody knows."""
        self.called = ask = self._callables.shopper
        return Shopper.of(ask(self._environ) if ask else None)

    def consents(self, shopper: Shopper | None) -> Consent:  # noqa: ARG002  the environ tells
        """What the shopper decided about tracking."""
        self.called = ask = self._callables.consent
        if ask is None:
            return cookie_banner_consent(self._environ.get("HTTP_COOKIE", ""))
        return decision_of(ask(self._environ))

    def is_excluded(self) -> bool:
        """Whether the shop leaves this request out."""
        self.called = ask = self._callables.exclude
        return ask is not None and bool(ask(self._environ))


_UNDECIDED = refused(Reason.STATUS)


@dataclass(slots=True)
class _Visit:
    # Its environ is a copy from before the application: routers shift SCRIPT_NAME and PATH_INFO.
    page: RenderedPage
    environ: Environ
    refusal: Reason | None = Reason.STATUS
    decision: Decision = _UNDECIDED
    is_followed: bool = True


_NO_PAGE = RenderedPage({})


class TopMailMiddleware:
    """Product views of any WSGI application, by what it names or its pages' structured data.

    .. code-block:: python

        application = TopMailMiddleware(
            get_wsgi_application(),
            api_key="tm_live_…",
            shopper=lambda environ: environ.get("shop.email"),
            product=lambda environ: environ.get("shop.product"),
            site_url="https://shop.example",
        )

    The application's answers pass through unchanged, each chunk as it comes. What a page was is
    decided when the server closes the answer, after the client has it; a page that the client did
    not wait for is no view. The signals' sender is the middleware. A Flask app inside that has a
    :class:`~topmail_flask.TopMail` of its own tells of its pages itself.

    The callables get the request's environ as the application left it, so a Django view may say who
    the shopper is by ``request.META["shop.email"] = request.user.email``, and which product its
    page shows by ``request.META["shop.product"] = product``. They run after
    the application's answer is complete and before the server closes it. One that raises costs the
    view, never the page.

    :param wsgi_app: the application.
    :param shopper: ``environ -> Shopper | e-mail address | None``.
    :param consent: ``environ -> True | False | None`` (no decision yet: return False there if the
        shop needs an opt-in), or the policy, ``"opt-in"`` or ``"opt-out"``: then the cookies of
        common cookie banners are read.
    :param product: ``environ -> product | None``: what the page shows, for pages without structured
        data: a :class:`~topmail_flask.Product`, a mapping, or an object with ``id`` and ``name``.
        Of a row of an object mapper only what is loaded is read. None: the page itself tells.
    :param exclude: ``environ -> bool``: whether the shop leaves this request out.
    :param before_send: takes each view before it is sent; returns it, a changed one, or None.
    :param celery: the Celery app that views are handed to with ``delivery="celery"``. Its worker
        has to make this middleware as well, with the same application and key.
    :param settings: the settings of :class:`~topmail_flask.model.settings.Settings` by their
        names in lower case, without ``TOPMAIL_``. Without ``api_key`` nothing is sent. ``outbox``
        is ``instance/topmail`` below the working directory, unless given. Set ``site_url``: the
        Host header is the visitor's. With ``debug_header=True`` each page is held back until it is
        complete, so that its headers can say what was decided.
    :raises ConfigurationError: a setting is unknown or wrong.
    """

    def __init__(
        self,
        wsgi_app: Callable[..., Iterable[bytes]],
        *,
        shopper: Callable[[Environ], object] | None = None,
        consent: Callable[[Environ], bool | None] | str | None = None,
        exclude: Callable[[Environ], object] | None = None,
        product: Callable[[Environ], object] | None = None,
        before_send: Callable[[ProductView], ProductView | None] | None = None,
        celery: object = None,
        **settings: Any,
    ) -> None:
        _check(wsgi_app, before_send)
        reader = consent if callable(consent) else None
        self._callables = _Callables(shopper, reader, exclude, product)
        settings["consent"] = None if reader else consent
        self.settings = Settings.from_config(
            {PREFIX + name.upper(): value for name, value in settings.items()}
        )
        self.wsgi_app, self.guard = wsgi_app, Guard()
        self._objects = ProductReader(self.settings)
        key = self.settings.api_key
        # Without a key nothing is sent: no other process has to come to the same digests.
        secret = key.reveal().encode() if key else os.urandom(16)
        outbox = self.settings.outbox or str(Path("instance", "topmail").absolute())
        name = f"wsgi:{type(wsgi_app).__module__}"
        owner = (self.settings.site_url or "").encode()
        receivers = Receivers(
            partial(tell_delivered, self, self.guard), partial(tell_dropped, self, self.guard)
        )
        self._served = serve(self.settings, name, receivers, owner=owner)
        self._delivery = Delivery(
            self.settings,
            DeliveringShop(name, secret, owner),
            None if outbox == ":memory:" else Path(outbox),
            receivers=receivers,
            celery=lambda: celery,
        )
        self.guard.share, self.guard.shared = self._delivery.note_trouble, self._delivery.trouble
        self._tracker = Tracker(
            self.settings,
            self._delivery,
            secret,
            Shop(
                sender=self,
                guard=self.guard,
                before_send=[before_send] if before_send else [],
                is_enabled=lambda: key is not None and self.settings.enabled is not False,
            ),
        )

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        visit = self._begin(environ)
        if visit is None or not (visit.is_followed or self.settings.debug_header):
            return self.wsgi_app(environ, start_response)
        if self.settings.debug_header:
            return self._with_header(visit, start_response)
        tap = ResponseTap(partial(self._room, visit), partial(self._finish, visit))
        result = self.wsgi_app(environ, self._starting(tap, start_response) or start_response)
        tapped = self._around(tap, result, environ.get("wsgi.file_wrapper"))
        return result if tapped is None else tapped

    def _with_header(self, visit: _Visit, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The response with the decision in its headers; a page is held back for it."""
        chunks: list[bytes] = []
        started: list[tuple[Any, ...]] = []

        def start(*response: Any) -> Callable[[bytes], object]:
            started[:] = [response]
            return chunks.append

        def begin() -> None:
            status, headers, *error = started[0]
            start_response(status, [*headers, ("X-TopMail", visit.decision.header)], *error)

        result: Iterable[bytes]
        if visit.is_followed:
            tap = ResponseTap(partial(self._room, visit), partial(self._finish, visit))
            result = self.wsgi_app(visit.environ, self._starting(tap, start) or start)
            result = self._around(tap, result, None) or result
        else:
            result = self.wsgi_app(visit.environ, start)
        close = getattr(result, "close", lambda: None)
        try:
            iterator = iter(result)
            chunks += islice(iterator, 1)
            if not visit.is_followed or visit.refusal is not None:
                begin()
                return ClosingIterator(chain(chunks, iterator), close)
            chunks += iterator
        except BaseException:
            close()
            raise
        close()
        begin()
        return chunks

    def stats(self) -> Stats:
        """Counts of views; they always balance."""
        return self._delivery.stats().with_refusals(self.guard.count(self._tracker.refusals))

    def health(self) -> Health:
        """Whether views reach TopMail, and if not, why and what to do."""
        return self.guard.judge(self._delivery.health())

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

    @guarded(None)
    def _begin(self, environ: Environ) -> _Visit | None:
        if OBSERVER in environ:
            return None
        environ[OBSERVER] = self
        self._delivery.resume()
        reason = self._tracker.requests.refusals(environ)[False]
        if reason is not None:
            return _Visit(
                _NO_PAGE, environ, reason, self._tracker.refuse(reason), is_followed=False
            )
        return _Visit(RenderedPage(dict(environ)), environ)

    @guarded(None)
    def _starting(
        self, tap: ResponseTap, start_response: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        return tap.starting(start_response)

    @guarded(None)
    def _around(
        self, tap: ResponseTap, result: Iterable[bytes], file_wrapper: object
    ) -> Iterable[bytes] | None:
        return tap.around(result, file_wrapper)

    @guarded(0, is_counted=True)
    def _room(self, visit: _Visit, status: str, headers: Headers) -> int:
        """How much of this response's body to keep."""
        page, visit.refusal = visit.page, Reason.INTERNAL_ERROR  # until it is known
        page.note_headers(int(status[:3]), headers)
        visit.refusal = refused_response(
            page.status, page.mimetype, page.disposition, marked=False, declared=False
        )
        visit.decision = refused(visit.refusal or Reason.NO_BODY)
        return 0 if visit.refusal else self.settings.max_page_bytes

    @guarded(None)
    def _finish(self, visit: _Visit, tap: ResponseTap) -> None:
        if visit.environ.get(OBSERVER) is not self:
            return
        if visit.refusal is not None or not tap.complete:
            visit.decision = self._tracker.refuse(visit.refusal or Reason.NO_BODY)
            return
        page, asked = visit.page, visit.page.environ
        body = tap.body
        if body is None:
            page.unread = Reason.INTERNAL_ERROR if tap.failed else Reason.TOO_LARGE
        else:
            page.note_body(body, self.settings.max_page_bytes)
        page.url = self._address(visit)
        page.path = asked.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
        try:
            self._note_product(visit)
        except InvalidValueError as error:
            page.remarks += (Rejected("product", f"{error.field} {error.problem}"),)
            page.unread = Reason.INCOMPLETE
        except Exception as error:  # noqa: BLE001  the shop's function may raise anything
            self.guard.report(self._callables.product, error)
            page.html, page.unread = None, Reason.HOOK_FAILED
        source = EnvironShopperSource(visit.environ, self._callables)
        visit.decision = self._tracker.observe(page, source)

    def _note_product(self, visit: _Visit) -> None:
        """Note the product that the application names.

        :raises InvalidValueError: what it names is none.
        """
        ask = self._callables.product
        value = ask(visit.environ) if ask is not None else None
        if value is not None:
            visit.page.declared = (self._objects.read(value, visit.page.url, {}),)
            visit.page.marked = True

    def _address(self, visit: _Visit) -> str:
        environ = dict(visit.page.environ)
        url, site = request_uri(environ), self.settings.site_url
        if site is None:
            return url
        return site_address(url, site, urlsplit(application_uri(environ)).path.rstrip("/"))


class ResponseTap:
    """Follows one response of a WSGI application from ``start_response`` to ``close()``.

    Nothing is held back: each chunk goes on as it comes, and only a reference to it is kept. What
    is no page to read is not followed any further: the server then gets the application's own
    iterable.

    :param room: asked with status line and headers when the application starts its response (again,
        if an error makes it start anew): how many bytes of the body to keep at the most.
    :param done: called once, when the server closes the response, or as soon as it is clear that
        there is nothing to follow. Neither may raise.
    :ivar complete: the server took the body to its end.
    :ivar failed: an error of our own lost a chunk.
    :ivar kept: the chunks so far; None if they were more than there was room for, or no bytes.
    """

    def __init__(
        self, room: Callable[[str, Headers], int], done: Callable[[ResponseTap], None]
    ) -> None:
        self.complete = False
        self.failed = False
        self._ask_room = room
        self.done = done
        self._started = False
        self._room = 0
        self.kept: list[bytes] | None = []

    @property
    def body(self) -> bytes | None:
        """What was sent so far; None if it was more than there was room for, or no bytes."""
        return None if self.kept is None else b"".join(self.kept)

    def starting(self, start_response: Callable[..., Any]) -> Callable[..., Any]:
        """``start_response`` for the application."""

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            try:
                if exc_info:
                    write = start_response(status, headers, exc_info)
                else:
                    write = start_response(status, headers)
            finally:
                exc_info = None  # PEP 3333: a traceback must not hold the frame that holds it
            self._started = True
            self.kept = []
            self._room = self._ask_room(status, headers)
            if not self._room:
                return write

            def watched_write(chunk: bytes) -> object:
                written = write(chunk)
                try:
                    self.keep(chunk)
                except Exception:  # noqa: BLE001  what was written was written
                    self.kept, self.failed = None, True
                return written

            return watched_write

        return start

    def around(self, result: Iterable[bytes], file_wrapper: object) -> Iterable[bytes]:
        """What the server gets in place of the application's iterable."""
        is_file = hasattr(result, "read") or (
            isinstance(file_wrapper, type) and isinstance(result, file_wrapper)
        )
        if is_file or (self._started and not self._room):
            self.done(self)
            return result
        # Servers work out a Content-Length from an iterable of the length 1.
        return (_Sequence if hasattr(result, "__len__") else _Chunks)(self, result)

    def keep(self, chunk: object) -> None:
        """Note a chunk that goes to the server."""
        if self.kept is None:
            return
        if type(chunk) is not bytes or len(chunk) > self._room:
            self.kept = None
            return
        self._room -= len(chunk)
        self.kept.append(chunk)


class _Chunks:
    def __init__(self, tap: ResponseTap, result: Iterable[bytes]) -> None:
        self._tap = tap
        self._result = result
        self._iterator: Iterator[bytes] | None = None
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._result)
        try:
            chunk = next(self._iterator)
        except StopIteration:
            self._tap.complete = True
            raise
        try:
            self._tap.keep(chunk)
        except Exception:  # noqa: BLE001  the server gets its chunk, whatever became of ours
            self._tap.kept, self._tap.failed = None, True
        return chunk

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._tap.done(self._tap)
        finally:
            close = getattr(self._result, "close", None)
            if close is not None:
                close()


class _Sequence(_Chunks):
    def __len__(self) -> int:
        return len(self._result)  # type: ignore[arg-type]  # chosen because it has a length
