"""What customers viewed: behind the strip "You looked at" and the account page."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from example_store.database import Euros, Model

ON_ITS_WAY = "on its way to TopMail"
AGAIN = "the same again: counts once"
DELIVERED = "delivered to TopMail"


class ViewedProduct(Model):
    """One product view of a customer.

    :ivar view_key: the view's key, by which the news of its delivery finds it.
    :ivar state: what became of the view, in words for the account page.
    """

    __tablename__ = "viewed_products"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"), index=True)
    view_key: Mapped[str] = mapped_column(unique=True)
    product_id: Mapped[str]
    name: Mapped[str]
    path: Mapped[str]
    picture: Mapped[str | None]
    price: Mapped[Decimal | None] = mapped_column(Euros)
    state: Mapped[str]
    seen_at: Mapped[datetime] = mapped_column(index=True, default=lambda: datetime.now(UTC))
