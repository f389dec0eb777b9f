"""One plain ``Product`` of JSON-LD that names its page: the common case, read in one pass.

Whatever is odd about a page (several nodes or blocks, variants, groups, an offer with conditions, a
text for people as price, metas that add something) is left to the reading by all rules, which
gives the same product where both can tell: a test compares them on every page of the tests.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from topmail_flask.extraction import json_ld, microdata
from topmail_flask.extraction.addresses import (
    PageLocation,
    address_key,
    is_front_page,
    without_tracking,
)
from topmail_flask.extraction.assemble import brand_of, category_of, image_of
from topmail_flask.extraction.currencies import currency_code, machine_amount, rounded, sane
from topmail_flask.extraction.document import Document
from topmail_flask.extraction.products import identifier_of, identifiers
from topmail_flask.extraction.schema_org import Node, plain, short, short_type
from topmail_flask.model.decision import Extraction, FieldTrace, Trace
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product

_SOURCE = "json_ld"
# Properties that are read here, or that say nothing about the product's fields.
_PROPERTIES = frozenset(
    """
    @context @type name sku description image brand category url offers aggregateRating productID
    mpn gtin gtin8 gtin12 gtin13 gtin14 color material size weight
    """.split()
)
_OF_OFFER = frozenset(
    "@type url price priceCurrency availability itemCondition priceValidUntil seller".split()
)


def read_plain(document: Document, place: PageLocation, currency: str | None) -> Extraction | None:
    """The page's product, or None where the page has to be read by all rules.

    :param place: where the page is, by its head.
    :param currency: code of prices that name none, or None.
    """
    node = _only_node(document)
    if node is None or is_front_page(place.url, place.url_args):
        return None
    name, sku = plain(node["name"]), identifier_of(node["sku"])
    address = _address(node, place)
    price = _price(node["offers"], currency)
    if not (name and sku and address and price):
        return None
    ids = identifiers(node)
    kind = "productID" if "productID" in ids else "sku"
    product_id = ids[kind]
    lang = document.head.lang
    brand = brand_of(node, lang)
    category = category_of(node.get("category"), lang)
    raw_image, image = image_of(node.get("image"), place)
    if _others_may_add(document, is_complete=bool(image and brand), category=category):
        return None
    amount, code = price
    source, url = address
    found: tuple[tuple[str, str, object, object], ...] = (
        ("name", _SOURCE, node["name"], name),
        ("brand", _SOURCE, node.get("brand"), brand),
        ("category", _SOURCE, node.get("category"), category),
        ("image_url", _SOURCE, raw_image, image),
        ("price", _SOURCE, str(node["offers"]["price"]), amount),
        ("currency", _SOURCE, code, code),
        ("sku", _SOURCE, sku, sku),
        ("url", source, url, without_tracking(url)),
        ("id", _SOURCE, f"{kind}: {product_id}", product_id),
    )
    values: dict[str, Any] = {field: value for field, _, _, value in found if value}
    try:
        product = Product(**values)
    except InvalidValueError:
        return None
    fields = [
        FieldTrace(field, source, short(raw), str(value))
        for field, source, raw, value in found
        if value
    ]
    return Extraction(product, None, Trace(tuple(fields)))


def _only_node(document: Document) -> Node | None:
    """The page's only node of JSON-LD, if it is a product without anything odd."""
    if len(document.once(json_ld.blocks_of)) != 1:
        return None
    nodes = document.once(json_ld.read)
    if len(nodes) != 1 or document.repairs or document.notes:
        return None
    node = nodes[0]
    if not isinstance(node, dict) or not node.keys() <= _PROPERTIES:
        return None
    offer = node.get("offers")
    if not isinstance(offer, dict) or not offer.keys() <= _OF_OFFER:
        return None
    is_plain = (
        _is_of_type(node, "product")
        and (_is_of_type(offer, "offer") or "@type" not in offer)
        and type(node.get("name")) is str
        and type(node.get("sku")) is str
    )
    return node if is_plain else None


def _is_of_type(node: Node, name: str) -> bool:
    named = node.get("@type")
    return type(named) is str and short_type(named) == name


def _address(node: Node, place: PageLocation) -> tuple[str, str] | None:
    """The source and the address of the product, if it names this very page."""
    named = node.get("url") or node["offers"].get("url")
    url = place.own_page(named.strip()) if type(named) is str and named.strip() else None
    if url is None or place.is_alternate(url) or not place.match(url):
        return None
    if place.canonical is None:
        return _SOURCE, url
    here, above = (address_key(at, place.url_args) for at in (place.url, place.canonical))
    if here is None or above is None or here.path.startswith(f"{above.path}/"):
        return None
    return "canonical", place.canonical


def _price(offer: Node, currency: str | None) -> tuple[Decimal, str] | None:
    value, named = offer.get("price"), offer.get("priceCurrency")
    if type(value) not in (str, int, Decimal) or type(named) is not str or not named.strip():
        return None
    code = currency_code(named, currency)
    amount = machine_amount(value, code)
    if code is None or not amount or not sane(amount, code):
        return None
    amount = rounded(amount, code)
    return (amount, code) if amount else None


def _others_may_add(document: Document, *, is_complete: bool, category: str) -> bool:
    """Whether metas or breadcrumbs may fill a gap, or name another kind of id."""
    head = document.head
    if head.holds(b"product:") or head.holds(b"og:price"):
        return True
    if not is_complete and head.holds(b"og:"):
        return True
    return not category and microdata.mentions_breadcrumbs(document)
