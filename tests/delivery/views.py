"""Views of the one shopper whom the tests' TopMail knows."""

from __future__ import annotations

from topmail_flask.model.events import ProductView
from topmail_flask.model.product import Product
from topmail_flask.model.shopper import Shopper

EMAIL = "ann@shop.example"


def view_of(product: str, email: str = EMAIL) -> ProductView:
    shown = Product(id=product, name="Tea", url="https://shop.example/tea")
    return ProductView(shown, Shopper(email=email))
