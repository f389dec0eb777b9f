"""Is it the view of a page at all? Asked of every request of a store, and of its response."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from topmail_flask.model.reasons import Reason
from topmail_flask.rules.robots import robot_kind

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
    "HTTP_X_PREFETCH",  # scripts that fetch links ahead
    "HTTP_X_PRELOAD",
    "HTTP_X_PRERENDER",
)
_IS_AHEAD = re.compile(
    r"prefetch|preload|prerender|preview|true|^\s*(?:1|yes|on)\s*$", re.IGNORECASE
)
# Unpoly renders a whole page into one of its main elements when a link is followed.
_UNPOLY_MAIN = frozenset({"body", "html", "main", ":main", ":layer", "[up-main]"})
_FRAMES = frozenset({"iframe", "frame", "fencedframe", "object", "embed"})
# Scripts that show what they fetch say who they are, in one of these headers or in Accept.
_SHOWS_WHAT_IT_FETCHES = frozenset(
    {
        *("HTTP_HX_REQUEST", "HTTP_HX_BOOSTED", "HTTP_HX_HISTORY_RESTORE_REQUEST"),  # htmx
        *("HTTP_X_TURBO_REQUEST_ID", "HTTP_TURBO_FRAME", "HTTP_TURBOLINKS_REFERRER"),
        *("HTTP_X_UP_TARGET", "HTTP_X_UP_VERSION"),  # Unpoly
        *("HTTP_X_PJAX", "HTTP_X_BARBA", "HTTP_DATASTAR_REQUEST", "HTTP_X_ALPINE_REQUEST"),
    }
)

USUAL_HEADERS = (
    *("HTTP_SEC_FETCH_DEST", "HTTP_SEC_FETCH_MODE", "HTTP_SEC_FETCH_SITE", "HTTP_ACCEPT"),
    "HTTP_USER_AGENT",
)
"""Of the headers that are asked about here, those that a browser sends with every page."""
UNUSUAL_HEADERS = _SHOWS_WHAT_IT_FETCHES.union(
    _PREFETCH_HEADERS, ("HTTP_AUTHORIZATION", "HTTP_HX_REQUEST_TYPE", "HTTP_X_REQUESTED_WITH")
)
"""The others. A request without any is judged by its method and :data:`USUAL_HEADERS` alone."""
_REMEMBERED = 4096
Refusals = tuple[Reason | None, Reason | None]
"""Why a request counts for nothing: of a page that nobody marked, and of one that the shop did."""


class RequestRules:
    """Judges requests. Almost every one is like many before it, and is judged as they were.

    :param robots: kinds of robots whose views do not count.
    """

    def __init__(self, robots: Collection[str]) -> None:
        self._robots = robots
        self._known: dict[tuple[Any, ...], Refusals] = {}

    def refusals(self, environ: Mapping[str, Any]) -> Refusals:
        """Why a request counts for nothing, whatever its answer shows; to be indexed by whether
        the shop said that it shows a product.
        """
        if not environ.keys().isdisjoint(UNUSUAL_HEADERS):  # that goes through the few of them
            return self._judge(environ)
        like = (environ.get("REQUEST_METHOD"), *map(environ.get, USUAL_HEADERS))
        known = self._known.get(like)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known = {}
            known = self._known[like] = self._judge(environ)
        return known

    def _judge(self, environ: Mapping[str, Any]) -> Refusals:
        robot = Reason.ROBOT if self.is_robot(environ) else None
        unmarked = refused_request(environ, marked=False) or robot
        return unmarked, refused_request(environ, marked=True) or robot

    def is_robot(self, environ: Mapping[str, Any]) -> bool:
        """Whether the request is that of a robot whose views do not count."""
        return robot_kind(environ.get("HTTP_USER_AGENT")) in self._robots


def refused_request(environ: Mapping[str, Any], *, marked: bool) -> Reason | None:
    """Why this request is no view of a page, or None.

    Known before the answer is: a part of a page counts only when its route is ``marked``, a page
    fetched ahead of the visitor or at the wish of another site never does. A boosted link and a
    page restored from htmx's history are whole pages, and so is what an Android app shows in its
    own browser (it names itself in ``X-Requested-With``).

    :param environ: the request as WSGI hands it over.
    :param marked: the shop said that this route shows a product.
    """
    asked = environ.get
    if asked("REQUEST_METHOD") != "GET":
        return Reason.METHOD
    for header in _PREFETCH_HEADERS:
        value = asked(header)
        if value and _IS_AHEAD.search(value):
            return Reason.PREFETCH
    destination = asked("HTTP_SEC_FETCH_DEST")
    mode = asked("HTTP_SEC_FETCH_MODE")
    if (destination or "document") != "document" or (mode or "navigate") != "navigate":
        refused = _refused_fetch(environ, destination, mode, marked=marked)
        if refused is not None:
            return refused
    return None if marked else _partial(environ)


def _refused_fetch(
    environ: Mapping[str, Any], destination: str | None, mode: str | None, *, marked: bool
) -> Reason | None:
    """Why what a page, and not the visitor, asked for is no view (Fetch Metadata).

    Source: https://www.w3.org/TR/fetch-metadata/. Browsers send it over https and on localhost.
    """
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if destination in _FRAMES:
        return Reason.CROSS_SITE if site == "cross-site" else None
    if mode == "navigate":
        return None
    if site == "cross-site" and not (marked and _has_own_token(environ)):
        return Reason.CROSS_SITE
    if mode == "no-cors" or destination not in (None, "empty", "document"):
        # <link rel=prefetch> and its imitations, images, scripts: they show no page.
        return Reason.PREFETCH
    return None if marked else refused_fetch_of_page(environ)


def _has_own_token(environ: Mapping[str, Any]) -> bool:
    """Whether it was sent by a front end of the shop: no other site knows the shopper's token."""
    return str(environ.get("HTTP_AUTHORIZATION", ""))[:7].lower() == "bearer "


def refused_fetch_of_page(environ: Mapping[str, Any]) -> Reason | None:
    """Why a script that fetched this does not show it, if it is a page; None where it does.

    Preloaders and service workers fetch pages that nobody may ever see, and a script of another
    host cannot show one. Scripts that do show pages ask for HTML or say who they are. JSON is
    fetched by any script: of a marked route this is asked once the answer is known.
    """
    mode = environ.get("HTTP_SEC_FETCH_MODE")
    is_script = (
        environ.get("HTTP_SEC_FETCH_DEST") == "empty" if mode is None else mode != "navigate"
    )
    if not is_script:
        return None
    if environ.get("HTTP_SEC_FETCH_SITE") in ("same-site", "cross-site"):
        return Reason.CROSS_SITE
    # A service worker that hands on the visitor's own request keeps its Accept.
    if "html" in environ.get("HTTP_ACCEPT", "").lower():
        return None
    script = environ.get("HTTP_X_REQUESTED_WITH")
    if script and "." not in script:  # a dot: the name of an Android app, on all its requests
        return None
    return Reason.PREFETCH if _SHOWS_WHAT_IT_FETCHES.isdisjoint(environ) else None


def refused_tracked(environ: Mapping[str, Any], status: int, *, spoken_for: bool) -> Reason | None:
    """Why a product does not count that the shop tracked in a request that is no GET of a page.

    :param spoken_for: the shop named the shopper and their consent: the request may be another
        machine's, and says nothing of them.
    """
    if not 200 <= status < 300:
        return Reason.STATUS
    if spoken_for:
        return None
    if environ.get("REQUEST_METHOD") in ("HEAD", "OPTIONS", "TRACE"):
        return Reason.METHOD
    is_foreign = environ.get("HTTP_SEC_FETCH_SITE") == "cross-site"
    return Reason.CROSS_SITE if is_foreign and not _has_own_token(environ) else None


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
    status: int,
    mimetype: str,
    disposition: str | None,
    *,
    marked: bool,
    declared: bool,
    fetch: Reason | None = None,
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
    :param fetch: :func:`refused_fetch_of_page` of the request: then a page does not count.
    """
    if fetch is not None and mimetype in _PAGE_TYPES:
        return fetch
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
