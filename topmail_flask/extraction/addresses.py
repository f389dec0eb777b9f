"""Addresses: which of them is this page, where the product lives, what a URL says of its id."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, unquote_plus, urljoin, urlsplit, urlunsplit

from topmail_flask.extraction.schema_org import is_placeholder
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import ID_LIMIT, Product
from topmail_flask.model.settings import Settings
from topmail_flask.model.text import MAX_ADDRESS, escaped, web_address

_TRACKING = re.compile(
    r"(?i)utm_?.*|mc_.*|_ga|_gl|gclid|gbraid|wbraid|dclid|fbclid|msclkid|yclid|ttclid|twclid|igshid"
    r"|srsltid|_kx|tmc|ref|spm"
)
# Arguments that name a product wherever they stand, and those that do so only where the path is
# that of a script which shows every product.
_ID_ARGS = tuple("product_id products_id productid prod_id item_id itemid pid id_product".split())
_SCRIPT_ID_ARGS = ("id", "item", "product", "sku", "slug", "p", "code")
_ALL_ID_ARGS = (*_ID_ARGS, *_SCRIPT_ID_ARGS)
_SCRIPTS = frozenset(
    """product products item items index view detail details show shop store product_info
    productdetail product-detail product-details product_details catalog main p pd d dp""".split()
)
# Endings of a path that say what is shown, not which product: /blue-mug/p, /mug/reviews.
_ENDINGS = frozenset(
    """p pd pdp dp d prd prod product item view show detail details index reviews review buy buy-now
    order overview info information description specs specifications features gallery photos images
    questions faq ratings rating print preview quickview quick-view amp share default main home
    configure customize personalize add-to-cart order-now enquire inquiry ask zoom size-guide
    shipping accessories related similar video videos manual downloads compatibility
    kaufen bestellen uebersicht beschreibung bewertungen acheter avis comprar opiniones acquista
    recensioni kopen kup koupit""".split()
)
_LANGUAGE = re.compile(
    r"(?i)(?:ar|bg|bs|ca|cs|da|de|el|en|es|et|fa|fi|fr|he|hi|hr|hu|id|is|it|ja|ko|lt|lv|ms|nb|nl|no|pl|pt"
    r"|ro|ru|sk|sl|sr|sv|th|tr|uk|ur|vi|zh)(?:[-_](?:[a-z]{2}|[a-z]{4}))?"
)
# "ref=sr_1_1" as a part of a path; but "id=77" is the product.
_PATH_ARGUMENT = re.compile(r"([\w.-]{1,30})=(.*)")
_DEVELOPMENT = re.compile(
    r"https?://(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1\])(?::\d+)?(?=/|\Z)"
)
EXTENSION = re.compile(r"(?i)\.(?:x?html?|php\d?|aspx?|jspx?|cfm|do)\Z")
# What tells that an address is that of a picture.
PICTURE = re.compile(r"(?i)\.(?:jpe?g|png|webp|gif|avif|svg|bmp)(?:[?#]|\Z)")
_LANGUAGE_ROOT = re.compile(r"(?i)/(?:[a-z]{2}(?:[-_][a-z]{2})?/?)?(?:index\.\w{2,5})?")
_NUMBERED = re.compile(r"(?i)(?:\A|[-_.,/])((?=[a-z]{0,3}\d)[a-z]{0,3}\d{4,})(?=\Z|[-_.,])")
# Almost every address: nothing in it has to be split with care, or unquoted.
_PLAIN_URL = re.compile(r"https?://([\w.-]+)(?::\d+)?(/[\w/.~-]*)?", re.ASCII)
_PLAIN_PATH = re.compile(r"/(?!/)[\w/.~-]*", re.ASCII)


class Key(NamedTuple):
    """An address as far as it says which page it is (rule R26)."""

    host: str
    path: str
    identity: tuple[tuple[str, str], ...]
    query: tuple[tuple[str, str], ...]


@lru_cache(maxsize=1024)
def address_key(url: str, url_args: tuple[str, ...] = ()) -> Key | None:
    """What is compared of an absolute URL; None when it is none.

    Host without ``www.``, path unquoted and without its last slash, and the arguments that name a
    product: ``?product_id=1`` and ``?product_id=2`` are two pages (an addition to rule R26).
    """
    plain = _PLAIN_URL.fullmatch(url)
    if plain is not None:
        host, path = plain[1].lower(), plain[2] or ""
        return Key(host.removeprefix("www."), path.rstrip("/") or "/", (), ())
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
    return EXTENSION.sub("", path.rstrip("/").rpartition("/")[2])


def is_front_page(url: str, url_args: tuple[str, ...] = ()) -> bool:
    """The root of the shop or of one of its languages (rule R27)."""
    this = address_key(url, url_args)
    return this is not None and not this.identity and bool(_LANGUAGE_ROOT.fullmatch(this.path))


def without_tracking(url: str) -> str:
    """The URL without its fragment and the arguments that only tell where a visitor came from."""
    url = url.partition("#")[0]
    path, _, query = url.partition("?")
    named = ((argument, argument.partition("=")[0]) for argument in query.split("&"))
    kept = [argument for argument, name in named if not _TRACKING.fullmatch(name)]
    return path + "?" + "&".join(kept) if any(kept) else path


def id_of(url: str, url_args: tuple[str, ...] = ()) -> str:
    """The product's id as its URL tells it, or "" (the last resort of rule R34).

    An argument that names a product, else the last segment of the path that says something:
    without an ending like ``.html``, and not a word of the route (``p``, ``reviews``, ``buy``, a
    language code, ``ref=...``), nor what a script writes for nothing (``/products/undefined``). A
    segment of more than 100 characters gives the number in it, if there is one; it is never cut.
    """
    found = _id_in(url, url_args)
    return "" if is_placeholder(found) else found


def _id_in(url: str, url_args: tuple[str, ...]) -> str:
    this = address_key(url, url_args)
    if this is None:
        return ""
    named = dict(this.identity)
    for name in (*url_args, *_ALL_ID_ARGS):
        if named.get(name):
            return named[name].strip()
    segments = [name for part in this.path.split("/") if (name := part.partition(";")[0])]
    if "id" in segments[:-1] and "view" in segments:  # /catalog/product/view/id/42/s/blue-mug
        return segments[segments.index("id") + 1]
    while len(segments) > 1 and _is_ending(segments[-1]):
        segments.pop()
    found = last_segment(segments[-1]).strip() if segments else ""
    named_in_path = _PATH_ARGUMENT.fullmatch(found)
    if named_in_path is not None:
        found = named_in_path[2] if named_in_path[1].lower() in _ALL_ID_ARGS else ""
    if found.lower() in _SCRIPTS:
        return ""
    numbers = _NUMBERED.findall(found) if len(found) > ID_LIMIT else []
    return numbers[-1] if numbers else found


def _is_ending(segment: str) -> bool:
    """Whether it is a word of the route: what is shown of the product, a language, a referrer."""
    argument = _PATH_ARGUMENT.fullmatch(segment)
    if argument is not None:
        return argument[1].lower() not in _ALL_ID_ARGS
    word = last_segment(segment).lower()
    return word in _ENDINGS or _LANGUAGE.fullmatch(word) is not None


_LONGEST_REQUEST = 16 * 1024
_IDENTIFYING = (*_ID_ARGS, "id", "product", "item", "slug", "sku")
# How the bytes of JPEG, PNG, GIF, WebP and SVG begin in base64.
_BASE64_PICTURES = ("/9j/", "iVBORw0K", "R0lGOD", "UklGR", "PHN2Zy", "PD94bW")
_NO_PICTURES = ("no_selection", "none", "null", "undefined")


def page_address(url: str, settings: Settings, identifiers: Collection[str] = ()) -> str:
    """The address of the page at ``url`` as a shopper may be sent to it (rules T7, R50).

    It is on ``TOPMAIL_SITE_URL`` if that is set, without fragment and credentials. Of the query
    stay the arguments of ``TOPMAIL_URL_ARGS``, and those that name the product: an argument such as
    ``id``, or one of ``TOPMAIL_VARIANT_ARGS``, whose value is one of ``identifiers``. Whatever else
    a request carries (campaigns, tokens, e-mail addresses) is dropped.

    :raises InvalidValueError: ``url`` is no absolute http(s) URL.
    """
    return web_address(unchecked_page_address(url, settings, identifiers))


def unchecked_page_address(url: str, settings: Settings, identifiers: Collection[str] = ()) -> str:
    """The same, to be checked where it ends up: in a :class:`~topmail_flask.Product`."""
    site = settings.site_url and settings.site_url.rstrip("/")
    if (
        len(url) <= MAX_ADDRESS
        and _PLAIN_URL.fullmatch(url)
        and (site is None or (url.startswith(f"{site}/") and not url.startswith(f"{site}//")))
    ):
        return url
    try:
        parts = urlsplit(escaped(url[:_LONGEST_REQUEST]))
    except ValueError:
        raise InvalidValueError("url", "is not a URL") from None
    query = parts.query and _identifying_query(parts.query, settings, identifiers)
    if settings.site_url is None:
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
    mounted_at = urlsplit(settings.site_url).path.rstrip("/")
    path = parts.path.removeprefix(mounted_at + "/").lstrip("/")
    return settings.site_url.rstrip("/") + "/" + path + (f"?{query}" if query else "")


def _identifying_query(query: str, settings: Settings, identifiers: Collection[str]) -> str:
    kept = []
    for argument in query.split("&"):
        name, _, value = argument.partition("=")
        name = unquote_plus(name)
        if name in settings.url_args or (
            identifiers
            and (name in settings.variant_args or name.lower() in _IDENTIFYING)
            and unquote_plus(value) in identifiers
        ):
            kept.append(argument)
    return "&".join(kept)


def own_address(value: object, page: str, page_url: str) -> str | None:
    """The address that a product names itself: absolute or from ``/``, and on the shop's site.

    :param page: address of the page, from :func:`page_address`.
    :param page_url: the URL of the request; its host is the shop's as well.
    """
    if not isinstance(value, str) or len(value) > MAX_ADDRESS:
        return None
    text = value.strip()
    if not text.startswith(("/", "http://", "https://")):
        return None
    try:
        address = web_address(joined(page, text))
        parts, home, request = urlsplit(address), urlsplit(page), urlsplit(page_url)
    except ValueError:  # InvalidValueError is one
        return None
    there, *own = ((url.hostname or "").removeprefix("www.") for url in (parts, home, request))
    is_own = there in own
    return urlunsplit((home.scheme, home.netloc, parts.path, parts.query, "")) if is_own else None


def joined(base: str, address: str) -> str:
    """``urljoin``, at a tenth of its cost for a mere path on an absolute URL."""
    site = _SITE.match(base)
    is_plain = site is not None and "/." not in address and _PLAIN_PATH.fullmatch(address)
    return site[0] + address if is_plain else urljoin(base, address)  # type: ignore[index]


def image_address(value: str, settings: Settings, page: str) -> str:
    """The address of a picture that is known by a URL, a path or a file name (rule T6), unchecked.

    :param value: pictures as text (``data:`` and bare base64) are refused before they are read.
    :param page: address of the page, which a path from ``/`` is joined with; a bare file name
        needs ``TOPMAIL_IMAGE_BASE``.
    :raises InvalidValueError: no address can be made of it; the message says what is missing.
    """
    if len(value) > MAX_ADDRESS or value.startswith(("data:", *_BASE64_PICTURES)):
        raise InvalidValueError("image_url", "is a picture itself, not its address")
    text = value.strip()
    if not text or text.rpartition("/")[2].lower() in _NO_PICTURES:
        raise InvalidValueError("image_url", "is missing")
    if not text.startswith("//") and "://" not in text[:10]:
        text = _based(text, settings, page)
    if text.startswith("/") and not text.startswith("//"):
        end_of_host = page.find("/", len("https://"))
        return (page if end_of_host < 0 else page[:end_of_host]) + text
    return f"{page.partition(':')[0]}:{text}" if text.startswith("//") else _deployed(text, page)


def _deployed(address: str, page: str) -> str:
    """An address of the development machine, where the page itself is elsewhere, on its site."""
    site = _SITE.match(page)
    if site is None or not _DEVELOPMENT.match(address) or _DEVELOPMENT.match(page):
        return address
    return _DEVELOPMENT.sub(site[0], address)


def _based(text: str, settings: Settings, page: str) -> str:
    base = settings.image_base
    if isinstance(base, str):
        return urljoin(urljoin(page, base.rstrip("/") + "/"), text)
    if base is not None:
        made = base(text)
        if not isinstance(made, str) or len(made) > MAX_ADDRESS:
            raise InvalidValueError("image_url", "was not made by TOPMAIL_IMAGE_BASE")
        text = made.strip()
    if not text.startswith("/") and "://" not in text[:10]:
        raise InvalidValueError("image_url", "is a file name: set TOPMAIL_IMAGE_BASE")
    return text


# What only a careful reading of the address can deal with.
_ODD = re.compile(r"[\s\x00-\x1f\x7f\\<>\"{}|^`]")
_LONGEST = 2048
_SITE = re.compile(r"https?://[^/?#]+")
_REMEMBERED = 1_000


class PageLocation:
    """Where a page is, and what its addresses are relative to.

    :param url: absolute URL of the request, on the shop's own site.
    :param canonical: what ``<link rel=canonical>`` says, as it stands there.
    :param og_url: what ``og:url`` says; it counts where there is no canonical address (rule R26).
    :param base: what ``<base href>`` says.
    :param url_args: query arguments that identify a product.
    :param alternates: the addresses of this page in other languages.
    :ivar keys: what addresses of this page are compared with.
    """

    def __init__(
        self,
        url: str,
        canonical: str | None = None,
        og_url: str | None = None,
        base: str | None = None,
        url_args: tuple[str, ...] = (),
        alternates: Iterable[str] = (),
    ) -> None:
        self.url = url
        self.url_args = url_args
        self._own: dict[str, str | None] = {}
        self._base = _joined(url, base) or url if base else url
        scheme, _, rest = self._base.partition("://")
        self._origin = (scheme + ":", f"{scheme}://{rest.partition('/')[0]}")
        this = address_key(url, url_args)
        self._host = this.host if this else None
        is_plain = canonical == url and len(url) < _LONGEST and _PLAIN_URL.fullmatch(url)
        self.canonical = url if is_plain else self._trusted(canonical, this)
        self.og_url = self._trusted(og_url, this)
        named = self.canonical or self.og_url
        other = address_key(named, url_args) if named else None
        self.keys = tuple(dict.fromkeys(key for key in (other, this) if key is not None))
        own = filter(None, map(self.own, alternates))
        others = {key[:3] for address in own if (key := address_key(address, url_args))}
        self._alternates = others - {key[:3] for key in self.keys}

    def _trusted(self, address: str | None, this: Key | None) -> str | None:
        """An address that the page gives itself, if it is of this site and can be right.

        Templates that call every page the front page, or every product ``/product``, are wrong
        about this one (additions to rule R26).
        """
        url = self.own(address) if address else None
        key = address_key(url, self.url_args) if url else None
        if key is None or this is None:
            return None
        if key.path == "/" != this.path or (
            key.path == this.path and this.identity and not key.identity
        ):
            return None
        return url

    def absolute(self, address: str) -> str | None:
        """An address of the page as an absolute http(s) URL, or None if it cannot be one.

        One of the development machine (``http://localhost:5000``) is on the site.
        """
        found = None if is_placeholder(unquote(address)) else self._absolute(address)
        return None if found is None else _deployed(found, self.url)

    def _absolute(self, address: str) -> str | None:
        if "&amp;" in address:
            address = address.replace("&amp;", "&")
        if len(address) < _LONGEST and not _ODD.search(address):
            if address.startswith(("https://", "http://")):
                return address
            if address.startswith("//"):
                return self._origin[0] + address
            if address.startswith("/") and "/." not in address:
                return self._origin[1] + address
        return _joined(self._base, address)

    def own(self, address: str) -> str | None:
        """The same, but only on the host of this page."""
        if address not in self._own:
            if len(self._own) >= _REMEMBERED:
                self._own.clear()
            self._own[address] = self._owned(address)
        return self._own[address]

    def own_page(self, address: str) -> str | None:
        """The same, but not the front page, which a template may name everywhere, nor a mere
        fragment: a link to ``#`` is one for a script, on any page.
        """
        url = None if address.startswith("#") else self.own(address)
        key = address_key(url, self.url_args) if url else None
        if key is None or (key.path == "/" and not key.identity and key not in self.keys):
            return None
        return url

    def is_alternate(self, url: str) -> bool:
        """Whether it is this page in another language."""
        key = address_key(url, self.url_args) if self._alternates else None
        return key is not None and key[:3] in self._alternates

    def _owned(self, address: str) -> str | None:
        url = self.absolute(address)
        if url is None:
            return None
        there = address_key(url, self.url_args)
        if there is None or there.host != self._host:
            return None
        if url.startswith("http://") and self.url.startswith("https://"):
            return "https" + url[4:]  # a template behind a proxy does not know better
        return url

    def match(self, url: str) -> int:
        """2: this very page; 1: this page, perhaps another variant of it; 0: another page."""
        there = address_key(url, self.url_args)
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


def names_product(product: Product, values: Iterable[object], query: str) -> bool | None:
    """Whether a page's address has the id or the name of a product in it.

    None: nothing in it tells one page of the route from another.

    :param values: the route's arguments.
    :param query: of the address; there only an id counts, for a search has names.
    """
    texts, asked = [str(value).casefold() for value in values], parse_qsl(query)
    ids = {name.casefold() for name in (product.id, product.sku, product.variant_id) if name}
    if not ids.isdisjoint([*texts, *(value.casefold() for _, value in asked)]):
        return True
    name = squashed(product.name)
    for text in texts:
        written, parts = squashed(text), re.split(r"[-_.,/]", text)
        if name and (written.startswith(name) or written.endswith(name)):
            return True
        if not ids.isdisjoint((parts[0], parts[-1])):
            return True
    return False if texts else None


def squashed(text: str) -> str:
    """Letters and digits only: a logo ``Licht-Haus`` is the shop ``lichthaus.example``."""
    return "".join(filter(str.isalnum, text.casefold()))
