"""The addresses that the extension itself answers in a store: all of them below ``/_topmail/``."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, request
from flask.typing import ResponseReturnValue

from topmail_flask.app_state import state_of
from topmail_flask.model.decision import Decision
from topmail_flask.model.reasons import Reason
from topmail_flask.request_record import current_record

PREFIX = "/_topmail"
BLUEPRINT = "_topmail"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Where the view of each address is: a module is imported when its address is first asked for.
VIEWS = {
    "view": ("topmail_flask.beacon.endpoint", "receive"),
    "beacon.js": ("topmail_flask.beacon.endpoint", "script"),
}


def add_own_routes(app: Flask) -> None:
    """Let the app answer below ``/_topmail/``; a request for anything else costs nothing more.

    The rule is there from the start, because the worker that is asked need not be the one that
    printed the address. It is one rule with an argument: a store that lists its rules without
    arguments, for a sitemap, does not list it.
    """
    blueprint = Blueprint(BLUEPRINT, __name__, url_prefix=PREFIX)
    blueprint.url_value_preprocessor(state_of(app).boundary.fence(_before_hooks, None))
    hosts: list[dict[str, Any]] = [{}]
    if app.url_map.host_matching:
        hosts = [{"host": "<_topmail_host>"}]
    elif app.subdomain_matching:
        hosts.append({"subdomain": "<_topmail_host>"})
    for host in hosts:
        blueprint.add_url_rule(
            "/<name>",
            "own",
            _answer,
            methods=METHODS,
            provide_automatic_options=False,
            **host,
        )
    app.register_blueprint(blueprint)


def own_address(name: str) -> str:
    """The address of one of :data:`VIEWS` as a page of the current request links it: a path.

    It is the same for every visitor and host, so that the page may be cached. Where the site's
    address has a path of its own (``TOPMAIL_SITE_URL``), a proxy puts the store there.
    """
    mounted_at = urlsplit(state_of(None).settings.site_url or "").path or request.root_path
    return f"{mounted_at}{PREFIX}/{name}"


def _before_hooks(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Runs before any ``before_request`` function of the store, on our own addresses only."""
    if values is not None:
        values.pop("_topmail_host", None)
    # What we answer is no form with a token; the beacon checks where its messages come from.
    protection = current_app.extensions.get("csrf")
    if protection is not None and hasattr(protection, "exempt"):
        protection.exempt(_answer)
    current_record().own = _no_page


def _answer(name: str) -> ResponseReturnValue:
    if name not in VIEWS:
        abort(404)
    nothing = Response(status=204, headers={"Cache-Control": "no-store"})
    return state_of(None).boundary.fence(_view, nothing)(*VIEWS[name])


def _view(module: str, function: str) -> ResponseReturnValue:
    answer: ResponseReturnValue = getattr(import_module(module), function)()
    return answer


def _no_page(answer: Response) -> Decision:
    # What we answer without a decision of its own is one for all visitors, whatever a hook of the
    # store did with the session: caches may keep it.
    answer.vary.discard("Cookie")
    return Decision(reason=Reason.NOT_HTML)
