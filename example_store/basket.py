"""The shopping basket: kept in the session, priced from the database."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from flask import session

from example_store.database import db
from example_store.models import GiftSet, Variant, Workshop

MOST_OF_ONE = 20
FREE_SHIPPING_FROM = Decimal(75)
SHIPPING = Decimal("5.90")


class Sellable(Protocol):
    """What can lie in a basket: a variant, a gift set or a place in a workshop."""

    available: bool

    @property
    def sku(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def price(self) -> Decimal: ...
    @property
    def picture(self) -> str: ...
    @property
    def path(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Line:
    sold: Sellable
    quantity: int

    @property
    def total(self) -> Decimal:
        return self.sold.price * self.quantity


@dataclass(frozen=True, slots=True)
class Basket:
    lines: tuple[Line, ...]

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def shipping(self) -> Decimal:
        return Decimal(0) if self.subtotal >= FREE_SHIPPING_FROM else SHIPPING

    @property
    def to_free_shipping(self) -> Decimal:
        return max(FREE_SHIPPING_FROM - self.subtotal, Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.shipping


def find_sellable(sku: str) -> Sellable | None:
    """What is sold under this number and can be bought now."""
    found: Sellable | None = (
        db.session.get(Variant, sku)
        or db.session.get(GiftSet, sku)
        or db.session.get(Workshop, sku)
    )
    return found if found is not None and found.available else None


def basket_in_session() -> Basket:
    lines = []
    for sku, quantity in session.get("basket", {}).items():
        sold = find_sellable(sku)
        if sold is not None:
            lines.append(Line(sold, quantity))
    return Basket(tuple(lines))


def set_quantity(sku: str, quantity: int) -> None:
    """Put ``quantity`` pieces into the basket in place of those in it; 0 takes them out."""
    quantities = dict(session.get("basket", {}))
    quantities[sku] = min(quantity, MOST_OF_ONE)
    session["basket"] = {sku: pieces for sku, pieces in quantities.items() if pieces > 0}


def quantity_of(sku: str) -> int:
    return int(session.get("basket", {}).get(sku, 0))


def basket_name() -> str:
    """What this basket is called until it is bought; nobody else's has the name."""
    name: str = session.setdefault("basket_name", f"basket-{secrets.token_hex(8)}")
    return name


def empty_basket() -> None:
    session.pop("basket", None)
    session.pop("basket_name", None)
