"""Prices as objects of a shop hold them: numbers, cents, texts and money (rules T5, R46 to R49)."""

from __future__ import annotations

from decimal import Decimal

from topmail_flask.extraction.currencies import (
    currency_code,
    has_small_unit,
    minor_units,
    rounded,
    sane,
)
from topmail_flask.extraction.prices import Price, machine_amount, read_price
from topmail_flask.extraction.reading import Reader, text_of
from topmail_flask.model.settings import Settings


def read_money(value: object, currency: str | None, settings: Settings) -> Price | None:
    """The price that an attribute holds, rounded to its currency's minor units.

    :param value: a number, in minor units with ``TOPMAIL_PRICE_UNIT = "minor"``; a text; or an
        object or mapping with an amount and a currency, such as those of py-moneyed or prices
        (always in major units).
    :param currency: the code or sign that stands beside it in the object; None: the shop's own.
        A text with a sign or with separators is in major units as well.
    :returns: None if it is no price; a price without amount if it is an implausible one (R49).
    """
    code = currency_code(currency, settings.currency)
    amount = machine_amount(value)
    if amount is not None and not (isinstance(value, str) and _is_ambiguous(value, code, settings)):
        if settings.price_unit == "minor":
            amount = amount.scaleb(-minor_units(code))
        return _checked(amount, code)
    if isinstance(value, str):
        price = read_price(value, currency=code, decimal=settings.decimal)
        if price.amount is None:  # no price at all, or one in a currency that nobody knows
            return Price(None, code) if read_price(value).amount is not None else None
        return _checked(price.amount, price.currency)
    if value is None or isinstance(value, (int, float, Decimal, list, tuple)):
        return None
    money = Reader(value)
    for name in ("amount", "value", "gross"):
        part = money.look(name)
        if part is not None:
            return _of_object(money, part, code)
    text = text_of(value)
    return read_money(text, currency, settings) if text else None


def _of_object(money: Reader, part: object, code: str | None) -> Price | None:
    amount = machine_amount(part)
    if amount is None:  # prices.TaxedMoney: its gross amount is money itself
        inner = Reader(part)
        amount, money = machine_amount(inner.look("amount")), inner
    if amount is None:
        return None
    named = money.look("currency") or money.look("currency_code")
    own = text_of(named if isinstance(named, str) else Reader(named).look("code") or named)
    return _checked(amount, currency_code(own, code))


def _is_ambiguous(text: str, code: str | None, settings: Settings) -> bool:
    """``1.234`` where decimals stand behind a comma, or prices run in thousands (IDR, JPY)."""
    return text.rstrip()[-4:-3] == "." and (settings.decimal == "," or has_small_unit(code))


def _checked(amount: Decimal, code: str | None) -> Price:
    return Price(rounded(amount, code), code) if sane(amount, code) else Price(None, code)
