"""Orders: what was bought, at the price of that day."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from example_store.database import Euros, Model


def _order_number() -> str:
    # Guests read their order by its number alone: it must not be countable.
    return f"LR-{secrets.token_hex(8).upper()}"


class Order(Model):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True, default=_order_number)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customers.id"), index=True)
    name: Mapped[str]
    email: Mapped[str]
    street: Mapped[str]
    postcode: Mapped[str]
    city: Mapped[str]
    country: Mapped[str]
    shipping: Mapped[Decimal] = mapped_column(Euros)
    placed_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    lines: Mapped[list[OrderLine]] = relationship(cascade="all, delete-orphan")

    @property
    def total(self) -> Decimal:
        return self.shipping + sum((line.price * line.quantity for line in self.lines), Decimal(0))


class OrderLine(Model):
    __tablename__ = "order_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    sku: Mapped[str]
    title: Mapped[str]
    price: Mapped[Decimal] = mapped_column(Euros)
    quantity: Mapped[int]
