"""The product that an entity of the page amounts to, field by field, with its trace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from topmail_flask.extraction.addresses import (
    address_key,
    id_of,
    last_segment,
    page_address,
    without_tracking,
)
from topmail_flask.extraction.graph import Candidate
from topmail_flask.extraction.labels import READERS, Reader, category_of_breadcrumbs
from topmail_flask.extraction.offers import OfferPrice, choose_price, offers_of
from topmail_flask.extraction.page import StructuredPage
from topmail_flask.extraction.products import (
    Described,
    Describer,
    Entity,
    identifier_of,
    identifiers,
)
from topmail_flask.extraction.schema_org import Node, scalar_text, short
from topmail_flask.model.decision import Conflict, FieldTrace
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings

_OWN_IDS = ("sku", "productID", "retailer_id", "gtin", "mpn")
_ARGUMENT_LIMIT = 100
_WORD = re.compile(r"[^\W_]+")


def arguments(
    url: str, view_args: Mapping[str, object] | None, names: tuple[str, ...]
) -> frozenset[str]:
    """The values of the query and route arguments that choose a variant."""
    chosen = set()
    if "?" in url:
        try:
            for name, value in parse_qsl(urlsplit(url).query, max_num_fields=_ARGUMENT_LIMIT):
                if name in names and value:
                    chosen.add(value.casefold())
        except ValueError:
            pass
    for name, given in (view_args or {}).items():
        if name in names and isinstance(given, (str, int)) and not isinstance(given, bool):
            chosen.add(str(given).casefold())
    return frozenset(chosen)


def variant_id(variant: Described, settings: Settings) -> str:
    """The variant's own id: its sku, else another identifier, else the argument in its URL."""
    for kind in _OWN_IDS:
        if variant.ids.get(kind):
            return variant.ids[kind]
    return _argument(variant, settings)


def _argument(variant: Described, settings: Settings) -> str:
    named = variant.node.get("@id")
    for url in (variant.url, named):
        if isinstance(url, str) and "?" in url:
            try:
                query = dict(parse_qsl(urlsplit(url).query, max_num_fields=_ARGUMENT_LIMIT))
            except ValueError:
                continue
            for name in settings.variant_args:
                if query.get(name):
                    return query[name]
    return ""


def select(
    entity: Entity, describer: Describer, settings: Settings, chosen: frozenset[str]
) -> Described | None:
    """The variant that is shown, or None (rule R30): by its URL, by an argument, or the only one.

    :param chosen: what :func:`arguments` gave.
    """
    variants = entity.variants
    if not variants and (chosen or "?" in describer.place.url):
        variants = _of_offers(entity, describer)
    if not variants:
        return None
    exact = [variant for variant in variants if variant.match == 2]
    if len(exact) > 1:
        # One that names arguments of this address says more than one that names only its path.
        exact = [variant for variant in exact if variant.url and "?" in variant.url]
    if len(exact) == 1 and (len(variants) == 1 or _differ(variants)):
        return exact[0]
    if chosen:
        named = [
            variant
            for variant in variants
            if chosen.intersection(value.casefold() for value in variant.ids.values())
            or _argument(variant, settings).casefold() in chosen
        ]
        if len(named) == 1:
            return named[0]
    return entity.variants[0] if len(entity.variants) == 1 else None


def _differ(variants: list[Described]) -> bool:
    return len({variant.url for variant in variants}) > 1


def _of_offers(entity: Entity, describer: Describer) -> list[Described]:
    """Offers of different stock-keeping units are variants of the old style (rule R33)."""
    for member in entity.members:
        offers = offers_of(member.node, every=True)
        units = {scalar_text(offer.get("sku")) for offer in offers if "sku" in offer}
        if len(units) > 1:
            return [
                describer.describe(
                    Candidate(
                        member.source,
                        {
                            "sku": offer["sku"],
                            "url": offer.get("url"),
                            "gtin": offer.get("gtin13") or offer.get("gtin"),
                            "offers": offer,
                        },
                    )
                )
                for offer in offers
                if "sku" in offer
            ]
    return []


def sku_of(description: Described) -> str:
    """The stock-keeping unit: the product's own, or the one that all its offers agree on."""
    if description.ids.get("sku"):
        return description.ids["sku"]
    units = {identifier_of(offer.get("sku")) for offer in offers_of(description.node)}
    return units.pop() if len(units) == 1 else ""


def offered_id(description: Described) -> str:
    """The id of the only offer: its sku, else another of its identifiers."""
    offers = offers_of(description.node, limit=2)
    found = identifiers(offers[0]) if len(offers) == 1 else {}
    return sku_of(description) or next(iter(found.values()), "")


ID_ORDER = ("group", "productID", "retailer_id", "sku", "gtin", "mpn", "offered", "url")


@dataclass(slots=True)
class Assembly:
    """What is known of the page's product so far.

    :ivar values: the fields, as :meth:`Product.from_fields` takes them.
    """

    page: StructuredPage
    values: dict[str, Any] = field(default_factory=dict)
    fields: list[FieldTrace] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Nothing is missing that other sources than JSON-LD usually tell."""
        return all(self.values.get(name) is not None for name in ("price", "image_url", "brand"))

    def product(self) -> Product | None:
        """The product, without the fields that cannot be right; None without an id and a name."""
        try:
            return Product(**self.values)
        except (InvalidValueError, TypeError):
            rejected: dict[str, str] = {}
        try:
            product = Product.from_fields(self.values, rejected)
        except InvalidValueError as error:
            rejected[error.field] = error.problem
            product = None
        self.problems += rejected.items()
        return product

    def put(self, name: str, source: str, raw: object, value: object) -> None:
        """Take a value, unless a better source has told one: then a different one is a conflict."""
        known = self.values.get(name)
        if known is None:
            self.values[name] = value
            text = value if type(value) is str else str(value)
            self.fields.append(FieldTrace(name, source, short(raw), text))
        elif name not in ("image_url", "url", "id") and not _alike(known, value):
            first = next((field for field in self.fields if field.field == name), None)
            self.conflicts.append(
                Conflict(
                    name, first.source if first else "", str(known)[:200], source, str(value)[:200]
                )
            )

    def read(self, entity: Entity, variant: Described | None) -> None:
        """Fill the fields from an entity and its chosen variant."""
        self._labels(entity, variant)
        self._price(entity, variant)
        self._identity(entity, variant)
        if "category" not in self.values:
            name = self.values.get("name") or entity.name
            category = category_of_breadcrumbs(
                self.page.breadcrumbs(), str(name), self.page.place, self.page.shop.lang
            )
            if category:
                self.put("category", "breadcrumbs", category, category)

    def supplement(self, description: Described) -> None:
        """Fill what is missing from a lesser description, which has no id."""
        for name, reader in READERS.items():
            raw, value = reader(description, self.page)
            if value and name != "name":
                self.put(name, description.source, raw, value)
        found = self._chosen(description.source, [description.node])
        if found is not None:
            self._put_price(*found)

    def _labels(self, entity: Entity, variant: Described | None) -> None:
        described = entity.members if variant is None else [variant, *entity.members]
        for name, reader in READERS.items():
            for description in described:
                raw, value = reader(description, self.page)
                # A variant is called and looks otherwise than its group, and a page's title is
                # not the product's name: only labels of equals are compared.
                if value and (name not in self.values or (variant is None and name != "name")):
                    self.put(name, description.source, raw, value)
            if name not in self.values and entity.variants:
                self._inherit(name, reader, entity.variants[:20])

    def _inherit(self, name: str, reader: Reader, variants: list[Described]) -> None:
        """A group that does not tell a label itself has that of its first variant that does."""
        for variant in variants:
            raw, value = reader(variant, self.page)
            if value:
                self.put(name, variant.source, raw, value)
                return

    def _price(self, entity: Entity, variant: Described | None) -> None:
        """The price of the best source that has one; zero only where no other has more."""
        if variant is not None:
            priced = [(variant.source, [variant.node])]
            # The group's own price, never another variant's.
            priced += [
                (member.source, [member.node]) for member in entity.members if member.is_group
            ]
            prices = [found for source, nodes in priced if (found := self._chosen(source, nodes))]
            for source, price in prices[:1]:
                self._put_price(source, price)
            return
        variants = [variant.node for variant in entity.variants]
        prices = []
        for member in entity.members:
            found = self._chosen(member.source, [member.node, *variants])
            prices += [found] if found else []
            variants = []
        for source, price in sorted(prices, key=lambda found: not found[1].amount):
            self._put_price(source, price)

    def _chosen(self, source: str, nodes: list[Node]) -> tuple[str, OfferPrice] | None:
        price, problem = choose_price(nodes, self.page.shop)
        if problem:
            self.problems.append(("price", f"{problem} ({source})"))
        return (source, price) if price is not None else None

    def _put_price(self, source: str, price: OfferPrice) -> None:
        self.put("price", source, price.raw, price.amount)
        self.put("currency", source, price.currency, price.currency)

    def _identity(self, entity: Entity, variant: Described | None) -> None:
        by_sku = self.page.settings.variant_mode == "sku"
        own_id = variant_id(variant, self.page.settings) if variant is not None else ""
        if variant is not None and own_id and by_sku:
            self.put("id", variant.source, own_id, own_id)
        elif own_id and variant is not None:
            self.put("variant_id", variant.source, own_id, own_id)
        units = [member for member in entity.members if member.is_group or not entity.variants]
        for description in [variant] if variant is not None else units:
            sku = sku_of(description)
            if sku:
                self.put("sku", description.source, sku, sku)
                break
        self._address(entity, variant)
        for kind in self.page.settings.id_from or ID_ORDER:
            product_id = self._id(kind, entity, variant)
            if product_id:
                tellers = (
                    member.source for member in entity.members if member.ids.get(kind) == product_id
                )
                source = "request" if kind == "url" else entity.members[0].source
                self.put("id", next(tellers, source), f"{kind}: {product_id}", product_id)
                break
        if "url" not in self.values:
            self._request_address()

    def _id(self, kind: str, entity: Entity, variant: Described | None) -> str:
        if kind == "group":
            return entity.group
        if kind == "offered":  # the only offer's; a variant's is none of the product
            return "" if variant is not None else offered_id(entity.members[0])
        if kind == "url":
            return id_of(self._id_address(entity), self.page.place.url_args)
        return entity.ids.get(kind, "")

    def _id_address(self, entity: Entity) -> str:
        if entity.members[0].is_group or entity.is_foreign:
            url = next((member.url for member in entity.members if member.url), None)
            if url is not None:
                return url
        return str(self.values.get("url") or self.page.place.url)

    def _address(self, entity: Entity, variant: Described | None) -> None:
        """The product's URL (rule R50), as far as the page tells one."""
        own = next((member.url for member in entity.members if member.url), None)
        if variant is not None and variant.match == 2 and variant.url:
            own = variant.url
        canonical = None if self._is_parent(entity) else self.page.place.canonical
        addresses = [("canonical", canonical), (entity.members[0].source, own)]
        if entity.is_foreign:
            addresses.reverse()
        for source, address in (*addresses, ("open_graph", self.page.place.og_url)):
            if address:
                self.put("url", source, address, without_tracking(address))
                return

    def _is_parent(self, entity: Entity) -> bool:
        """Whether the canonical address is the category: above this page, which has the name."""
        place = self.page.place
        here = address_key(place.url, place.url_args)
        above = address_key(place.canonical, place.url_args) if place.canonical else None
        if here is None or above is None or not here.path.startswith(f"{above.path}/"):
            return False
        words = set(_WORD.findall(entity.name.casefold()))
        last = set(_WORD.findall(last_segment(here.path).casefold()))
        return bool(words) and words <= last and not words <= set(_WORD.findall(above.path))

    def _request_address(self) -> None:
        known = {
            str(self.values[name]) for name in ("id", "variant_id", "sku") if name in self.values
        }
        here = address_key(self.page.place.url, self.page.place.url_args)
        known.update(value for _, value in (here.identity if here else ()))
        try:
            address = page_address(self.page.place.url, self.page.settings, known)
        except InvalidValueError:
            return
        self.put("url", "request", self.page.place.url, address)


def assemble(page: StructuredPage, entity: Entity, chosen: frozenset[str]) -> Assembly:
    """What the page tells of an entity and its chosen variant.

    :param chosen: values of arguments that choose a variant.
    """
    assembly = Assembly(page)
    assembly.read(entity, select(entity, page.describer, page.settings, chosen))
    return assembly


def assemble_plain(page: StructuredPage, entity: Entity, chosen: frozenset[str]) -> Assembly:
    """The product of JSON-LD, and what the metas of the head add to it.

    Metas that may hold an id are read first, whatever else is known: else the product of one page
    would have another kind of id than that of the next (rule R34).
    """
    head = page.document.head
    if head.holds(b"product:") or head.holds(b"og:price"):
        page.add_metas(entity)
        return assemble(page, entity, chosen)
    assembly = assemble(page, entity, chosen)
    if not assembly.is_complete and head.holds(b"og:"):
        described = page.add_metas(entity)
        if described is not None:
            assembly.supplement(described)
    return assembly


def _alike(value: object, other: object) -> bool:
    if isinstance(value, Decimal) or isinstance(other, Decimal):
        return value == other
    return str(value).casefold() == str(other).casefold()
