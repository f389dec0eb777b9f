"""Is it the view of a page at all? Asked of every request of a store, and of its response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topmail_flask.model.reasons import Reason

OBSERVER = "topmail.observer"
"""Whoever tells of a request puts itself here in its environ: of two that see it, one tells."""
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_TURBO_STREAM = "text/vnd.turbo-stream.html"
_PREFETCH_HEADERS = (
    "HTTP_SEC_PURPOSE",  # the standard: Chromium, Firefox, Safari
    "HTTP_PURPOSE",  # Chromium before 2024, Safari's top hit
    "HTTP_X_PURPOSE",  # older Safari: thumbnails of the new tab
    "HTTP_X_MOZ",  # Firefox before 2023
    "HTTP_X_SEC_PURPOSE",  # Turbo, on hover: scripts may not set Sec- headers
    "HTTP_HX_PRELOADED",  # htmx's preload extension
)
_AHEAD = ("prefetch", "prerender", "preview", "true")
# Unpoly renders a whole page into one of its main elements when a link is followed.
_UNPOLY_MAIN = frozenset({"body", "html", "main", ":main", ":layer", "[up-main]"})


def refused_request(environ: Mapping[str, Any], *, marked: bool) -> Reason | None:
    """Why this request is no view of a page, or None.

    Known before the answer is: a part of a page counts only when its route is ``marked``, a page
    fetched ahead of the visitor never does. A boosted link and a page restored from htmx's
    history are whole pages, and so is what an Android app shows in its own browser (it names
    itself in ``X-Requested-With``).

    :param environ: the request as WSGI hands it over.
    :param marked: the shop said that this route shows a product.
    """
    if environ.get("REQUEST_METHOD") != "GET":
        return Reason.METHOD
    for header in _PREFETCH_HEADERS:
        value = environ.get(header)
        if value and any(word in value.lower() for word in _AHEAD):
            return Reason.PREFETCH
    if environ.get("HTTP_SEC_FETCH_MODE") == "no-cors" and not marked:
        # <link rel=prefetch> and its imitations: a navigation, by script or not, is never that.
        return Reason.PREFETCH
    return None if marked else _partial(environ)


def _partial(environ: Mapping[str, Any]) -> Reason | None:
    asked = environ.get
    if asked("HTTP_HX_REQUEST") and not (
        asked("HTTP_HX_BOOSTED")
        or asked("HTTP_HX_HISTORY_RESTORE_REQUEST")
        or asked("HTTP_HX_REQUEST_TYPE") == "full"
    ):
        return Reason.PARTIAL
    if asked("HTTP_TURBO_FRAME") or asked("HTTP_DATASTAR_REQUEST"):
        return Reason.PARTIAL
    script = asked("HTTP_X_REQUESTED_WITH")
    if script and script.lower() in ("xmlhttprequest", "fetch"):
        return Reason.PARTIAL
    target = asked("HTTP_X_UP_TARGET")
    return Reason.PARTIAL if target and target not in _UNPOLY_MAIN else None


def refused_response(
    status: int, mimetype: str, disposition: str | None, *, marked: bool, declared: bool
) -> Reason | None:
    """Why this answer is no page that somebody looks at, or None.

    A 304 counts when the shop declared the product: the shopper does see the page, from
    the browser's cache, but there is no body to read. Any other status than 200 never counts.

    :param status: the final status.
    :param mimetype: media type of the answer, lower-case, without parameters.
    :param disposition: the ``Content-Disposition`` header, if there is one.
    :param marked: the shop said that this route shows a product: then JSON and a Turbo stream
        count, too.
    :param declared: the product was named by route, template call or ``track``; does the same.
    """
    if status == 304 and declared:
        return None
    if status != 200:
        return Reason.STATUS
    if disposition and disposition.lstrip()[:10].lower() == "attachment":
        return Reason.ATTACHMENT
    if mimetype in _PAGE_TYPES or ((marked or declared) and _holds_a_product(mimetype)):
        return None
    return Reason.NOT_HTML


def _holds_a_product(mimetype: str) -> bool:
    return mimetype == "application/json" or mimetype.endswith("+json") or mimetype == _TURBO_STREAM
