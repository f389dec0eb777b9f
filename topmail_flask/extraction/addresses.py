"""Addresses: which of them is this page, where the product lives, what its URL says of its id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

_TRACKING = re.compile(
    r"utm_?.*|mc_.*|_ga|_gl|gclid|gbraid|wbraid|dclid|fbclid|msclkid|yclid|ttclid|twclid|igshid"
    r"|srsltid|_kx|tmc|ref|spm",
    re.IGNORECASE,
)
# Arguments that name a product wherever they stand, and those that do so only where the path is
# that of a script which shows every product.
_ID_ARGS = ("product_id", "products_id", "productid", "prod_id", "item_id", "itemid", "pid")
_SCRIPT_ID_ARGS = ("id", "item", "product", "sku", "slug", "p", "code")
_SCRIPTS = frozenset(
    [
        "product",
        "products",
        "item",
        "items",
        "index",
        "view",
        "detail",
        "details",
        "show",
        "shop",
        "store",
        "product_info",
        "productdetail",
        "product-detail",
        "product-details",
        "product_details",
        "catalog",
        "main",
        "p",
        "pd",
        "d",
        "dp",
    ]
)
# Endings of a path that say what is shown, not which product: /blue-mug/p, /mug/reviews.
_ENDINGS = frozenset(
    [
        "p",
        "pd",
        "dp",
        "d",
        "prd",
        "product",
        "item",
        "view",
        "show",
        "detail",
        "details",
        "index",
        "reviews",
    ]
)
_EXTENSION = re.compile(r"\.(?:x?html?|php\d?|aspx?|jspx?|cfm|do)\Z", re.IGNORECASE)
_LANGUAGE_ROOT = re.compile(r"/(?:[a-z]{2}(?:[-_][a-z]{2})?/?)?(?:index\.\w{2,5})?", re.IGNORECASE)
_NUMBERED = re.compile(
    r"(?:\A|[-_.,/])((?=[a-z]{0,3}\d)[a-z]{0,3}\d{4,})(?=\Z|[-_.,])", re.IGNORECASE
)
ID_LIMIT = 100


class Key(NamedTuple):
    """An address as far as it says which page it is (rule R26)."""

    host: str
    path: str
    identity: tuple[tuple[str, str], ...]
    query: tuple[tuple[str, str], ...]


@lru_cache(maxsize=1024)
def key(url: str, url_args: tuple[str, ...] = ()) -> Key | None:
    """What is compared of an absolute URL; None when it is none.

    Host without ``www.``, path unquoted and without its last slash, and the arguments that name a
    product: ``?product_id=1`` and ``?product_id=2`` are two pages (an addition to rule R26).
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        query = tuple(sorted(parse_qsl(parts.query, max_num_fields=100))) if parts.query else ()
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    path = unquote(parts.path) if "%" in parts.path else parts.path
    path = path.rstrip("/") or "/"
    names: Iterable[str] = (*_ID_ARGS, *url_args)
    if query and last_segment(path).lower() in _SCRIPTS | {"", "."}:
        names = (*names, *_SCRIPT_ID_ARGS)
    identity = tuple((name, value) for name, value in query if name.lower() in names)
    return Key(host.removeprefix("www."), path, identity, query)


def last_segment(path: str) -> str:
    """The last part of a path, without the ending of its file type."""
    return _EXTENSION.sub("", path.rstrip("/").rpartition("/")[2])


def is_front_page(url: str, url_args: tuple[str, ...] = ()) -> bool:
    """The root of the shop or of one of its languages (rule R27)."""
    this = key(url, url_args)
    return this is not None and not this.identity and bool(_LANGUAGE_ROOT.fullmatch(this.path))


def without_tracking(url: str) -> str:
    """The URL without its fragment and the arguments that only tell where a visitor came from."""
    url = url.partition("#")[0]
    path, _, query = url.partition("?")
    kept = [one for one in query.split("&") if not _TRACKING.fullmatch(one.partition("=")[0])]
    return path + "?" + "&".join(kept) if any(kept) else path


def id_of(url: str, url_args: tuple[str, ...] = ()) -> str:
    """The product's id as its URL tells it, or "" (the last resort of rule R34).

    An argument that names a product, else the last segment of the path that says something:
    without an ending like ``.html``, and not ``p`` or ``reviews``. A segment of more than 100
    characters gives the number in it, if there is one; it is never cut.
    """
    this = key(url, url_args)
    if this is None:
        return ""
    named = dict(this.identity)
    for name in (*url_args, *_ID_ARGS, *_SCRIPT_ID_ARGS):
        if named.get(name):
            return named[name].strip()
    segments = [part for part in this.path.split("/") if part]
    if "id" in segments[:-1] and "view" in segments:  # /catalog/product/view/id/42/s/blue-mug
        return segments[segments.index("id") + 1]
    while len(segments) > 1 and segments[-1].lower() in _ENDINGS:
        segments.pop()
    found = last_segment(segments[-1]).strip() if segments else ""
    if found.lower() in _SCRIPTS:
        return ""
    if len(found) > ID_LIMIT:
        numbers = _NUMBERED.findall(found)
        return numbers[-1] if numbers else found
    return found
