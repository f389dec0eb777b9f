"""Whose list it is: a known shopper's, or that of a browser with a cookie of ours."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, NamedTuple

from flask import Flask, Request, Response

from topmail_flask.model.identity import digest
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper
from topmail_flask.resolvers.identified import may_be_identified
from topmail_flask.rules.robots import robot_kind
from topmail_flask.storefront.calls import COOKIE
from topmail_flask.storefront.looks import KEPT_SECONDS

if TYPE_CHECKING:
    from topmail_flask.app_state import AppState

_COOKIE_VALUE = re.compile(r"[\w-]{22}", re.ASCII)


class Visitor(NamedTuple):
    """Who asks.

    :ivar shopper: the digest that stands for a shopper who is known.
    :ivar browser: the digest that stands for the browser, if it has a cookie.
    :ivar refusal: why neither may be remembered.
    """

    shopper: str | None = None
    browser: str | None = None
    refusal: Reason | None = None

    @property
    def shelves(self) -> tuple[str, ...]:
        """Where this visitor's looks are."""
        return tuple(one for one in (self.shopper, self.browser) if one is not None)


class Visitors:
    """Tells one app's visitors apart.

    A shopper who is logged in has one list on all devices. Whom the store only remembers
    (``topmail.identify``, a signed link) is not shown that list, and adds nothing to it: anybody
    may type another's address, or follow a link that was forwarded. They, and anybody else, get a
    cookie with a random number and nothing in it, and only with an answer that is made for this
    visitor alone anyway. It lasts as long as looks are remembered, and is not prolonged.
    """

    def __init__(self, app: Flask, state: AppState) -> None:
        self._app = app
        self._state = state

    def of(self, request: Request) -> Visitor:
        """Who made this request. The rules are those of a view: exclusion, consent, signals."""
        if robot_kind(request.environ.get("HTTP_USER_AGENT")) in self._state.settings.robots:
            return Visitor(refusal=Reason.ROBOT)
        shopper, refusal = self._state.tracker.ask(self._state.visitor(request), request.environ)
        return Visitor(self.logged_in(request, shopper), self.browser(request), refusal)

    def logged_in(self, request: Request, shopper: Shopper | None) -> str | None:
        """The digest that stands for ``shopper``, who made this request, if by a log-in."""
        if shopper is not None and may_be_identified(request.environ):
            shopper = self._state.visitor(request).logged_in()
        return self.shopper(shopper) if shopper is not None else None

    def shopper(self, shopper: Shopper) -> str:
        """The digest that stands for a shopper."""
        return digest(self._state.secret, "looks", "shopper", shopper.identity)

    def browser(self, request: Request) -> str | None:
        """The digest that stands for the browser, if it has our cookie."""
        # Without parsing: most requests of a cached store carry no such cookie.
        if COOKIE not in request.environ.get("HTTP_COOKIE", ""):
            return None
        value = request.cookies.get(COOKIE, "")
        return self.numbered(value) if _COOKIE_VALUE.fullmatch(value) else None

    def numbered(self, number: str) -> str:
        """The digest that stands for the browser with this cookie."""
        return digest(self._state.secret, "looks", "browser", number)

    @staticmethod
    def new_number() -> str:
        """The content of a new cookie: 128 random bits."""
        return secrets.token_urlsafe(16)

    def set_cookie(self, request: Request, response: Response, number: str | None) -> None:
        """Give the browser its cookie; or take it back, for None."""
        interface = self._app.session_interface
        response.set_cookie(
            COOKIE,
            number or "",
            max_age=KEPT_SECONDS if number else 0,
            path=interface.get_cookie_path(self._app),
            domain=interface.get_cookie_domain(self._app),
            secure=request.is_secure or interface.get_cookie_secure(self._app),
            httponly=True,
            samesite="Lax",
        )
