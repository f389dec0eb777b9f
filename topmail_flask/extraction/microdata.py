"""The microdata of a page (rules R16, R17), in the shape of schema.org nodes.

The algorithm is the WHATWG's, with what shops need beyond it: ``content`` counts on any element,
and a picture is looked for inside a container.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from topmail_flask.extraction.document import Document, node_text, positions
from topmail_flask.extraction.schema_org import GROUPS, PRODUCTS, RELATED, Node, Seen, usual_name

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

ITEM_LIMIT = 500
PROPERTY_LIMIT = 5_000
_NESTING_LIMIT = 16
_PARENT_LIMIT = 64
_SOURCES = frozenset(["img", "audio", "video", "source", "iframe", "embed", "track"])
_LINKS = frozenset(["a", "link", "area"])
# Of a link that names one of these the text counts, not where it leads.
_LABELS = frozenset(["name", "brand", "manufacturer", "category", "sku", "mpn", "price"])
_IMAGE = re.compile(r"\.(?:jpe?g|png|webp|gif|avif|svg)(?:[?#]|\Z)", re.IGNORECASE)


_SCHEMA_ORG = b"schema.org/"
_PRODUCT_TYPE = re.compile(
    "|".join(sorted(PRODUCTS | GROUPS, key=len, reverse=True)).encode(), re.IGNORECASE
)
_LOOKED_AT = 2_000


def mentions_product(document: Document) -> bool:
    """Whether an ``itemtype`` of the page is a product of schema.org."""
    names, html = document.once(_schema_org_names), document.html
    return len(names) == _LOOKED_AT or any(
        _PRODUCT_TYPE.match(html, at) and b"itemtype" in html[max(0, at - 91) : at].lower()
        for at in names
    )


def mentions_breadcrumbs(document: Document) -> bool:
    """Whether it names the breadcrumbs of schema.org anywhere."""
    return any(
        document.html.startswith(b"BreadcrumbList", at) for at in document.once(_schema_org_names)
    )


def read(document: Document) -> list[Node]:
    """The top-level items of a page that has products among them, in their order."""
    return document.once(items) if document.once(mentions_product) else []


def items(document: Document) -> list[Node]:
    """The top-level items of the page, in their order."""
    return Microdata(document.partial_tree).roots()


def _schema_org_names(document: Document) -> list[int]:
    """Where names begin that the page gives as addresses of schema.org."""
    html = document.html
    return [at + len(_SCHEMA_ORG) for at in positions(html, _SCHEMA_ORG, _LOOKED_AT)]


class Microdata:
    """Reader of one tree."""

    def __init__(self, tree: LexborHTMLParser) -> None:
        self._tree = tree
        self._left = PROPERTY_LIMIT
        self._by_id: dict[str, LexborNode] | None = None

    def roots(self) -> list[Node]:
        """The top-level items, in the order of the page."""
        roots = []
        for node in self._tree.css("[itemscope]")[: 4 * ITEM_LIMIT]:
            attributes = node.attributes
            if not attributes.get("itemtype") or _is_part(node):
                continue
            if not _in_noscript(node):
                roots.append(self._item(node, frozenset()))
            if len(roots) == ITEM_LIMIT or self._left <= 0:
                break
        return roots

    def _item(self, scope: LexborNode, above: frozenset[int]) -> Node:
        above |= {scope.mem_id}
        attributes = scope.attributes
        item: Node = {"@type": (attributes.get("itemtype") or "").split()}
        if attributes.get("itemid"):
            item["@id"] = attributes["itemid"]
        leads_to = ""
        for node in self._properties(scope, attributes.get("itemref")):
            names = [usual_name(one) for one in _itemprop(node).split()]
            if not names or names[0] in RELATED - {"itemListElement", "item", "itemOffered"}:
                continue
            value = self._value(node, names, above)
            if value is None or value == "":
                continue
            if names[0] == "name" and "name" not in item:
                leads_to = _link_around(node, scope)
            for name in names:
                item.setdefault(name, []).append(value)
        if leads_to and "url" not in item:
            item["url"] = [leads_to]  # a card of a list: its name leads to the product's page
        return item

    def _properties(self, scope: LexborNode, references: str | None) -> list[LexborNode]:
        """The elements that hold the item's properties; not those of items inside it."""
        found: list[LexborNode] = []
        waiting = _children(scope)
        for name in (references or "").split()[:20]:
            referred = self._ids().get(name)
            if referred is not None and referred.mem_id != scope.mem_id:
                waiting.insert(0, referred)
        seen = {scope.mem_id}
        while waiting and self._left > 0:
            node = waiting.pop()
            if node.mem_id in seen:
                continue
            seen.add(node.mem_id)
            attributes = node.attributes
            if "itemprop" in attributes:
                self._left -= 1
                found.append(node)
            if "itemscope" not in attributes and node.tag not in ("template", "noscript"):
                waiting += _children(node)
        return found

    def _value(self, node: LexborNode, names: list[str], above: frozenset[int]) -> Any:
        attributes = node.attributes
        content = attributes.get("content")
        if content and content.strip():
            return content.strip()
        if "itemscope" in attributes:
            if node.mem_id in above or len(above) >= _NESTING_LIMIT:
                return None
            return self._item(node, above)
        if names[0] == "image":
            return _image(node)
        tag = node.tag or ""
        for tags, attribute in (
            (_SOURCES, "src"),
            (_LINKS, "href"),
            (("object",), "data"),
            (("data", "meter"), "value"),
            (("time",), "datetime"),
        ):
            value = attributes.get(attribute)
            if tag in tags and value and not (tag == "a" and names[0] in _LABELS):
                return value.strip()
        return Seen(node_text(node, is_price="rice" in names[0]))

    def _ids(self) -> dict[str, LexborNode]:
        if self._by_id is None:
            self._by_id = {}
            for node in self._tree.css("[id]")[:20_000]:
                self._by_id.setdefault(node.attributes.get("id") or "", node)
        return self._by_id


def _itemprop(node: LexborNode) -> str:
    return node.attributes.get("itemprop") or ""


def _is_part(node: LexborNode) -> bool:
    """Whether an item is a property of another one.

    Some themes write ``itemprop="mainEntity"`` where nothing around it is an item; that one is
    the page's.
    """
    if not (names := _itemprop(node).split()):
        return False
    if names[0] != "mainEntity":
        return True
    parent = node.parent
    for _ in range(_PARENT_LIMIT):
        if parent is None:
            return False
        if "itemscope" in parent.attributes:
            return True
        parent = parent.parent
    return True


def _children(node: LexborNode) -> list[LexborNode]:
    """The child elements, last first, so that they are taken from a stack in their order."""
    children = []
    child = node.last_child
    while child is not None:
        if child.is_element_node:
            children.append(child)
        child = child.prev
    return children


def _link_around(node: LexborNode, scope: LexborNode) -> str:
    """Where a link leads that is the element, holds it, or is all it holds, within ``scope``."""
    inside = node.css_first("a[href]")
    is_whole = inside is not None and node_text(inside) == node_text(node)
    around: LexborNode | None = inside if is_whole else node
    while around is not None and around.mem_id != scope.mem_id:
        if around.tag == "a":
            return around.attributes.get("href") or ""
        around = around.parent
    return ""


def _in_noscript(node: LexborNode) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.tag in ("noscript", "template"):
            return True
        parent = parent.parent
    return False


def _image(node: LexborNode) -> str | None:
    """The address of the picture that an element is, holds or links to (rule R17)."""
    picture = node if node.tag in ("img", "source") else node.css_first("img")
    if picture is not None:
        attributes = picture.attributes
        for name in ("src", "data-src", "data-original", "data-lazy-src"):
            value = (attributes.get(name) or "").strip()
            if value and not value.startswith("data:"):
                return value
        for name in ("srcset", "data-srcset"):
            value = (attributes.get(name) or "").strip()
            if value:
                return value.split(",")[0].split()[0] if value.split(",")[0].split() else None
    href = (node.attributes.get("href") or "").strip()
    if href and (node.tag == "link" or _IMAGE.search(href)):
        return href
    text = node_text(node)
    return text if text.startswith(("https://", "http://", "/")) and " " not in text else None
