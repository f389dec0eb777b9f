"""What templates call: ``topmail_recently_viewed``, its fragment, and ``topmail_also_viewed``.

A store that calls none of them imports no more of this room than this file.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, has_request_context, request
from markupsafe import Markup

from topmail_flask.app_state import AppState, state_of
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.storefront.place import look_path

USUAL = 6
COOKIE = "topmail_visitor"


def add_storefront_calls(app: Flask) -> None:
    """Let the app's templates call the storefront; where they did before, hear of looks now."""
    state = state_of(app)
    fence = state.boundary.fence
    app.jinja_env.globals.update(
        topmail_recently_viewed=fence(recently_viewed, []),
        topmail_recently_viewed_fragment=fence(recently_viewed_fragment, Markup("")),
        topmail_also_viewed=fence(also_viewed, []),
    )
    fence(_resume, None)(state)


def _resume(state: AppState) -> None:
    path = look_path(state)
    if state.hooks.look_memory is not None or (path is not None and path.exists()):
        state.storefront.resume()


def leave_browser(state: AppState) -> None:
    """Let whoever uses this browser next begin with an empty list."""
    if COOKIE in request.environ.get("HTTP_COOKIE", ""):
        state.storefront.leave_browser()


def recently_viewed(limit: int = USUAL, product: object = None) -> list[Any]:
    """``{% for product in topmail_recently_viewed() %}``: what this visitor saw last.

    For pages that are made for one visitor: the answer becomes private, and may set a cookie.

    :param limit: how many at the most, up to 24.
    :param product: the product of this page, or its id: it is left out. Default: the product that
        the page declares, or that its template has as ``product`` or ``item``.
    :returns: newest first; what ``@topmail.products_by_id`` makes of the ids, or the ids (text).
    """
    if not has_request_context():
        return []
    state = state_of(None)
    storefront = state.storefront
    shown = _page_product_id(state, product)
    return storefront.recently_viewed(limit, shown, storefront.visitors.of(request))


def recently_viewed_fragment(
    limit: int = USUAL, product: object = None, nonce: str | None = None
) -> Markup:
    """``{{ topmail_recently_viewed_fragment() }}``: the same for a page that may be cached.

    Prints an empty, hidden element, equal for all visitors, and a small deferred script that fills
    it. Without JavaScript, and for who has seen nothing yet, it stays hidden.

    :param limit: as for :func:`recently_viewed`.
    :param product: as for :func:`recently_viewed`; a look at it counts, also out of a cache.
    :param nonce: of the page's Content-Security-Policy, where that does not allow ``'self'``.
    """
    if not has_request_context():
        return Markup("")
    from topmail_flask.storefront.fragment import placeholder  # noqa: PLC0415  only who uses it pays

    state = state_of(None)
    return placeholder(state, int(limit), _page_product_id(state, product), nonce)


def also_viewed(product: object = None, limit: int = USUAL) -> list[Any]:
    """``{% for other in topmail_also_viewed(product) %}``: what its viewers saw besides.

    :param product: the product, or its id. Default: that of the page.
    :param limit: how many at the most, up to 24.
    :returns: the closest first; products or ids, as from :func:`recently_viewed`.
    """
    state = state_of(None)
    shown = _page_product_id(state, product)
    return state.storefront.also_viewed(shown, limit) if shown else []


def _page_product_id(state: AppState, product: object) -> str | None:
    if isinstance(product, (str, int)):
        return str(product)
    if not has_request_context():
        return None
    try:
        shown = state.product_so_far() if product is None else state.product_of(product, None)
    except InvalidValueError:
        return None
    return shown.id if isinstance(shown, Product) else None
