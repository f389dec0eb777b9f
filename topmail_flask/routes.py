"""The addresses that the extension itself answers in a store: all below ``TOPMAIL_URL_PREFIX``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, request

from topmail_flask.core import Core
from topmail_flask.guard import guarded
from topmail_flask.model.decision import Decision
from topmail_flask.model.reasons import Reason

BLUEPRINT = "_topmail"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# No words of trackers: blockers' lists hold generic ones (beacon.js, /view?), whoever serves them.
SCRIPT, MESSAGE = "product.js", "product"
View = Callable[[], Response]


def add_own_routes(core: Core, view_of: Callable[[str], View]) -> None:
    """Let the app answer below its prefix; a request for anything else costs nothing more.

    The rule is there from the start, because the worker that is asked need not be the one that
    printed the address. It is one rule with an argument: a store that lists its rules without
    arguments, for a sitemap, does not list it.

    :param view_of: what answers under :data:`SCRIPT` and :data:`MESSAGE`.
    """
    app, routes = core.app, _OwnRoutes(core, view_of)
    blueprint = Blueprint(BLUEPRINT, __name__, url_prefix=core.settings.url_prefix)
    blueprint.url_value_preprocessor(routes.before_hooks)
    hosts: list[dict[str, Any]] = [{}]
    if app.url_map.host_matching:
        hosts = [{"host": "<_topmail_host>"}]
    elif app.subdomain_matching:
        hosts.append({"subdomain": "<_topmail_host>"})
    for host in hosts:
        blueprint.add_url_rule(
            "/<name>",
            "own",
            routes.answer,
            methods=METHODS,
            provide_automatic_options=False,
            **host,
        )
    app.register_blueprint(blueprint)


def own_address(core: Core, name: str) -> str:
    """The address of one of our views as a page of the current request links it: a path.

    It is the same for every visitor and host, so that the page may be cached. Where the site's
    address has a path of its own (``TOPMAIL_SITE_URL``), a proxy puts the store there.
    """
    mounted_at = urlsplit(core.settings.site_url or "").path or request.root_path
    return f"{mounted_at}{core.settings.url_prefix}/{name}"


class _OwnRoutes:
    def __init__(self, core: Core, view_of: Callable[[str], View]) -> None:
        self.guard = core.guard
        self._reader = core.reader
        self._view_of = view_of

    @guarded(None)
    def before_hooks(self, _endpoint: str | None, values: dict[str, Any] | None) -> None:
        """Runs before any ``before_request`` function of the store, on our own addresses only."""
        if values is not None:
            values.pop("_topmail_host", None)
        # What we answer is no form with a token, and the beacon checks where its messages come from
        # and how many (Flask-WTF). Pages are not to be short of what it uses up (Flask-Limiter).
        extensions = current_app.extensions
        limiters = extensions.get("limiter")
        limiters = limiters if isinstance(limiters, set) else {limiters}
        for protection in (extensions.get("csrf"), *limiters):
            if hasattr(protection, "exempt"):
                protection.exempt(self.answer)
        self._reader.current_page().own = _no_page

    def answer(self, name: str) -> Response:
        """The view of all our addresses."""
        if name not in (SCRIPT, MESSAGE):
            abort(404)
        return self._response(name) or Response(status=204, headers={"Cache-Control": "no-store"})

    @guarded(None)
    def _response(self, name: str) -> Response | None:
        return self._view_of(name)()


def _no_page(response: Response) -> Decision:
    # What we answer without a decision of its own is one for all visitors, whatever a hook of the
    # store did with the session: caches may keep it.
    response.vary.discard("Cookie")
    return Decision(reason=Reason.NOT_HTML)
