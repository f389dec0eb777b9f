"""Which of the numbers in a text is the price, and in which currency (rules R42, R43, R45)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice, pairwise

from topmail_flask.sources import currencies, price_words

_NUMBER = re.compile(
    r"""(?<!\d)
    [.,\u066b]?(?:\d{1,3}(?:[ ]\d{3}(?!\d))+|\d+)  # thousands may be set apart by spaces
    (?:[.,'\u066b]\d+)*
    (?:[.,][ ]\d\d(?![\d.,]))?                # "119. 95"
    """,
    re.VERBOSE,
)
_LONGEST = 20
_MOST_NUMBERS = 24
_GROUPED = re.compile(
    r"\d{1,3}(?:(?:,\d\d)+,\d{3}(?:\.\d+)?|(?:([.,'])\d{3})(?:\1\d{3})*(?:(?!\1)[.,]\d+|[.,]\d\d?)?)"
)
_PLAIN = re.compile(r"\d*(?:[.,]\d+)?")
# "35€99": the sign stands where the decimal sign would.
_SIGN_FOR_POINT = re.compile(r"(?<=\d)(?:€(?=\d{1,3}(?!\d))|[£$](?=\d\d(?!\d))|€ (?=\d\d$))")
_SPLIT_NUMBER = re.compile(r"(?<=\d) (?=[.,]\d\d(?!\d))")  # "39 ,90"
_SPLIT_DOLLAR = re.compile(r"\b(US|AU|CA|NZ|HK|MX|NT|CAN|A|C|S|R) \$")
_ROUND = re.compile(r"\s*[,.:/]\s?[-–—]+")  # "50,-", "1'299.–" and "1,999/-"
_RANGE = re.compile(r"\s*(?:[-–—~/]|to|bis|à|a|al|do|до|až|until|and)\s*", re.IGNORECASE)
# Languages that write 1,234.50; most others write 1.234,50.
_POINT_LANGUAGES = frozenset(
    "en zh ja ko th he hi bn ta te mr ur ms sw mt ga cy tl si".split()  # noqa: SIM905  (a line)
)
_POINT_REGIONS = frozenset(("es-mx", "es-us", "es-gt", "es-do", "de-ch", "it-ch", "de-li"))


@dataclass(slots=True)
class _Number:
    """A number in a text, and what stands around it."""

    text: str
    before: str
    after: str
    signs: tuple[str, ...]
    bracketed: bool
    priced: bool
    joined: bool  # it ends a range that the number before begins


def decimal_sign(lang: str) -> str:
    """The decimal sign of a language tag such as ``de-AT``."""
    tag = lang.strip().lower().replace("_", "-")[:35]
    english = tag.split("-", 1)[0] in _POINT_LANGUAGES and tag != "en-za"
    return "." if english or tag in _POINT_REGIONS else ","


def lowest_price(
    text: str, currency: str | None, decimal: str | None, spoken: str | None
) -> tuple[Decimal, str | None] | None:
    """The lowest amount of money in a text and its currency, or None if there is none.

    :param decimal: the decimal sign that the shop says it writes.
    :param spoken: the one of the page's language; for currencies of three decimals.
    """
    numbers = [number for number in _numbers(text) if _may_be_price(number)]
    if len(numbers) > 1:
        numbers = _with_sign(numbers)
        numbers = [
            number
            for number in numbers
            if not (number.bracketed or price_words.is_a_remark(number.before, number.after))
        ] or numbers
    priced: list[tuple[Decimal, str | None]] = []
    for number in numbers:
        code = _code(number.signs, currency)
        if number.signs and code is None and currency is not None:
            continue  # a price in some other currency
        code = code or currency
        three = currencies.minor_units(code) == 3
        amount = _amount(number.text, decimal or (spoken if three else None), three)
        if amount is not None:
            priced.append((amount, code))
    if not priced:
        return None
    codes = [code for _, code in priced]
    chosen = currency if currency in codes else codes[0]
    return min((price for price in priced if price[1] == chosen), key=lambda price: price[0])


def _numbers(text: str) -> list[_Number]:
    text = _SPLIT_DOLLAR.sub(r"\1$", _SPLIT_NUMBER.sub("", _sign_behind(text)))
    matches = list(islice(_NUMBER.finditer(text), _MOST_NUMBERS))
    gaps = [
        text[start:end]
        for start, end in zip(
            (0, *(match.end() for match in matches)),
            (*(match.start() for match in matches), len(text)),
            strict=True,
        )
    ]
    first = next((at for at, match in enumerate(matches) if _is_numeral(match.group())), 0)
    behind = not _sign_at_end(gaps[first])  # signs follow their numbers in this text
    numbers: list[_Number] = []
    for index, match in enumerate(matches):
        before, after = gaps[index], gaps[index + 1]
        if round_sum := _ROUND.match(after):
            after = after[round_sum.end() :]
        left, right = _sign_at_end(before), _sign_at_start(after)
        if behind and index and left and before.strip() == left:
            left = ""  # it is the sign of the number before
        if not behind and index + 1 < len(matches) and right and after.strip() == right:
            right = ""  # it is the sign of the number behind
        before = before.rstrip(" :").removesuffix(left) if left else before
        outer = _sign_at_end(before) if left else ""
        after = after.lstrip(" .").removeprefix(right) if right else after
        if index + 1 < len(matches):
            after += matches[index + 1].group()
        numbers.append(
            _Number(
                text=match.group(),
                before=before,
                after=after,
                signs=tuple(sign for sign in (outer, left, right) if sign),
                bracketed=text.count("(", 0, match.start()) > text.count(")", 0, match.start()),
                priced=bool(left or right),
                joined=bool(index and _RANGE.fullmatch(gaps[index])),
            )
        )
    return numbers


def _is_numeral(text: str) -> bool:
    """Whether it is grouped like an amount; dates, versions and telephone numbers are not."""
    text = text.replace(" ", "").replace("\u066b", ".")
    return bool(_PLAIN.fullmatch(text) or _GROUPED.fullmatch(text)) and len(text) <= _LONGEST


def _sign_behind(text: str) -> str:
    if text.count("€") + text.count("$") + text.count("£") != 1:
        return text
    match = _SIGN_FOR_POINT.search(text)
    return f"{text[: match.start()]}.{text[match.end() :]} {match.group()}" if match else text


def _sign_at_end(text: str) -> str:
    text = text.rstrip(" :")
    for length in range(min(currencies.LONGEST_SIGN, len(text)), 0, -1):
        sign = text[-length:]
        if currencies.is_sign(sign) and not (
            sign[0].isalpha() and length < len(text) and text[-length - 1].isalpha()
        ):
            return sign
    return ""


def _sign_at_start(text: str) -> str:
    text = text.lstrip(" .")
    for length in range(min(currencies.LONGEST_SIGN, len(text)), 0, -1):
        sign = text[:length]
        if currencies.is_sign(sign) and not (
            sign[-1].isalpha() and text[length : length + 1].isalpha()
        ):
            return sign
    return ""


def _may_be_price(number: _Number) -> bool:
    before = number.before
    if before.endswith("-") and not number.joined and (len(before) < 2 or not before[-2].isalnum()):
        return False  # "-5"
    if price_words.is_another_amount(before, number.after):
        return False
    return number.priced or not price_words.is_a_measure(before, number.after)


def _with_sign(numbers: list[_Number]) -> list[_Number]:
    """Those beside a currency; where none is, those that look like money: 12.50 (rule R43)."""
    for one, other in pairwise(numbers):
        if other.joined and (one.priced or other.priced):  # "$10-20", "10-20 €"
            one.priced = other.priced = True
            one.signs = one.signs or other.signs
            other.signs = other.signs or one.signs
    return [number for number in numbers if number.priced] or [
        number for number in numbers if number.text[-3:-2] in (".", ",")
    ]


def _code(signs: tuple[str, ...], currency: str | None) -> str | None:
    """The currency that signs name: a code before a sign, which may be shared."""
    for sign in sorted(signs, key=len, reverse=True):
        code = currencies.sign_currency(sign, currency)
        if code is not None:
            return code
    return None


def _amount(text: str, decimal: str | None, three_decimals: bool) -> Decimal | None:
    """One number, its separators told apart (rule R42)."""
    from price_parser import Price  # noqa: PLC0415  (its patterns take 20 ms to compile)

    text = text.replace(" ", "")
    if "\u066b" in text:
        text, decimal = text.replace(",", "").replace("\u066b", "."), "."
    if text[0] in ".,":
        text = text[1:] if len(text) > 3 else f"0{text}"
    if not _is_numeral(text):
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
