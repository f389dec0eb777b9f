"""A small shop for tests: a Flask app with the extension, and what its signals told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from topmail_flask import (
    Product,
    ProductView,
    Shopper,
    TopMail,
    product_viewed,
    view_dropped,
)

TEA: dict[str, Any] = {"id": "tea-1", "name": "Green tea", "price": "9.90", "currency": "EUR"}
TEMPLATE = "<title>shop</title><h1>{{ product.name if product else 'nothing' }}</h1>"


@dataclass
class Shop:
    """The app, its extension, and the looks and refusals since it was made."""

    app: Flask
    topmail: TopMail
    looks: list[tuple[Product, Shopper | None]] = field(default_factory=list)
    views: list[ProductView] = field(default_factory=list)
    refusals: list[tuple[str | None, str]] = field(default_factory=list)

    def get(self, path: str, **how: Any) -> TestResponse:
        return self.app.test_client().get(path, **how)

    @property
    def looked_at(self) -> list[str]:
        return [product.id for product, _ in self.looks]

    @property
    def reasons(self) -> dict[str, int]:
        return dict(self.topmail.stats(self.app).reasons)


def make_shop(config: Mapping[str, Any] | None = None, *, shopper: str | None = None) -> Shop:
    """A shop whose shopper is always ``shopper``. Without a key in ``config`` nothing is sent."""
    app = Flask("shop")
    app.config.update({"TOPMAIL_OUTBOX": ":memory:", **(config or {})})
    topmail = TopMail(app)
    shop = Shop(app, topmail)
    topmail.shopper_loader(lambda: shopper)

    def looked(
        sender: Flask, *, view: ProductView, product: Product, shopper: Shopper | None, **_: Any
    ) -> None:
        shop.views.append(view)
        shop.looks.append((product, shopper))

    def dropped(sender: Flask, *, product: Product | None, reason: str, **_: Any) -> None:
        shop.refusals.append((product.id if product else None, reason))

    product_viewed.connect(looked, app, weak=False)
    view_dropped.connect(dropped, app, weak=False)
    return shop
