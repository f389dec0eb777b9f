"""One number of a text, as people write it (rule R42)."""

from __future__ import annotations

import re
from decimal import Decimal

_LONGEST = 20
_GROUPED = re.compile(
    r"\d{1,3}(?:(?:,\d\d)+,\d{3}(?:\.\d+)?|(?:([.,'])\d{3})(?:\1\d{3})*(?:(?!\1)[.,]\d+|[.,]\d\d?)?)"
)
_PLAIN = re.compile(r"\d*(?:[.,]\d+)?")


def is_numeral(text: str) -> bool:
    """Whether it is grouped like an amount; dates, versions and telephone numbers are not."""
    text = text.replace(" ", "").replace("\u066b", ".")
    return bool(_PLAIN.fullmatch(text) or _GROUPED.fullmatch(text)) and len(text) <= _LONGEST


def amount_of(text: str, decimal: str | None, three_decimals: bool) -> Decimal | None:
    """One number, its separators told apart (rule R42)."""
    from price_parser import Price  # noqa: PLC0415  (its patterns take 20 ms to compile)

    text = text.replace(" ", "")
    if "\u066b" in text:
        text, decimal = text.replace(",", "").replace("\u066b", "."), "."
    if text[0] in ".,":
        text = text[1:] if len(text) > 3 else f"0{text}"
    if not is_numeral(text):
        return None
    separators = [character for character in text.replace("'", "") if character in ".,"]
    point = None
    if separators:
        point = separators[-1]
        whole, _, behind = text.rpartition(point)
        if len(behind) == 3 and "'" not in whole and len(set(separators)) == 1:
            is_point = decimal == point or (decimal is None and three_decimals)
            if len(separators) > 1 or not (is_point or whole == "0" or len(whole) > 3):
                point = None
        if point and len(separators) > 1:
            text = whole.replace(point, "") + point + behind
    return Price.fromstring(text.replace("'", ""), decimal_separator=point).amount
