"""Which variant of a product the page shows (rules R29 to R33)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from topmail_flask.extraction.candidates import Candidate
from topmail_flask.extraction.entities import Described, Entity, describe
from topmail_flask.extraction.offers import offers_of
from topmail_flask.extraction.place import Place
from topmail_flask.extraction.schema_org import scalar_text
from topmail_flask.model.settings import Settings

_OWN_IDS = ("sku", "productID", "retailer_id", "gtin", "mpn")
_ARGUMENT_LIMIT = 100


def arguments(url: str, view_args: Mapping[str, object] | None, names: tuple[str, ...]) -> set[str]:
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
    return chosen


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


def select(entity: Entity, place: Place, settings: Settings, chosen: set[str]) -> Described | None:
    """The variant that is shown, or None (rule R30): by its URL, by an argument, or the only one.

    :param chosen: what :func:`arguments` gave.
    """
    variants = entity.variants
    if not variants and (chosen or "?" in place.url):
        variants = _of_offers(entity, place)
    if not variants:
        return None
    exact = [one for one in variants if one.match == 2]
    if len(exact) > 1:
        # One that names arguments of this address says more than one that names only its path.
        exact = [one for one in exact if one.url and "?" in one.url]
    if len(exact) == 1 and (len(variants) == 1 or _differ(variants)):
        return exact[0]
    if chosen:
        named = [
            one
            for one in variants
            if chosen.intersection(value.casefold() for value in one.ids.values())
            or _argument(one, settings).casefold() in chosen
        ]
        if len(named) == 1:
            return named[0]
    return entity.variants[0] if len(entity.variants) == 1 else None


def _differ(variants: list[Described]) -> bool:
    return len({one.url for one in variants}) > 1


def _of_offers(entity: Entity, place: Place) -> list[Described]:
    """Offers of different stock-keeping units are variants of the old style (rule R33)."""
    for member in entity.members:
        offers = offers_of(member.node, every=True)
        units = {scalar_text(offer.get("sku")) for offer in offers if "sku" in offer}
        if len(units) > 1:
            return [
                describe(
                    Candidate(
                        member.source,
                        {
                            "sku": offer["sku"],
                            "url": offer.get("url"),
                            "gtin": offer.get("gtin13") or offer.get("gtin"),
                            "offers": offer,
                        },
                    ),
                    place,
                    None,
                )
                for offer in offers
                if "sku" in offer
            ]
    return []
