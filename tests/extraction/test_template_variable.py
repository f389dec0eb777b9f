"""A shop shows its product in a template: what is read from it, and when it is none (T1 to T8)."""

from __future__ import annotations

import collections
import sqlite3
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import FrameType, MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from jinja2 import Undefined

from tests.extraction.objects import PAGE, read
from topmail_flask.extraction.attributes import template_product
from topmail_flask.extraction.objects import ProductReader
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings


@dataclass(frozen=True)
class Lamp:
    id: int = 7
    name: str = "Lamp"
    price: Decimal = Decimal("19.90")


@dataclass(slots=True)
class SlottedLamp:
    id: int = 7
    name: str = "Lamp"
    price: Decimal = Decimal("19.90")


class LampRow(NamedTuple):
    id: int = 7
    name: str = "Lamp"
    price: float = 19.9


def sqlite_row() -> sqlite3.Row:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    row: sqlite3.Row = connection.execute(
        "SELECT 7 AS id, 'Lamp' AS name, 19.9 AS price"
    ).fetchone()
    connection.close()
    return row


LAMP: dict[str, Any] = {"id": 7, "name": "Lamp", "price": "19.90"}
EXPECTED = Product(id="7", name="Lamp", url=PAGE, price=Decimal("19.90"), currency="EUR")


@pytest.mark.parametrize(
    "value",
    [
        *(Lamp(), SlottedLamp(), LampRow(), LAMP, SimpleNamespace(**LAMP), sqlite_row()),
        *(MappingProxyType(LAMP), collections.OrderedDict(LAMP), collections.ChainMap(LAMP)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_kind_of_object_is_read(value: object) -> None:
    assert read(value) == EXPECTED


def test_what_a_property_makes_of_a_private_attribute_is_meant() -> None:
    class Hidden:
        def __init__(self) -> None:
            self._id, self.__name, self._price = 1007, "lamp", 1990

        id = 7
        name = property(lambda self: self.__name.title())
        price = property(lambda self: Decimal(self._price) / 100)

    assert read(Hidden()) == EXPECTED


def test_every_field_has_the_names_that_stores_use() -> None:
    shown = SimpleNamespace(
        product_id=UUID(int=7),
        title="Lamp",
        unit_price=19.9,
        currency_code="chf",
        img_url="/static/lamp.jpg",
        category=SimpleNamespace(name="Lights"),
        manufacturer=SimpleNamespace(title="Lux"),
        sku=4711,
        cost=5,
        amount=80,
        discounted_price=2,
        variant=["small", "large"],
    )
    assert read(shown) == Product(
        id=str(UUID(int=7)),
        name="Lamp",
        url=PAGE,
        price=Decimal("19.90"),
        currency="CHF",
        image_url="https://shop.test/static/lamp.jpg",
        category="Lights",
        brand="Lux",
        sku="4711",
    )


def test_fields_have_names_of_many_languages() -> None:
    lampu = {"id": 7, "nama": "Lampu", "harga": 150_000, "gambar": "/static/lampu.jpg"}
    product = read(lampu, currency="IDR")
    assert (product.name, product.price) == ("Lampu", Decimal(150_000))
    assert product.image_url == "https://shop.test/static/lampu.jpg"


def test_the_variables_have_an_order_and_listings_are_passed_over() -> None:
    product, item, shoe = Lamp(1), Lamp(2), Lamp(3)
    assert template_product({"item": item, "product": product}, ()) is product
    assert template_product({"item": item, "shoe": shoe}, ("shoe",)) is item
    assert template_product({"shoe": shoe, "product": None}, ("boot", "shoe")) is shoe
    assert template_product({"featured_product": shoe, "author": product}, ()) is None
    for nothing in (None, Undefined(), "lamp", 7, [product], (product,), True):
        assert template_product({"product": nothing, "item": item}, ()) is item


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"name": "Lamp", "price": 1}, "id"),
        ({"id": "", "name": "Lamp", "price": 1}, "id"),
        ({"id": True, "name": "Lamp", "price": 1}, "id"),
        ({"id": "x" * 101, "name": "Lamp", "price": 1}, "id"),
        ({"id": 7, "price": 1}, "name"),
        ({"id": 7, "name": " ", "price": 0}, "name"),
        ({"id": 7, "name": "Ann Author"}, "price"),
        ({"id": 7, "name": "Lamp", "price": ""}, "price"),
        ({"id": 7, "name": "Lamp", "price": "on request"}, "price"),
        ([Lamp()], "product"),
        ((7, "Lamp", 19.9), "product"),
        ({Lamp()}, "product"),
        (None, "id"),
        ("lamp", "id"),
        (Lamp, "id"),
        (print, "id"),
    ],
)
def test_what_has_no_id_name_and_price_is_no_product(value: object, field: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        read(value, needs_price=True)
    assert raised.value.field == field


def test_the_route_names_an_object_without_id() -> None:
    shown = {"name": "Lamp", "price": 1}
    assert read(shown, view_args={"slug": "lamp"}).id == "lamp"
    assert read(shown, view_args={"lang": "en", "product_id": 7}).id == "7"
    assert read(shown, view_args={"number": 7}).id == "7"
    assert read({**shown, "slug": "own"}, view_args={"number": 7}).id == "own"
    for arguments in ({"lang": "en", "number": 7}, {"lang": "en"}, {"category": "lamps"}):
        with pytest.raises(InvalidValueError):
            read(shown, view_args=arguments)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": 0, "name": 1, "price": 2, "brand": 3, "image_url": 4},
        {
            "id": 0,
            "name": lambda row: row[1],
            "price": lambda row: row[2],
            "brand": 3,
            "image_url": 4,
        },
    ],
)
def test_a_tuple_is_read_by_the_places_that_the_route_names(fields: Mapping[str, object]) -> None:
    row = (7, "Lamp", "19.90", "Lux", "/lamp.jpg")
    product = read(row, fields=fields)
    assert (product.id, product.name, product.price) == ("7", "Lamp", Decimal("19.90"))
    assert (product.brand, product.image_url) == ("Lux", "https://shop.test/lamp.jpg")


def test_fields_may_be_attributes_keys_paths_and_methods() -> None:
    class Odd:
        code = "L7"
        label = "Lamp"
        title = "never read"
        maker = SimpleNamespace(company={"legal_name": "Lux & Co"})
        chosen = {"code": "L7-RED"}  # noqa: RUF012

        def gross(self) -> Decimal:
            return Decimal("19.90")

    product = read(
        Odd(),
        fields={
            "id": "code",
            "name": "label",
            "brand": "maker.company.legal_name",
            "variant_id": "chosen.code",
            "price": "gross",
            "category": "no.such.path",
            "sku": lambda odd: odd.missing,
        },
    )
    assert (product.id, product.name, product.brand) == ("L7", "Lamp", "Lux & Co")
    assert (product.variant_id, product.price) == ("L7-RED", Decimal("19.90"))
    assert (product.category, product.sku) == (None, None)


def test_a_mapped_field_is_looked_for_nowhere_else() -> None:
    rejected: dict[str, str] = {}
    product = read({**LAMP, "sku": "S"}, fields={"price": "net", "sku": 5}, rejected=rejected)
    assert (product.price, product.sku) == (None, None)
    assert rejected == {
        "price": "fields says 'net', which gives none",
        "sku": "could not be read (KeyError)",
    }


def test_a_ready_product_passes_and_learns_its_url() -> None:
    ready = Product(id="7", name="Lamp")
    assert read(ready, url=f"{PAGE}?utm_source=x#top") == Product(id="7", name="Lamp", url=PAGE)
    own = Product(id="7", name="Lamp", url="https://other.test/7", price=Decimal(1), currency="CHF")
    assert read(own) is own


def calls_of(read_it: Callable[[], object]) -> int:
    """How many functions run, Python's and C's: a cost that is the same on every machine."""
    calls = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    read_it()  # what is kept for the next time
    sys.setprofile(count)
    read_it()
    sys.setprofile(None)
    return calls


def test_looking_for_nothing_costs_next_to_nothing() -> None:
    context = {"request": 1, "session": 2, "g": 3, "rows": []}
    settings = Settings(currency="EUR")
    assert calls_of(lambda: template_product(context, ("shoe",))) < 20
    once = calls_of(lambda: ProductReader(settings).read(Lamp(), PAGE, {}))
    assert once < 400
