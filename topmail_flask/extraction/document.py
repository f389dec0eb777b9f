"""A page as bytes in UTF-8, with its head and its tree read at most once, when asked for."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from topmail_flask.extraction import tree
from topmail_flask.extraction.head import Head
from topmail_flask.extraction.markers import names_product_items, schema_org_names

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
_CENTS = re.compile(r"\s*\d\d\s*")
_WHOLE = re.compile(r"(?<![.,\d])(?:\d{1,3}(?:[.,' ]\d{3})+|\d+)\s*\Z")
_CALLED = re.compile(r"cent|decimal|fraction|minor|penn", re.IGNORECASE)


def in_utf8(html: bytes | str, charset: str | None = None) -> bytes:
    """The page in UTF-8: by its byte order mark, ``charset``, its ``<meta charset>``, or as it is.

    Bytes that are no text in that character set stay harmless (rule R3).
    """
    if isinstance(html, str):
        return html.encode("utf-8", "replace")
    if charset == "utf-8" and html[:1] == b"<":  # almost every page
        return html
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


class Document:
    """One page and its address.

    :ivar html: the page in UTF-8.
    :ivar url: absolute URL that was asked for.
    :ivar json_ld: where the page names the media type of JSON-LD.
    :ivar notes: what could not be read, for the trace.
    """

    __slots__ = (
        "_has_items",
        "_head",
        "_names",
        "_partial_tree",
        "_tree",
        "html",
        "json_ld",
        "notes",
        "url",
    )

    def __init__(self, html: bytes, url: str, json_ld: list[int]) -> None:
        self.html = html
        self.url = url
        self.json_ld = json_ld
        self.notes: list[tuple[str, str]] = []
        self._names: list[int] | None = None
        self._has_items: bool | None = None
        self._head: Head | None = None
        self._tree: LexborHTMLParser | None = None
        self._partial_tree: LexborHTMLParser | None = None

    @property
    def head(self) -> Head:
        """Links, metas and title, read without a tree."""
        if self._head is None:
            self._head = Head(self.html)
        return self._head

    @property
    def names_product_items(self) -> bool:
        """Whether an ``itemtype`` of the page is a product."""
        if self._has_items is None:
            self._has_items = names_product_items(self.html, self._schema_org)
        return self._has_items

    @property
    def names_breadcrumbs(self) -> bool:
        """Whether it names the breadcrumbs of schema.org anywhere."""
        return any(self.html.startswith(b"BreadcrumbList", at) for at in self._schema_org)

    @property
    def _schema_org(self) -> list[int]:
        if self._names is None:
            self._names = schema_org_names(self.html)
        return self._names

    @property
    def tree(self) -> LexborHTMLParser:
        """The parsed page; an empty one when parsing it would take too long."""
        if self._tree is None:
            self._tree = self._partial_tree = self._parsed(tree.whole)
        return self._tree

    @property
    def partial_tree(self) -> LexborHTMLParser:
        """The same, for its items and headings only."""
        if self._partial_tree is None:
            self._partial_tree = self._parsed(tree.of_items_and_headings)
        return self._partial_tree

    def _parsed(self, parse: Callable[[bytes], LexborHTMLParser | None]) -> LexborHTMLParser:
        parsed = parse(self.html)
        if parsed is None:
            self.notes.append(("markup", "would take too long to be parsed (F121)"))
            parsed = tree.nothing()
        return parsed

    def headings(self) -> list[str]:
        """The texts of the first-level headings."""
        return [node_text(node) for node in self.partial_tree.css("h1")[:20]]


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
