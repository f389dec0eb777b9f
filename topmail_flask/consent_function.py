"""The shop's consent function: asked in the request, and once more before a view is sent."""

from __future__ import annotations

import inspect
from contextvars import Context

from flask import Flask

from topmail_flask.boundary import Boundary
from topmail_flask.domain.product_view import ProductView
from topmail_flask.domain.shopper import Shopper
from topmail_flask.flask_visitor import Hooks


class ConsentFunction:
    """Asks ``@topmail.consent``.

    Outside of a request it is asked only if it can answer there: whether it can, is tried while a
    request is under way whose answer was "yes". A function that reads cookies or ``current_user``
    says something else without them and is not asked again; then a refusal in the shopper's next
    request drops what waits.
    """

    def __init__(self, app: Flask, hooks: Hooks, boundary: Boundary, *, opt_in: bool) -> None:
        self._app = app
        self._hooks = hooks
        self._boundary = boundary
        self._opt_in = opt_in
        self._answers_anywhere: bool | None = None

    def ask(self, shopper: Shopper | None) -> bool | None:
        """What the shopper decided, as the shop knows it in this request."""
        told = self._told(shopper)
        if told and self._answers_anywhere is None:
            try:
                self._answers_anywhere = self._told_outside(shopper) is True
            except Exception:  # noqa: BLE001  it needs the request
                self._answers_anywhere = False
        return told

    def is_withdrawn(self, view: ProductView) -> bool:
        """Whether the shopper of a waiting view has changed their mind; in the sending thread."""
        if not self._answers_anywhere:
            return False
        try:
            told = self._told_outside(view.shopper)
        except Exception as error:  # noqa: BLE001  it said yes in the request: that holds
            self._boundary.report(self._told, error)
            return False
        return told is False or (told is None and self._opt_in)

    def _told_outside(self, shopper: Shopper | None) -> bool | None:
        def within_app() -> bool | None:
            with self._app.app_context():
                return self._told(shopper)

        return Context().run(within_app)

    def _told(self, shopper: Shopper | None) -> bool | None:
        reader = self._hooks.consent
        if reader is None:
            return None
        ask = self._app.ensure_sync(reader)
        told: bool | None = ask(shopper) if inspect.signature(reader).parameters else ask()
        return told if told is None else bool(told)
