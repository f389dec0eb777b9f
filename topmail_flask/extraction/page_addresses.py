"""Addresses of a product: its page on the shop's own site, and its picture."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import unquote_plus, urljoin, urlsplit, urlunsplit

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.settings import Settings
from topmail_flask.model.text import MAX_ADDRESS, escaped, web_address

_LONGEST_REQUEST = 16 * 1024
_IDENTIFYING = ("id", "product_id", "productid", "product", "pid", "item", "item_id", "slug", "sku")
# How the bytes of JPEG, PNG, GIF, WebP and SVG begin in base64.
_BASE64_PICTURES = ("/9j/", "iVBORw0K", "R0lGOD", "UklGR", "PHN2Zy", "PD94bW")
_NO_PICTURES = ("no_selection", "none", "null")


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
    try:
        parts = urlsplit(escaped(url[:_LONGEST_REQUEST]))
    except ValueError:
        raise InvalidValueError("url", "is not a URL") from None
    query = parts.query and _identifying_query(parts.query, settings, identifiers)
    if settings.site_url is None:
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
    return _on_site(settings.site_url, parts.path) + (f"?{query}" if query else "")


def _on_site(site_url: str, path: str) -> str:
    mounted_at = urlsplit(site_url).path.rstrip("/")
    return site_url.rstrip("/") + "/" + path.removeprefix(mounted_at + "/").lstrip("/")


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
        address = web_address(urljoin(page, text))
        parts, home = urlsplit(address), urlsplit(page)
        if _host(parts.hostname) not in (_host(home.hostname), _host(urlsplit(page_url).hostname)):
            return None
    except ValueError:  # InvalidValueError is one
        return None
    return urlunsplit((home.scheme, home.netloc, parts.path, parts.query, ""))


def _host(hostname: str | None) -> str:
    return (hostname or "").removeprefix("www.")


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
    if not text or text.lower() in _NO_PICTURES:
        raise InvalidValueError("image_url", "is missing")
    if not text.startswith("//") and "://" not in text[:10]:
        text = _based(text, settings, page)
    if text.startswith("/") and not text.startswith("//"):
        end_of_host = page.find("/", len("https://"))
        return (page if end_of_host < 0 else page[:end_of_host]) + text
    return f"{page.partition(':')[0]}:{text}" if text.startswith("//") else text


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
