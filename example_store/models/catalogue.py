"""Categories, products and their variants."""

from __future__ import annotations

from decimal import Decimal

from flask import url_for
from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from example_store.database import Euros, Model


class Category(Model):
    __tablename__ = "categories"

    slug: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    blurb: Mapped[str]
    position: Mapped[int]
    products: Mapped[list[Product]] = relationship(
        back_populates="category", order_by="Product.position"
    )

    def __str__(self) -> str:
        return self.name


class Product(Model):
    __tablename__ = "products"

    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    maker: Mapped[str]
    description: Mapped[str]
    details: Mapped[list[str]] = mapped_column(JSON)
    option: Mapped[str | None]
    featured: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int]
    category_slug: Mapped[str] = mapped_column(ForeignKey("categories.slug"), index=True)
    category: Mapped[Category] = relationship(back_populates="products")
    variants: Mapped[list[Variant]] = relationship(
        back_populates="product",
        order_by="Variant.position",
        cascade="all, delete-orphan",
        lazy="selectin",
    )

    @property
    def picture(self) -> str:
        return url_for("static", filename=f"art/{self.slug}.svg")

    @property
    def path(self) -> str:
        return url_for("catalogue.product", slug=self.slug)

    @property
    def price(self) -> Decimal:
        """The lowest price that a customer can buy at now."""
        return min(self._prices)

    @property
    def has_several_prices(self) -> bool:
        return len(self._prices) > 1

    @property
    def _prices(self) -> set[Decimal]:
        on_sale = [variant for variant in self.variants if variant.available]
        return {variant.price for variant in on_sale or self.variants}

    def variant(self, sku: str | None) -> Variant | None:
        return next((variant for variant in self.variants if variant.sku == sku), None)


class Variant(Model):
    __tablename__ = "variants"

    sku: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str]
    price: Mapped[Decimal] = mapped_column(Euros)
    available: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int]
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), index=True)
    product: Mapped[Product] = relationship(back_populates="variants")

    @property
    def title(self) -> str:
        return f"{self.product.name}, {self.label}" if self.product.option else self.product.name

    @property
    def picture(self) -> str:
        return self.product.picture

    @property
    def path(self) -> str:
        return url_for("catalogue.product", slug=self.product.slug, variant=self.sku)
