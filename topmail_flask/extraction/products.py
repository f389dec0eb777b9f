"""The products that a page describes: candidates of its sources, joined to entities.

Nodes of JSON-LD and microdata alike are walked for products, breadcrumbs and signs of a listing;
candidates that share an identifier, an address or a name are one product, variants stand under
their group.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from topmail_flask.extraction import schema_org
from topmail_flask.extraction.addresses import Place, address_key
from topmail_flask.extraction.offers import OFFER_LIMIT, offers_of
from topmail_flask.extraction.schema_org import Node, each, name_of, scalar_text, types

KINDS = ("productID", "retailer_id", "sku", "gtin", "mpn")
_GTINS = ("gtin14", "gtin13", "gtin12", "gtin8", "gtin", "isbn", "ean", "upc")
_SCHEME = re.compile(
    r"(?:isbn|gtin-?\d{0,2}|ean(?:-?13)?|upc|mpn|sku|asin)\s*:\s*(?=\S)", re.IGNORECASE
)
_DIGITAL_LINK = re.compile(r"\Ahttps?://.{1,200}?/(?:01|gtin)/(\d{8,14})(?!\d)")
_PLACEHOLDERS = frozenset(["", "-", "n/a", "na", "none", "null", "undefined", "unknown", "nan"])
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
    found: dict[str, str] = {}
    for key in ("productID", "productId"):
        if key not in node:
            continue
        text = _SCHEME.sub("", _identifier(node.get(key)), count=1)
        if text:
            found.setdefault("productID", text)
    for kind in ("retailer_id", "sku"):
        text = _identifier(node.get(kind)) if kind in node else ""
        if text:
            found[kind] = text
    for key in _GTINS:
        if key in node and "gtin" not in found:
            text = _digits(_identifier(node[key]))
            if text:
                found["gtin"] = text
    if "mpn" in node and (name_of(node.get("brand")) or name_of(node.get("manufacturer"))):
        text = _identifier(node["mpn"])
        if text:
            found["mpn"] = text
    if "identifier" in node:
        _add_named(node, found)
    return found


def _add_named(node: Node, found: dict[str, str]) -> None:
    """Identifiers given as ``identifier``: text, or a PropertyValue with a known name."""
    for one in list(each(node["identifier"]))[:20]:
        if isinstance(one, dict):
            kind = _PROPERTY_IDS.get(
                (scalar_text(one.get("propertyID")) or scalar_text(one.get("name"))).lower(), ""
            )
            text = _identifier(one.get("value"))
            text = _digits(text) if kind == "gtin" else text
        else:
            kind = "" if found else "productID"
            text = _SCHEME.sub("", _identifier(one), count=1)
        if kind and text:
            found.setdefault(kind, text)


def group_id(node: Node) -> str:
    """The id of the group that a variant says it belongs to, or "" (rule R29)."""
    text = _identifier(node.get("inProductGroupWithID"))
    if text:
        return text
    for group in each(node.get("isVariantOf")):
        if isinstance(group, dict):
            for key in ("productGroupID", "productID", "sku", "@id"):
                text = _identifier(group.get(key))
                if text:
                    return text
    return ""


def _identifier(value: object) -> str:
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


NODE_LIMIT = 5_000
_RELATED_LIMIT = 20
_UNIDENTIFIED = frozenset(["@id", "@type", "@context"])


@dataclass(slots=True)
class Candidate:
    """A product as one source describes it.

    :ivar source: ``json_ld``, ``microdata`` or ``open_graph``.
    :ivar node: its properties in the shape of schema.org.
    :ivar is_group: a ``ProductGroup``, or a product that lists its variants.
    """

    source: str
    node: Node
    is_group: bool = False


@dataclass(slots=True)
class Found:
    """What a walk came across.

    :ivar candidates: products that the page may be about.
    :ivar breadcrumbs: the ``BreadcrumbList`` nodes.
    :ivar signs: types that only a page of several products has (rule R23), in lower case.
    :ivar is_article: the page holds an article: its product may be the publication (a paywall).
    :ivar related: names of products that are only mentioned.
    :ivar similar: which product calls which one similar or related, both by ``@id``.
    :ivar incomplete: products without a name.
    """

    candidates: list[Candidate] = field(default_factory=list)
    breadcrumbs: list[Node] = field(default_factory=list)
    signs: set[str] = field(default_factory=set)
    is_article: bool = False
    related: list[str] = field(default_factory=list)
    similar: set[tuple[str, str]] = field(default_factory=set)
    incomplete: int = 0


class Graph:
    """The nodes of one source, with their references to each other (rule R11).

    :param has_ids: whether any node has an ``@id`` at all.
    """

    def __init__(self, roots: list[Any], source: str, *, has_ids: bool = True) -> None:
        self._roots = roots
        self._source = source
        self._has_ids = has_ids
        self._by_id: dict[str, Node] | None = None

    def resolve(self, value: object) -> Any:
        """The node that ``{"@id": …}`` stands for, or the value itself."""
        if isinstance(value, dict) and "@id" in value and len(value) <= 3:
            name = value["@id"]
            if isinstance(name, str) and value.keys() <= _UNIDENTIFIED:
                return self._index().get(name, value)
        return value

    def walk(self, found: Found) -> None:
        """Add to ``found`` what these nodes hold."""
        offers: list[Node] = []
        before = len(found.candidates)
        self._walk(found, offers)
        if len(found.candidates) == before:
            for offer in offers:  # rule R14
                if len(offers) == 1:
                    self._offered(offer, found)

    def _walk(self, found: Found, offers: list[Node]) -> None:
        waiting: list[tuple[Any, int, bool]] = [(root, 0, True) for root in reversed(self._roots)]
        seen: set[int] = set()
        steps = 0
        while waiting and steps < NODE_LIMIT:
            steps += 1
            value, depth, may_be_product = waiting.pop()
            if isinstance(value, list):
                if depth < schema_org.DEPTH_LIMIT:
                    some = reversed(value[:NODE_LIMIT])
                    waiting += [(one, depth + 1, may_be_product) for one in some]
                continue
            value = self.resolve(value)
            if not isinstance(value, dict) or id(value) in seen:
                continue
            seen.add(id(value))
            named = types(value)
            if may_be_product and named & (schema_org.PRODUCTS | schema_org.GROUPS):
                self._product(value, named, found)
                continue
            if named:
                self._other(value, named, found, offers)
            if depth >= schema_org.DEPTH_LIMIT:
                continue
            for key in ("breadcrumb", "about", "mainEntityOfPage", "mainEntity", "@graph"):
                child = value.get(key)
                if isinstance(child, (dict, list)):
                    # A page is about its product; an article about a product is no product page.
                    allowed = key != "breadcrumb" and (
                        key != "about" or bool(named & schema_org.PAGES)
                    )
                    waiting.append((child, depth + 1, allowed))

    def _product(self, node: Node, named: frozenset[str], found: Found) -> None:
        for key in schema_org.RELATED:
            if key in node and len(found.related) < _RELATED_LIMIT:
                self._note_related(node[key], found)
        self._note_similar(node, found)
        is_group = bool(named & schema_org.GROUPS) or "hasVariant" in node
        name = schema_org.name_of(node.get("name") or node.get("title"))
        if not name or schema_org.is_placeholder(name):
            variant = next(each(node.get("hasVariant")), None)
            if not is_group or not isinstance(self.resolve(variant), dict):
                found.incomplete += bool(node.keys() - _UNIDENTIFIED)
                return
        found.candidates.append(Candidate(self._source, self._linked(node), is_group))

    def _note_related(self, value: object, found: Found) -> None:
        for one in each(value):
            one = self.resolve(one)  # noqa: PLW2901
            if isinstance(one, dict) and types(one) & schema_org.PRODUCTS:
                found.related.append(schema_org.name_of(one.get("name"))[:200])
                if len(found.related) >= _RELATED_LIMIT:
                    return

    def _note_similar(self, node: Node, found: Found) -> None:
        for key in ("isRelatedTo", "isSimilarTo") if self._has_ids else ():
            for one in list(each(node.get(key)))[:NODE_LIMIT]:
                names = (node.get("@id"), one.get("@id") if isinstance(one, dict) else one)
                if isinstance(names[0], str) and isinstance(names[1], str):
                    found.similar.add((names[0], names[1]))

    def _other(self, node: Node, named: frozenset[str], found: Found, offers: list[Node]) -> None:
        if "breadcrumblist" in named:
            found.breadcrumbs.append(node)
            return
        found.is_article = found.is_article or bool(named & schema_org.ARTICLES)
        found.signs |= named & schema_org.LISTINGS
        if named & schema_org.OFFERS and "itemOffered" in node:
            offers.append(node)
        elif "itemListElement" in node and len(found.related) < _RELATED_LIMIT:
            items = [
                one.get("item", one) if isinstance(one, dict) else one
                for one in list(each(node["itemListElement"]))[:_RELATED_LIMIT]
            ]
            self._note_related(items, found)

    def _offered(self, offer: Node, found: Found) -> None:
        for one in each(offer["itemOffered"]):
            node = self.resolve(one)
            if isinstance(node, dict) and types(node) & schema_org.PRODUCTS:
                about = {key: value for key, value in offer.items() if key != "itemOffered"}
                self._product({"offers": about, **node}, types(node), found)
                return

    def _linked(self, node: Node) -> Node:
        """The node with the things it refers to by ``@id`` in their places, two levels down."""
        linked = node
        if not self._has_ids:
            return node
        for key, value in node.items():
            if key in schema_org.RELATED or not isinstance(value, (dict, list)):
                continue
            resolved = self._resolved(value, 2)
            if resolved is not value:
                if linked is node:
                    linked = dict(node)
                linked[key] = resolved
        return linked

    def _resolved(self, value: Any, levels: int) -> Any:
        if isinstance(value, list):
            if len(value) > NODE_LIMIT:
                return value[:NODE_LIMIT]
            resolved = [self._resolved(one, levels) for one in value] if levels else value
            return value if all(map(_is, value, resolved)) else resolved
        node = self.resolve(value)
        if not isinstance(node, dict) or not levels:
            return node
        for key in ("offers", "priceSpecification", "brand", "hasVariant", "isVariantOf"):
            child = node.get(key)
            if isinstance(child, (dict, list)):
                resolved = self._resolved(child, levels - 1)
                if resolved is not child:
                    node = {**node, key: resolved}
        return node

    def _index(self) -> dict[str, Node]:
        """All described nodes by ``@id``; two products of one ``@id`` are one (rule R11)."""
        if self._by_id is not None:
            return self._by_id
        index: dict[str, Node] = {}
        self._by_id = index
        waiting: list[tuple[Any, int]] = [(root, 0) for root in reversed(self._roots)]
        count = 0
        while waiting and count < NODE_LIMIT:
            value, depth = waiting.pop()
            count += 1
            if isinstance(value, dict):
                name = value.get("@id")
                if isinstance(name, str) and not value.keys() <= _UNIDENTIFIED:
                    known = index.setdefault(name, value)
                    if known is not value and types(known) & types(value) & schema_org.PRODUCTS:
                        index[name] = {**value, **known}
            elif not isinstance(value, list):
                continue
            if depth < schema_org.DEPTH_LIMIT:
                children = value.values() if isinstance(value, dict) else value
                waiting += [
                    (one, depth + 1)
                    for one in list(children)[NODE_LIMIT::-1]
                    if isinstance(one, (dict, list))
                ]
        return index


def _is(one: object, other: object) -> bool:
    return one is other


# Ids of the shop: one plug-in calls the same value sku, another productID.
_SHOP_IDS = ("productID", "retailer_id", "sku")


@dataclass(slots=True, eq=False)
class Described:
    """A product as one source describes it, with what identifies it.

    :ivar url: its own address on the site of the page, absolute, or None.
    :ivar match: how well its addresses fit this page, see :meth:`Place.match`.
    :ivar is_foreign: it names an address of the site, and it is another page.
    """

    source: str
    node: Node
    name: str
    ids: dict[str, str]
    is_group: bool = False
    url: str | None = None
    match: int = 0
    is_foreign: bool = False


@dataclass(slots=True, eq=False)
class Entity:
    """One product: what all sources say of it, and its variants.

    :ivar members: the descriptions, best source first.
    :ivar variants: descriptions of its variants, if it is a group.
    :ivar group: id of the group as the markup tells it, or "".
    """

    members: list[Described]
    variants: list[Described] = field(default_factory=list)
    group: str = ""

    @property
    def name(self) -> str:
        return self.members[0].name

    @property
    def match(self) -> int:
        return max(one.match for one in (*self.members, *self.variants))

    @property
    def is_foreign(self) -> bool:
        return not self.match and any(one.is_foreign for one in self.members)

    def ids(self) -> dict[str, str]:
        """The identifiers by kind; of two sources' the better one's."""
        merged: dict[str, str] = {}
        for one in self.members:
            for kind, value in one.ids.items():
                merged.setdefault(kind, value)
        return merged


def describe(candidate: Candidate, place: Place, lang: str | None) -> Described:
    """Read what identifies a candidate."""
    node = candidate.node
    name = name_of(node.get("name") or node.get("title"), lang)
    one = Described(candidate.source, node, name, identifiers(node), candidate.is_group)
    for address in (*_texts(node.get("url")), *_texts(node.get("mainEntityOfPage"))):
        url = place.own(address)
        if url is not None:
            one.url = one.url or url
            one.match = max(one.match, place.match(url))
    one.is_foreign = one.url is not None and not one.match
    if not one.match:
        for address in _lesser_addresses(node):
            url = place.own(address)
            if url is not None and len(url.partition("://")[2].partition("/")[2]) > 1:
                one.match = max(one.match, place.match(url))
                if one.match:
                    one.url = one.url or url
                    break
        one.is_foreign = one.is_foreign and not one.match
    return one


def _lesser_addresses(node: Node) -> list[str]:
    found = [url for offer in offers_of(node)[:50] for url in _texts(offer.get("url"))[:1]]
    named = node.get("@id")
    if isinstance(named, str) and ("/" in named):
        found.append(named.partition("#")[0])
    return found


def _texts(value: object) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,) if value and not value.isspace() else ()
    found: list[str] = []
    for one in each(value):
        if isinstance(one, dict):
            one = one.get("@id") or one.get("url")  # noqa: PLW2901
        if isinstance(one, str) and one.strip():
            found.append(one.strip())
    return found[:10]


def merge(described: list[Described], place: Place) -> list[Entity]:
    """The entities of the page, in the order of their first description (rule R22)."""
    if len(described) == 1 and not _is_part_of_group(described[0]):
        return [Entity([*described])]
    entities: list[Entity] = []
    by_key: dict[tuple[str, Any], Entity] = {}
    by_name: dict[str, list[Entity]] = {}
    for one in described:
        keys = _keys(one, place)
        entity = next(
            (by_key[each_key] for each_key in keys if _agree(by_key.get(each_key), one)), None
        )
        if entity is None:
            entity = next(
                (
                    other
                    for other in by_name.get(one.name.casefold(), ())[:5]
                    if (not one.ids or not other.ids()) and not _elsewhere(one, other)
                ),
                None,
            )
        if entity is None:
            entity = Entity([one])
            entities.append(entity)
        else:
            entity.members.append(one)
        for each_key in keys:
            by_key.setdefault(each_key, entity)
        by_name.setdefault(one.name.casefold(), []).append(entity)
    return _grouped(entities, place)


def _is_part_of_group(one: Described) -> bool:
    return one.is_group or "inProductGroupWithID" in one.node or "isVariantOf" in one.node


def _keys(one: Described, place: Place) -> list[tuple[str, Any]]:
    keys: list[tuple[str, Any]] = [
        ("id", one.ids[kind].casefold()) for kind in _SHOP_IDS if kind in one.ids
    ]
    if "gtin" in one.ids:
        keys.append(("gtin", one.ids["gtin"].lstrip("0")))
    named = one.node.get("@id")
    if isinstance(named, str):
        keys.append(("@id", named))
    if one.url is not None:
        keys.append(("url", address_key(one.url, place.url_args)))
    return keys


def _agree(entity: Entity | None, one: Described) -> bool:
    """Different ids of one kind are different products, whatever else they share."""
    if entity is None:
        return False
    known = entity.ids()
    return not any(
        known[kind].casefold() != value.casefold()
        for kind, value in one.ids.items()
        if kind in known and kind != "mpn"
    )


def _elsewhere(one: Described, entity: Entity) -> bool:
    """Two products of one name on two different pages are two."""
    urls = {address_key(member.url) for member in entity.members if member.url}
    return bool(urls) and one.url is not None and address_key(one.url) not in urls


def _grouped(entities: list[Entity], place: Place) -> list[Entity]:
    """Variants under their groups: one entity a group (rules R24, R28, R29)."""
    groups: dict[str, Entity] = {}
    kept: list[Entity] = []
    for entity in entities:
        if any(one.is_group for one in entity.members):
            _take_variants(entity, place)
            for name in _group_names(entity):
                groups.setdefault(name, entity)
            kept.append(entity)
    absorbed = {
        name for entity in kept for one in entity.variants for name in _names_of_variant(one)
    }
    for entity in entities:
        if any(one.is_group for one in entity.members):
            continue
        first = entity.members[0]
        named = group_id(first.node)
        if named and named in groups:
            if not absorbed.intersection(_names_of_variant(first)):
                groups[named].variants.append(first)
        elif named:
            groups[named] = entity
            entity.group = "" if named.startswith(("#", "_:")) or "/" in named else named
            entity.variants.append(first)
            kept.append(entity)
        elif not absorbed.intersection(_names_of_variant(first)):
            kept.append(entity)
    order = {id(entity): at for at, entity in enumerate(entities)}
    return sorted(kept, key=lambda entity: order[id(entity)])


def _take_variants(entity: Entity, place: Place) -> None:
    for group in entity.members:
        told = scalar_text(group.node.get("productGroupID"))
        entity.group = entity.group or told or (group.ids.get("sku", "") if group.is_group else "")
        for variant in list(each(group.node.get("hasVariant")))[:OFFER_LIMIT]:
            if isinstance(variant, dict):
                candidate = Candidate(group.source, variant)
                entity.variants.append(describe(candidate, place, None))


def _group_names(entity: Entity) -> list[str]:
    names = [entity.group, *entity.ids().values()]
    names += [str(one.node.get("@id") or "") for one in entity.members]
    return [name for name in names if name]


def _names_of_variant(one: Described) -> set[str]:
    named = one.node.get("@id")
    return {one.ids.get("sku", ""), named if isinstance(named, str) else ""} - {""}
