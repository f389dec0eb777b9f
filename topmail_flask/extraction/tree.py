"""A page's tree: as much of it as is asked for, and none where it would take too long."""

from __future__ import annotations

import re
from itertools import accumulate, starmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

_SELF_CONTAINED = frozenset(
    b"area base br col embed hr img input link meta param source track wbr p li dt dd tr td "
    b"th thead tbody tfoot colgroup html head body path circle rect line polyline polygon ellipse "
    b"use stop image animate fegaussianblur feoffset feblend".split()
)
_TAGS = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9:-]*)")
# An HTML parser looks up all open elements for many a tag: depth times tags is its true cost.
_FEW_TAGS = 1_500
_TAG_LIMIT = 50_000
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


def whole(html: bytes) -> LexborHTMLParser | None:
    """The tree of the page, or None if it would take too long."""
    return None if _is_costly(html) else _parsed(html)


def nothing() -> LexborHTMLParser:
    """The tree of no page."""
    return _parsed(b"")


def _parsed(html: bytes) -> LexborHTMLParser:
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415  few pages need it

    return LexborHTMLParser(html)


def of_items_and_headings(html: bytes) -> LexborHTMLParser | None:
    """The tree of the page as far as there are items of microdata or headings.

    What follows the last of them and its closing tag adds nothing to them. Where that is not near,
    the tree is the whole one. (Measured on a page of 100 KB with its product on top: 0.6 ms instead
    of 1.7; of twelve real product pages the half ends its microdata in the first 0.2 to 0.6.)
    """
    start = max(0, html.rfind(_SOUGHT[0]))
    rest = html[start:].lower()
    last = start + max(0, *map(rest.rfind, _SOUGHT))
    end = html.find(b"<", last + _CLOSING)
    if end < 0:
        return whole(html)
    tree = whole(html[:end])
    return whole(html) if tree is not None and _breaks_off(tree) else tree


def _breaks_off(tree: LexborHTMLParser) -> bool:
    """Whether the value of a property, or a heading, may go on behind the end of this tree."""
    node = tree.root
    while node is not None:
        if node.is_element_node:
            attributes = node.attributes
            if node.tag == "h1" or ("itemprop" in attributes and "itemscope" not in attributes):
                return True
        node = node.last_child
    return False


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
