"""Currencies: which code a value names, and what its amounts may be."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topmail_flask.extraction import currencies
from topmail_flask.extraction.currencies import currency_code, minor_units, rounded, sane


@pytest.mark.parametrize(
    ("value", "shop", "code"),
    [
        ("usd", "EUR", "USD"),
        (" eur ", None, "EUR"),
        ("€", "USD", "EUR"),
        ("zł", None, "PLN"),
        ("$", "CAD", "CAD"),
        ("$", "EUR", None),
        ("$", None, None),
        ("kr", "DKK", "DKK"),
        (None, "EUR", "EUR"),
        ("", "EUR", "EUR"),
        ("XXX", "EUR", "EUR"),
        (None, None, None),
        ("BTC", "EUR", None),
        ("US", "EUR", None),
        ("USDD", "EUR", None),
        ("840", "EUR", None),
        ("XAU", "EUR", None),
        ("HRK", "EUR", None),
        ("hrk", "HRK", "HRK"),
        ("RUR", "EUR", "RUB"),
        ("BYR", None, "BYN"),
        ("TRL", None, "TRY"),
        ("EUR €", None, "EUR"),
        ("€ EUR", "USD", "EUR"),
        ("USD$", None, "USD"),
        ("Euro (EUR)", None, "EUR"),
        ("US Dollars", None, "USD"),
        ("KD", None, "KWD"),
        ("USD EUR", None, None),
        ("EUR $", "USD", None),
        ("BTC EUR", None, None),
        ("no currency", "EUR", None),
        (840, "EUR", None),
        (True, "EUR", None),
        (["EUR"], "EUR", None),
        ("E" * 1_000_000, "EUR", None),
    ],
)
def test_a_currency_is_an_active_code_or_none(
    value: object, shop: str | None, code: str | None
) -> None:
    """F139: what is named and unknown never passes for the shop's currency."""
    assert currency_code(value, shop) == code


@given(st.text(max_size=12))
def test_no_text_breaks_it(text: str) -> None:
    code = currency_code(text, None)
    assert code is None or (len(code) == 3 and code.isascii() and code.isupper())


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("1.234", "USD", "1.23"),
        ("1.235", "EUR", "1.24"),
        ("2.5", "JPY", "3"),
        ("0.4999", "KRW", "0"),
        ("1.2345", "KWD", "1.235"),
        ("9", "EUR", "9.00"),
        ("19.990000000000002", "EUR", "19.99"),
        ("1.005", None, "1.01"),
    ],
)
def test_amounts_are_rounded_half_up_to_minor_units(
    amount: str, currency: str | None, expected: str
) -> None:
    made = rounded(Decimal(amount), currency)
    assert (made, str(made)) == (Decimal(expected), expected)


def test_minor_units_are_the_tables() -> None:
    assert [minor_units(code) for code in ("JPY", "CLP", "ISK", "EUR", "BHD", "TND")] == [
        *(0, 0, 0),
        *(2, 3, 3),
    ]


@pytest.mark.parametrize(
    ("amount", "currency", "plausible"),
    [
        ("0", "EUR", True),
        ("9999999.99", "USD", True),
        ("10000001", "USD", False),
        ("10000001", None, False),
        ("25000000", "VND", True),
        ("25000000", "IDR", True),
        ("2500000000", "IRR", True),
        ("20000000000", "IDR", False),
        ("1.2345", "EUR", True),
        ("1.23456", "EUR", True),
        ("185.130001", "EUR", True),
        ("1.500000", "EUR", True),
        (str(0.1 + 0.2), "EUR", True),
        ("-1", "EUR", False),
        ("NaN", "EUR", False),
        ("Infinity", "EUR", False),
    ],
)
def test_a_price_is_plausible_in_its_currency(
    amount: str, currency: str | None, plausible: bool
) -> None:
    assert sane(Decimal(amount), currency) is plausible


@pytest.mark.parametrize("code", sorted(currencies._COMMON))
def test_what_is_known_without_the_table_is_what_the_table_says(code: str) -> None:
    assert currencies._units()[code] == 2


def test_importing_the_readers_loads_no_table() -> None:
    code = (
        "import sys, topmail_flask.extraction.objects\n"
        "from topmail_flask.model.settings import Settings\n"
        "from topmail_flask.extraction.objects import read_money\n"
        "assert str(read_money(12.5, None, Settings(currency='EUR')).amount) == '12.50'\n"
        "texts = 'topmail_flask.extraction.price_text'\n"
        "assert not {'iso4217', 'sqlalchemy', texts} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
