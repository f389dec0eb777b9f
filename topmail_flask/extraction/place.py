"""Where a page is: which addresses are its own, and what relative ones mean (rules R26, R50)."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from topmail_flask.extraction.addresses import Key, key
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.text import web_address

# What only a careful reading of the address can deal with.
_ODD = re.compile(r"[\s\x00-\x1f\x7f\\<>\"{}|^`]")
_LONGEST = 2048


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
