"""Fills the database from the folder ``stock``, and opens the demo shoppers' accounts."""

from __future__ import annotations

import fcntl
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from example_store.database import db
from example_store.demo_shoppers import DEMO_SHOPPERS
from example_store.models import Category, Choice, Customer, GiftSet, Product, Variant, Workshop

STOCK = Path(__file__).parent / "stock"


def open_shop(instance: Path) -> None:
    """Create the tables and bring the catalogue in line with the stock files."""
    with only_one_process(instance):
        db.create_all()
        shelves = [tomllib.loads(path.read_text("utf-8")) for path in STOCK.glob("*.toml")]
        # Categories first: gift sets are made of their products.
        for shelf in sorted(shelves, key=lambda shelf: "slug" not in shelf):
            _take_stock(shelf)
        for shopper in DEMO_SHOPPERS:
            _open_account(shopper.name, shopper.email, shopper.password)
        db.session.commit()


@contextmanager
def only_one_process(instance: Path) -> Iterator[None]:
    """Let the workers of one server, which start at the same moment, pass one by one."""
    with (instance / "opening.lock").open("w", encoding="utf-8") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        yield


def _take_stock(shelf: dict[str, Any]) -> None:
    if "slug" in shelf:
        products = shelf.pop("products")
        db.session.merge(Category(**shelf))
        for position, product in enumerate(products):
            _put_on_shelf(product, shelf["slug"], position)
    for gift_set in shelf.get("gift_sets", ()):
        contents = [db.session.get_one(Variant, sku) for sku in gift_set.pop("skus")]
        db.session.merge(GiftSet(**_priced(gift_set), contents=contents))
    for workshop in shelf.get("workshops", ()):
        db.session.merge(Workshop(**_priced(workshop)))


def _put_on_shelf(product: dict[str, Any], category: str, position: int) -> None:
    variants = [
        Variant(**_priced(variant), position=number)
        for number, variant in enumerate(product.pop("variants"))
    ]
    db.session.merge(
        Product(**product, category_slug=category, position=position, variants=variants)
    )


def _priced(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {"price": Decimal(entry["price"])}


def _open_account(name: str, email: str, password: str) -> None:
    customer = db.session.scalar(db.select(Customer).filter_by(email=email))
    if customer is None:
        customer = Customer(name=name, email=email)
        customer.set_password(password)
        db.session.add(customer)
        db.session.flush()
    # They said yes when they opened their accounts: the demonstration begins with the first look.
    if db.session.get(Choice, customer.id) is None:
        db.session.add(Choice(customer_id=customer.id, agreed=True))
