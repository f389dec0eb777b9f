"""Prices as the objects of stores hold them (rules T5, R46 to R49)."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from tests.extraction.objects import read
from topmail_flask.extraction.objects import ProductReader
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings


def shown(price: object, **more: object) -> dict[str, object]:
    return {"id": 7, "name": "Lamp", "price": price, **more}


def paid(product: Product) -> tuple[str | None, str | None]:
    return (None if product.price is None else str(product.price), product.currency)


class Code(Enum):
    FRANC = "CHF"


class Money:
    """As py-moneyed and prices have it."""

    def __init__(self, amount: object, currency: object) -> None:
        self.amount = amount
        self.currency = currency

    def __str__(self) -> str:
        return f"about {self.amount}"


class MoneyTuple(NamedTuple):
    amount: Decimal
    currency: str


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (12, "12.00"),
        (12.5, "12.50"),
        (0.1 + 0.2, "0.30"),
        (Decimal("12.345"), "12.35"),
        (Fraction(5, 4), "1.25"),
        ("12.50", "12.50"),
        ("12,50", "12.50"),
        ("1.234,50", "1234.50"),
        (0, "0.00"),
        (-0.0, "0.00"),
        (float("nan"), None),
        (float("inf"), None),
        (-1, None),
        ("", None),
        (None, None),
        (True, None),
        ("NaN", None),
        (1e308, None),
        (10**5000, None),
        ("9" * 5000, None),
        ([12], None),
        (b"12", None),
    ],
    ids=lambda value: str(value)[:20] if not isinstance(value, int) or value < 100 else "huge",
)
def test_a_price_is_finite_and_rounded_or_left_out(price: object, expected: str | None) -> None:
    """F138: whatever it is, the view is kept."""
    assert paid(read(shown(price))) == (expected, "EUR" if expected else None)


def test_cents_are_divided_by_the_minor_units_of_their_currency() -> None:
    assert paid(read(shown(1990), price_unit="minor")) == ("19.90", "EUR")
    assert paid(read(shown("1990"), price_unit="minor")) == ("19.90", "EUR")
    assert paid(read(shown(1990), price_unit="minor", currency="JPY")) == ("1990", "JPY")
    assert paid(read(shown(1990, currency="KWD"), price_unit="minor")) == ("1.990", "KWD")
    assert paid(read(shown("19,90 €"), price_unit="minor")) == ("19.90", "EUR")
    assert paid(read(shown(Money(Decimal("19.90"), "EUR")), price_unit="minor"))[0] == "19.90"


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (Money(Decimal("19.90"), "CHF"), ("19.90", "CHF")),
        (Money("19.90", SimpleNamespace(code="CHF")), ("19.90", "CHF")),
        (Money(19.9, Code.FRANC), ("19.90", "CHF")),
        (Money(19.9, None), ("19.90", "EUR")),
        (Money(19.9, "BTC"), (None, None)),
        (Money("much", "CHF"), (None, None)),
        (MoneyTuple(Decimal("19.90"), "CHF"), ("19.90", "CHF")),
        ({"amount": "19.90", "currency": "chf"}, ("19.90", "CHF")),
        ({"value": 19.9, "currency_code": "CHF"}, ("19.90", "CHF")),
        (SimpleNamespace(gross=Money(19.9, "CHF"), net=Money(16, "CHF")), ("19.90", "CHF")),
    ],
)
def test_money_brings_its_currency(price: object, expected: tuple[str, str]) -> None:
    assert paid(read(shown(price))) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"price": "$9"}, (None, None)),
        ({"price": "9 €"}, ("9.00", "EUR")),
        ({"price": "US$ 9"}, ("9.00", "USD")),
        ({"price": "9", "currency": "usd"}, ("9.00", "USD")),
        ({"price": "$9", "currency": "CAD"}, ("9.00", "CAD")),
        ({"price": 9, "currency": "BTC"}, (None, None)),
        ({"price": 9, "currency": ""}, ("9.00", "EUR")),
        ({"price": 9, "currency": Code.FRANC}, ("9.00", "CHF")),
        ({"price": 9, "currency": SimpleNamespace(code="CHF")}, ("9.00", "CHF")),
        ({"price": 9, "currency": "$"}, (None, None)),
    ],
)
def test_a_price_is_never_sent_in_another_currency_than_its_own(
    attributes: dict[str, Any], expected: tuple[str, str]
) -> None:
    """F139."""
    assert paid(read(shown(**attributes))) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"price": 20, "sale_price": 15}, "15.00"),
        ({"price": 20, "sale_price": 0}, "20.00"),
        ({"price": 20, "sale_price": None}, "20.00"),
        ({"price": 20, "sale_price": "n/a"}, "20.00"),
        ({"price": 20, "sale_price": 25}, "20.00"),
        ({"price": None, "sale_price": 15}, "15.00"),
        ({"price": None, "regular_price": 30, "unit_price": 20}, "20.00"),
        ({"price": None, "sell_price": 20, "deal_price": 15}, "15.00"),
        ({"price": 20, "cost": 5, "amount": 3, "discounted_price": 2}, "20.00"),
        ({"price": 49, "discount_price": 12}, "49.00"),
        ({"price": 49, "discount_price": 29}, "29.00"),
    ],
)
def test_the_sale_price_counts_when_it_is_one(attributes: dict[str, Any], expected: str) -> None:
    assert paid(read(shown(**attributes)))[0] == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"variants": [{"price": 20}, {"price": "15"}, {"price": 30}]}, "15.00"),
        ({"variants": [SimpleNamespace(price=20, sale_price=12)]}, "12.00"),
        ({"variations": ({"price_cents": 1500},)}, "15.00"),
        ({"skus": [{"size": "S"}, {"price": {"amount": "15", "currency": "EUR"}}]}, "15.00"),
        ({"price": 40, "variants": [{"price": 20}]}, "40.00"),
        ({"min_price": 15, "max_price": 30}, "15.00"),
        ({"price": {"min": 15, "max": 30}}, "15.00"),
        ({"pricing": {"price": 15}}, "15.00"),
    ],
)
def test_a_product_without_a_price_of_its_own_has_the_lowest_of_its_variants(
    attributes: dict[str, Any], expected: str
) -> None:
    assert paid(read({"id": 7, "name": "Lamp", **attributes}))[0] == expected


@pytest.mark.parametrize("variants", [[], ["S", "M"], None, "S", {"S": 1}, [None], [{"price": 0}]])
def test_variants_without_a_price_make_no_product(variants: object) -> None:
    with pytest.raises(InvalidValueError):
        ProductReader(Settings()).read(
            {"id": 7, "name": "Lamp", "variants": variants},
            "https://shop.example/p/7",
            {},
            needs_price=True,
        )


def test_without_any_currency_the_price_is_left_out_and_the_view_kept() -> None:
    """R46; the price still tells a product from its look-alikes."""
    rejected: dict[str, str] = {}
    product = read(shown(9), currency=None, needs_price=True, rejected=rejected)
    assert paid(product) == (None, None)
    assert "TOPMAIL_CURRENCY" in rejected["price"]


def test_a_price_in_a_currency_that_nobody_knows_still_tells_a_product() -> None:
    """T2, R45: the view is kept without it; a text without a price is none."""
    assert paid(read(shown("$9.90"), currency="EUR", needs_price=True)) == (None, None)
    for no_price in ("on request", "price_1"):
        with pytest.raises(InvalidValueError):
            read(shown(no_price), currency="EUR", needs_price=True)


def test_an_implausible_price_is_left_out_and_the_view_kept() -> None:
    """R49."""
    rejected: dict[str, str] = {}
    assert read(shown(10_000_001), needs_price=True, rejected=rejected).price is None
    assert rejected == {"price": "is no plausible price"}
    assert paid(read(shown(25_000_000), currency="VND")) == ("25000000", "VND")


def test_1_234_in_a_text_is_read_as_the_shop_writes_it() -> None:
    assert paid(read(shown("1.234"), decimal=","))[0] == "1234.00"
    assert paid(read(shown("1.234")))[0] == "1.23"
    assert paid(read(shown("12.50"), decimal=","))[0] == "12.50"
    assert paid(read(shown("235.000"), currency="IDR"))[0] == "235000.00"
    assert paid(read(shown("12.000"), currency="JPY"))[0] == "12000"
