"""A store's process with a courier: takes commands on its input, answers each with a line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if "PRETENDED_PYTHON" in os.environ:  # as uWSGI does it: sys.executable is no Python
    sys.executable = os.environ["PRETENDED_PYTHON"]

from topmail_flask.delivery.front_door import Delivery
from topmail_flask.model.events import ProductView
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Receipt, Shopper

EMAIL = "ann@shop.example"


def view_of(product: str, email: str = EMAIL) -> ProductView:
    shown = Product(id=product, name="Tea", url="https://shop.example/tea")
    return ProductView(shown, Shopper(email=email))


def open_delivery(place: Path, base_url: str, key: str) -> Delivery:
    def delivered(view: ProductView, receipt: Receipt) -> None:
        print("delivered", view.product.id, flush=True)

    settings = Settings(
        api_key=key,  # type: ignore[arg-type]  # checked and turned at birth
        base_url=base_url,
        delivery="process",
        rate=2000.0,
    )
    return Delivery(
        settings, app_name="shop", directory=place, secret=b"secret", on_delivered=delivered
    )


def main(place: str, base_url: str, key: str) -> None:
    delivery = open_delivery(Path(place), base_url, key)
    for line in sys.stdin:
        word, _, product = line.strip().partition(" ")
        if word == "fork" and not os.fork():
            word = "view"
        if word == "view":
            assert delivery.accept(view_of(product)) is None
            print("accepted", product, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
