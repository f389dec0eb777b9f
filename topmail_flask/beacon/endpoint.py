"""What answers at ``/_topmail/view`` and ``/_topmail/beacon.js``."""

from __future__ import annotations

from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from urllib.parse import urlsplit

from flask import Request, Response, request

from topmail_flask.app_state import AppState, state_of
from topmail_flask.beacon.app_beacon import Look
from topmail_flask.model.decision import Decision, RenderedPage
from topmail_flask.model.reasons import Reason
from topmail_flask.request_record import current_record

_A_YEAR, _AN_HOUR = 31_536_000, 3600


def receive() -> Response:
    """Take a message: always a 204 without a body, which tells nobody anything.

    What it comes to is decided when the answer is final, like that of a page: the session is
    saved by then, and reading it changes no header.
    """
    state = state_of(None)
    look = state.boundary.fence(state.beacon.look, Reason.BEACON_REFUSED)(request)
    current_record().own = partial(_decide, state, request._get_current_object(), look)  # type: ignore[attr-defined]  # noqa: SLF001
    answer = Response(status=204, headers={"Cache-Control": "no-store"})
    del answer.headers["Content-Type"]
    return answer


def script() -> Response:
    """The script, to be kept for good under the version that pages name."""
    content, version = beacon_script()
    answer = Response(content, content_type="text/javascript; charset=utf-8")
    kept = request.args.get("v") == version
    seconds = _A_YEAR if kept else _AN_HOUR
    immutable = ", immutable" if kept else ""
    answer.headers["Cache-Control"] = f"public, max-age={seconds}{immutable}"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.set_etag(version)
    answer.make_conditional(request)
    return answer


@cache
def beacon_script() -> tuple[bytes, str]:
    """The script's content, and its version, which changes with it."""
    content = files("topmail_flask.beacon").joinpath("beacon.js").read_bytes()
    return content, sha256(content).hexdigest()[:12]


def _decide(state: AppState, asked: Request, look: Look | Reason, answer: Response) -> Decision:
    if isinstance(look, Reason):
        return state.tracker.refuse(look)
    if look.is_seen:
        return state.tracker.refuse(Reason.COUNTED)
    # It stands for a page that was opened, however the script sends it.
    told = {key: one for key, one in asked.environ.items() if not key.startswith("HTTP_SEC_FETCH_")}
    environ = {**told, "REQUEST_METHOD": "GET"}
    reason = state.tracker.refused_request(environ, marked=True)
    if reason is not None:
        return state.tracker.refuse(reason)
    url = look.product.url or asked.url
    page = RenderedPage(
        environ=environ, url=url, path=urlsplit(url).path, marked=True, declared=(look.product,)
    )
    return state.observe(asked, answer, lambda: page)
