"""A page as bytes in UTF-8: its head, headings and tree, each read at most once, when asked for.

The head is read with a bounded scan instead of a tree: comments, scripts, styles, ``<noscript>``
and ``<template>`` are skipped as a browser skips them; one that is never closed hides the rest. Of
the tree only as much is made as is asked for, and none where it would take too long. Every step
goes forward: the time is linear.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable, Collection, Iterator
from functools import cached_property, lru_cache
from itertools import accumulate, starmap
from typing import TYPE_CHECKING, Any, AnyStr, TypeVar

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode


Found = TypeVar("Found")
_UNREAD: Any = object()
_HEAD_LIMIT = 256 * 1024
_TAG_LIMIT = 4096
_HIDING_LIMIT = 4_000
_READ_LIMIT = 500
_HIDING = re.compile(rb"(?i)<(?:!--|(?:script|style|noscript|template|textarea|svg)[\s>/])")
_ATTRIBUTE = re.compile(
    rb"[\s/]*([^\s\"'<>/=]{1,64})(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>`]+)))?"
)
_TITLE = re.compile(rb"(?i)<title[^>]{0,200}>([^<]{0,2000})")
_LANG = re.compile(rb"(?i)<html\b[^>]{0,500}?\slang\s*=\s*[\"']?([\w-]{2,35})")


class ReadOnce(cached_property[Found]):
    """A property that is worked out at its first use, without the lock that Python 3.11 takes."""

    def __get__(self, instance: Any, owner: Any = None) -> Found:  # type: ignore[override]
        found = self.func(instance)
        setattr(instance, self.attrname, found)  # type: ignore[arg-type]
        return found


def attributes(html: bytes, start: int) -> tuple[dict[str, str], int]:
    """The attributes of the tag whose name ends at ``start``, and where the tag ends.

    Names are in lower case, character references are resolved, the first of two equal names wins.
    """
    found: dict[str, str] = {}
    end = min(len(html), start + _TAG_LIMIT)
    while (attribute := _ATTRIBUTE.match(html, start, end)) is not None:
        name, double, single, bare = attribute.groups()
        value = double or single or bare or b""
        text = value.decode("utf-8", "replace")
        found.setdefault(
            name.decode("ascii", "replace").lower(),
            entities.unescape(text) if "&" in text else text,
        )
        start = attribute.end()
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


def places(text: AnyStr, word: AnyStr, limit: int) -> Iterator[int]:
    """Where a word stands, in the order of the text; the first ``limit`` at the most."""
    at = text.find(word)
    while at >= 0 and limit > 0:
        yield at
        limit -= 1
        at = text.find(word, at + 1)


def positions(html: bytes, marker: bytes, limit: int) -> list[int]:
    """Where a marker stands, in the order of the page; the last ``limit`` at the most.

    It is searched for backwards: ``bytes.rfind`` is several times as fast as ``bytes.find``.
    """
    found: list[int] = []
    end = html.rfind(marker)
    while end >= 0 and len(found) < limit:
        found.append(end)
        end = html.rfind(marker, 0, end)
    found.reverse()
    return found


class Head:
    """Facts of the head: ``canonical``, ``base``, ``title``, ``lang`` and the metas.

    :param html: the page's beginning, see :attr:`Document.head_bytes`.
    """

    def __init__(self, html: bytes) -> None:
        self._html = html

    @ReadOnce
    def _markup(self) -> bytes:
        return visible(self._html)

    @ReadOnce
    def canonical(self) -> str | None:
        """The address of ``<link rel="canonical">``, as it stands there."""
        for tag in _links_with(self._markup, b"canonical"):
            address = tag.get("href", "").strip()
            if address and "canonical" in tag.get("rel", "").lower().split():
                return address
        return None

    @ReadOnce
    def base(self) -> str | None:
        """The address of ``<base>``, as it stands there."""
        if b"<base" not in self._html and b"<BASE" not in self._html:  # almost every page
            return None
        return next(_addresses(_tags(self._markup, b"base", b"href")), None)

    @ReadOnce
    def lang(self) -> str | None:
        """The language that ``<html>`` names."""
        at = self._markup.find(b"<html", 0, 4096)
        lang = _LANG.match(self._markup, at) if at >= 0 else None
        return lang[1].decode("ascii", "replace") if lang else None

    @property
    def title(self) -> str:
        """The text of ``<title>``, as it stands."""
        found = _TITLE.search(self._markup)
        return entities.unescape(found[1].decode("utf-8", "replace")) if found else ""

    def holds(self, marker: bytes) -> bool:
        """Whether these bytes stand in the visible head."""
        return marker in self._markup

    def facts(self) -> tuple[object, ...]:
        """All that a product is told by, for comparison: metas of OpenGraph as they stand there."""
        found: tuple[bytes, ...] = ()
        if b"og:" in self._markup or b"product:" in self._markup:
            tags = self._markup.split(b"<meta", _READ_LIMIT)[1:]
            marked = (tag for tag in tags if b"og:" in tag or b"product:" in tag)
            found = tuple(tag[: tag.find(b">")] for tag in marked)
        return (self.canonical, self.base, self.lang, found)

    def alternates(self) -> list[str]:
        """The addresses of this page in other languages, as they stand there."""
        if not self.holds(b"hreflang"):
            return []
        return list(_addresses(_links_with(self._markup, b"hreflang")))

    def metas(self) -> Iterator[tuple[str, str]]:
        """Key and content of every ``<meta property>`` or ``<meta name>``, in their order."""
        return metas(self._markup)


def _addresses(tags: Iterator[dict[str, str]]) -> Iterator[str]:
    """Where links lead, as it stands there."""
    return (address for tag in tags if (address := tag.get("href", "").strip()))


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


def _links_with(markup: bytes, marker: bytes) -> Iterator[dict[str, str]]:
    """The attributes of the ``<link>`` tags in which ``marker`` stands."""
    for at in places(markup, marker, _READ_LIMIT):
        start = markup.rfind(b"<", max(0, at - _TAG_LIMIT), at)
        if start >= 0 and markup[start : start + 5].lower() == b"<link":
            yield attributes(markup, start + 5)[0]


def _end_of_head(html: bytes) -> int:
    for marker in (b"</head", b"<body", b"</HEAD", b"<BODY"):
        found = html.find(marker, 0, _HEAD_LIMIT)
        if found >= 0:
            return found
    return min(len(html), _HEAD_LIMIT)


_SELF_CONTAINED = frozenset(
    b"area base br col embed hr img input link meta param source track wbr p li dt dd tr td "
    b"th thead tbody tfoot colgroup html head body path circle rect line polyline polygon ellipse "
    b"use stop image animate fegaussianblur feoffset feblend".split()
)
_TAGS = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)")
# An HTML parser looks up all open elements for many a tag: depth times tags is its true cost.
_FEW_TAGS, _MOST_TAGS = 1_500, 50_000
_DEPTH_LIMIT = 600
_WORK_LIMIT = 10_000_000
_PART = 32 * 1024
_WINDOW = 8 * 1024
# And it compares each attribute of a tag with all others.
_LONG_TAG = re.compile(rb"<[a-zA-Z][^<>]{8000,}+")
_QUOTED = re.compile(rb"\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)")
_ATTRIBUTE_LIMIT = 1_000
# What is looked for in a tree; React writes itemProp.
_SOUGHT = (b"itemprop", b"itemscope", b"<h1")
# So much behind the last of them is read as well: it closes, as a rule, what holds it.
_CLOSING = 2 * 1024


def _parsed(html: bytes) -> LexborHTMLParser:
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415  few pages need it

    return LexborHTMLParser(html)


def _whole(html: bytes) -> LexborHTMLParser | None:
    """The tree of the page, or None if it would take too long."""
    return None if _is_costly(html) else _parsed(html)


def _of_items_and_headings(html: bytes) -> LexborHTMLParser | None:
    """The tree of the page as far as there are items of microdata or headings.

    What follows the last of them and its closing tag adds nothing to them. Where that is not near,
    the tree is the whole one. (Measured on a page of 100 KB with its product on top: 0.6 ms instead
    of 1.7; of twelve real product pages the half ends its microdata in the first 0.2 to 0.6.)
    """
    start = max(0, html.rfind(_SOUGHT[0]))
    rest = html[start:].lower()
    end = html.find(b"<", start + max(0, *map(rest.rfind, _SOUGHT)) + _CLOSING)
    tree = _whole(html[:end]) if end >= 0 else None
    node = tree.root if tree is not None else None
    while node is not None:  # the value of a property, or a heading, may go on behind the end
        if node.is_element_node:
            attributes = node.attributes
            if node.tag == "h1" or ("itemprop" in attributes and "itemscope" not in attributes):
                return _whole(html)
        node = node.last_child
    return tree or _whole(html)


@lru_cache(maxsize=5_000)
def _step(closing: bytes, name: bytes) -> int:
    """How a tag changes the depth."""
    weight = 0 if name.lower() in _SELF_CONTAINED else 1
    return -weight if closing else weight


def _has_too_many_attributes(html: bytes) -> bool:
    # A tag of 8,000 bytes fills one of these windows.
    windows = range(0, len(html) - 4_000, 4_000)
    return any(html.find(b">", at, at + 4_000) < 0 for at in windows) and any(
        len(_QUOTED.sub(b"", tag[0]).split()) > _ATTRIBUTE_LIMIT for tag in _LONG_TAG.finditer(html)
    )


def _is_surely_shallow(html: bytes) -> bool:
    """Whether a count says that no element is deep: a tenth of the time of looking at each tag."""
    depth = 0
    for start in range(0, len(html), _WINDOW):
        end = start + _WINDOW
        closed = html.count(b"</", start, end + 1)
        opened = html.count(b"<", start, end) - closed
        if depth + opened > _DEPTH_LIMIT:
            return False
        depth = max(0, depth + opened - closed - html.count(b"<img ", start, end + 4))
    return True


def _is_costly(html: bytes) -> bool:
    """Whether parsing the page could take more than linear time, or very long (fault F121)."""
    tags = html.count(b"<")
    if tags > _MOST_TAGS or _has_too_many_attributes(html):
        return True
    if tags <= _FEW_TAGS or _is_surely_shallow(html):
        return False
    depth = work = 0
    for start in range(0, len(html), _PART):
        part = _TAGS.findall(html, start, start + _PART)
        depths = list(accumulate(starmap(_step, part), initial=depth))
        depth = depths[-1]
        work += sum(depths)
        if max(depths) > _DEPTH_LIMIT or work > _WORK_LIMIT:
            return True
    return False


_HIDDEN = (
    "[hidden], .sr-only, .visually-hidden, .visuallyhidden, .screen-reader-text, svg, button, "
    "[style*='display:none'], [style*='display: none']"
)
_STRUCK = "del, s, strike, [class*=line-through], [class*=old-price], [class*=oldPrice]"
_ICONS = re.compile(r"[\ue000-\uf8ff]")
_UNSEEN = frozenset(["script", "style", "template", "noscript"])
_BLOCKS = frozenset(
    """address br dd div dl dt h1 h2 h3 h4 h5 h6 li ol p section table td tr ul""".split()
)
_SUBHEADING_LIMIT = 60
_CENTS = re.compile(r"\s*\d\d\s*")
_WHOLE = re.compile(r"(?<![.,\d])(?:\d{1,3}(?:[.,' ]\d{3})+|\d+)\s*\Z")
_CALLED = re.compile(r"(?i)cent|decimal|fraction|minor|penn")


class Document:
    """One page and its address.

    :ivar html: the page in UTF-8.
    :ivar url: absolute URL that was asked for.
    :ivar notes: what could not be read, for the trace.
    :ivar repairs: what had to be repaired to be read, for the trace.
    :ivar is_read_beyond_head: more was read than scripts and the head.
    """

    def __init__(self, html: bytes, url: str) -> None:
        self.html = html
        self.url = url
        self.notes: list[tuple[str, str]] = []
        self.repairs: list[str] = []
        self.is_read_beyond_head = False
        self._read: dict[Callable[[Document], Any], Any] = {}

    def once(self, read: Callable[[Document], Found]) -> Found:
        """What a function reads of this page, read at the first call only."""
        found: Found = self._read.get(read, _UNREAD)
        if found is _UNREAD:
            found = self._read[read] = read(self)
        return found

    @ReadOnce
    def head(self) -> Head:
        """Links, metas and title, read without a tree."""
        return Head(self.head_bytes)

    @ReadOnce
    def head_bytes(self) -> bytes:
        """The page up to the end of its head, or the beginning of its body."""
        return self.html[: _end_of_head(self.html)]

    def body_metas(self) -> Iterator[tuple[str, str]]:
        """Key and content of the metas of OpenGraph wherever they stand in the page."""
        self.is_read_beyond_head = True
        return metas(visible(self.html))

    @ReadOnce
    def tree(self) -> LexborHTMLParser:
        """The parsed page; an empty one when parsing it would take too long."""
        self.partial_tree = self._parsed(_whole)
        return self.partial_tree

    @ReadOnce
    def partial_tree(self) -> LexborHTMLParser:
        """The same, for its items and headings only."""
        return self._parsed(_of_items_and_headings)

    def _parsed(self, parse: Callable[[bytes], LexborHTMLParser | None]) -> LexborHTMLParser:
        self.is_read_beyond_head = True
        parsed = parse(self.html)
        if parsed is None:
            self.notes.append(("markup", "would take too long to be parsed"))
            parsed = _parsed(b"")
        return parsed

    def headings(self) -> list[str]:
        """The texts of the first-level headings."""
        return [node_text(node) for node in self.partial_tree.css("h1")[:20]]

    def links_to(self, address: str) -> list[str]:
        """What the links to an address say, in words or in a picture's place."""
        links = self.partial_tree.css(f'a[href="{address}"]')[:20]
        pictures = [link.css_first("img[alt]") for link in links]
        said = [picture.attributes.get("alt") or "" for picture in pictures if picture is not None]
        return said + [node_text(link) for link in links]

    def titled_heading(self) -> str:
        """The only heading of the first level, if the title has it too; else ""."""
        headings = self.headings()
        is_titled = len(headings) == 1 and headings[0] in " ".join(self.head.title.split())
        return headings[0] if is_titled else ""

    def subheadings(self, levels: str = "h2, h3") -> list[str]:
        """The texts of the headings of these levels, but for those of cards."""
        nodes = self.tree.css(levels)[:_SUBHEADING_LIMIT]
        return [node_text(node) for node in nodes if not is_in(node, ("a",))][:20]


def is_in(node: LexborNode, tags: Collection[str]) -> bool:
    """Whether an element of these is around a node."""
    around = node.parent
    while around is not None:
        if around.tag in tags:
            return True
        around = around.parent
    return False


def node_text(node: LexborNode, *, is_price: bool = False) -> str:
    """The visible text under a node on one line: without scripts, styles and icons.

    What only a screen reader is told is left out, unless there is nothing else.

    :param is_price: two digits above the line, or in an element that is called ``cents`` or the
        like, are cents: ``24<sup>99</sup>`` is not 2499. What is struck through is the price
        before, unless there is no other.
    """
    only = node.child
    if only is None or (only.next is None and only.tag == "-text"):  # most of them
        return _text(node, set(), is_price)
    left_out = {
        part.mem_id
        for hidden in node.css(_STRUCK if is_price else _HIDDEN)
        for part in hidden.traverse(include_text=True)
    }
    text = _text(node, left_out, is_price)
    return text if text or not left_out else _text(node, set(), is_price)


def _text(node: LexborNode, left_out: set[int], is_price: bool) -> str:
    parts: list[str] = []
    for part in node.traverse(include_text=True):
        if part.mem_id in left_out:
            continue
        if part.tag == "-text":
            parent = part.parent
            if parent is None or parent.tag not in _UNSEEN:
                text = part.text_content or ""
                if is_price and _is_cents(text, parent, parts):
                    parts.append(".")
                parts.append(text)
        elif part.tag in _BLOCKS:
            parts.append(" ")
    return " ".join(_ICONS.sub("", "".join(parts)).split())


def _is_cents(text: str, parent: LexborNode | None, parts: list[str]) -> bool:
    if parent is None or not _CENTS.fullmatch(text):
        return False
    is_apart = parent.tag == "sup" or _CALLED.search(parent.attributes.get("class") or "")
    return bool(is_apart and _WHOLE.search("".join(parts[-3:])))
