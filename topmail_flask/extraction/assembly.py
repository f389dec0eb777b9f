"""The product that an entity of the page amounts to, field by field, with its trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from topmail_flask.extraction.addresses import id_of, key, without_tracking
from topmail_flask.extraction.breadcrumbs import category_of_breadcrumbs
from topmail_flask.extraction.entities import Described, Entity
from topmail_flask.extraction.fields import READERS, Reader, sku_of
from topmail_flask.extraction.page_addresses import page_address
from topmail_flask.extraction.pricing import OfferPrice, choose_price
from topmail_flask.extraction.schema_org import Node, short
from topmail_flask.extraction.structured_page import StructuredPage
from topmail_flask.extraction.variants import select, variant_id
from topmail_flask.model.decision import Conflict, FieldTrace
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product

ID_ORDER = ("group", "productID", "retailer_id", "sku", "gtin", "mpn", "url")


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
            told = value if type(value) is str else str(value)
            self.fields.append(FieldTrace(name, source, short(raw), told))
        elif name not in ("image_url", "url", "id") and not _alike(known, value):
            first = next((one for one in self.fields if one.field == name), None)
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

    def supplement(self, one: Described) -> None:
        """Fill what is missing from a lesser description, which has no id."""
        for name, reader in READERS.items():
            raw, value = reader(one, self.page)
            if value and name != "name":
                self.put(name, one.source, raw, value)
        self._put_price(one.source, [one.node])

    def _labels(self, entity: Entity, variant: Described | None) -> None:
        described = entity.members if variant is None else [variant, *entity.members]
        for name, reader in READERS.items():
            for one in described:
                raw, value = reader(one, self.page)
                # A variant is called and looks otherwise than its group, and a page's title is
                # not the product's name: only labels of equals are compared.
                if value and (name not in self.values or (variant is None and name != "name")):
                    self.put(name, one.source, raw, value)
            if name not in self.values and entity.variants:
                self._inherit(name, reader, entity.variants[:20])

    def _inherit(self, name: str, reader: Reader, variants: list[Described]) -> None:
        """A group that does not tell a label itself has that of its first variant that does."""
        for one in variants:
            raw, value = reader(one, self.page)
            if value:
                self.put(name, one.source, raw, value)
                return

    def _price(self, entity: Entity, variant: Described | None) -> None:
        if variant is not None:
            if not self._put_price(variant.source, [variant.node]):
                for one in entity.members:  # the group's own price, never another variant's
                    if one.is_group:
                        self._put_price(one.source, [one.node])
            return
        variants = [one.node for one in entity.variants]
        for one in entity.members:
            self._put_price(one.source, [one.node, *variants])
            variants = []

    def _put_price(self, source: str, nodes: list[Node]) -> bool:
        pricing = choose_price(nodes, self.page.shop)
        price: OfferPrice | None = pricing.price
        if price is None:
            if pricing.problem:
                self.problems.append(("price", f"{pricing.problem} ({source})"))
            return False
        self.put("price", source, price.raw, price.amount)
        self.put("currency", source, price.currency, price.currency)
        return True

    def _identity(self, entity: Entity, variant: Described | None) -> None:
        by_sku = self.page.settings.variant_mode == "sku"
        own_id = variant_id(variant, self.page.settings) if variant is not None else ""
        if variant is not None and own_id and by_sku:
            self.put("id", variant.source, own_id, own_id)
        elif own_id and variant is not None:
            self.put("variant_id", variant.source, own_id, own_id)
        units = [one for one in entity.members if one.is_group or not entity.variants]
        for one in [variant] if variant is not None else units:
            sku = sku_of(one)
            if sku:
                self.put("sku", one.source, sku, sku)
                break
        self._address(entity, variant)
        ids = entity.ids()
        for kind in self.page.settings.id_from or ID_ORDER:
            if kind == "group":
                told = entity.group
            elif kind == "url":
                told = id_of(self._id_address(entity), self.page.place.url_args)
            else:
                told = ids.get(kind, "")
            if told:
                tellers = (one.source for one in entity.members if one.ids.get(kind) == told)
                source = "request" if kind == "url" else entity.members[0].source
                self.put("id", next(tellers, source), f"{kind}: {told}", told)
                break
        if "url" not in self.values:
            self._request_address()

    def _id_address(self, entity: Entity) -> str:
        if entity.members[0].is_group or entity.is_foreign:
            told = next((one.url for one in entity.members if one.url), None)
            if told is not None:
                return told
        return str(self.values.get("url") or self.page.place.url)

    def _address(self, entity: Entity, variant: Described | None) -> None:
        """The product's URL (rule R50), as far as the page tells one."""
        own = next((one.url for one in entity.members if one.url), None)
        if variant is not None and variant.match == 2 and variant.url:
            own = variant.url
        told = [("canonical", self.page.place.canonical), (entity.members[0].source, own)]
        if entity.is_foreign:
            told.reverse()
        for source, address in (*told, ("open_graph", self.page.place.og_url)):
            if address:
                self.put("url", source, address, without_tracking(address))
                return

    def _request_address(self) -> None:
        known = {
            str(self.values[name]) for name in ("id", "variant_id", "sku") if name in self.values
        }
        here = key(self.page.place.url, self.page.place.url_args)
        known.update(value for _, value in (here.identity if here else ()))
        try:
            address = page_address(self.page.place.url, self.page.settings, known)
        except InvalidValueError:
            return
        self.put("url", "request", self.page.place.url, address)


def assemble(page: StructuredPage, entity: Entity, chosen: set[str]) -> Assembly:
    """What the page tells of an entity and its chosen variant.

    :param chosen: values of arguments that choose a variant.
    """
    assembly = Assembly(page)
    assembly.read(entity, select(entity, page.place, page.settings, chosen))
    return assembly


def assemble_plain(page: StructuredPage, entity: Entity, chosen: set[str]) -> Assembly:
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


def _alike(one: object, other: object) -> bool:
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return one == other
    return str(one).casefold() == str(other).casefold()
