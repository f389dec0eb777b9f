"""Prices in texts and numbers: the golden cases, and nothing that breaks the reader."""

from __future__ import annotations

import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topmail_flask.extraction.currencies import Price, machine_amount
from topmail_flask.extraction.price_text import read_price


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.234 €", "1234"),
        ("1.234,50 €", "1234.50"),
        ("1,234.50", "1234.50"),
        ("₹1,23,456.00", "123456.00"),
        ("CHF 1'299.–", "1299"),
        ("CHF 1’299.-", "1299"),
        (",89 €", "0.89"),
        (".75", "0.75"),
        ("From $10 to $20", "10"),
        ("2 pairs from $349", "349"),
        ("-5", None),
        ("-$5", None),
        ("$-5", None),
        ("−5,00 €", None),
        ("٣٫٥٠", "3.50"),
        ("１２，０００円", "12000"),
        ("0,00", "0"),
        ("1 298,00 €", "1298.00"),
        ("1\u202f298,00\xa0€", "1298.00"),
        ("50,- Kč", "50"),
        ("1 299:-", "1299"),
        ("Rs. 1,999/-", "1999"),
        ("$ 1.144.000", "1144000"),
        ("1.298.00 $", "1298.00"),
        ("0.500 g", None),
        ("0,500 €", "0.500"),
        ("1234.567", "1234.567"),
        ("29.1583", "29.1583"),
        ("35€99", "35.99"),
        ("19⁹⁹ €", "19.99"),
        ("119. 95", "119.95"),
        ("39 ,90 €", "39.90"),
        # One of several
        ("$10-20", "10"),
        ("10–20 €", "10"),
        ("£6.95 - £9.95", "6.95"),
        ("Our Price 344.99 - 444.99", "344.99"),
        ("Was $120.00 Now $60.00", "60"),
        ("12,99 € (2,60 € / 100 g)", "12.99"),
        ("12,99 € 2,60 €/100 g", "12.99"),
        ("R$ 120,00 em até 12x de R$ 10,00", "120.00"),
        ("$100.00 or 4 payments of $25.00", "100"),
        ("34.12 (40.94 inc VAT)", "34.12"),
        ("302,44€ Χωρίς ΦΠΑ: 243,90€", "302.44"),
        ("AED 8000 (USD 2179)", "8000"),
        ("100€ -20€", "100"),
        ("129,00 € (-15%)", "129"),
        ("SAVE 20% Rs164.00", "164"),
        ("12.05.2024 €5", "5"),
        ("100,00 € zzgl. 4,90 € Versand", "100"),
        # None at all
        ("$1.2k", None),
        ("12만원", None),
        ("$1e5", None),
        ("99¢", None),
        ("Free", None),
        ("gratis", None),
        ("Call for price", None),
        ("15.08.2017", None),
        ("1.2.3", None),
        ("50%", None),
        ("500 ml", None),
        ("iPhone15", None),
        ("3 of 12", None),
        ("Free Shipping on Orders $49+.", None),
        ("You save $5.00", None),
        ("", None),
    ],
)
def test_a_text_for_people_has_this_price(text: str, amount: str | None) -> None:
    expected = None if amount is None else Decimal(amount)
    assert read_price(text).amount == expected


@pytest.mark.parametrize(
    ("text", "shop", "price"),
    [
        ("$9", None, Price(Decimal(9), None)),
        ("$9", "CAD", Price(Decimal(9), "CAD")),
        ("$9", "EUR", Price()),
        ("US$ 9", "CAD", Price(Decimal(9), "USD")),
        ("US $9", None, Price(Decimal(9), "USD")),
        ("$4.90 SGD", "USD", Price(Decimal("4.90"), "SGD")),
        ("SGD$4.90", None, Price(Decimal("4.90"), "SGD")),
        ("9 €", "USD", Price(Decimal(9), "EUR")),
        ("9", "EUR", Price(Decimal(9), "EUR")),
        ("150 kr", "SEK", Price(Decimal(150), "SEK")),
        ("150 kr", "EUR", Price()),
        ("¥1,200", "JPY", Price(Decimal(1200), "JPY")),
        ("￥1,200", "CNY", Price(Decimal(1200), "CNY")),
        ("£5", "EGP", Price(Decimal(5), "EGP")),
        ("£5", "EUR", Price(Decimal(5), "GBP")),
        ("0.5 BTC", "EUR", Price()),
        ("157,000 تومان", "IRR", Price()),
        ("KWD 1,250", None, Price(Decimal("1.250"), "KWD")),
        ("5 € 10 £", "GBP", Price(Decimal(10), "GBP")),
    ],
)
def test_a_sign_is_read_by_the_shops_currency(text: str, shop: str | None, price: Price) -> None:
    assert read_price(text, currency=shop) == price


def test_no_number_is_cut_through() -> None:
    assert read_price("€12.50 " + "x" * 300).amount == Decimal("12.50")
    assert read_price("x" * 192 + " € 1234.50").amount is None


def test_the_decimal_sign_of_the_shop_settles_1_234() -> None:
    assert read_price("1.234").amount == 1234
    assert read_price("1.234", decimal=".").amount == Decimal("1.234")
    assert read_price("1.234", decimal=",").amount == 1234
    assert read_price("1,234.50", decimal=",").amount == Decimal("1234.50")


def test_the_language_settles_it_only_where_prices_have_three_decimals() -> None:
    assert read_price("1.234 €", lang="en").amount == 1234
    assert read_price("$1,234", lang="de").amount == 1234
    assert read_price("KWD 1,234", lang="en-GB").amount == 1234
    assert read_price("KWD 1,234", lang="fr").amount == Decimal("1.234")


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("1.234", "1.234"),
        ("140.000", "140"),
        (" 9 ", "9"),
        (12, "12"),
        (12.5, "12.5"),
        (Decimal("12.50"), "12.50"),
        (Fraction(1, 4), "0.25"),
        (-0.0, "0"),
        (0, "0"),
    ],
)
def test_in_machine_text_the_point_is_the_decimal_point(value: object, amount: str) -> None:
    assert machine_amount(value) == Decimal(amount)


@pytest.mark.parametrize(
    "value",
    [
        *("", "12,50", "1.234,50", "$12", "-1", "1e3", "NaN", "Infinity", "1_000", "٣", ".5", "5."),
        *(float("nan"), float("inf"), -1, -0.01, 1e308, Fraction(10**400, 3), True, None),
        *(Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), b"12", [12], 1j),
        pytest.param(10**5000, id="a number of 5,000 digits"),
        pytest.param("9" * 5000, id="a text of 5,000 digits"),
    ],
)
def test_what_is_no_machine_number_has_no_amount(value: object) -> None:
    """F138."""
    assert machine_amount(value) is None


@given(st.text(max_size=80) | st.text("0123456789.,' -€$%()/kgx\xa0٫٣²½", max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    for shop in (None, "EUR", "KWD"):
        amount = read_price(text, currency=shop).amount
        assert amount is None or (amount.is_finite() and amount >= 0)


@given(
    st.floats()
    | st.integers()
    | st.decimals()
    | st.fractions()
    | st.booleans()
    | st.text()
    | st.none()
)
def test_no_value_breaks_the_machine_reader(value: object) -> None:
    amount = machine_amount(value)
    assert amount is None or (amount.is_finite() and amount >= 0)


@pytest.mark.parametrize(
    "unit", ["9", "1 ", "1,", "1.2", "€", "1€", "(1", "-", "'", " ", "1€ - ", "ﷺ", "²", "9x de "]
)
def test_a_megabyte_costs_no_more_than_a_line(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.thread_time()
    for _ in range(5):
        read_price(text)
        machine_amount(text)
    assert time.thread_time() - started < 0.5
