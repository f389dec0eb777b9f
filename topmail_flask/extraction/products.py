"""The products that a page describes: candidates of its sources, joined to entities.

Nodes of JSON-LD and microdata alike are walked for products, breadcrumbs and signs of a listing;
candidates that share an identifier, an address or a name are one product, variants stand under
their group.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from topmail_flask.extraction.addresses import PageLocation, address_key
from topmail_flask.extraction.offers import offers_of, price_of
from topmail_flask.extraction.schema_org import Candidate, Node, each, name_of, scalar_text

_GTINS = ("gtin14", "gtin13", "gtin12", "gtin8", "gtin", "isbn", "ean", "upc")
_SCHEME = re.compile(r"(?i)(?:isbn|gtin-?\d{0,2}|ean(?:-?13)?|upc|mpn|sku|asin)\s*:\s*(?=\S)")
_DIGITAL_LINK = re.compile(r"\Ahttps?://.{1,200}?/(?:01|gtin)/(\d{8,14})(?!\d)")
_PLACEHOLDERS = frozenset(["na", "unknown"])  # beside those of every text
_PROPERTY_IDS = {
    "sku": "sku",
    "productid": "productID",
    "product_id": "productID",
    "asin": "productID",
    "mpn": "mpn",
    **dict.fromkeys((name.lower() for name in _GTINS), "gtin"),
}


def identifiers(node: Node) -> dict[str, str]:
    """The identifiers of a node by kind, in the order of rule R34.

    A manufacturer's part number identifies a product together with its brand, so it counts only
    where there is one. Placeholders such as ``N/A`` or a GTIN of zeros are none.
    """
    own = {kind: identifier_of(node[kind]) for kind in _SHOP_IDS if kind in node}
    if "productID" in own:
        own["productID"] = _SCHEME.sub("", own["productID"], count=1)
    found = {kind: text for kind, text in own.items() if text}
    codes = (_digits(identifier_of(node[key])) for key in _GTINS if key in node)
    code = next(filter(None, codes), "")
    if code:
        found["gtin"] = code
    text = identifier_of(node["mpn"]) if "mpn" in node and _maker_of(node) else ""
    if text:
        found["mpn"] = text
    # Text, or a PropertyValue with a known name.
    for identifier in itertools.islice(each(node.get("identifier")), 20):
        if isinstance(identifier, dict):
            named = scalar_text(identifier.get("propertyID")) or scalar_text(identifier.get("name"))
            kind = _PROPERTY_IDS.get(named.lower(), "")
            text = identifier_of(identifier.get("value"))
            text = _digits(text) if kind == "gtin" else text
        else:
            kind = "" if found else "productID"
            text = _SCHEME.sub("", identifier_of(identifier), count=1)
        if kind and text:
            found.setdefault(kind, text)
    return found


def _maker_of(node: Node) -> str:
    return name_of(node.get("brand")) or name_of(node.get("manufacturer"))


def group_id(node: Node) -> str:
    """The id of the group that a variant says it belongs to, or "" (rule R29)."""
    groups = [group for group in each(node.get("isVariantOf")) if isinstance(group, dict)]
    keys = ("productGroupID", "productID", "sku", "@id")
    said = [node.get("inProductGroupWithID"), *(group.get(key) for group in groups for key in keys)]
    return next(filter(None, map(identifier_of, said)), "")


def identifier_of(value: object) -> str:
    """The first text or number of a value; "" for a placeholder such as ``N/A``."""
    text = scalar_text(value)
    return "" if text.lower() in _PLACEHOLDERS else text


def _digits(text: str) -> str:
    link = _DIGITAL_LINK.search(text)
    if link is not None:
        return link[1]
    digits = re.sub(r"[^0-9]", "", text[:40])
    if text[-1:] in "xX" and len(digits) == 9:  # the check digit of an ISBN-10
        digits += "X"
    return digits if len(digits) >= 8 and digits.strip("0") else ""


# Ids of the shop: one plug-in calls the same value sku, another productID.
_ADDRESS_LIMIT = 50
_VARIANT_LIMIT = 500
_SHOP_IDS = ("productID", "retailer_id", "sku")


@dataclass(slots=True, eq=False)
class Described:
    """A product as one source describes it, with what identifies it.

    :ivar url: its own address on the site of the page, absolute, or None.
    :ivar match: how well its addresses fit this page, see :meth:`Place.match`.
    :ivar is_foreign: it names an address of the site, and it is another page.
    :ivar is_hint: tags or events told it, which other pages than a product's have too.
    """

    source: str
    node: Node
    name: str
    ids: dict[str, str]
    is_group: bool = False
    url: str | None = None
    match: int = 0
    is_foreign: bool = False
    is_hint: bool = False


class Entity:
    """One product: what all sources say of it, and its variants.

    :ivar members: the descriptions, best source first; see :meth:`add`.
    :ivar variants: descriptions of its variants, if it is a group.
    :ivar group: id of the group as the markup tells it, or "".
    :ivar ids: the identifiers by kind; of two sources' the better one's.
    """

    def __init__(
        self, members: list[Described], variants: list[Described] | None = None, group: str = ""
    ) -> None:
        self.members: list[Described] = []
        self.variants, self.group = variants or [], group
        self.ids: dict[str, str] = {}
        for member in members:
            self.add(member)

    def add(self, described: Described) -> None:
        """Take what another source says of it."""
        self.members.append(described)
        for kind, value in described.ids.items():
            self.ids.setdefault(kind, value)

    @property
    def name(self) -> str:
        return self.members[0].name

    @property
    def match(self) -> int:
        return max(member.match for member in (*self.members, *self.variants))

    @property
    def is_hint(self) -> bool:
        return self.members[0].is_hint

    def has(self, name: str, source: str = "") -> bool:
        """Whether a description, or one of this source, has a property."""
        return any(name in member.node for member in self.members if source in ("", member.source))

    @property
    def is_foreign(self) -> bool:
        return not self.match and any(member.is_foreign for member in self.members)


class Describer:
    """Reads what identifies the candidates of one page, each node once.

    :param lang: language of the page, or None.
    """

    def __init__(self, place: PageLocation, lang: str | None) -> None:
        self.place = place
        self._lang = lang
        self._variants: dict[int, Described] = {}

    def describe(self, candidate: Candidate) -> Described:
        """A candidate with its identifiers and addresses."""
        node, place = candidate.node, self.place
        name = name_of(node.get("name") or node.get("title"), self._lang)
        described = Described(candidate.source, node, name, identifiers(node), candidate.is_group)
        for address in (*_texts(node.get("url")), *_texts(node.get("mainEntityOfPage"))):
            url = place.own_page(address)
            if url is not None and place.is_alternate(url):
                described.match = max(described.match, 1)
            elif url is not None:
                described.url = described.url or url
                described.match = max(described.match, place.match(url))
        described.is_foreign = described.url is not None and not described.match
        for address in () if described.match else self._lesser_addresses(node):
            url = place.own_page(address)
            match = 0 if url is None else place.match(url)
            if match:
                described.url, described.match = described.url or url, match
                described.is_foreign = False
                break
        return described

    def variant(self, source: str, node: Node) -> Described | None:
        """A variant of a group; None when there are too many on the page."""
        known = self._variants.get(id(node))
        if known is None and len(self._variants) < _VARIANT_LIMIT:
            known = self._variants[id(node)] = self.describe(Candidate(source, node))
        return known

    def _lesser_addresses(self, node: Node) -> list[str]:
        """Those of its offers, and its ``@id``."""
        offers, named = offers_of(node, limit=_ADDRESS_LIMIT), node.get("@id")
        found = [url for offer in offers for url in _texts(offer.get("url"))[:1]]
        if isinstance(named, str) and "/" in named:
            found.append(named.partition("#")[0])
        return found


def _texts(value: object) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,) if value and not value.isspace() else ()
    found: list[str] = []
    for address in each(value):
        if isinstance(address, dict):
            address = address.get("@id") or address.get("url")  # noqa: PLW2901
        if isinstance(address, str) and address.strip():
            found.append(address.strip())
    return found[:10]


def merge(described: list[Described], describer: Describer) -> list[Entity]:
    """The entities of the page, in the order of their first description (rule R22)."""
    if len(described) == 1 and not _is_part_of_group(described[0]):
        return [Entity([*described])]
    entities: list[Entity] = []
    by_key: dict[tuple[str, Any], Entity] = {}
    by_name: dict[str, list[Entity]] = {}
    for description in described:
        keys, same_name = _keys(description, describer.place), description.name.casefold()
        known = (by_key[key] for key in keys if key in by_key and _agree(by_key[key], description))
        named = (
            other
            for other in by_name.get(same_name, ())[:5]
            if _is_same_by_name(description, other) and not _elsewhere(description, other)
        )
        entity = next(known, None) or next(named, None)
        if entity is None:
            entity = Entity([description])
            entities.append(entity)
        else:
            entity.add(description)
        for key in keys:
            by_key.setdefault(key, entity)
        by_name.setdefault(same_name, []).append(entity)
    return _grouped(entities, describer)


def _is_part_of_group(description: Described) -> bool:
    is_variant = not description.node.keys().isdisjoint(("inProductGroupWithID", "isVariantOf"))
    return description.is_group or is_variant


def _keys(description: Described, place: PageLocation) -> list[tuple[str, Any]]:
    keys: list[tuple[str, Any]] = [
        ("id", description.ids[kind].casefold()) for kind in _SHOP_IDS if kind in description.ids
    ]
    if "gtin" in description.ids:
        keys.append(("gtin", description.ids["gtin"].lstrip("0")))
    if "mpn" in description.ids:
        brand = _maker_of(description.node).casefold()
        keys.append(("mpn", (description.ids["mpn"].casefold(), brand)))
    named = description.node.get("@id")
    if isinstance(named, str):
        keys.append(("@id", named))
    if description.url is not None:
        keys.append(("url", address_key(description.url, place.url_args)))
    return keys


def _agree(entity: Entity, description: Described) -> bool:
    """Different ids of one kind are different products, whatever else they share."""
    known = entity.ids
    return not any(
        known[kind].casefold() != value.casefold()
        for kind, value in description.ids.items()
        if kind in known and kind != "mpn"
    )


def _is_same_by_name(description: Described, entity: Entity) -> bool:
    """Of one name: if one of the two has no id, or both cost the same and no id contradicts."""
    if not description.ids or not entity.ids:
        return True
    price = price_of(description.node)
    has_price = any(price and price_of(member.node) == price for member in entity.members[:5])
    return has_price and _agree(entity, description)


def _elsewhere(description: Described, entity: Entity) -> bool:
    """Two products of one name on two different pages are two."""
    urls = {address_key(member.url) for member in entity.members if member.url}
    return bool(urls) and description.url is not None and address_key(description.url) not in urls


def _grouped(entities: list[Entity], describer: Describer) -> list[Entity]:
    """Variants under their groups: one entity a group (rules R24, R28, R29)."""
    groups: dict[str, Entity] = {}
    are_groups = [any(member.is_group for member in entity.members) for entity in entities]
    for entity in itertools.compress(entities, are_groups):
        _take_variants(entity, describer)
        named = [str(member.node.get("@id") or "") for member in entity.members]
        for name in filter(None, (entity.group, *entity.ids.values(), *named)):
            groups.setdefault(name, entity)
    variants = [variant for entity in entities for variant in entity.variants]
    absorbed = {name for variant in variants for name in _names_of_variant(variant)}
    kept: list[Entity] = []
    for entity, is_group in zip(entities, are_groups, strict=True):
        first = entity.members[0]
        is_new = is_group or not absorbed.intersection(_names_of_variant(first))
        group = "" if is_group else group_id(first.node)
        if group and group in groups:
            if is_new:
                groups[group].variants.append(first)
            continue
        if group:
            groups[group] = entity
            entity.group = "" if group.startswith(("#", "_:")) or "/" in group else group
            entity.variants.append(first)
        if group or is_new:
            kept.append(entity)
    return kept


def _take_variants(entity: Entity, describer: Describer) -> None:
    for group in entity.members:
        sku = group.ids.get("sku", "") if group.is_group else ""
        entity.group = entity.group or scalar_text(group.node.get("productGroupID")) or sku
        room = _VARIANT_LIMIT - len(entity.variants)
        for node in itertools.islice(each(group.node.get("hasVariant")), room):
            variant = describer.variant(group.source, node) if isinstance(node, dict) else None
            if variant is not None:
                entity.variants.append(variant)


def _names_of_variant(description: Described) -> set[str]:
    named = description.node.get("@id")
    return {description.ids.get("sku", ""), named if isinstance(named, str) else ""} - {""}
