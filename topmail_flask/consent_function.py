"""The shop's consent function: asked in the request, and once more before a view is sent."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from contextvars import Context
from typing import Any

from flask import Flask

from topmail_flask.boundary import Boundary
from topmail_flask.delivery.learned import Learned
from topmail_flask.flask_visitor import Hooks
from topmail_flask.model.events import ProductView, Purchase
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper


class ConsentFunction:
    """Asks ``@topmail.consent``.

    Outside of a request it is asked only if it can answer there: whether it can, is tried while a
    request is under way whose answer was "yes". A function that reads cookies or ``current_user``
    says something else without them and is not asked again; then a refusal in the shopper's next
    request drops what waits.

    A process that answers no requests, as ``flask topmail drain``, goes by what the store's
    processes have learnt of the same function. Until one of them has, it is not asked there: it
    said yes in the request, and what a function says where it cannot know is no refusal.

    :param learned: where that is kept; called when it is needed.
    """

    def __init__(
        self,
        app: Flask,
        hooks: Hooks,
        boundary: Boundary,
        settings: Settings,
        learned: Callable[[], Learned],
    ) -> None:
        self._app = app
        self._learned = learned
        self._hooks = hooks
        self._boundary = boundary
        self._opt_in = settings.consent == "opt-in"
        self._answers_anywhere: bool | None = None

    def ask(self, shopper: Shopper | None) -> bool | None:
        """What the shopper decided, as the shop knows it in this request."""
        told = self._told(shopper)
        if told and self._answers_anywhere is None:
            try:
                self._answers_anywhere = self._told_outside(shopper) is True
            except Exception:  # noqa: BLE001  it needs the request
                self._answers_anywhere = False
            self._learned().keep(self._mark(), self._answers_anywhere)
        return told

    def is_withdrawn(self, told: ProductView | Purchase) -> bool:
        """Whether the shopper of what waits has changed their mind; in the sending thread."""
        if self._hooks.consent is None:
            return False
        if self._answers_anywhere is None:
            self._answers_anywhere = self._learned().answer(self._mark())
        if not self._answers_anywhere:
            return False
        try:
            decided = self._told_outside(told.shopper)
        except Exception as error:  # noqa: BLE001  it said yes in the request: that holds
            self._boundary.report(self._told, error)
            return False
        return decided is False or (decided is None and self._opt_in)

    def _mark(self) -> str:
        """Tells the function from others, and from what it was before a change of the shop's."""
        reader: Any = self._hooks.consent
        code = getattr(inspect.unwrap(reader), "__code__", None)
        of = reader if code else type(reader)
        said = f"{of.__module__}:{of.__qualname__}".encode()
        if code:
            said += code.co_code + repr(code.co_names).encode()
        return hashlib.blake2b(said, digest_size=16).hexdigest()

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
