"""A purchase is right when it is made, or not made at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import Purchase
from topmail_flask.model.shopper import Shopper

ANN = Shopper(email="ann@shop.example")


def bought(order_id: Any = "A-7", **fields: Any) -> Purchase:
    return Purchase(order_id, ANN, **fields)


@pytest.mark.parametrize(
    ("revenue", "sent"),
    [
        (Decimal("99.90"), b"99.9"),
        (Decimal("5.00"), b"5"),
        (12, b"12"),
        (0, b"0"),
        (19.99, b"19.99"),
        ("7.25", b"7.25"),
    ],
)
def test_revenue_is_a_number_with_its_currency(revenue: Any, sent: bytes) -> None:
    purchase = bought(revenue=revenue, currency="eur")
    assert purchase.body_bytes() == (
        b'{"email":"ann@shop.example","type":"purchase","order_id":"A-7","revenue":%b,'
        b'"currency":"EUR"}' % sent
    )


@pytest.mark.parametrize(
    ("order_id", "sent"),
    [(17, "17"), ("  17 ", "17"), (UUID(int=7), str(UUID(int=7))), ("x" * 100, "x" * 100)],
)
def test_an_order_is_told_by_whatever_the_store_numbers_it_with(order_id: Any, sent: str) -> None:
    assert bought(order_id).body()["order_id"] == sent


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("order_id", {"order_id": ""}),
        ("order_id", {"order_id": None}),
        ("order_id", {"order_id": True}),
        ("order_id", {"order_id": 1.5}),
        ("order_id", {"order_id": "x" * 101}),
        ("order_id", {"order_id": "a\nb"}),
        ("revenue", {"revenue": -1, "currency": "EUR"}),
        ("revenue", {"revenue": "9,99", "currency": "EUR"}),
        ("revenue", {"revenue": float("nan"), "currency": "EUR"}),
        ("revenue", {"revenue": True, "currency": "EUR"}),
        ("revenue", {"revenue": 10**12, "currency": "EUR"}),
        ("revenue", {"revenue": 9.99}),
        ("currency", {"revenue": 9.99, "currency": "euro"}),
        ("shopper", {"shopper": "ann@shop.example"}),
    ],
)
def test_a_wrong_value_names_its_field(field: str, fields: dict[str, Any]) -> None:
    values: dict[str, Any] = {"order_id": "A-7", "shopper": ANN} | fields
    with pytest.raises(InvalidValueError) as raised:
        Purchase(**values)
    assert raised.value.field == field
    assert "ann" not in str(raised.value)


def test_without_revenue_no_currency_is_told() -> None:
    assert "currency" not in bought(currency="EUR").body()


def test_a_contacts_id_is_told_instead_of_the_address() -> None:
    known = Shopper(email="ann@shop.example", contact_id="c-1")
    assert Purchase("A-7", known).body() == {
        "contact_id": "c-1",
        "type": "purchase",
        "order_id": "A-7",
    }


def test_one_order_has_one_key_whoever_tells_of_it_and_whatever_it_brought() -> None:
    page = bought(revenue=5, currency="EUR")
    webhook = Purchase("A-7", Shopper(contact_id="c-1"), revenue=Decimal(6), currency="USD")
    assert page.key == webhook.key
    assert page.key != bought("A-8").key
    assert len(page.key) <= 64


def test_a_purchase_is_read_back_from_what_was_sent() -> None:
    purchase = bought(revenue="7.25", currency="EUR")
    assert Purchase.from_body(purchase.body(), bought_at=purchase.bought_at) == purchase


def test_a_purchase_shows_neither_the_shopper_nor_the_sum() -> None:
    purchase = bought(revenue="7.25", currency="EUR")
    assert repr(purchase) == f"<Purchase {purchase.key}>"
