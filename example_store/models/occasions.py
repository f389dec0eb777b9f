"""What the shop sells beside single products: gift sets and workshops."""

from __future__ import annotations

from decimal import Decimal

from flask import url_for
from sqlalchemy import Column, ForeignKey, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from example_store.database import Euros, Model
from example_store.models.catalogue import Variant

gift_set_variants = Table(
    "gift_set_variants",
    Model.metadata,
    Column("gift_set_id", ForeignKey("gift_sets.id"), primary_key=True),
    Column("sku", ForeignKey("variants.sku"), primary_key=True),
)


class GiftSet(Model):
    __tablename__ = "gift_sets"

    category = "Gift sets"
    available = True

    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    blurb: Mapped[str]
    price: Mapped[Decimal] = mapped_column(Euros)
    contents: Mapped[list[Variant]] = relationship(secondary=gift_set_variants)

    @property
    def sku(self) -> str:
        return self.id

    @property
    def title(self) -> str:
        return f"Gift set: {self.name}"

    @property
    def image(self) -> str:
        return url_for("static", filename=f"art/{self.slug}.svg")

    @property
    def picture(self) -> str:
        return self.image

    @property
    def path(self) -> str:
        return url_for("gift_sets.gift_set", slug=self.slug)

    @property
    def saved(self) -> Decimal:
        return sum((variant.price for variant in self.contents), Decimal(0)) - self.price


class Workshop(Model):
    __tablename__ = "workshops"

    category = "Workshops"
    available = True

    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    price: Mapped[Decimal] = mapped_column(Euros)
    when: Mapped[str]
    host: Mapped[str]
    description: Mapped[str]

    @property
    def sku(self) -> str:
        return self.id

    @property
    def title(self) -> str:
        return f"Workshop: {self.name}"

    @property
    def image(self) -> str:
        return url_for("static", filename=f"art/{self.slug}.svg")

    @property
    def picture(self) -> str:
        return self.image

    @property
    def path(self) -> str:
        return url_for("workshops.workshop", slug=self.slug)
