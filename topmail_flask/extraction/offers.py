"""The offers of a product: which there are, and which are for this shopper (rule R37)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any

from topmail_flask.extraction.prices import machine_amount
from topmail_flask.extraction.schema_org import Node, each, scalar_text, short_type, types

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
