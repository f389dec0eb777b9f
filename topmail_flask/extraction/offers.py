"""The offers of a product, and the price that a shopper pays now, one piece, tax included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import Any

from topmail_flask.extraction.currencies import (
    Price,
    currency_code,
    machine_amount,
    rounded,
    sane,
)
from topmail_flask.extraction.schema_org import (
    DisplayText,
    Node,
    each,
    plain,
    scalar_text,
    short_type,
    types,
)

OFFER_LIMIT = 1_000
_AVAILABLE = frozenset(
    """instock limitedavailability onlineonly preorder presale backorder madetoorder""".split()
)
_NESTING_LIMIT = 4
_INHERITED = ("priceCurrency", "availability")
_OF_CURRENCY = ("priceCurrency", "currency")
_CONDITIONS = frozenset(
    """availability validForMemberTier priceSpecification eligibleCustomerType eligibleQuantity
    validThrough priceValidUntil validFrom businessFunction""".split()
)
_NO_SALES = frozenset(["leaseout", "rent", "rental", "buy", "repair", "provideservice"])


def offers_of(node: Node, *, every: bool = False, limit: int = OFFER_LIMIT) -> list[Node]:
    """The offers of a product, also those that stand inside another offer.

    :param limit: no more than these.
    :param every: also the offers below an ``AggregateOffer`` that tells their lowest price itself.
    """
    offers = node.get("offers")
    if isinstance(offers, dict) and "offers" not in offers:
        return [offers]
    found: list[Node] = []
    waiting: list[tuple[Any, int, Node]] = [(offers, 0, {})]
    while waiting and len(found) < limit:
        value, depth, parent = waiting.pop(0)
        for element in each(value):
            if len(found) >= limit:
                break
            if not isinstance(element, dict):
                continue
            inherited = {key: parent[key] for key in _INHERITED if key in parent}
            offer = {**inherited, **element} if inherited else element
            found.append(offer)
            is_summed_up = low_price(offer) is not None and not every
            if "offers" in offer and depth < _NESTING_LIMIT and not is_summed_up:
                waiting.append((offer["offers"], depth + 1, offer))
    return found


def low_price(offer: Node) -> object:
    """``lowPrice`` of an AggregateOffer, but not the 0 that stands for "unknown" (rule R38)."""
    low, high = offer.get("lowPrice"), offer.get("highPrice")
    if low is None or "aggregateoffer" not in types(offer):
        return None
    return None if is_zero(low) and high is not None and not is_zero(high) else low


def is_zero(value: object) -> bool:
    """Whether a machine wrote 0."""
    return next((machine_amount(number) == 0 for number in each(value)), False)


def _availability(offer: Node) -> str:
    said = short_type(scalar_text(offer.get("availability")))
    return said.replace(" ", "").replace("_", "").replace("-", "")


def unavailable(offer: Node) -> int:
    """0: in stock or to be ordered; 1: nothing is said; 2: not to be had."""
    said = _availability(offer)
    return 0 if said in _AVAILABLE else 2 if said else 1


def used(offer: Node) -> int:
    """0: new, or nothing is said; 1: anything else."""
    said = scalar_text(offer.get("itemCondition"))
    return 0 if not said or short_type(said) in ("newcondition", "new") else 1


def holds(offer: Node, now: float) -> bool:
    """Whether the offer is for this shopper, now, and one to buy (rule R37)."""
    if "offerforlease" in types(offer):
        return False
    if _CONDITIONS.isdisjoint(offer):
        return True
    if "availability" in offer and _availability(offer) == "discontinued":
        return False
    if offer.keys() & _CONDITIONS == {"availability"}:
        return True
    if (
        _is_for_members(offer)
        or short_type(scalar_text(offer.get("businessFunction"))) in _NO_SALES
        or "business" in scalar_text(offer.get("eligibleCustomerType")).lower()
        or any(map(_is_of_several, each(offer.get("eligibleQuantity"))))
    ):
        return False
    ends = (_parsed(offer.get(name), time.max) for name in ("validThrough", "priceValidUntil"))
    if any(end is not None and end < now for end in ends):
        return False
    begins = _parsed(offer.get("validFrom"), time.min)
    return begins is None or begins <= now


def _is_for_members(offer: Node) -> bool:
    if "validForMemberTier" in offer:
        return True
    specs = [spec for spec in each(offer.get("priceSpecification")) if isinstance(spec, dict)]
    return (
        offer.get("price") is None
        and bool(specs)
        and all("validForMemberTier" in spec for spec in specs)
    )


def _is_of_several(quantity: object) -> bool:
    least = quantity.get("minValue") if isinstance(quantity, dict) else None
    return (machine_amount(next(each(least), None)) or 0) > 1


def _parsed(value: object, day_time: time) -> float | None:
    """A date or a time in seconds since the epoch; a date alone gets ``day_time``."""
    text = scalar_text(value)
    if len(text) < 10 or len(text) > 40:
        return None
    try:
        if len(text) == 10:
            moment = datetime.combine(date.fromisoformat(text), day_time)
        else:
            moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


_LIST_PRICES = frozenset(
    """listprice strikethroughprice regularprice msrp srp invoiceprice
    minimumadvertisedprice""".split()
)
_CHARGES = frozenset(["deliverychargespecification", "paymentchargespecification"])
_CHARGE = re.compile(
    r"(?i)\b(?:deposit|pfand|consigne|statiegeld|kaucja|pant|shipping|delivery|versand\w*|postage)\b"
)
_PIECES = frozenset("C62 EA H87 PCE PC PCS ONE UN UNIT NIU PIECE STK STÜCK".split())
_SPEC_LIMIT = 50
_SOLD_OUT = 2
_EXPONENT = re.compile(r"\s*[\d.]{1,20}[eE][+-]?\d{1,20}\s*")


@dataclass(frozen=True, slots=True)
class Shop:
    """How prices are read in this shop.

    :ivar currency: code of prices that name none (rule R46), or None.
    :ivar decimal: decimal sign of texts that could be read both ways, or None.
    :ivar lang: language of the page, or None.
    :ivar now: the time, in seconds since the epoch: offers begin and end.
    """

    currency: str | None = None
    decimal: str | None = None
    lang: str | None = None
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class OfferPrice:
    """One price that the product is offered for.

    :ivar raw: the price as it stands in the page.
    :ivar rank: the smaller, the rather it is taken (rule R38), before the amount itself.
    """

    amount: Decimal
    currency: str
    raw: str
    rank: tuple[int, ...] = ()


def price_of(node: Node) -> str:
    """The price of a node as it stands there, for comparison; "" if there is none."""
    for offer in offers_of(node, limit=1):
        amount = machine_amount(next(each(offer.get("price", low_price(offer))), None))
        return "" if amount is None else str(amount.normalize())
    return ""


def choose_price(nodes: list[Node], shop: Shop) -> tuple[OfferPrice | None, str]:
    """The price of products or variants ``nodes``: the best offer's, else their own; or why none.

    In stock before unsaid before sold out, new before used, tax included before unsaid before
    excluded; then the lowest, within one currency: the shop's, else that of the first price. Zero
    is a price only where nothing else is and the product can be had.
    """
    offers = list(islice(_all_offers(nodes), OFFER_LIMIT))
    usable = [offer for offer in offers if holds(offer, shop.now)] or offers
    once = [offer for offer in usable if not _is_repeated(offer)] or usable
    problems: list[str] = []
    prices = [price for offer in once for price in _prices(offer, shop, problems)]
    if not prices:
        for node in nodes:  # a price may stand on the product itself, without an offer
            prices += _prices({**node, "@type": "Offer"}, shop, problems)
    prices = [price for price in prices if price.amount] or [
        price for price in prices if price.rank[1] < _SOLD_OUT
    ]
    if not prices:
        return None, next(iter(problems), "")
    codes = [price.currency for price in prices]
    code = shop.currency if shop.currency in codes else codes[0]

    def rank(price: OfferPrice) -> tuple[int | Decimal, ...]:
        return (*price.rank[:3], int(price.currency != code), *price.rank[3:], price.amount)

    return min(prices, key=rank), ""


def _all_offers(nodes: list[Node]) -> Iterator[Node]:
    seen: set[int] = set()
    for node in nodes:
        code = node.get("priceCurrency")
        for offer in offers_of(node):
            if id(offer) not in seen:
                seen.add(id(offer))
                lacks_it = code is not None and offer.keys().isdisjoint(_OF_CURRENCY)
                yield {**offer, "priceCurrency": code} if lacks_it else offer


def _prices(offer: Node, shop: Shop, problems: list[str]) -> Iterator[OfferPrice]:
    """The price of one offer, if it has one."""
    own = offer.get("priceCurrency", offer.get("currency"))
    if own is None:
        own = next((spec.get("priceCurrency") for spec in _specs(offer)), None)
    for last_resort, said, value in _amounts(offer, shop.now):
        currency = said if said is not None else own
        price = _price(value, currency, shop, problems)
        if price is not None:
            rank = (last_resort, unavailable(offer), used(offer), _tax(_specs(offer)))
            yield OfferPrice(price.amount, price.currency, price.raw, rank)
            if price.amount:
                return


def _amounts(offer: Node, now: float) -> Iterator[tuple[int, object, object]]:
    """Whether only a last resort, currency (None: the offer's), and amount."""
    if "aggregateoffer" in types(offer):
        yield 0, None, low_price(offer)
        for name in ("highPrice", "price"):
            yield 1, None, offer.get(name)
        return
    yield 0, None, offer.get("price")
    for spec in _to_pay(_specs(offer), now):
        for name in ("price", "minPrice"):
            yield 0, spec.get("priceCurrency"), spec.get(name)
    for name in ("lowPrice", "minPrice"):
        yield 1, None, offer.get(name)


def _specs(offer: Node) -> list[Node]:
    """The price specifications of an offer; of a compound one without a price its components."""
    found: list[Node] = []
    for spec in list(each(offer.get("priceSpecification")))[:_SPEC_LIMIT]:
        if isinstance(spec, dict):
            parts = [part for part in each(spec.get("priceComponent")) if isinstance(part, dict)]
            found += parts[:_SPEC_LIMIT] if parts and spec.get("price") is None else [spec]
    return found


def _to_pay(specs: list[Node], now: float) -> list[Node]:
    """What is paid for one piece now, best first; charges never, prices per unit only if alone."""
    specs = [spec for spec in specs if not _is_charge(spec)]
    found = [spec for spec in specs if not _is_per_unit(spec)]
    found = found or (specs if len(specs) == 1 else [])
    for is_lesser in (
        _is_repeated,
        lambda spec: not holds(spec, now),
        lambda spec: bool(_price_types(spec) & _LIST_PRICES),
    ):
        found = [spec for spec in found if not is_lesser(spec)] or found
    return sorted(found, key=lambda spec: (_kind(spec), _tax([spec])))


def _kind(spec: Node) -> int:
    """Sale prices before those without a type before the rest."""
    kinds = _price_types(spec)
    return 0 if "saleprice" in kinds else 2 if kinds else 1


def _price_types(spec: Node) -> set[str]:
    return {short_type(kind) for kind in each(spec.get("priceType")) if isinstance(kind, str)}


def _is_charge(spec: Node) -> bool:
    """Shipping, a deposit, a fee: on top of the price, or a part of it."""
    named = f"{scalar_text(spec.get('name'))} {scalar_text(spec.get('description'))}"
    return (
        not types(spec).isdisjoint(_CHARGES)
        or bool(scalar_text(spec.get("priceComponentType")))
        or bool(_CHARGE.search(named))
    )


def _is_repeated(offer: Node) -> bool:
    """Paid again and again: a subscription, or by the month."""
    specs = [offer, *_specs(offer)]
    return any(key in spec for spec in specs for key in ("billingDuration", "billingIncrement"))


def _is_per_unit(spec: Node) -> bool:
    """A price per 100 ml is not what the product costs; one per piece is."""
    if "unitprice" in _price_types(spec):
        return True
    for reference in each(spec.get("referenceQuantity")):
        if not isinstance(reference, dict):
            return True
        amount = machine_amount(next(each(reference.get("value")), 1))
        if amount != 1 or not _is_piece(reference):
            return True
    return not _is_piece(spec)


def _is_piece(quantity: Node) -> bool:
    units = [quantity[name] for name in ("unitCode", "unitText") if name in quantity]
    return all(scalar_text(unit).upper() in _PIECES for unit in units)


def _tax(specs: list[Node]) -> int:
    """0: tax is included; 1: nothing is said; 2: it is not."""
    said = {
        short_type(str(tax)) for spec in specs for tax in each(spec.get("valueAddedTaxIncluded"))
    }
    return 0 if "true" in said else 2 if "false" in said else 1


def _price(value: object, currency: object, shop: Shop, problems: list[str]) -> OfferPrice | None:
    said = scalar_text(currency) or None
    for said_price in each(value):
        named, amount_of = said, said_price
        if isinstance(said_price, dict):
            named = scalar_text(said_price.get("currency")) or said  # a MonetaryAmount
            amount_of = said_price.get("@value", said_price.get("price", said_price.get("value")))
        if not isinstance(amount_of, (str, int, float, Decimal)):
            continue
        read = _read(amount_of, currency_code(named, shop.currency), bool(named), shop)
        if read.amount is None:
            problems.append("is no price that can be read")
        elif read.currency is None:
            problems.append("has no currency: set TOPMAIL_CURRENCY or give the offer one")
        elif not sane(read.amount, read.currency):
            problems.append("cannot be a price: it is too large")
        else:
            amount = rounded(read.amount, read.currency)
            return OfferPrice(amount, read.currency, str(amount_of)[:200])
    return None


def _read(value: str | float | Decimal, code: str | None, is_said: bool, shop: Shop) -> Price:
    """What a machine or a person wrote, in the currency that stands beside it."""
    if isinstance(value, str) and not isinstance(value, DisplayText):
        value = plain(value)
    amount = None if isinstance(value, DisplayText) else machine_amount(value, code)
    if amount is not None or not isinstance(value, str) or _EXPONENT.fullmatch(value):
        return Price(amount, code)
    from topmail_flask.extraction.price_text import read_price  # noqa: PLC0415  (takes 7 ms)

    read = read_price(value, currency=code, decimal=shop.decimal, lang=shop.lang)
    return Price(read.amount, code if is_said else read.currency)
