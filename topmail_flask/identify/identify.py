"""Knowing a shopper without a log-in: named by the shop's own code, or by a link in a mail."""

from __future__ import annotations

import logging
from functools import partial
from urllib.parse import urlsplit

from flask import Request, Response, request

from topmail_flask.core import Core
from topmail_flask.flask_page import FlaskPage
from topmail_flask.guard import guarded
from topmail_flask.identify.cookies import (
    VISIT_COOKIE,
    Identity,
    PendingView,
    delete_cookie,
    is_for_everybody,
    opened_views,
    sealed_views,
    set_cookie,
    with_view,
)
from topmail_flask.identify.links import (
    ARGUMENT,
    Onward,
    own_address,
    own_location,
    split_token,
    with_token,
)
from topmail_flask.identify.sealing import FOR_COOKIES, FOR_LINKS, FOR_VISITS, Seals
from topmail_flask.model.decision import Decision
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper
from topmail_flask.rules.consent import Consent
from topmail_flask.rules.visitors import Visitor
from topmail_flask.shoppers import (
    IDENTIFIED,
    IDENTITY_COOKIE,
    FlaskShopperSource,
    is_somebody_logged_in,
)

log = logging.getLogger("topmail_flask")
COOKIES = "topmail_"
"""How the names of all cookies of this package begin."""
_ARGUMENT = f"{ARGUMENT}="
_REFUSED = frozenset({Reason.CONSENT, Reason.PRIVACY_SIGNAL})


class Identify:
    """Who the visitors of one app are, where the store named them itself.

    What comes from outside (cookies, links) is believed only under this app's own seal, and
    ignored without a word otherwise. Cookies are set, read and deleted once a response is final,
    and none is set on one that shared caches may keep.
    """

    def __init__(self, core: Core) -> None:
        self.guard = core.guard
        self.seals = Seals(core.app, core.guard)
        self._core = core
        self._app = core.app

    def sign_link(self, url: str, contact: Shopper | str) -> str:
        """``url`` with a token that names the shopper.

        :raises InvalidValueError: no such shopper can be, or the address is another site's.
        :raises ConfigurationError: there is no secret, or no address of the store.
        """
        shopper = Shopper.of(contact)
        if shopper is None:
            raise InvalidValueError("contact", "is missing")
        address = own_address(url, self._app, self._core.settings)
        identity = Identity(shopper, self._core.tracker.clock(), by_link=True)
        return with_token(address, identity.sealed(self.seals.of(FOR_LINKS)))

    def shopper(self, request: Request) -> Shopper | None:
        """Whom the store named in this browser, before or in this very request."""
        environ = request.environ
        identity: Identity | None = None
        if IDENTIFIED in environ:
            identity = environ[IDENTIFIED]
        elif IDENTITY_COOKIE in environ.get("HTTP_COOKIE", ""):
            identity = self._opened(request.cookies.get(IDENTITY_COOKIE, ""), FOR_COOKIES)
        if identity is None or not self._is_of_age(identity):
            return None
        return identity.shopper

    @guarded(False)
    def identify(self, email: str | None, contact_id: str | None) -> bool:
        """Remember the shopper of this request. Returns whether that may be."""
        try:
            shopper = Shopper(email or None, contact_id or None)
        except InvalidValueError as error:
            log.info("no shopper is remembered: %s", error)
            return False
        return self._name(Identity(shopper, self._core.tracker.clock()))

    @guarded(None)
    def forget(self) -> None:
        """Forget who uses this browser."""
        request.environ[IDENTIFIED] = None

    def notice_link(self) -> None:
        """At the beginning of every request: see whether it came by a signed link."""
        try:
            asked = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            if _ARGUMENT in asked.environ.get("QUERY_STRING", ""):
                self._notice_link()
        except Exception as error:  # noqa: BLE001  as in :func:`guarded`, with a frame less
            self._fail(error)

    @guarded(None)
    def _fail(self, error: Exception) -> None:
        self.guard.swallow(self.notice_link, error)

    @guarded(None)
    def _notice_link(self) -> None:
        query = request.environ["QUERY_STRING"]
        if request.method not in {"GET", "HEAD"}:
            return
        token, rest = split_token(query)
        if token is not None:
            location = own_location(request.environ, rest)
            request.routing_exception = Onward(location, partial(self._follow, token))

    @guarded(None)
    def catch_up(self, page: FlaskPage, response: Response) -> None:
        """Send what was seen in this visit, once its shopper is known and consents.

        Before the view of this very page is sent: TopMail stamps views when they come. What was
        seen at this page's own address is left out: the page speaks for itself.
        """
        if not self._core.settings.backfill or VISIT_COOKIE not in _cookies(page):
            return
        if not _may_carry_cookies(page, response):
            return  # where the list could not be taken off the browser the next response will do
        core, request = self._core, page.request
        source, tracker = core.shopper_source(request), core.tracker
        shopper, refusal = tracker.ask(source, page.environ)
        if shopper is None or refusal is not None or source.consents(shopper) is not True:
            return
        agent = page.environ.get("HTTP_USER_AGENT", "")
        tracker.catch_up(
            pending.view(shopper, core.secret, agent)
            for pending in self._pending(request, tracker.clock())[-core.settings.backfill :]
            if urlsplit(pending.product.url or "").path != request.path
        )
        delete_cookie(self._app, request, response, VISIT_COOKIE)

    @guarded(None)
    def update_cookies(self, page: FlaskPage, response: Response, decision: Decision) -> None:
        """Set and delete cookies, once it is known what became of the page."""
        environ = page.environ
        if IDENTIFIED in environ:
            self._remember(environ[IDENTIFIED], page.request, response)
        elif decision.reason in _REFUSED and COOKIES in _cookies(page):
            if _may_carry_cookies(page, response):
                self._delete_all(page.request, response)
        elif decision.reason is Reason.ANONYMOUS and self._core.settings.backfill:
            self._keep_view(page, response, decision)

    @guarded(None)
    def _follow(self, token: str) -> None:
        """Name the shopper of a link that a person followed, in the browser of nobody else.

        A mail may be forwarded, and a computer shared: so a link never replaces somebody who is
        known here already, logged in or by a cookie.
        """
        environ, tracker = request.environ, self._core.tracker
        if tracker.requests.refusals(environ)[False] is not None:
            return  # a prefetch, a script, a mail scanner that says so
        if environ.get("HTTP_SEC_FETCH_MODE", "navigate") != "navigate":
            return
        identity = self._opened(token, FOR_LINKS)
        if identity is not None and self._is_of_age(identity):
            self._name(Identity(identity.shopper, tracker.clock(), by_link=True))

    def _name(self, identity: Identity) -> bool:
        if self.seals.find(FOR_COOKIES) is None:
            return False
        source = _NamedShopperSource(identity, request, self._core.shopper_source(request))
        shopper, refusal = self._core.tracker.ask(source, request.environ)
        if refusal is not None or shopper is None:
            log.info("no shopper is remembered: %s", refusal or "somebody else is known here")
            return False
        request.environ[IDENTIFIED] = identity
        return True

    def _opened(self, sealed: str, purpose: str) -> Identity | None:
        seal = self.seals.find(purpose)
        return Identity.opened(sealed, seal) if seal else None

    def _is_of_age(self, identity: Identity) -> bool:
        return identity.is_of_age(self._core.tracker.clock(), self._life(identity))

    def _life(self, identity: Identity) -> float:
        """Seconds for which the browser remembers it."""
        settings = self._core.settings
        return settings.link_age if identity.by_link else settings.identity_age

    def _remember(self, identity: Identity | None, request: Request, response: Response) -> None:
        if identity is None:
            self._delete_all(request, response)
            return
        if is_for_everybody(response):
            log.warning("no shopper is remembered: caches may keep %s", request.endpoint)
            return
        value = identity.sealed(self.seals.of(FOR_COOKIES))
        set_cookie(self._app, request, response, IDENTITY_COOKIE, value, self._life(identity))

    def _keep_view(self, page: FlaskPage, response: Response, decision: Decision) -> None:
        core, request, seal = self._core, page.request, self.seals.find(FOR_VISITS)
        if decision.product is None or seal is None or not _may_carry_cookies(page, response):
            return
        if core.shopper_source(request).consents(None) is not True:
            return
        pending = PendingView(decision.product, float(int(core.tracker.clock())))
        views = with_view(self._pending(request, pending.at), pending, core.settings.backfill)
        kept = sealed_views(views, seal)
        if kept:
            set_cookie(self._app, request, response, VISIT_COOKIE, kept, None)

    def _pending(self, request: Request, now: float) -> tuple[PendingView, ...]:
        seal = self.seals.find(FOR_VISITS)
        return opened_views(request.cookies.get(VISIT_COOKIE), seal, now) if seal else ()

    def _delete_all(self, request: Request, response: Response) -> None:
        for name in (IDENTITY_COOKIE, VISIT_COOKIE):
            delete_cookie(self._app, request, response, name)


class _NamedShopperSource(Visitor):
    """A visitor who is about to be named: asked like any other."""

    def __init__(self, identity: Identity, request: Request, source: FlaskShopperSource) -> None:
        self._identity = identity
        self._request = request
        self._source = source

    def shopper(self) -> Shopper | None:
        """The shopper, unless the browser is somebody else's."""
        source, named = self._source, self._identity.shopper
        known = source.shopper() if self._identity.by_link else source.logged_in()
        if known is None:
            return None if is_somebody_logged_in(self._request) else named
        return named if _is_same(known, named) else None

    def consents(self, shopper: Shopper | None) -> Consent:
        """What the shopper decided about tracking; None: nothing yet."""
        return self._source.consents(shopper)

    def is_excluded(self) -> bool:
        """Whether the shop wants this request left out."""
        return self._source.is_excluded()


def _is_same(shopper: Shopper, other: Shopper) -> bool:
    if shopper.contact_id and other.contact_id:
        return shopper.contact_id == other.contact_id
    if shopper.email and other.email:
        return shopper.email.casefold() == other.email.casefold()
    return False


def _cookies(page: FlaskPage) -> str:
    """The cookies of a request, unread."""
    cookies: str = page.environ.get("HTTP_COOKIE", "")
    return cookies


def _may_carry_cookies(page: FlaskPage, response: Response) -> bool:
    """Not on what caches keep, and not on a response of our own: it may come after newer ones."""
    return page.own is None and not is_for_everybody(response)
