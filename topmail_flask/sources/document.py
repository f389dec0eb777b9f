"""A page as bytes in UTF-8, with its head and its tree read at most once, when asked for."""

from __future__ import annotations

import codecs
import re
from itertools import accumulate, starmap
from typing import TYPE_CHECKING

from topmail_flask.sources.head import Head

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE
)
_SELF_CONTAINED = frozenset(
    b"area base br col embed hr img input link meta param source track wbr p li dt dd tr td "
    b"th thead tbody tfoot colgroup html head body path circle rect line polyline polygon ellipse "
    b"use stop image animate fegaussianblur feoffset feblend".split()
)
_TAGS = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)")
_UNSEEN = frozenset(["script", "style", "template", "noscript"])
_BLOCKS = frozenset(
    [
        "address",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "li",
        "ol",
        "p",
        "section",
        "table",
        "td",
        "tr",
        "ul",
    ]
)
# An HTML parser looks up all open elements for many a tag: depth times tags is its true cost.
_FEW_TAGS = 1_500
_TAG_LIMIT = 50_000
_DEPTH_LIMIT = 600
_WORK_LIMIT = 10_000_000
_PART = 32 * 1024
_WINDOW = 8 * 1024
# And it compares each attribute of a tag with all others.
_LONG_TAG = re.compile(rb"<[a-zA-Z][^<>]{8000,}+")
_CENTS = re.compile(r"\s*\d\d\s*")
_WHOLE = re.compile(r"(?<![.,\d])(?:\d{1,3}(?:[.,' ]\d{3})+|\d+)\s*\Z")
_CALLED = re.compile(r"cent|decimal|fraction|minor|penn", re.IGNORECASE)
_QUOTED = re.compile(rb"\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)")
_ATTRIBUTE_LIMIT = 1_000


def in_utf8(html: bytes | str, charset: str | None = None) -> bytes:
    """The page in UTF-8: by its byte order mark, ``charset``, its ``<meta charset>``, or as it is.

    Bytes that are no text in that character set stay harmless (rule R3).
    """
    if isinstance(html, str):
        return html.encode("utf-8", "replace")
    for mark, name in _BOMS:
        if html.startswith(mark):
            return html.removeprefix(mark) if name == "utf-8" else _recode(html, name)
    if charset is None and html[:4:2] == b"\0\0":
        charset = "utf-16-be"
    elif charset is None and html[1:4:2] == b"\0\0":
        charset = "utf-16-le"
    if charset is None:
        found = _named_charset(html)
        # A page that can be read as ASCII so far as to name UTF-16 is not in UTF-16 (WHATWG).
        charset = found[1].decode("ascii", "replace") if found else None
        if charset is not None and charset.lower().startswith("utf-"):
            return html
    return html if charset is None else _recode(html, charset)


def _named_charset(html: bytes) -> re.Match[bytes] | None:
    at = html.find(b"harset", 0, 1024)  # in any case; what precedes it tells
    if at < 0:
        at = html.find(b"HARSET", 0, 1024)
    return None if at < 0 else _META_CHARSET.match(html, max(0, html.rfind(b"<", 0, at)), 1024)


def _recode(html: bytes, charset: str) -> bytes:
    try:
        name = codecs.lookup(charset.strip(" \t\"'")).name
        if name in ("utf-8", "ascii"):
            return html
        if name == "iso8859-1":  # what browsers read under that name
            name = "cp1252"
        return html.decode(name, "replace").encode("utf-8", "replace")
    except (LookupError, ValueError, UnicodeError, AssertionError):
        return html


class _Weights(dict[bytes, int]):
    def __missing__(self, name: bytes) -> int:
        weight = 0 if name.lower() in _SELF_CONTAINED else 1
        if len(self) < 5_000:
            self[name] = weight
        return weight

    def step(self, closing: bytes, name: bytes) -> int:
        """How a tag changes the depth."""
        return -self[name] if closing else self[name]


def _has_too_many_attributes(tag: re.Match[bytes]) -> bool:
    return len(_QUOTED.sub(b"", tag[0]).split()) > _ATTRIBUTE_LIMIT


def _may_hold_long_tag(html: bytes) -> bool:
    # A tag of 8,000 bytes fills one of these windows.
    return any(html.find(b">", at, at + 4_000) < 0 for at in range(0, len(html) - 4_000, 4_000))


def _is_surely_shallow(html: bytes) -> bool:
    """Whether a count says that no element is deep: a tenth of the time of looking at each tag."""
    depth = 0
    for start in range(0, len(html), _WINDOW):
        end = start + _WINDOW
        closed = html.count(b"</", start, end + 1)
        opened = html.count(b"<", start, end) - closed
        if depth + opened > _DEPTH_LIMIT:
            return False
        pictures = html.count(b"<img ", start, end + 4)
        depth = max(0, depth + opened - closed - pictures)
    return True


def _is_costly(html: bytes) -> bool:
    """Whether parsing the page could take more than linear time, or very long (fault F121)."""
    tags = html.count(b"<")
    if tags > _TAG_LIMIT or (
        _may_hold_long_tag(html) and any(map(_has_too_many_attributes, _LONG_TAG.finditer(html)))
    ):
        return True
    if tags <= _FEW_TAGS or _is_surely_shallow(html):
        return False
    weights = _Weights()
    depth = work = 0
    for start in range(0, len(html), _PART):
        part = _TAGS.findall(html, start, start + _PART)
        depths = list(accumulate(starmap(weights.step, part), initial=depth))
        depth = depths[-1]
        work += sum(depths)
        if max(depths) > _DEPTH_LIMIT or work > _WORK_LIMIT:
            return True
    return False


class Document:
    """One page and its address.

    :ivar html: the page in UTF-8.
    :ivar url: absolute URL that was asked for.
    :ivar json_ld: where the page names the media type of JSON-LD.
    :ivar notes: what could not be read, for the trace.
    """

    __slots__ = ("_head", "_tree", "html", "json_ld", "notes", "url")

    def __init__(self, html: bytes, url: str, json_ld: list[int]) -> None:
        self.html = html
        self.url = url
        self.json_ld = json_ld
        self.notes: list[tuple[str, str]] = []
        self._head: Head | None = None
        self._tree: LexborHTMLParser | None = None

    @property
    def head(self) -> Head:
        """Links, metas and title, read without a tree."""
        if self._head is None:
            self._head = Head(self.html)
        return self._head

    @property
    def tree(self) -> LexborHTMLParser:
        """The parsed page; an empty one when parsing it would take too long."""
        if self._tree is None:
            html = self.html
            if _is_costly(html):
                self.notes.append(("markup", "would take too long to be parsed (F121)"))
                html = b""
            from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415  few pages need it

            self._tree = LexborHTMLParser(html)
        return self._tree

    def headings(self) -> list[str]:
        """The texts of the first-level headings."""
        return [node_text(node) for node in self.tree.css("h1")[:20]]


def node_text(node: LexborNode, *, is_price: bool = False) -> str:
    """The visible text under a node on one line: without scripts and styles.

    :param is_price: two digits above the line, or in an element that is called ``cents`` or the
        like, are cents: ``24<sup>99</sup>`` is not 2499.
    """
    parts: list[str] = []
    for one in node.traverse(include_text=True):
        if one.tag == "-text":
            parent = one.parent
            if parent is None or parent.tag not in _UNSEEN:
                text = one.text_content or ""
                if is_price and _CENTS.fullmatch(text) and parent is not None:
                    named = parent.attributes.get("class") or ""
                    before = "".join(parts[-3:])
                    is_apart = parent.tag == "sup" or _CALLED.search(named)
                    if is_apart and _WHOLE.search(before):
                        parts.append(".")
                parts.append(text)
        elif one.tag in _BLOCKS:
            parts.append(" ")
    return " ".join("".join(parts).split())
