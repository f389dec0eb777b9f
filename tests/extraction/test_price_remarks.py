"""Texts with more than one amount of money: which of them is the price."""

from __future__ import annotations

import pytest

from topmail_flask.extraction.price_text import read_price


def amount(text: str, currency: str) -> str | None:
    found = read_price(text, currency=currency).amount
    return None if found is None else f"{found.normalize():f}"


@pytest.mark.parametrize(
    ("text", "currency", "price"),
    [
        ("Size 42 €89.95", "EUR", "89.95"),
        ("Pack of 6 $11.99", "USD", "11.99"),
        ("3 for 2 £9.99", "GBP", "9.99"),
        ("4.5 out of 5 $19.99", "USD", "19.99"),
        ("Was £40 £30", "GBP", "30"),
        ("2.499,00 € 1.999,00 €", "EUR", "1999"),
    ],
)
def test_a_sign_between_two_numbers_belongs_to_the_one_it_touches(
    text: str, currency: str, price: str
) -> None:
    assert amount(text, currency) == price


@pytest.mark.parametrize(
    ("text", "currency", "price"),
    [
        ("£25.50 inc VAT £20.83 ex VAT", "GBP", "25.5"),
        ("£20.83 ex VAT £25.50 inc VAT", "GBP", "25.5"),
        ("£20.83 exc VAT (£25.50 inc VAT)", "GBP", "25.5"),
        ("€ 98,35 excl. btw € 119,00 incl. btw", "EUR", "119"),
        ("983 Kč bez DPH 1 189 Kč s DPH", "CZK", "1189"),
        ("999,20 kr exkl. moms 1 249 kr inkl. moms", "SEK", "1249"),
        ("Excl. Tax: $10.00 Incl. Tax: $12.00", "USD", "12"),
        ("Incl. Tax: $12.00 Excl. Tax: $10.00", "USD", "12"),
        ("£20.83 (ex. VAT)", "GBP", "20.83"),
    ],
)
def test_the_price_has_its_tax_in_it_wherever_the_words_stand(
    text: str, currency: str, price: str
) -> None:
    assert amount(text, currency) == price


@pytest.mark.parametrize(
    ("text", "currency", "price"),
    [
        ("119,00 zł Najniższa cena z 30 dni przed obniżką: 109,00 zł", "PLN", "119"),
        ("Niedrigster Preis der letzten 30 Tage: 89,00 € 99,00 €", "EUR", "99"),
        ("24,90 € Prix le plus bas sur 30 jours : 19,90 €", "EUR", "24.9"),
        ("Lägsta pris senaste 30 dagarna: 199 kr 249 kr", "SEK", "249"),
        ("Elmúlt 30 nap legalacsonyabb ára: 8 990 Ft 9 990 Ft", "HUF", "9990"),
        ("30 Tage Rückgabe 49,00 €", "EUR", "49"),
    ],
)
def test_the_lowest_price_of_the_last_30_days_is_not_the_price(
    text: str, currency: str, price: str
) -> None:
    assert amount(text, currency) == price


@pytest.mark.parametrize(
    ("text", "currency", "price"),
    [
        ("$19.99 + $4.99 shipping", "USD", "19.99"),
        ("1,99 € + 0,25 € Pfand", "EUR", "1.99"),
        ("Deposit €0.25 €1.99", "EUR", "1.99"),
        ("$12.50 $1.00 per count", "USD", "12.5"),
        ("499,99 € oder ab 20,83 € / Monat", "EUR", "499.99"),
        ("24 Raten à 20,83 € 499,99 €", "EUR", "499.99"),
        ("10x de R$ 29,90 R$ 299,00", "BRL", "299"),
        ("$ 24.990 12 cuotas sin interés de $ 2.082", "ARS", "24990"),
        ("$49.50 / month", "USD", "49.5"),
        ("6,64 € / 12,99 лв.", "EUR", "6.64"),
        ("Förpris 499:- Nu 399:-", "SEK", "399"),
    ],
)
def test_what_comes_on_top_or_in_parts_is_not_the_price(
    text: str, currency: str, price: str
) -> None:
    assert amount(text, currency) == price


@pytest.mark.parametrize("text", ["€ 89 95", "89 95 €", "89 €95", "89€95"])
def test_cents_above_the_line_are_cents(text: str) -> None:
    assert amount(text, "EUR") == "89.95"
