"""What a page states of its own product, as schema.org nodes: OpenGraph metas and ``view_item``.

The metas follow rules R18 and R19. Of the events of Google Analytics only literals are read: what a
script computes, or takes from its variables, is not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from topmail_flask.extraction.addresses import squashed
from topmail_flask.extraction.document import Document
from topmail_flask.extraction.schema_org import Node

TITLE_PARTS = re.compile(r"\s+[|–—·•»›:-]+\s+|\s*[|»›]\s*")
# "mystore:product", "https://schema.org/Product", and one that is called an item.
_PRODUCT_TYPE = re.compile(r"(?:.*[.:/#])?product|product\.item", re.DOTALL)
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
        return _PRODUCT_TYPE.fullmatch(self.type) is not None

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
    def is_described(self) -> bool:
        """It has an id of the shop or a price: more than a theme prints on every page."""
        return "product:retailer_item_id" in self.values or bool(self._offers())


METAS = (b"price:amount", b"retailer_item_id")
"""What the metas of a product have that say more of it than its type."""
EVENT = b"view_item"


def mentions_product(document: Document) -> bool:
    """Whether the page has the metas of a product that say more of it than its type."""
    html = document.once(_marked)
    return any(html.rfind(meta) >= 0 for meta in METAS)


def _marked(document: Document) -> bytes:
    """The head, if it has metas of OpenGraph, else the whole page."""
    html = document.html
    end = max(html.find(b"</head"), 0)
    return html[:end] if html.rfind(b"og:", 0, end) >= 0 else html


def read(document: Document) -> list[Node]:
    """The product that the metas state, where the page calls itself one and says more of it."""
    og = document.once(metas_of)
    is_stated = og.title and og.is_product and og.is_described
    return [og.node() | {"name": _name(og.title, document)}] if is_stated else []


def read_tags(document: Document) -> list[Node]:
    """The product that metas with an id of the shop and a price hint at, whatever ``og:type``."""
    og = document.once(metas_of)
    if "product:retailer_item_id" not in og.values or "offers" not in og.node():
        return []
    name = _name(og.title, document) if og.title else document.titled_heading()
    return [og.node() | {"name": name}] if name else []


def _name(title: str, document: Document) -> str:
    """The metas' title; of one in parts the first, if that is the page's only heading."""
    first = TITLE_PARTS.split(title, maxsplit=1)[0]
    return first if first != title and document.headings() == [first] else title


def mentions_tags(document: Document) -> bool:
    """Whether the page has an id of the shop and a price among its metas."""
    if not document.once(mentions_product):
        return False
    html = document.once(_marked)
    return all(html.rfind(meta) >= 0 for meta in METAS)


def metas_of(document: Document) -> OpenGraph:
    """The metas of OpenGraph: those of the head, or wherever they stand if it has no og:type.

    Of equal ones the first counts, as with Facebook.
    """
    head, found = document.head, OpenGraph()
    is_of_head = head.holds(b"og:type") or head.holds(b"product:")
    if is_of_head or not document.once(mentions_product):
        metas = head.metas()
    else:  # a page without a head of its own, say
        metas = document.body_metas()
    secure: list[str] = []
    for key, content in metas:
        if key in ("og:image", "og:image:url"):
            found.images.append(content)
        elif key == "og:image:secure_url":
            secure.append(content)
        else:
            found.values.setdefault(key, content)
    found.images[:0] = secure
    if "og:title" in found.values:
        host = (urlsplit(document.url).hostname or "").split(".")[:-1]
        names = {squashed(name) for name in (*host, found.values.get("og:site_name", ""))}
        found.values["og:title"] = _without_shop(found.values["og:title"], names)
    return found


def _without_shop(title: str, names: set[str]) -> str:
    """A title without the part at its end or its beginning that is the name of the shop."""
    parts = list(TITLE_PARTS.finditer(title))
    for part in parts[-1:]:
        if squashed(title[part.end() :]) in names - {""} and title[: part.start()].strip():
            return title[: part.start()].strip()
    for part in parts[:1]:
        if squashed(title[: part.start()]) in names - {""} and title[part.end() :].strip():
            return title[part.end() :].strip()
    return title


_EVENT = re.compile(r"""["']view_item["']""")
_CALL = re.compile(r"""\(\s*["']event["']\s*,\s*\Z""")
_PUSH = re.compile(r"(?:push\s*\(|dataLayer\s*=\s*\[)\s*(?=\{)")
_COMMA = re.compile(r"\s*,\s*(?=\{)")
_WORD = re.compile(
    r"""(?s)\s++|//[^\n]*+|"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'|-?\d++(?:\.\d++)?|[A-Za-z_$][\w$]*+|."""
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_CONSTANTS = {"true": True, "false": False}
_SCRIPT_LIMIT = 64 * 1024
_EVENT_LIMIT = 5
_WORD_LIMIT = 5_000
_DEPTH_LIMIT = 16


def read_view_item(document: Document) -> list[Node]:
    """The item that the page's events show, if all of them show the same one."""
    nodes: list[Node] = []
    for script in document.tree.css("script:not([src])"):
        text = script.text()[:_SCRIPT_LIMIT]
        for found in list(_EVENT.finditer(text))[:_EVENT_LIMIT]:
            nodes += _items(_parameters(text, found))
    return nodes[:1] if nodes and len({str(node["sku"]) for node in nodes}) == 1 else []


def _parameters(text: str, event: re.Match[str]) -> Any:
    """What an event hands over: with ``gtag`` behind its name, in ``dataLayer`` around it."""
    if _CALL.search(text, max(0, event.start() - 40), event.start()):
        start = _COMMA.match(text, event.end())
        return _Literals(text, start.end()).value() if start else None
    starts = [push.end() for push in _PUSH.finditer(text, 0, event.start())]
    pushed = _Literals(text, starts[-1]).value() if starts else None
    if not isinstance(pushed, dict) or pushed.get("event") != "view_item":
        return None
    return pushed.get("ecommerce", pushed)


def _items(parameters: Any) -> list[Node]:
    items = parameters.get("items") if isinstance(parameters, dict) else None
    if not isinstance(items, list):
        return []
    shared = {"currency": parameters.get("currency")}
    if len(items) == 1:
        shared["price"] = parameters.get("value")
    return [_node(shared, item) for item in items if isinstance(item, dict)]


def _node(shared: dict[str, Any], item: dict[str, Any]) -> Node:
    names = ("item_category", *(f"item_category{n}" for n in range(2, 6)))
    categories = [item[name] for name in names if isinstance(item.get(name), str) and item[name]]
    item = shared | {name: value for name, value in item.items() if value is not None}
    return {
        "@type": "Product",
        "name": item.get("item_name") or item.get("name"),
        "sku": item.get("item_id") or item.get("id"),
        "brand": item.get("item_brand") or item.get("brand"),
        "category": " > ".join(categories) or item.get("category"),
        "offers": {"price": item.get("price"), "priceCurrency": item.get("currency")},
    }


class _Literals:
    """Reader of JavaScript's literals from one place of a script on; anything else is None."""

    def __init__(self, text: str, start: int) -> None:
        found = _WORD.finditer(text, start)
        self._words = [
            word[0]
            for word, _ in zip(found, range(_WORD_LIMIT), strict=False)
            if not (word[0].isspace() or word[0].startswith("//"))
        ]
        self._at = 0

    def value(self, depth: int = 0) -> Any:
        word = self._next()
        value: Any = None
        if word in ("{", "[") and depth < _DEPTH_LIMIT:
            value = self._object(depth) if word == "{" else self._array(depth)
        elif word[:1] in ("'", '"') and len(word) > 1:
            value = _unquoted(word)
        elif word[:1].isdigit() or (word[:1] == "-" and len(word) > 1):
            value = word  # as it stands there, like a price in JSON
        else:
            value = _CONSTANTS.get(word)
            if word in ("(", "{", "["):
                self._at -= 1
        return value if self._peek() in (",", "}", "]", ")", ";", "") else self._skip()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (word := self._next()) not in ("}", ""):
            name = _unquoted(word) if word[:1] in ("'", '"') else word
            if word == ",":
                continue
            if self._peek() == ":":
                self._next()
                found[name] = self.value(depth + 1)
            else:
                self._skip()
        return found

    def _array(self, depth: int) -> list[Any]:
        found = []
        while self._peek() not in ("]", ""):
            if self._peek() == ",":
                self._next()
            else:
                found.append(self.value(depth + 1))
        self._next()
        return found

    def _skip(self) -> None:
        """Pass by the rest of an expression."""
        depth = 0
        while self._at < len(self._words):
            word = self._peek()
            if depth == 0 and word in (",", "}", "]", ")"):
                return
            depth += (word in ("(", "[", "{")) - (word in (")", "]", "}"))
            self._at += 1

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        return word


def _unquoted(word: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        return chr(int(code, 16)) if code else _ESCAPED.get(found[3], found[3])

    return _ESCAPE.sub(plain, word[1:-1]) if "\\" in word else word[1:-1]
