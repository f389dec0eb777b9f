"""Where a page shows the picture that an object knows by a file name only."""

from __future__ import annotations

import html as html_entities
import re
from collections.abc import Iterator
from urllib.parse import quote

from topmail_flask.extraction.document import places

_MOST_PLACES = 60
_BEFORE, _AFTER = 600, 60
# The value of an attribute that leads to a picture, up to where the name begins.
_SOURCE = re.compile(
    rb"\b(?:src|srcset|data-src|data-srcset|data-original|data-lazy|data-image|data-zoom-image|href"
    rb"|content|poster)\s*=\s*(?:\"([^\"]*)|'([^']*)|([^\s\"'<>]*))\Z",
    re.IGNORECASE,
)
_STYLE = re.compile(rb"url\(\s*[\"']?([^\"'()\s]*)\Z", re.IGNORECASE)
_REST = re.compile(
    rb"(\.(?:jpe?g|png|webp|gif|avif|svg))?(\?[^\s\"'<>,)]*)?(?=[\s\"'<>,)])", re.IGNORECASE
)
_PICTURE_TAG = re.compile(
    rb"<(?:img|source|meta|link|picture|video|a|div|section|figure)\b", re.IGNORECASE
)
_EXTENSION = re.compile(r"\.\w{2,5}\Z")
_SHORTEST_STEM = 3


def shown_picture(page: bytes, names: tuple[str, ...]) -> tuple[str, bytes]:
    """The first address of the page that ends in one of the names, and the bytes that hold it.

    :param names: file names or paths, ``lamp.jpg`` or ``uploads/lamp.jpg``, the best first; one
        without an ending may have any.
    :returns: the address as it stands there, character references resolved; empty: none.
    """
    for name in names:
        found = _found(page, name)
        if found[0]:
            return found
    return "", b""


def _found(page: bytes, name: str) -> tuple[str, bytes]:
    has_ending = _EXTENSION.search(name) is not None
    if not has_ending and len(name) < _SHORTEST_STEM:
        return "", b""
    name = name.removeprefix("./").lstrip("/")
    for text in _spelled(name):
        written = text.encode("utf-8", "replace")
        for at in places(page, written, _MOST_PLACES if written else 0):
            address, proof = _address(page, at, len(written), has_ending=has_ending)
            if address:
                return address, proof
    return "", b""


def _spelled(name: str) -> Iterator[str]:
    """The ways to write a name; the next is only made where the one before is not on the page."""
    yield name
    others = quote(name), html_entities.escape(name), quote(name, safe="/()!'*")
    yield from dict.fromkeys(text for text in others if text != name)


def _address(page: bytes, at: int, length: int, *, has_ending: bool) -> tuple[str, bytes]:
    before = page[max(0, at - _BEFORE) : at]
    if before[-1:] not in (b"/", b'"', b"'", b"=", b" ", b",", b"("):
        return "", b""
    rest = _REST.match(page, at + length, at + length + 400)
    if rest is None or (rest[1] is None) != has_ending:
        return "", b""
    opening = before.rfind(b"<")
    if opening < 0 or opening < before.rfind(b">") or not _PICTURE_TAG.match(before, opening):
        return "", b""
    value = _SOURCE.search(before, opening) or _STYLE.search(before, opening)
    if value is None:
        return "", b""
    prefix = next(part for part in value.groups() if part is not None)
    prefix = re.split(rb"[\s,]+", prefix)[-1]
    raw = prefix + page[at : rest.end()]
    address = html_entities.unescape(raw.decode("utf-8", "replace"))
    if address.startswith("data:"):
        return "", b""
    return address, page[at - len(prefix) : rest.end() + 1]
