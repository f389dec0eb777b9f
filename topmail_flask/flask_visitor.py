"""The visitor of a Flask request, and what the shop registered to tell who that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Flask, Request

from topmail_flask.model.events import ProductView
from topmail_flask.model.shopper import Shopper
from topmail_flask.resolvers.flask_login import (
    is_somebody_logged_in,
    is_surely_nobody,
    logged_in_shopper,
)
from topmail_flask.resolvers.identified import may_be_identified
from topmail_flask.rules.consent import cookie_banner_consent


@dataclass(slots=True)
class Hooks:
    """What the shop registered on its TopMail object."""

    shopper_loader: Callable[[], object] | None = None
    consent: Callable[..., bool | None] | None = None
    adapters: dict[type, Callable[[Any], Any]] = field(default_factory=dict)
    before_send: list[Callable[[ProductView], Any]] = field(default_factory=list)
    exclude: list[Callable[[], object]] = field(default_factory=list)

    def as_seen_by(self, shopper: Shopper) -> Hooks:
        """The same hooks, but the shopper is known already."""
        return replace(self, shopper_loader=lambda: shopper)


class FlaskVisitor:
    """Asks the shop's functions about the current request.

    :param identified: who the shopper is by ``topmail.identify`` or a signed link.
    """

    def __init__(
        self,
        app: Flask,
        hooks: Hooks,
        request: Request,
        ask_consent: Callable[[Shopper | None], bool | None],
        identified: Callable[[Request], Shopper | None],
    ) -> None:
        self._app = app
        self._hooks = hooks
        self._request = request
        self._ask_consent = ask_consent
        self._identified = identified
        self._is_nobody = False

    def shopper(self) -> Shopper | None:
        """The shopper who is logged in; if nobody is, the one whom the store named here before.

        Somebody who is logged in, but without an address, is not taken for the one before.
        """
        if self._is_nobody:
            return None
        known = self.logged_in()
        if known is not None or not may_be_identified(self._request.environ):
            return known
        return None if is_somebody_logged_in() else self._identified(self._request)

    def logged_in(self) -> Shopper | None:
        """The shopper whom the store's own loader tells, or without one Flask-Login."""
        loader = self._hooks.shopper_loader
        if loader is None:
            return logged_in_shopper()
        return Shopper.of(self._app.ensure_sync(loader)())

    def is_surely_nobody(self) -> bool:
        """Whether :meth:`shopper` will be None, as far as can be told at once."""
        if self._hooks.shopper_loader is not None or may_be_identified(self._request.environ):
            return False
        self._is_nobody = is_surely_nobody()
        return self._is_nobody

    def consents(self, shopper: Shopper | None) -> bool | None:
        if self._hooks.consent is None:
            has_cookies = "HTTP_COOKIE" in self._request.environ
            return cookie_banner_consent(self._request.cookies) if has_cookies else None
        return self._ask_consent(shopper)

    def is_excluded(self) -> bool:
        return any(self._app.ensure_sync(rule)() for rule in self._hooks.exclude)
