"""The sandbox's own side, as a Flask application: the page, its live events, the JSON endpoints."""

from collections.abc import Callable, Sequence

from flask import Flask, Response

from topmail_flask.sandbox.control import control_endpoints
from topmail_flask.sandbox.faults import Faults, Order
from topmail_flask.sandbox.keys import ApiKey
from topmail_flask.sandbox.live import LiveEvents
from topmail_flask.sandbox.page import Page
from topmail_flask.sandbox.workspace import Workspace

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http: https:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on ``host``."""
    return host in {"127.0.0.1", "::1", "localhost"}


def create_site(
    workspace: Workspace,
    faults: Faults,
    order: Callable[[Order], None],
    keys: Sequence[ApiKey],
    host: str,
) -> Flask:
    """Return the application for everything outside ``/api/v1``."""
    site = Flask(__name__, static_url_path="/_sandbox/static")
    if is_loopback(host):
        # a page on the internet could otherwise reach us under a name of its own (DNS rebinding)
        site.config["TRUSTED_HOSTS"] = ["127.0.0.1", "[::1]", "localhost", ".localhost"]
    page = Page(site.jinja_env, workspace, faults, keys)
    events = LiveEvents(workspace, page)
    site.add_url_rule("/", view_func=page.show, endpoint="page")
    site.add_url_rule("/_sandbox/events", view_func=events.stream, endpoint="events")
    site.register_blueprint(control_endpoints(workspace, faults, order))

    @site.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return site
