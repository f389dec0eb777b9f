"""Links for mails that name the shopper who follows them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException
from werkzeug.wrappers import Response

from topmail_flask.identify.sealing import BEGINNING
from topmail_flask.model.errors import ConfigurationError, InvalidValueError
from topmail_flask.model.settings import Settings
from topmail_flask.model.text import web_address

ARGUMENT = "tm"
# A shop's own argument of that name looks different and is none of our business.
_TOKEN = re.compile(rf"{ARGUMENT}=({BEGINNING}[\w-]+)(?:=|%3[Dd])*\Z", re.ASCII)
_PATH_SAFE = "!$&'()*+,/:;=@"
_QUERY_SAFE = _PATH_SAFE + "?[]#%"


class Onward(HTTPException, RoutingException):
    """Sends the browser on to the same address without the token.

    Put in the place of the request's routing error, so that the app's ``before_request`` functions
    run first, as they do for a page: a shop's loader may rely on what they set.

    :param act: called inside the request, before the answer is made.
    """

    code = 302

    def __init__(self, location: str, act: Callable[[], object]) -> None:
        super().__init__()
        self._location = location
        self._act = act

    def get_response(self, *_: Any, **__: Any) -> Response:
        """The redirect, which no cache keeps and whose address no other page is told."""
        self._act()
        headers = {
            "Location": self._location,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        }
        return Response(status=self.code, headers=headers)


def split_token(query: str) -> tuple[str | None, str]:
    """The token of a query, and the query without it, otherwise byte for byte as it was."""
    token, rest = None, []
    for part in query.split("&"):
        found = _TOKEN.match(part)
        if found is None:
            rest.append(part)
        else:
            token = token or found[1]
    return token, "&".join(rest)


def own_location(environ: dict[str, Any], query: str) -> str:
    """The request's own path with ``query``: no host, so the browser stays on this one."""
    path = (environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).encode("latin-1")
    # Two slashes at the beginning would be a host; a backslash is escaped here.
    location = "/" + quote(path, safe=_PATH_SAFE).lstrip("/")
    return f"{location}?{quote(query.encode('latin-1'), safe=_QUERY_SAFE)}" if query else location


def own_address(url: str, app: Flask, settings: Settings) -> str:
    """``url`` as an absolute address of this store.

    :param url: an absolute address, or one relative to the store's.
    :raises InvalidValueError: an address of another site, or none at all.
    :raises ConfigurationError: nothing says what the store's address is. The ``Host`` of a request
        does not count: who forges it would get a token sent to a site of their own.
    """
    site = settings.site_url
    if site is None and app.config["SERVER_NAME"]:
        site = f"{app.config['PREFERRED_URL_SCHEME']}://{app.config['SERVER_NAME']}"
    if site is None:
        raise ConfigurationError("sign_link() needs TOPMAIL_SITE_URL: the shop's public address")
    if not isinstance(url, str) or not url.isprintable():
        raise InvalidValueError("url", "must be text without control characters")
    absolute = urljoin(f"{site}/", url.strip())
    home, there = urlsplit(site), urlsplit(web_address(absolute))
    has_user = "@" in urlsplit(absolute).netloc
    if has_user or (home.scheme, home.netloc) != (there.scheme, there.netloc):
        raise InvalidValueError("url", f"must be an address of {home.scheme}://{home.netloc}")
    return absolute


def with_token(url: str, token: str) -> str:
    """``url`` with the token as its last argument, in place of an earlier one."""
    parts = urlsplit(url)
    _, query = split_token(parts.query)
    argument = f"{ARGUMENT}={token}"
    return urlunsplit(parts._replace(query=f"{query}&{argument}" if query else argument))
