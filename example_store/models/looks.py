"""Who looked at what: behind the account page."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.orm import Mapped, mapped_column

from example_store.database import Euros, Model

ON_ITS_WAY = "on its way to TopMail"
DELIVERED = "delivered to TopMail"


class Look(Model):
    """One product view, as the shop remembers it.

    :ivar shelf: whose look.
    :ivar view_key: the view's key, by which the news of its delivery finds it.
    :ivar state: what became of the view, in words for the account page.
    """

    __tablename__ = "looks"

    id: Mapped[int] = mapped_column(primary_key=True)
    shelf: Mapped[str] = mapped_column(index=True)
    view_key: Mapped[str] = mapped_column(unique=True)
    product_id: Mapped[str]
    name: Mapped[str]
    path: Mapped[str]
    picture: Mapped[str | None]
    price: Mapped[Decimal | None] = mapped_column(Euros)
    state: Mapped[str]
    seen_at: Mapped[datetime] = mapped_column(index=True, default=lambda: datetime.now(UTC))
