"""The OpenGraph metas of a page (rules R18, R19), in the shape of a schema.org node."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from topmail_flask.extraction.document import Document
from topmail_flask.extraction.schema_org import Node

# And whatever ends in "product": "mystore:product", "https://schema.org/Product".
_PRODUCT_TYPES = frozenset(["product.item"])
_LAST_WORD = re.compile(r"[.:/#]")
# The first family with an amount has the price; its currency is never another family's (R18).
_SALE = "product:sale_price"
_PRICE_FAMILIES = (_SALE, "product:price", "og:price")
_TEXTS = {
    "product:retailer_item_id": "retailer_id",
    "product:item_group_id": "inProductGroupWithID",
    "product:retailer_part_no": "sku",
    "product:mfr_part_no": "mpn",
    "product:isbn": "isbn",
    "product:ean": "gtin13",
    "product:upc": "gtin12",
    "product:brand": "brand",
    "og:brand": "brand",
    "product:category": "category",
}


@dataclass(slots=True)
class OpenGraph:
    """What the metas say.

    :ivar values: the first non-empty value of every key, keys in lower case.
    :ivar images: every ``og:image``, those of ``og:image:secure_url`` first.
    """

    values: dict[str, str] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)

    @property
    def type(self) -> str:
        return self.values.get("og:type", "").strip().lower()

    @property
    def is_product(self) -> bool:
        """The page calls itself a product, which some themes do on every page (rule R19)."""
        return self.type in _PRODUCT_TYPES or _LAST_WORD.split(self.type)[-1] == "product"

    @property
    def is_listing(self) -> bool:
        return self.type == "product.group"

    @property
    def url(self) -> str:
        return self.values.get("og:url", "")

    @property
    def title(self) -> str:
        return self.values.get("og:title", "")

    def node(self) -> Node:
        """The metas as a product; without a name there is none."""
        values = self.values
        node: Node = {"@type": "Product", "name": self.title, "image": self.images}
        for key, name in _TEXTS.items():
            if key in values:
                node.setdefault(name, values[key])
        offers = self._offers()
        if offers:
            node["offers"] = offers
        if self.url:
            node["url"] = self.url
        return node

    def _offers(self) -> list[Node]:
        """The price of the best family; a sale's with the one that it lowers while it lasts."""
        offers: list[Node] = []
        values = self.values
        for family in _PRICE_FAMILIES:
            amount = values.get(f"{family}:amount")
            if not amount:
                continue
            currency = values.get(f"{family}:currency")
            if currency is None and family == _SALE:
                # A sale price without a currency of its own is in that of the price it lowers.
                currency = values.get("product:price:currency")
            offers.append({"price": amount, "priceCurrency": currency})
            if family != _SALE:
                break
            begins, ends = (values.get(f"{_SALE}_dates:{moment}") for moment in ("start", "end"))
            offers[0] |= {"validFrom": begins, "priceValidUntil": ends}
        return offers

    @property
    def is_tagged(self) -> bool:
        """It has an id of the shop and a price, whatever it calls itself."""
        return "product:retailer_item_id" in self.values and bool(self._offers())

    @property
    def is_described(self) -> bool:
        """It has an id of the shop or a price: more than a theme prints on every page."""
        return "product:retailer_item_id" in self.values or bool(self._offers())


def mentions_product(document: Document) -> bool:
    """Whether the page has the metas of a product that say more of it than its type."""
    html = document.once(_marked)
    return html.rfind(b"price:amount") >= 0 or html.rfind(b"retailer_item_id") >= 0


def _marked(document: Document) -> bytes:
    """The head, if it has metas of OpenGraph, else the whole page."""
    html = document.html
    end = max(html.find(b"</head"), 0)
    return html[:end] if html.rfind(b"og:", 0, end) >= 0 else html


def read(document: Document) -> list[Node]:
    """The product that the metas state, where the page calls itself one and says more of it."""
    og = document.once(metas_of)
    return [og.node()] if og.title and og.is_product and og.is_described else []


def mentions_tags(document: Document) -> bool:
    """Whether the page has an id of the shop and a price among its metas."""
    html = document.once(_marked)
    return document.once(mentions_product) and (
        html.rfind(b"retailer_item_id") >= 0 and html.rfind(b"price:amount") >= 0
    )


def read_tags(document: Document) -> list[Node]:
    """The product that metas with an id of the shop and a price hint at, whatever ``og:type``."""
    og = document.once(metas_of)
    if not og.is_tagged:
        return []
    name = og.title or document.titled_heading()
    return [og.node() | {"name": name}] if name else []


def metas_of(document: Document) -> OpenGraph:
    """The metas of OpenGraph: those of the head, or wherever they stand if it has no og:type."""
    head = document.head
    if head.holds(b"og:type") or head.holds(b"product:") or not document.once(mentions_product):
        return read_metas(head.metas())
    return read_metas(document.body_metas())  # a page without a head of its own, say


def read_metas(metas: Iterable[tuple[str, str]]) -> OpenGraph:
    """The metas by their keys: of equal ones the first counts, as with Facebook."""
    found = OpenGraph()
    secure: list[str] = []
    for key, content in metas:
        if key in ("og:image", "og:image:url"):
            found.images.append(content)
        elif key == "og:image:secure_url":
            secure.append(content)
        else:
            found.values.setdefault(key, content)
    found.images[:0] = secure
    return found
