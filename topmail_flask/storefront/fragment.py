"""What answers at ``/_topmail/recently-viewed`` and ``/_topmail/fragments.js``."""

from __future__ import annotations

from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, current_app, request
from itsdangerous import BadData, Signer
from jinja2 import Template, TemplateNotFound
from markupsafe import Markup

from topmail_flask.app_state import AppState, state_of
from topmail_flask.model.decision import Decision
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.request_record import current_record
from topmail_flask.routes import own_address
from topmail_flask.storefront.calls import USUAL

TEMPLATE = "topmail/recently_viewed.html"
# A module is deferred, and runs once however often a page names it.
_PLACE = Markup(
    '<div data-topmail-fragment="{}" hidden></div><script type="module" src="{}"{}></script>'
)
_SALT = b"topmail recently viewed"
_OWN_PAGES = (None, "same-origin", "none")
_A_YEAR, _AN_HOUR = 31_536_000, 3600


def fragment() -> Response:
    """The list of the visitor who asks, as a piece of HTML; 204 where there is nothing to show.

    Never cached. Another site gets nothing: its script could not read the answer anyway, and it
    must not add to the list.
    """
    state = state_of(None)
    own = request.method == "GET" and request.headers.get("Sec-Fetch-Site") in _OWN_PAGES
    html = state.boundary.fence(_html, "")(state) if own else ""
    answer = Response(html, 200 if html else 204, content_type="text/html; charset=utf-8")
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    answer.headers["X-Robots-Tag"] = "noindex"
    current_record().own = partial(_ended, state, answer)
    return answer


def script() -> Response:
    """The script, to be kept for good under the version that pages name."""
    content, version = _script()
    answer = Response(content, content_type="text/javascript; charset=utf-8")
    kept = request.args.get("v") == version
    seconds = f"{_A_YEAR}, immutable" if kept else f"{_AN_HOUR}"
    answer.headers["Cache-Control"] = f"public, max-age={seconds}"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.set_etag(version)
    answer.make_conditional(request)
    return answer


def placeholder(state: AppState, limit: int, product: str | None, nonce: str | None) -> Markup:
    """The place that the script fills, and the script.

    :param product: id of the page's product; the signature never changes, nor does the page.
    """
    asked: dict[str, str | int] = {"limit": limit}
    if product is not None:
        asked["seen"] = _signer(state).sign(product.encode()).decode()
    where = f"{own_address('recently-viewed')}?{urlencode(asked)}"
    source = f"{own_address('fragments.js')}?v={_script()[1]}"
    allowed = Markup(' nonce="{}"').format(nonce) if nonce else ""
    return _PLACE.format(where, source, allowed)


def _seen_product(state: AppState, token: str) -> str | None:
    try:
        return _signer(state).unsign(token.encode()).decode()
    except (BadData, UnicodeError):
        return None


def _signer(state: AppState) -> Signer:
    return Signer(state.secret, salt=_SALT)


@cache
def _script() -> tuple[bytes, str]:
    content = files("topmail_flask.storefront").joinpath("static/fragments.js").read_bytes()
    return content, sha256(content).hexdigest()[:12]


def _ended(state: AppState, answer: Response, *_final: Response) -> Decision:
    # After the session: whatever else wanted a cookie in this answer did not get it.
    state.storefront.finish(answer)
    return Decision(reason=Reason.NOT_HTML)


def _html(state: AppState) -> str:
    limit = request.args.get("limit", USUAL, type=int)
    seen = _seen_product(state, request.args.get("seen", ""))
    storefront = state.storefront
    visitor = storefront.visitors.of(request)
    products = storefront.recently_viewed(limit, seen, visitor)
    if seen and state.tracker.refused_request(request.environ, marked=True) is None:
        storefront.remember(visitor, seen)
    if not products:
        return ""
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    context: dict[str, Any] = {"products": products, "cards": _cards(state, products)}
    app.update_template_context(context)
    # Not by render_template: this is no page, and what it shows is not what was looked at.
    return _template(app).render(context).strip()


def _template(app: Flask) -> Template:
    try:
        return app.jinja_env.get_template(TEMPLATE)
    except TemplateNotFound as error:
        if error.name != TEMPLATE:
            raise
    text = files("topmail_flask.storefront").joinpath("templates/recently_viewed.html").read_text()
    return app.jinja_env.from_string(text)


def _cards(state: AppState, products: list[Any]) -> list[Product]:
    """The products as TopMail gets them, for the usual template: of these the names are known."""
    here = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    address = state.reader.address(here).partition("?")[0]
    cards = []
    for product in products:
        try:
            card = state.reader.product(product, here)
        except InvalidValueError:
            continue
        if card.url is not None and card.url.partition("?")[0] != address:  # it has one of its own
            cards.append(card)
    return cards
