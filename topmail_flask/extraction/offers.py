"""The offers of a product, and the price that a shopper pays now, one piece, tax included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any

from topmail_flask.extraction.currencies import currency_code, rounded, sane
from topmail_flask.extraction.prices import machine_amount, read_price
from topmail_flask.extraction.schema_org import Node, Seen, each, scalar_text, short_type, types

OFFER_LIMIT = 1_000
_AVAILABLE = frozenset(
    [
        "instock",
        "limitedavailability",
        "onlineonly",
        "preorder",
        "presale",
        "backorder",
        "madetoorder",
    ]
)
_NESTING_LIMIT = 4
_CONDITIONS = frozenset(
    [
        "availability",
        "validForMemberTier",
        "priceSpecification",
        "eligibleCustomerType",
        "eligibleQuantity",
        "validThrough",
        "priceValidUntil",
        "validFrom",
        "businessFunction",
    ]
)
_NO_SALES = frozenset(["leaseout", "rent", "rental", "buy", "repair", "provideservice"])


def offers_of(node: Node, *, every: bool = False) -> list[Node]:
    """The offers of a product, also those that stand inside another offer.

    :param every: also the offers below an ``AggregateOffer`` that tells their lowest price itself.
    """
    offers = node.get("offers")
    if isinstance(offers, dict) and "offers" not in offers:
        return [offers]
    found: list[Node] = []
    waiting: list[tuple[Any, int, Node]] = [(offers, 0, {})]
    while waiting and len(found) < OFFER_LIMIT:
        value, depth, parent = waiting.pop(0)
        for one in each(value):
            if not isinstance(one, dict) or len(found) >= OFFER_LIMIT:
                continue
            offer = {**_inherited(parent), **one} if parent else one
            found.append(offer)
            told = low_price(offer) is not None and not every
            if "offers" in offer and depth < _NESTING_LIMIT and not told:
                waiting.append((offer["offers"], depth + 1, offer))
    return found


def _inherited(parent: Node) -> Node:
    return {key: parent[key] for key in ("priceCurrency", "availability") if key in parent}


def low_price(offer: Node) -> object:
    """``lowPrice`` of an AggregateOffer, but not the 0 that stands for "unknown" (rule R38)."""
    low, high = offer.get("lowPrice"), offer.get("highPrice")
    if low is None or "aggregateoffer" not in types(offer):
        return None
    return None if is_zero(low) and high is not None and not is_zero(high) else low


def is_zero(value: object) -> bool:
    """Whether a machine wrote 0."""
    return next((machine_amount(one) == 0 for one in each(value)), False)


def _availability(offer: Node) -> str:
    return _availability_named(scalar_text(offer.get("availability")))


@lru_cache(maxsize=64)
def _availability_named(text: str) -> str:
    return re.sub(r"[\s_-]", "", short_type(text))


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
    if _is_for_members(offer):
        return False
    if short_type(scalar_text(offer.get("businessFunction"))) in _NO_SALES:
        return False
    if "business" in scalar_text(offer.get("eligibleCustomerType")).lower():
        return False
    for quantity in each(offer.get("eligibleQuantity")):
        if isinstance(quantity, dict):
            least = machine_amount(next(each(quantity.get("minValue")), None))
            if least is not None and least > 1:
                return False
    if any(_is_past(offer.get(name), now) for name in ("validThrough", "priceValidUntil")):
        return False
    begins = _parsed(offer.get("validFrom"), time.min)
    return begins is None or begins <= now


def _is_for_members(offer: Node) -> bool:
    if "validForMemberTier" in offer:
        return True
    specs = [one for one in each(offer.get("priceSpecification")) if isinstance(one, dict)]
    return (
        offer.get("price") is None
        and bool(specs)
        and all("validForMemberTier" in one for one in specs)
    )


def _is_past(value: object, now: float) -> bool:
    ends = _parsed(value, time.max)
    return ends is not None and ends < now


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


_NOT_THE_PRICE = frozenset(
    [
        "listprice",
        "strikethroughprice",
        "regularprice",
        "msrp",
        "srp",
        "invoiceprice",
        "minimumadvertisedprice",
    ]
)
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


@dataclass(frozen=True, slots=True)
class Pricing:
    """The price that was chosen, or why there is none."""

    price: OfferPrice | None = None
    problem: str = ""


def choose_price(nodes: list[Node], shop: Shop) -> Pricing:
    """The price of products or variants ``nodes``: the best offer's, else their own (rule R38)."""
    offers = [offer for node in nodes for offer in offers_of(node)]
    usable = [offer for offer in offers if holds(offer, shop.now)] or offers
    problems: list[str] = []
    prices = [price for offer in usable for price in _prices(offer, shop, problems)]
    if not prices:
        for node in nodes:  # a price may stand on the product itself, without an offer
            prices += _prices({**node, "@type": "Offer"}, shop, problems)
    best = min(prices, key=_order, default=None)
    return Pricing(best, "" if best is not None else next(iter(problems), ""))


def _order(price: OfferPrice) -> tuple[Any, ...]:
    return (*price.rank, price.amount)


def _prices(offer: Node, shop: Shop, problems: list[str]) -> Iterator[OfferPrice]:
    """The price of one offer, if it has one."""
    own = offer.get("priceCurrency", offer.get("currency"))
    for last_resort, said, value in _amounts(offer):
        currency = said if said is not None else own
        price = _price(value, currency, shop, problems)
        if price is not None:
            foreign = int(shop.currency is not None and price.currency != shop.currency)
            rank = (last_resort, unavailable(offer), used(offer), foreign)
            yield OfferPrice(price.amount, price.currency, price.raw, rank)
            return


def _amounts(offer: Node) -> Iterator[tuple[int, object, object]]:
    """Whether only a last resort, currency (None: the offer's), and amount (rules R38, R39)."""
    if "aggregateoffer" in types(offer):
        low = low_price(offer)
        if low is not None:
            yield 0, None, low
        for name in ("highPrice", "price"):
            if offer.get(name) is not None:
                yield 1, None, offer[name]
        return
    if offer.get("price") is not None:
        yield 0, None, offer["price"]
    for said, value in _specified(offer):
        yield 0, said, value
    for name in ("lowPrice", "minPrice"):
        if offer.get(name) is not None:
            yield 1, None, offer[name]


def _specified(offer: Node) -> Iterator[tuple[object, object]]:
    """Prices of ``priceSpecification`` (rule R39): the one to pay, a list price only if alone."""
    specs = [one for one in each(offer.get("priceSpecification")) if isinstance(one, dict)][:50]
    plain = [one for one in specs if not _is_per_unit(one)] or (specs if len(specs) == 1 else [])
    to_pay = [one for one in plain if not _price_types(one) & _NOT_THE_PRICE] or plain
    # Member prices are for members (a price of R37 as much as an offer of it).
    for spec in [one for one in to_pay if "validForMemberTier" not in one] or to_pay:
        for name in ("price", "minPrice"):
            if spec.get(name) is not None:
                yield spec.get("priceCurrency"), spec[name]


def _price_types(spec: Node) -> set[str]:
    return {short_type(one) for one in each(spec.get("priceType")) if isinstance(one, str)}


def _is_per_unit(spec: Node) -> bool:
    """A price per 100 ml or per month is not what the product costs."""
    reference = next(each(spec.get("referenceQuantity")), None)
    if isinstance(reference, dict):
        return True
    return any(key in spec for key in ("unitCode", "billingDuration", "billingIncrement"))


def _price(value: object, currency: object, shop: Shop, problems: list[str]) -> OfferPrice | None:
    said = scalar_text(currency) or None
    for one in each(value):
        named = said
        if isinstance(one, dict):
            named = scalar_text(one.get("currency")) or said  # a MonetaryAmount
            one = one.get("@value", one.get("price", one.get("value")))  # noqa: PLW2901
        if not isinstance(one, (str, int, float)):
            continue
        code = currency_code(named, shop.currency)
        amount = None if isinstance(one, Seen) else machine_amount(one)
        if amount is None and isinstance(one, str) and not _EXPONENT.fullmatch(one):
            read = read_price(one, currency=code, decimal=shop.decimal, lang=shop.lang)
            amount = read.amount
            code = code if named else read.currency
        if amount is None:
            problems.append("is no price that can be read")
        elif code is None:
            problems.append("has no currency: set TOPMAIL_CURRENCY or give the offer one")
        elif not sane(amount, code):
            problems.append("cannot be a price: too large, or too many decimals (R49)")
        else:
            return OfferPrice(rounded(amount, code), code, str(one)[:200])
    return None
