"""Text as it may be sent: clean characters, and cuts that a reader does not trip over."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

from topmail_flask.model.errors import InvalidValueError

ELLIPSIS = "…"
_WHITESPACE = re.compile(r"\s+")
# Lone surrogates are no text; bidirectional overrides turn the text around that follows them.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufeff]"
)
_JOINERS = {"\u200d", "\ufe0e", "\ufe0f"}


def clean(text: str) -> str:
    """NFC text on one line, without control characters and outer white space (rules R9, R54)."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = _UNWANTED.sub("", text)
    return unicodedata.normalize("NFC", _WHITESPACE.sub(" ", text)).strip()


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters, cut on a word or between two graphemes, with an ellipsis."""
    if len(text) <= limit:
        return text
    head = text[:limit]
    word = head.rfind(" ")
    if word >= limit // 2:
        return head[:word].rstrip(" ,;:-–|/") + ELLIPSIS
    end = limit - 1
    while end > 0 and not _may_cut(text, end):
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def _may_cut(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if after in _JOINERS or before == "\u200d" or unicodedata.combining(after):
        return False
    if 0x1F3FB <= ord(after) <= 0x1F3FF:  # a skin tone belongs to the emoji before it
        return False
    if _is_flag_letter(before) and _is_flag_letter(after):
        letters = 0
        while letters < at and _is_flag_letter(text[at - 1 - letters]):
            letters += 1
        return letters % 2 == 0
    return unicodedata.category(after) != "Mc"


def _is_flag_letter(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF


MAX_ADDRESS = 2048
# Addresses that are already as they are sent: in ASCII, of a lower-case host alone.
_PLAIN = re.compile(
    r"https?://[a-z0-9._-]+(?:/[\w!$%&'()*+,/:;=@~.-]*)?(?:\?[\w!$%&'()*+,/:;=@~.-]+)?", re.ASCII
)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\<>\"{}|^`]")
# Everything that may stand in a URL unescaped, "%" included: what is escaped stays as it is.
_SAFE = "!#$%&'()*+,/:;=?@[]~-._"


def web_address(value: object, field: str = "url") -> str:
    """``value`` as an absolute http(s) URL in ASCII, without credentials and fragment.

    The host is lower-case and punycode. An address of more than 2,048 characters loses its query
    (rule R50); it is an error if that does not help.

    :raises InvalidValueError: not text, not absolute, not http(s), or not a URL at all.
    """
    if not isinstance(value, str):
        raise InvalidValueError(field, "must be text")
    return _checked(str.__str__(value), field)


# A store shows the same products and pictures again and again: 1 us instead of 8.
@lru_cache(maxsize=2048)
def _checked(text: str, field: str) -> str:
    text = text.strip()
    if len(text) <= MAX_ADDRESS and _PLAIN.fullmatch(text):
        return text
    if _FORBIDDEN.search(text):
        raise InvalidValueError(field, "has characters that no URL may have")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidValueError(field, "is not a URL") from None
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise InvalidValueError(field, "must be an absolute http(s) URL")
    netloc = _ascii_host(host, field) + (f":{port}" if port is not None else "")
    path, query = quote(parts.path, safe=_SAFE), quote(parts.query, safe=_SAFE)
    address = urlunsplit((parts.scheme.lower(), netloc, path, query, ""))
    if len(address) > MAX_ADDRESS:
        address = urlunsplit((parts.scheme.lower(), netloc, path, "", ""))
    if len(address) > MAX_ADDRESS:
        raise InvalidValueError(field, f"is longer than {MAX_ADDRESS} characters")
    return address


def escaped(address: str) -> str:
    """``address`` as a browser sends it, which escapes what a URL may not have."""
    return quote(address, safe=_SAFE) if _FORBIDDEN.search(address) else address


def _ascii_host(host: str, field: str) -> str:
    if ":" in host:
        return f"[{host}]"
    try:
        encoded = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise InvalidValueError(field, "has a host that no browser would look up") from None
    if not re.fullmatch(r"[a-z0-9._-]+", encoded):
        raise InvalidValueError(field, "has a host that no browser would look up")
    return encoded


def json_number(value: Decimal) -> int | float:
    """An amount as it stands in JSON: 99.99 stays 99.99, and 5.00 is 5."""
    # repr() of a float is the shortest text that reads back the same.
    return int(value) if value == value.to_integral_value() else float(value)


def json_object(value: object, name: str) -> dict[str, Any]:
    """A copy of ``value`` in plain JSON; Decimals become numbers, UUIDs and dates text.

    :raises InvalidValueError: it is no object of JSON.
    """
    try:
        text = json.dumps(dict(value), default=_plain, allow_nan=False)  # type: ignore[call-overload]
    except (TypeError, ValueError, RecursionError):
        raise InvalidValueError(name, "must be an object of JSON") from None
    plain: dict[str, Any] = json.loads(text)
    return plain


def _plain(value: object) -> object:
    if isinstance(value, Decimal) and value.is_finite():
        return json_number(value)
    if isinstance(value, (UUID, date)):
        return str(value)
    raise TypeError
