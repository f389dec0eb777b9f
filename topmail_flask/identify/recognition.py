"""Naming shoppers: by the shop's own code, or by a link in a mail."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, Request, request

from topmail_flask.flask_visitor import FlaskVisitor
from topmail_flask.identify.links import (
    ARGUMENT,
    Onward,
    own_address,
    own_location,
    split_token,
    with_token,
)
from topmail_flask.identify.seals import FOR_COOKIES, FOR_LINKS, Seals
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.shopper import Shopper
from topmail_flask.resolvers.flask_login import is_somebody_logged_in
from topmail_flask.resolvers.identified import COOKIE, NAMED, Identity

if TYPE_CHECKING:
    from topmail_flask.app_state import AppState

log = logging.getLogger("topmail_flask")
_ARGUMENT = f"{ARGUMENT}="


class Recognition:
    """Who the visitors of one app are, where the store named them itself.

    What comes from outside (cookies, links) is believed only under this app's own seal, and
    ignored without a word otherwise.
    """

    def __init__(self, app: Flask, state: AppState) -> None:
        self.seals = Seals(app, state.boundary)
        self._app = app
        self._state = state
        fence = state.boundary.fence
        self.identify = fence(self._identify, False)
        self.forget = fence(self._forget, None)
        self.notice_link = fence(self._notice_link, None)
        self._follow = fence(self._name_by_link, None)

    def sign_link(self, url: str, contact: Shopper | str) -> str:
        """``url`` with a token that names the shopper.

        :raises InvalidValueError: no such shopper can be, or the address is another site's.
        :raises ConfigurationError: there is no secret, or no address of the store.
        """
        shopper = Shopper.of(contact)
        if shopper is None:
            raise InvalidValueError("contact", "is missing")
        address = own_address(url, self._app, self._state.settings)
        identity = Identity(shopper, self._state.tracker.clock(), by_link=True)
        return with_token(address, identity.sealed(self.seals.of(FOR_LINKS)))

    def shopper(self, request: Request) -> Shopper | None:
        """Whom the store named in this browser, before or in this very request."""
        environ = request.environ
        identity: Identity | None = None
        if NAMED in environ:
            identity = environ[NAMED]
        elif COOKIE in environ.get("HTTP_COOKIE", ""):
            identity = self._opened(request.cookies.get(COOKIE, ""), FOR_COOKIES)
        if identity is None or not self._is_of_age(identity):
            return None
        return identity.shopper

    def life(self, identity: Identity) -> float:
        """Seconds for which the browser remembers it."""
        settings = self._state.settings
        return settings.link_age if identity.by_link else settings.identity_age

    def _identify(self, email: str | None, contact_id: str | None) -> bool:
        try:
            shopper = Shopper(email or None, contact_id or None)
        except InvalidValueError as error:
            log.info("no shopper is remembered: %s", error)
            return False
        return self._name(Identity(shopper, self._state.tracker.clock()))

    def _name(self, identity: Identity) -> bool:
        if self.seals.find(FOR_COOKIES) is None:
            return False
        newcomer = _Newcomer(identity, self._state.visitor(request))
        shopper, refusal = self._state.tracker.ask(newcomer, request.environ)
        if refusal is not None or shopper is None:
            log.info("no shopper is remembered: %s", refusal or "somebody else is known here")
            return False
        request.environ[NAMED] = identity
        return True

    def _forget(self) -> None:
        request.environ[NAMED] = None

    def _notice_link(self, *_: object) -> None:
        """At the beginning of every request: see whether it came by a signed link."""
        query = request.environ.get("QUERY_STRING", "")
        if _ARGUMENT not in query or request.method not in {"GET", "HEAD"}:
            return
        token, rest = split_token(query)
        if token is not None:
            location = own_location(request.environ, rest)
            request.routing_exception = Onward(location, partial(self._follow, token))

    def _name_by_link(self, token: str) -> None:
        """Name the shopper of a link that a person followed, in the browser of nobody else.

        A mail may be forwarded, and a computer shared: so a link never replaces somebody who is
        known here already, logged in or by a cookie.
        """
        environ = request.environ
        if self._state.tracker.refused_request(environ, marked=False) is not None:
            return  # a prefetch, a script, a mail scanner that says so
        if environ.get("HTTP_SEC_FETCH_MODE", "navigate") != "navigate":
            return
        identity = self._opened(token, FOR_LINKS)
        if identity is not None and self._is_of_age(identity):
            now = self._state.tracker.clock()
            self._name(Identity(identity.shopper, now, by_link=True))

    def _opened(self, sealed: str, purpose: str) -> Identity | None:
        seal = self.seals.find(purpose)
        return Identity.opened(sealed, seal) if seal else None

    def _is_of_age(self, identity: Identity) -> bool:
        return identity.is_of_age(self._state.tracker.clock(), self.life(identity))


class _Newcomer:
    """A visitor who is about to be named: asked like any other."""

    def __init__(self, identity: Identity, visitor: FlaskVisitor) -> None:
        self._identity = identity
        self._visitor = visitor

    def shopper(self) -> Shopper | None:
        """The shopper, unless the browser is somebody else's."""
        visitor, named = self._visitor, self._identity.shopper
        known = visitor.shopper() if self._identity.by_link else visitor.logged_in()
        if known is None:
            return None if is_somebody_logged_in() else named
        return named if _is_same(known, named) else None

    def consents(self, shopper: Shopper | None) -> bool | None:
        return self._visitor.consents(shopper)

    def is_excluded(self) -> bool:
        return self._visitor.is_excluded()


def _is_same(one: Shopper, other: Shopper) -> bool:
    if one.contact_id and other.contact_id:
        return one.contact_id == other.contact_id
    if one.email and other.email:
        return one.email.casefold() == other.email.casefold()
    return False
