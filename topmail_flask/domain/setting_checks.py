"""Checks of settings: each takes what the shop wrote and returns the value, or says the cure.

The message of a ``ValueError`` continues the sentence that begins with the setting's name; it never
repeats the value, which may be a secret.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from topmail_flask.domain.errors import InvalidValueError
from topmail_flask.domain.secret import Secret
from topmail_flask.domain.web_address import web_address

Check = Callable[[Any], Any]
Timeout = tuple[float, float]
ROBOT_KINDS = ("search", "ai", "preview", "monitor", "tool")
log = logging.getLogger("topmail_flask")
ID_KINDS = ("group", "productID", "retailer_id", "sku", "gtin", "mpn", "url")
_LOOPBACK = re.compile(r"(localhost|.*\.localhost|127(\.\d{1,3}){3}|::1)\Z")


def api_key(value: Any) -> Secret | None:
    """A blank text is no key: so an unset variable reaches the store through a compose file."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, str) and not value.strip():
        log.warning("TOPMAIL_API_KEY is empty: nothing is sent.")
        return None
    if not isinstance(value, str) or not re.fullmatch(
        r"tm_(live|test)_[A-Za-z0-9_-]{4,200}", value
    ):
        raise ValueError("must be a TopMail API key: tm_live_… or tm_test_…, without spaces")
    return Secret(value)


def base_url(value: Any) -> str:
    address = _address(value, "must be the URL of the API, e.g. https://api.topmail.so/api/v1")
    parts = urlsplit(value.strip())
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must have no user name, query or fragment")
    if parts.scheme.lower() == "http" and not _LOOPBACK.match(parts.hostname or ""):
        raise ValueError("must begin with https:// (http:// is for this machine only)")
    return address.rstrip("/")


def site_url(value: Any) -> str:
    address = _address(value, "must be the shop's address, e.g. https://shop.example")
    if urlsplit(address).query:
        raise ValueError("must have no query")
    return address.rstrip("/")


def proxy(value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a proxy's URL, e.g. http://proxy.example:3128")
    return Secret(value)


def ca_bundle(value: Any) -> str:
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else ""
    if not Path(path).is_file():
        raise ValueError("must be an existing file of CA certificates (PEM)")
    return str(path)


def outbox(value: Any) -> str:
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else ""
    if not path or "\0" in path:
        raise ValueError('must be a directory, or ":memory:"')
    return str(path)


def currency(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z]{3}", value.strip()):
        raise ValueError("must be a three-letter ISO 4217 code, e.g. 'EUR'")
    return value.strip().upper()


def boolean(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return value


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be {' or '.join(map(repr, choices))}")
        return str(value)

    return check


def number(low: float, high: float, what: str = "a number") -> Check:
    def check(value: Any) -> float:
        try:
            result = float("nan" if isinstance(value, bool) else value)
        except (TypeError, ValueError, OverflowError):
            result = math.nan
        if not low <= result <= high:
            raise ValueError(f"must be {what} from {low:g} to {high:g}")
        return result

    return check


def seconds(low: float, high: float) -> Check:
    plain = number(low, high, "seconds (or a timedelta)")
    return lambda value: plain(value.total_seconds() if isinstance(value, timedelta) else value)


def integer(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        try:
            result = int(value) if isinstance(value, (int, str)) else low - 1
        except ValueError:
            result = low - 1
        if isinstance(value, bool) or not low <= result <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return result

    return check


def timeout(value: Any) -> Timeout:
    one = seconds(0.01, 60)
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError("must be seconds, or a pair: (to connect, to wait for an answer)")
        return one(value[0]), one(value[1])
    return one(value), one(value)


def names(value: Any) -> tuple[str, ...]:
    texts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(texts, (tuple, list)) or not all(isinstance(text, str) for text in texts):
        raise ValueError("must be a list of names")
    return tuple(texts)


def id_kinds(value: Any) -> tuple[str, ...]:
    kinds = names(value)
    if not kinds or not set(kinds) <= set(ID_KINDS):
        raise ValueError(f"must be a list of these: {', '.join(ID_KINDS)}")
    return kinds


def robot_kinds(value: Any) -> tuple[str, ...]:
    kinds = names(value)
    if not set(kinds) <= set(ROBOT_KINDS):
        raise ValueError(f"must be a list of these: {', '.join(ROBOT_KINDS)}")
    return kinds


def image_base(value: Any) -> Any:
    if callable(value):
        return value
    if isinstance(value, str) and value.startswith("/") and not value.startswith("//"):
        return value
    return _address(value, "must be a URL, a path that begins with /, or a callable")


def _address(value: Any, cure: str) -> str:
    try:
        return web_address(value)
    except InvalidValueError:
        raise ValueError(cure) from None
