"""The microdata of a page, and its RDFa, in the shape of schema.org nodes.

The algorithm is the WHATWG's, with what shops need beyond it: ``content`` counts on any element,
and a picture is looked for inside a container.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from topmail_flask.extraction import json_ld
from topmail_flask.extraction.addresses import PICTURE
from topmail_flask.extraction.document import Document, ReadOnce, is_in, node_text, positions
from topmail_flask.extraction.schema_org import (
    GROUPS,
    PRODUCTS,
    RELATED,
    DisplayText,
    Node,
    usual_name,
)
from topmail_flask.extraction.surroundings import is_struck

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

ITEM_LIMIT = 500
PROPERTY_LIMIT = 5_000
_NESTING_LIMIT = 16
_PARENT_LIMIT = 64
# The attribute that holds an element's value, where it is not the text.
_VALUES = {
    **dict.fromkeys("img audio video source iframe embed track".split(), "src"),
    **dict.fromkeys("a link area".split(), "href"),
    **dict.fromkeys(("data", "meter"), "value"),
    "object": "data",
    "time": "datetime",
}
# Of a link that names one of these the text counts, not where it leads.
_LABELS = frozenset(["name", "brand", "manufacturer", "category", "sku", "mpn", "price"])
_PICTURES = ("src", "data-src", "data-original", "data-lazy-src", "srcset", "data-srcset")

# Its own address, as some shout it, and the vocabulary that was before it.
VOCABULARIES = (b"schema.org/", b"SCHEMA.ORG/", b"data-vocabulary.org/")
_BEFORE_SCHEMA_ORG = {"offerDetails": "offers", "currency": "priceCurrency", "photo": "image"}
_OFFER_TYPE = re.compile(r"(?i)[/:](?:Aggregate)?Offer\Z")
_PRODUCT_TYPE = re.compile(
    "|".join(sorted(PRODUCTS | GROUPS, key=len, reverse=True)).encode(), re.IGNORECASE
)
_DECLARED = re.compile(rb"(?i)(?:vocab|prefix)\s{0,3}=[^<>]{0,50}\Z")
_RDFA_PRODUCT = re.compile(rb"(?i)typeof=[\"']?(?:schema:|https?://schema\.org/)?Product")
_LOOKED_AT = 2_000


def mentions_product(document: Document) -> bool:
    """Whether an ``itemtype`` of the page is a product of schema.org."""
    names, html = document.once(_schema_org_names), document.html
    return len(names) >= _LOOKED_AT or any(
        _PRODUCT_TYPE.match(html, at) and b"itemtype" in html[max(0, at - 91) : at].lower()
        for at in names
    )


def mentions_rdfa(document: Document) -> bool:
    """Whether the page declares the vocabulary of schema.org for RDFa, and has a product's type."""
    names, html = document.once(_schema_org_names), document.html
    is_declared = any(_DECLARED.search(html, max(0, at - 60), at) for at in names)
    return is_declared and _RDFA_PRODUCT.search(html) is not None


def read_rdfa(document: Document) -> list[Node]:
    """The top-level items that a page with products among them has in RDFa, in their order."""
    return ItemReader(document.tree, RDFA).roots() if document.once(mentions_rdfa) else []


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
    return ItemReader(document.partial_tree, MICRODATA).roots()


def _schema_org_names(document: Document) -> list[int]:
    """Where names begin that the page gives as addresses of schema.org.

    The old ways to write it are looked for only where there is no JSON-LD: to search a page for
    them takes as long as all else.
    """
    ways = VOCABULARIES[:1] if document.once(json_ld.blocks_of) else VOCABULARIES
    return [
        at + len(vocabulary)
        for vocabulary in ways
        for at in positions(document.html, vocabulary, _LOOKED_AT)
    ]


@dataclass(frozen=True, slots=True)
class Syntax:
    """The attributes in which items are written.

    :ivar scope: what makes an element an item.
    :ivar kind: its types.
    :ivar prop: the properties of the item around it that an element holds.
    :ivar named: what identifies an item.
    """

    scope: str
    kind: str
    prop: str
    named: str


MICRODATA = Syntax("itemscope", "itemtype", "itemprop", "itemid")
RDFA = Syntax("typeof", "typeof", "property", "resource")


def _is_struck(node: LexborNode, scope: LexborNode) -> bool:
    """Whether an element, or one around it, says that its price is a former one."""
    around: LexborNode | None = node
    while around is not None and around.mem_id != scope.mem_id:
        attributes = around.attributes
        classes = f"{attributes.get('class') or ''} {attributes.get('style') or ''}"
        if is_struck(around.tag or "", classes):
            return True
        around = around.parent
    return False


class ItemReader:
    """Reader of one tree."""

    def __init__(self, tree: LexborHTMLParser, syntax: Syntax) -> None:
        self._tree = tree
        self._syntax = syntax
        self._left = PROPERTY_LIMIT

    def roots(self) -> list[Node]:
        """The top-level items, in the order of the page."""
        roots = []
        for node in self._tree.css(f"[{self._syntax.scope}]")[: 4 * ITEM_LIMIT]:
            attributes = node.attributes
            if not attributes.get(self._syntax.kind) or self._is_part(node):
                continue
            if not is_in(node, ("noscript", "template")):
                roots.append(self._item(node, frozenset()))
            if len(roots) == ITEM_LIMIT or self._left <= 0:
                break
        return roots

    def _item(self, scope: LexborNode, above: frozenset[int]) -> Node:
        above |= {scope.mem_id}
        attributes = scope.attributes
        types = (attributes.get(self._syntax.kind) or "").split()
        item: Node = {"@type": types}
        if attributes.get(self._syntax.named):
            item["@id"] = attributes[self._syntax.named]
        leads_to = ""
        struck: list[tuple[str, Any]] = []
        for node in self._properties(scope, attributes.get("itemref")):
            said = [name.removeprefix("schema:") for name in self._names(node).split()]
            names = [usual_name(_BEFORE_SCHEMA_ORG.get(name, name)) for name in said or ("offers",)]
            if names[0] in RELATED - {"itemListElement", "item", "itemOffered"}:
                continue
            value = self._value(node, names, above)
            if value is None or value == "":
                continue
            if names[0] == "name" and "name" not in item:
                leads_to = _link_around(node, scope)
            if "price" in names and _is_struck(node, scope):
                struck.append(("price", value))
                continue
            for name in names:
                item.setdefault(name, []).append(value)
        for name, value in struck:  # the price before the sale, where there is no other
            item.setdefault(name, [value])
        if leads_to and "url" not in item:
            item["url"] = [leads_to]  # a card of a list: its name leads to the product's page
        return item

    def _properties(self, scope: LexborNode, references: str | None) -> list[LexborNode]:
        """The elements that hold the item's properties; not those of items inside it."""
        found: list[LexborNode] = []
        waiting = _children(scope)
        for name in (references or "").split()[:20]:
            referred = self._by_id.get(name)
            if referred is not None and referred.mem_id != scope.mem_id:
                waiting.insert(0, referred)
        seen = {scope.mem_id}
        while waiting and self._left > 0:
            node = waiting.pop()
            if node.mem_id in seen:
                continue
            seen.add(node.mem_id)
            attributes = node.attributes
            if self._syntax.prop in attributes or (
                self._syntax.scope in attributes
                and _OFFER_TYPE.search(attributes.get(self._syntax.kind) or "")
            ):  # an offer inside a product is its offer, whether or not it says so
                self._left -= 1
                found.append(node)
            if self._syntax.scope not in attributes and node.tag not in ("template", "noscript"):
                waiting += _children(node)
        return found

    def _value(self, node: LexborNode, names: list[str], above: frozenset[int]) -> Any:
        attributes = node.attributes
        content = attributes.get("content")
        if content and content.strip():
            return content.strip()
        if self._syntax.scope in attributes:
            if node.mem_id in above or len(above) >= _NESTING_LIMIT:
                return None
            return self._item(node, above)
        if names[0] == "image":
            return _image(node)
        tag = node.tag or ""
        if tag == "img" and names[0] in _LABELS:
            return (attributes.get("alt") or "").strip()
        value = attributes.get(_VALUES.get(tag, ""))
        if value and not (tag == "a" and names[0] in _LABELS):
            return value.strip()
        return DisplayText(node_text(node, is_price="rice" in names[0]))

    def _names(self, node: LexborNode) -> str:
        return node.attributes.get(self._syntax.prop) or ""

    def _is_part(self, node: LexborNode) -> bool:
        """Whether an item is a property of another one.

        Some themes write ``itemprop="mainEntity"`` where nothing around it is an item, and nothing
        refers to it: that one is the page's own.
        """
        if not (names := self._names(node).split()):
            return False
        if names[0] in RELATED:
            return True
        around: LexborNode | None = node
        for _ in range(_PARENT_LIMIT):
            if around is None:
                return False
            attributes = around.attributes
            is_other = around.mem_id != node.mem_id
            if (is_other and self._syntax.scope in attributes) or attributes.get(
                "id"
            ) in self._referred:
                return True
            around = around.parent
        return True

    @ReadOnce
    def _referred(self) -> set[str]:
        """The ids that some item refers to."""
        nodes = self._tree.css("[itemref]")[:ITEM_LIMIT]
        return {name for node in nodes for name in (node.attributes.get("itemref") or "").split()}

    @ReadOnce
    def _by_id(self) -> dict[str, LexborNode]:
        """The first element of each id."""
        nodes = reversed(self._tree.css("[id]")[:20_000])
        return {node.attributes.get("id") or "": node for node in nodes}


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


def _image(node: LexborNode) -> str | None:
    """The address of the picture that an element is, holds or links to (rule R17)."""
    picture = node if node.tag in ("img", "source") else node.css_first("img")
    if picture is not None:
        attributes = picture.attributes
        for name in _PICTURES:
            value = (attributes.get(name) or "").strip()
            if "srcset" in name:  # the first of several
                value = next(iter(value.partition(",")[0].split()), "")
            if value and not value.startswith("data:"):
                return value
    href = (node.attributes.get("href") or "").strip()
    if href and (node.tag == "link" or PICTURE.search(href)):
        return href
    text = node_text(node)
    return text if text.startswith(("https://", "http://", "/")) and " " not in text else None
