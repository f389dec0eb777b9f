"""The fields of a product, as one description of it tells them (rules R36, R50 to R56)."""

from __future__ import annotations

import re
from collections.abc import Callable

from topmail_flask.extraction.breadcrumbs import category_of
from topmail_flask.extraction.entities import Described
from topmail_flask.extraction.offers import offers_of
from topmail_flask.extraction.place import Place
from topmail_flask.extraction.schema_org import Node, each, name_of, scalar_text
from topmail_flask.extraction.structured_page import StructuredPage

_IMAGE_LIMIT = 50
_NO_PICTURE = re.compile(
    r"no[-_]selection|(?:\A|[/_-])(?:placeholder|no[-_]?(?:image|photo|picture)|blank|spacer|"
    r"image[-_]coming[-_]soon)(?:[-_.]|\Z)",
    re.IGNORECASE,
)
_NO_ADDRESS = frozenset(["", "undefined", "null", "none", "false", "nan"])
_SEVERAL = re.compile(r",\s*(?=https?://)")  # a list that was printed as one text
_NO_BRAND = frozenset(["", "n. a.", "no brand"]) | frozenset(
    "- – — 0 n/a n.a. na none null undefined false unknown unbranded".split()  # noqa: SIM905  (a line)
)


def image_of(value: object, place: Place) -> tuple[str, str]:
    """Raw and absolute address of the first picture that can be one (rule R51)."""
    for at, one in enumerate(each(value)):
        if at == _IMAGE_LIMIT:
            break
        for raw in _image_addresses(one):
            address = raw.strip()
            if "," in address:
                address = _SEVERAL.split(address, maxsplit=1)[0]
            if address.lower() in _NO_ADDRESS or len(address) > 8192 or _NO_PICTURE.search(address):
                continue
            url = place.absolute(address)
            if url is not None:
                return raw, url
    return "", ""


def _image_addresses(value: object) -> list[str]:
    if isinstance(value, dict):
        values = [value.get(key) for key in ("contentUrl", "url", "@id", "src")]
        named = [
            one.get("@id") if isinstance(one, dict) else one
            for some in values
            for one in each(some)
        ]
        return [one for one in named if isinstance(one, str)][:10]
    return [value] if isinstance(value, str) else []


def brand_of(node: Node, lang: str | None, site_name: str = "") -> str:
    """The brand, else the manufacturer (rule R52).

    :param site_name: name of the shop; a theme that prints it as the brand says nothing.
    """
    for key in ("brand", "manufacturer"):
        brand = name_of(node.get(key), lang)
        folded = brand.casefold()
        if folded in _NO_BRAND or folded == site_name.casefold() or "://" in folded:
            continue
        return brand
    return ""


def category_field(one: Described, lang: str | None) -> str:
    """The category of the product itself, else that of its offers."""
    found = category_of(one.node.get("category"), lang)
    if found:
        return found
    offers = offers_of(one.node)[:1]
    return category_of(offers[0].get("category"), lang) if offers else ""


def sku_of(one: Described) -> str:
    """The stock-keeping unit: the product's own, or the one that all its offers agree on (R35)."""
    if one.ids.get("sku"):
        return one.ids["sku"]
    units = {scalar_text(offer.get("sku")) for offer in offers_of(one.node)}
    return units.pop() if len(units) == 1 else ""


def _name(one: Described, _: StructuredPage) -> tuple[object, str]:
    return one.node.get("name"), one.name


def _brand(one: Described, page: StructuredPage) -> tuple[object, str]:
    shop = page.site_name if one.source == "open_graph" else ""
    return one.node.get("brand"), brand_of(one.node, page.shop.lang, shop)


def _category(one: Described, page: StructuredPage) -> tuple[object, str]:
    return one.node.get("category"), category_field(one, page.shop.lang)


def _image(one: Described, page: StructuredPage) -> tuple[object, str]:
    return image_of(one.node.get("image"), page.place)


Reader = Callable[[Described, StructuredPage], tuple[object, str]]
# For each field that is read from one description: its raw and its normalised value.
READERS: dict[str, Reader] = {
    "name": _name,
    "brand": _brand,
    "category": _category,
    "image_url": _image,
}
