"""Addresses: which of them is this page, where the product lives, what its URL says of its id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urljoin, urlsplit

from topmail_flask.domain.errors import InvalidValueError
from topmail_flask.domain.web_address import web_address

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
# What only a careful reading of the address can deal with.
_ODD = re.compile(r"[\s\x00-\x1f\x7f\\<>\"{}|^`]")
_LONGEST = 2048
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


class Place:
    """Where a page is, and what its addresses are relative to.

    :param url: absolute URL of the request, on the shop's own site.
    :param canonical: what ``<link rel=canonical>`` says, as it stands there.
    :param og_url: what ``og:url`` says; it counts where there is no canonical address (rule R26).
    :param base: what ``<base href>`` says.
    :param url_args: query arguments that identify a product.
    :ivar keys: what addresses of this page are compared with.
    """

    __slots__ = ("_base", "_host", "_origin", "canonical", "keys", "og_url", "url", "url_args")

    def __init__(
        self,
        url: str,
        canonical: str | None = None,
        og_url: str | None = None,
        base: str | None = None,
        url_args: tuple[str, ...] = (),
    ) -> None:
        self.url = url
        self.url_args = url_args
        self._base = _joined(url, base) or url if base else url
        scheme, _, rest = self._base.partition("://")
        self._origin = (scheme + ":", f"{scheme}://{rest.partition('/')[0]}")
        this = key(url, url_args)
        self._host = this.host if this else None
        self.canonical = self._trusted(canonical, this)
        self.og_url = self._trusted(og_url, this)
        told = self.canonical or self.og_url
        other = key(told, url_args) if told else None
        self.keys = tuple(dict.fromkeys(one for one in (other, this) if one is not None))

    def _trusted(self, address: str | None, this: Key | None) -> str | None:
        """An address that the page gives itself, if it is of this site and can be right.

        Templates that call every page the front page, or every product ``/product``, are wrong
        about this one (additions to rule R26).
        """
        url = self.own(address) if address else None
        told = key(url, self.url_args) if url else None
        if told is None or this is None:
            return None
        if told.path == "/" != this.path or (
            told.path == this.path and this.identity and not told.identity
        ):
            return None
        return url

    def absolute(self, address: str) -> str | None:
        """An address of the page as an absolute http(s) URL, or None if it cannot be one."""
        if len(address) < _LONGEST and not _ODD.search(address):
            if address.startswith(("https://", "http://")):
                return address
            if address.startswith("//"):
                return self._origin[0] + address
            if address.startswith("/") and "/." not in address:
                return self._origin[1] + address
        return _joined(self._base, address)

    def own(self, address: str) -> str | None:
        """The same, but only on the host of this page (rules R26, R50)."""
        url = self.absolute(address)
        if url is None:
            return None
        there = key(url, self.url_args)
        if there is None or there.host != self._host:
            return None
        if url.startswith("http://") and self.url.startswith("https://"):
            return "https" + url[4:]  # a template behind a proxy does not know better
        return url

    def match(self, url: str) -> int:
        """2: this very page; 1: this page, perhaps another variant of it; 0: another page."""
        there = key(url, self.url_args)
        best = 0
        for here in self.keys:
            if there is not None and there[:3] == here[:3]:
                best = max(best, 2 if set(there.query) <= set(here.query) else 1)
        return best


def _joined(base: str, address: str) -> str | None:
    address = address.strip()
    if not address or len(address) > 8192 or address.startswith(("data:", "blob:", "javascript:")):
        return None
    try:
        return web_address(urljoin(base, address.replace(" ", "%20")))
    except (InvalidValueError, ValueError):
        return None
