"""The Flask extension."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Flask, has_request_context
from markupsafe import Markup

from topmail_flask.app_state import NAME, AppState, state_of
from topmail_flask.cli import topmail_commands
from topmail_flask.domain.errors import ConfigurationError
from topmail_flask.domain.ledger import Health, Stats
from topmail_flask.domain.settings import Settings
from topmail_flask.flask_visitor import Hooks

F = TypeVar("F", bound=Callable[..., Any])


class TopMail:
    """Product views of a Flask store, delivered to TopMail.

    .. code-block:: python

        topmail = TopMail()  # or TopMail(app)
        topmail.init_app(app)

    One object may serve several apps; what belongs to an app lives on that app. The functions given
    to the decorators below are shared by all apps of the object; each runs inside the request (an
    ``async def`` through :meth:`flask.Flask.ensure_sync`). One that raises costs the view, with the
    reason ``hook_failed``, and never the page.
    """

    def __init__(self, app: Flask | None = None) -> None:
        self._hooks = Hooks()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read the app's ``TOPMAIL_*`` settings and watch its pages.

        Opens no thread, file or socket: these come with the first view.

        :raises ConfigurationError: a setting is unknown or wrong, another TopMail object watches
            the app already, or the app has served requests.
        """
        state = app.extensions.get(NAME)
        if isinstance(state, AppState):
            if state.hooks is self._hooks:
                return
            raise ConfigurationError(f"{app.name} has a TopMail object already: use that one")
        if app._got_first_request:  # noqa: SLF001  Flask offers no other way to ask
            raise ConfigurationError("call topmail.init_app(app) before the first request")
        state = AppState(app, Settings.from_config(app.config), self._hooks)
        app.extensions[NAME] = state
        state.watch()
        app.jinja_env.globals["topmail_product"] = _topmail_product
        app.cli.add_command(topmail_commands)

    def track(self, product: object, *, fields: Mapping[str, object] | None = None) -> None:
        """Declare that this request shows a product: quick views, JSON APIs, odd templates.

        The same rules and reasons apply as to a page: it counts once the answer is a 200 to a GET.

        :param product: a :class:`~topmail_flask.Product`, or anything it can be read from.
        :param fields: as for :func:`~topmail_flask.product_page`.
        :raises RuntimeError: outside of a request; use :class:`~topmail_flask.TopMailClient` there.
        """
        if not has_request_context():
            raise RuntimeError("topmail.track() needs a request; scripts use TopMailClient")
        state_of(None).declare(product, fields)

    def shopper_loader(self, loader: F) -> F:
        """Who the shopper is: returns a :class:`~topmail_flask.Shopper`, an e-mail address or None.

        Without it the ``current_user`` of Flask-Login and its ``email`` are used, if it is there.
        """
        self._hooks.shopper_loader = loader
        return loader

    def product_adapter(self, model: type) -> Callable[[F], F]:
        """How an object of ``model`` (or a subclass) becomes a :class:`~topmail_flask.Product`."""

        def register(adapter: F) -> F:
            self._hooks.adapters[model] = adapter
            return adapter

        return register

    def before_send(self, hook: F) -> F:
        """Takes each view before it is sent; returns it, a changed one, or None for no view."""
        self._hooks.before_send.append(hook)
        return hook

    def exclude(self, rule: F) -> F:
        """Takes nothing and says whether this request is left out: staff, paths, whole tenants."""
        self._hooks.exclude.append(rule)
        return rule

    def consent(self, reader: F) -> F:
        """Whether the shopper agreed to tracking: True, False, or None (no decision yet).

        It takes nothing, or the :class:`~topmail_flask.Shopper` (or None), and is asked before
        anything is stored. If it can answer outside of a request as well, because it asks the
        shop's database and not a cookie, it is asked again before a view is sent. A False drops
        what waits for the shopper. Without it the cookies of Cookiebot, OneTrust, Osano and Klaro
        are read.
        """
        self._hooks.consent = reader
        return reader

    def stats(self, app: Flask | None = None) -> Stats:
        """Counts of views; they always balance. ``app``: default the current one."""
        return state_of(app).stats()

    def health(self, app: Flask | None = None) -> Health:
        """Whether views reach TopMail, and if not, why and what to do."""
        return state_of(app).delivery.health()

    def flush(self, timeout: float = 10.0, app: Flask | None = None) -> bool:
        """Wait until nothing waits for delivery any more; for scripts and tests.

        :param timeout: seconds to wait at the most.
        :returns: whether all views have left.
        """
        return state_of(app).delivery.flush(timeout)


def _topmail_product(product: object, **fields: object) -> Markup:
    """``{{ topmail_product(product) }}``: declares the page's product, prints nothing."""
    if has_request_context():
        state_of(None).declare(product, fields or None)
    return Markup("")
