"""The visitor of a Flask request, and what the shop registered to tell who that is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Flask, Request

from topmail_flask.domain.product_view import ProductView
from topmail_flask.domain.shopper import Shopper
from topmail_flask.resolvers.flask_login import is_surely_nobody, logged_in_shopper
from topmail_flask.visits.consent import cookie_banner_consent


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
    """Asks the shop's functions about the current request."""

    def __init__(
        self,
        app: Flask,
        hooks: Hooks,
        request: Request,
        ask_consent: Callable[[Shopper | None], bool | None],
    ) -> None:
        self._app = app
        self._hooks = hooks
        self._request = request
        self._ask_consent = ask_consent

    def shopper(self) -> Shopper | None:
        loader = self._hooks.shopper_loader
        if loader is None:
            return logged_in_shopper()
        return Shopper.of(self._app.ensure_sync(loader)())

    def is_surely_nobody(self) -> bool:
        """Whether :meth:`shopper` will be None, as far as can be told at once."""
        return self._hooks.shopper_loader is None and is_surely_nobody()

    def consents(self, shopper: Shopper | None) -> bool | None:
        if self._hooks.consent is None:
            has_cookies = "HTTP_COOKIE" in self._request.environ
            return cookie_banner_consent(self._request.cookies) if has_cookies else None
        return self._ask_consent(shopper)

    def is_excluded(self) -> bool:
        return any(self._app.ensure_sync(rule)() for rule in self._hooks.exclude)
