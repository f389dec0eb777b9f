"""A declared or template product, completed from the page where it is the same (R20, R22, R36)."""

from __future__ import annotations

from dataclasses import replace

from topmail_flask.extraction.addresses import id_of, key
from topmail_flask.extraction.assembly import Assembly, assemble, assemble_plain
from topmail_flask.extraction.entities import Entity
from topmail_flask.extraction.page_addresses import page_address
from topmail_flask.extraction.structured_page import StructuredPage
from topmail_flask.model.decision import Extraction, FieldTrace, Rejected, Trace, traced
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product

# Price and currency are one gap: an amount is never joined with another source's currency (R40).
_GAPS = ("image_url", "brand", "category", "sku", "variant_id")


def complete(
    product: Product,
    source: str,
    second: Product | None,
    page: StructuredPage,
    chosen: set[str],
) -> Extraction:
    """The product with its gaps filled.

    :param source: ``declared`` or ``template``.
    :param second: the template's product beside a declared one; it fills gaps before the page.
    :param chosen: values of arguments that choose a variant.
    """
    told_fields = traced(product, source)
    rejected: list[Rejected] = []
    if second is not None and second.id == product.id:
        product = _filled(product, second, "template", told_fields)
    assembly = _told(product, page, chosen)
    if assembly is not None:
        told: dict[str, object] = {**assembly.values, "id": product.id, "name": product.name}
        problems: dict[str, str] = {}
        found = Product.from_fields(told, problems)
        product = _filled(product, found, "", told_fields, assembly.fields)
        rejected += [Rejected(*one) for one in (*assembly.problems, *problems.items())]
    elif page.entities:
        rejected.append(Rejected("structured data", "describes another product (R22)"))
    if product.url is None:
        known = {one for one in (product.id, product.variant_id, product.sku) if one}
        try:
            product = replace(product, url=page_address(page.place.url, page.settings, known))
            told_fields.append(FieldTrace("url", "request", page.place.url[:200], str(product.url)))
        except InvalidValueError as error:
            rejected.append(Rejected("url", error.problem))
    rejected += [Rejected(what, why) for what, why in page.document.notes]
    trace = Trace(
        tuple(told_fields),
        tuple(assembly.conflicts) if assembly is not None else (),
        tuple(rejected),
        related=tuple(page.found.related),
        repairs=tuple(page.repairs),
    )
    return Extraction(product, None, trace)


def _filled(
    product: Product,
    other: Product,
    source: str,
    told_fields: list[FieldTrace],
    found: list[FieldTrace] | None = None,
) -> Product:
    gaps = {
        name: value
        for name in _GAPS
        if getattr(product, name) is None and (value := getattr(other, name)) is not None
    }
    if product.price is None and other.price is not None:
        gaps |= {"price": other.price, "currency": other.currency}
    if gaps.get("variant_id") == product.id:
        del gaps["variant_id"]
    for name, value in gaps.items():
        known = next((one for one in found or () if one.field == name), None)
        told_fields.append(known or FieldTrace(name, source, str(value)[:200], str(value)))
    return replace(product, **gaps) if gaps else product


def _told(product: Product, page: StructuredPage, chosen: set[str]) -> Assembly | None:
    """What the page tells of this product, if exactly one of its entities is this product."""
    plain = page.plain_entity()
    if plain is not None and _is_same(product, plain, page):
        return assemble_plain(page, plain, chosen)
    page.read_the_rest()
    same = [one for one in page.entities if _is_same(product, one, page)]
    if len(same) != 1:
        return None
    page.add_metas(same[0])
    return assemble(page, same[0], chosen)


def _is_same(product: Product, entity: Entity, page: StructuredPage) -> bool:
    """By an id, else by its name, else by an address that was declared with it (rule R22)."""
    ids = entity.ids()
    skus = [ids.get("sku"), *(one.ids.get("sku") for one in entity.variants)]
    known = {value.casefold() for value in (*ids.values(), entity.group, *skus) if value}
    if product.id.casefold() in known:
        return True
    if product.sku is not None:
        if product.sku.casefold() in known:
            return True
        if ids.get("sku"):
            return False
    if entity.name.casefold() == product.name.casefold():
        return True
    if not ids and entity.match and id_of(page.place.url, page.settings.url_args) == product.id:
        return True
    return product.url is not None and any(
        one.url is not None and key(one.url) == key(product.url) for one in entity.members
    )
