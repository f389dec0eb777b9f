"""The head of a page: its links, metas and title, read with a bounded scan instead of a tree.

Comments, scripts, styles, ``<noscript>`` and ``<template>`` are skipped as a browser skips them;
one that is never closed hides the rest. Every step goes forward: the time is linear.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator

_HEAD_LIMIT = 256 * 1024
_TAG_LIMIT = 4096
_HIDING_LIMIT = 4_000
_READ_LIMIT = 500
_HIDING = re.compile(
    rb"<(?:!--|(?:script|style|noscript|template|textarea|svg)[\s>/])", re.IGNORECASE
)
_ATTRIBUTE = re.compile(
    rb"[\s/]*([^\s\"'<>/=]{1,64})(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>`]+)))?"
)
_TITLE = re.compile(rb"<title[^>]{0,200}>([^<]{0,2000})", re.IGNORECASE)
_LANG = re.compile(rb"<html\b[^>]{0,500}?\slang\s*=\s*[\"']?([\w-]{2,35})", re.IGNORECASE)


def attributes(html: bytes, start: int) -> tuple[dict[str, str], int]:
    """The attributes of the tag whose name ends at ``start``, and where the tag ends.

    Names are in lower case, character references are resolved, the first of two equal names wins.
    """
    found: dict[str, str] = {}
    end = min(len(html), start + _TAG_LIMIT)
    while (one := _ATTRIBUTE.match(html, start, end)) is not None:
        name, double, single, bare = one.groups()
        value = double or single or bare or b""
        text = value.decode("utf-8", "replace")
        found.setdefault(
            name.decode("ascii", "replace").lower(),
            entities.unescape(text) if "&" in text else text,
        )
        start = one.end()
    return found, html.find(b">", start) + 1 or len(html)


def visible(html: bytes) -> bytes:
    """The markup without what no browser shows or reads as markup."""
    parts: list[bytes] = []
    start = 0
    while len(parts) < _HIDING_LIMIT and (hiding := _HIDING.search(html, start)) is not None:
        parts.append(html[start : hiding.start()])
        opened = hiding[0].lower()
        closing = b"-->" if opened == b"<!--" else b"</" + opened[1:-1]
        start = hiding.end()
        # "<!-->" is a whole comment.
        closed = html.find(closing, start - 2 if opened == b"<!--" else start)
        if closed < 0 and closing != b"-->":
            closed = html.find(closing.upper(), start)
        if closed < 0:
            return b"".join(parts)
        start = closed + len(closing)
    parts.append(html[start:])
    return b"".join(parts)


class Head:
    """Facts of the head: ``canonical``, ``base``, ``title``, ``lang`` and the metas."""

    __slots__ = ("_markup", "base", "canonical", "lang")

    def __init__(self, html: bytes) -> None:
        end = _end_of_head(html)
        markup = self._markup = visible(html[:end])
        self.canonical = self._link(markup)
        self.base = self._base(markup)
        at = markup.find(b"<html", 0, 4096)
        lang = _LANG.match(markup, at) if at >= 0 else None
        self.lang = lang[1].decode("ascii", "replace") if lang else None

    @property
    def title(self) -> str:
        """The text of ``<title>``, as it stands."""
        found = _TITLE.search(self._markup)
        return entities.unescape(found[1].decode("utf-8", "replace")) if found else ""

    def holds(self, marker: bytes) -> bool:
        """Whether these bytes stand in the visible head."""
        return marker in self._markup

    def meta_tags(self) -> tuple[bytes, ...]:
        """The metas of OpenGraph as they stand in the head, for comparison."""
        if b"og:" not in self._markup and b"product:" not in self._markup:
            return ()
        tags = self._markup.split(b"<meta", _READ_LIMIT)[1:]
        return tuple(tag[: tag.find(b">")] for tag in tags if b"og:" in tag or b"product:" in tag)

    def metas(self) -> Iterator[tuple[str, str]]:
        """Key and content of every ``<meta property>`` or ``<meta name>``, in their order."""
        return metas(self._markup)

    @staticmethod
    def _link(markup: bytes) -> str | None:
        for tag in _tags_around(markup, b"link", b"canonical"):
            if "canonical" in tag.get("rel", "").lower().split() and tag.get("href", "").strip():
                return tag["href"].strip()
        return None

    @staticmethod
    def _base(markup: bytes) -> str | None:
        for tag in _tags(markup, b"base", b"href"):
            if tag.get("href", "").strip():
                return tag["href"].strip()
        return None


def metas(markup: bytes) -> Iterator[tuple[str, str]]:
    """Key and content of every ``<meta>`` of OpenGraph in this markup (rule R18)."""
    for tag in _tags(markup, b"meta", b":"):
        content = tag.get("content", "").strip()
        if content:
            for attribute in ("property", "name"):
                key = tag.get(attribute, "").strip().lower()
                if key.startswith(("og:", "product:")):
                    yield key, content
                    break


def _tags(markup: bytes, name: bytes, marker: bytes) -> Iterator[dict[str, str]]:
    """The attributes of the tags of this name that hold ``marker`` somewhere."""
    opening = b"<" + name
    if opening not in markup:
        opening = opening.upper()
    start = markup.find(opening)
    for _ in range(_READ_LIMIT):
        if start < 0:
            return
        following = markup.find(opening, start + 1)
        at = start + len(opening)
        end = following if following >= 0 else min(len(markup), at + _TAG_LIMIT)
        if markup.find(marker, at, end) >= 0:
            yield attributes(markup, at)[0]
        start = following


def _tags_around(markup: bytes, name: bytes, marker: bytes) -> Iterator[dict[str, str]]:
    """The attributes of the tags of this name in which ``marker`` stands."""
    at = markup.find(marker)
    for _ in range(_READ_LIMIT):
        if at < 0:
            return
        start = markup.rfind(b"<", max(0, at - _TAG_LIMIT), at)
        if start >= 0 and markup[start + 1 : start + 1 + len(name)].lower() == name:
            yield attributes(markup, start + 1 + len(name))[0]
        at = markup.find(marker, at + 1)


def _end_of_head(html: bytes) -> int:
    for marker in (b"</head", b"<body", b"</HEAD", b"<BODY"):
        found = html.find(marker, 0, _HEAD_LIMIT)
        if found >= 0:
            return found
    return min(len(html), _HEAD_LIMIT)
