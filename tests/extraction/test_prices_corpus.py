"""Price texts as found on real pages; the corpus is no part of this package."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from topmail_flask.extraction.price_text import read_price

LOWEST = "rule R43: of several prices the lowest, the corpus takes the first"
SIGN_ONLY = "the text is a sign without a number: the corpus swaps its columns"
OTHERWISE = {
    "$ 281.40 $ 265.70": LOWEST,
    "$ 791.00 $ 479.00": LOWEST,
    "69 TL 41.90 TL": LOWEST,
    **dict.fromkeys(("KShs", "so'm", "тг", 'ש"ח', "د.ع", "د.ل", "ر.ي"), SIGN_ONLY),
}


@pytest.fixture
def texts(corpus: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        (corpus / "prices" / "price_strings.json").read_text(encoding="utf-8")
    )
    assert len(found) > 400
    return found


def test_real_price_texts_are_read_right(texts: list[dict[str, Any]]) -> None:
    wrong = {
        text: (read_price(text).amount, record["amount"])
        for record in texts
        if (text := record["price_raw"] or "") not in OTHERWISE
        and read_price(text).amount != (record["amount"] and Decimal(record["amount"]))
    }
    assert wrong == {}
    assert sum((text["price_raw"] or "") in OTHERWISE for text in texts) <= 0.03 * len(texts)


SIGNS = {
    sign: code
    for code, signs in {
        "EUR": "€ EUR euro",
        "GBP": "£ GBP",
        "CZK": "Kč",
        "PLN": "zł Zł zl PLN",
        "RUB": "руб. руб ₽",
        "UAH": "грн. грн",
        "BRL": "R$",
        "DKK": "DKK",
        "NOK": "NOK",
        "HUF": "Ft HUF",
        "VND": "₫",
        "CAD": "C$",
        "USD": "USD",
        "MYR": "RM",
        "SGD": "SGD",
        "TRY": "TL",
        "IDR": "Rp",
        "AED": "AED",
        "THB": "฿",
        "RON": "RON",
        "ILS": "₪",
        "INR": "₹",
        "MXN": "MX$",
        "TWD": "NT$",
        "KRW": "원",
    }.items()
    for sign in signs.split()
}


def test_a_sign_that_stands_for_one_currency_is_recognised(texts: list[dict[str, Any]]) -> None:
    told = [
        (text, read_price(text).currency, SIGNS[record["currency"]])
        for record in texts
        if (text := record["price_raw"] or "") not in OTHERWISE
        and record["currency"] in SIGNS
        and record["currency"] in text
    ]
    assert len(told) > 150
    assert [reading for reading in told if reading[1] != reading[2]] == []


def test_a_shared_sign_names_no_currency_by_itself(texts: list[dict[str, Any]]) -> None:
    shared = [
        text["price_raw"] for text in texts if text["currency"] in ("$", "kr", "Rs", "lei", "Р")
    ]
    named = {text: code for text in shared if text and (code := read_price(text).currency)}
    assert named == {}
