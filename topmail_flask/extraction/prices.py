"""Prices: what a machine wrote, and what people write (rules R41 to R44)."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from numbers import Rational

from topmail_flask.extraction.currencies import has_small_unit
from topmail_flask.model.product import PRICE_LIMIT

_MACHINE_TEXT = re.compile(r"\d{1,13}(?:\.\d{1,30})?", re.ASCII)
_GROUPED_TEXT = re.compile(r"[1-9]\d{0,2}\.\d{3}", re.ASCII)
_LONGEST_TEXT = 200
_LONGEST_INTEGER = 10**30
_SUPERSCRIPT = re.compile(r"(?<=\d)\s?([⁰¹²³⁴-⁹]{2})(?![⁰¹²³⁴-⁹])")
_UNSEEN = re.compile(r"[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_APOSTROPHES = str.maketrans("’‘`´ʼ−﹣－،", "'''''---,", "\u066c")


@dataclass(frozen=True, slots=True)
class Price:
    """What a text says about a price.

    :ivar amount: in units of the currency, finite and not negative, not rounded; None: no price.
    :ivar currency: the active ISO 4217 code that the text names, or else the one it was read with.
    """

    amount: Decimal | None = None
    currency: str | None = None


NO_PRICE = Price()


def machine_amount(value: object, currency: str | None = None) -> Decimal | None:
    """A number that a machine wrote, or None if it is no amount.

    :param value: a number of any type, or text of digits with at most one ``.``, which is the
        decimal point: ``"1.234"`` is less than two. Booleans, negative and infinite numbers and
        exponents in text are no amounts.
    :param currency: in one whose prices run in thousands (VND, JPY, CLP) three digits behind the
        point are grouped: ``"250.000"`` is 250000.
    """
    if isinstance(value, (str, Decimal)) and has_small_unit(currency):
        text = str(value).strip()
        if _GROUPED_TEXT.fullmatch(text):
            return Decimal(text.replace(".", ""))
    if isinstance(value, str):
        text = value.strip() if len(value) <= _LONGEST_TEXT else ""
        return Decimal(text) if _MACHINE_TEXT.fullmatch(text) else None
    if isinstance(value, bool):
        return None
    amount: Decimal
    if isinstance(value, Decimal):
        amount = value
    elif isinstance(value, float):
        amount = Decimal(float.__repr__(value)) if math.isfinite(value) else Decimal("NaN")
    elif isinstance(value, Rational):  # int, Fraction, and the integers of numpy
        numerator, denominator = int(value.numerator), int(value.denominator)
        if not 0 <= numerator < _LONGEST_INTEGER or denominator >= _LONGEST_INTEGER:
            return None
        amount = Decimal(numerator) / Decimal(denominator)
    else:
        return None
    return abs(amount) if amount.is_finite() and 0 <= amount < PRICE_LIMIT else None


def read_price(
    text: str, *, currency: str | None = None, decimal: str | None = None, lang: str | None = None
) -> Price:
    """The price that a text for people names (rules R42 to R45).

    Of several prices it is the lowest, as in "from 10 to 20"; what stands in brackets, discounts,
    percentages, instalments, prices per unit, without tax and of the shipping are not the price.

    :param text: only its first 200 characters are read.
    :param currency: the currency of the shop or of the offer, by which a shared sign such as ``$``
        is read. A text that names another one which cannot be told ("$" in a euro shop) has no
        price.
    :param decimal: the decimal sign, ``"."`` or ``","``, where ``1.234`` could be read both ways.
        Without it, three digits behind the only separator are thousands.
    :param lang: language tag of the page. It settles ``1.234`` only for currencies of three
        decimals (KWD): in all others nobody writes three, while many a page that calls itself
        English has German prices. In that this is narrower than rule R42.
    """
    readable = _readable(text)
    if not readable:
        return NO_PRICE
    from topmail_flask.extraction import price_text  # noqa: PLC0415  (its patterns take 7 ms)

    found = price_text.lowest_price(
        readable, currency, decimal, price_text.decimal_sign(lang) if lang else None
    )
    return Price(*found) if found else NO_PRICE


def _readable(text: str) -> str:
    """ASCII digits, plain spaces and apostrophes; empty when there is no digit at all."""
    if len(text) > _LONGEST_TEXT:  # without the number that is cut through
        text = text[:_LONGEST_TEXT].rpartition(" ")[0]
    if not text.isascii():
        text = _SUPERSCRIPT.sub(r".\1", _UNSEEN.sub("", text))
        text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)[: 2 * _LONGEST_TEXT]
        text = "".join(
            str(unicodedata.decimal(character)) if character.isdecimal() else character
            for character in text
        )
    return " ".join(text.split()) if any(map(str.isdigit, text)) else ""
