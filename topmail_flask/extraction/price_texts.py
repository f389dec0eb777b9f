"""Which of the numbers in a text is the price, and in which currency (rules R42, R43, R45)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice, pairwise

from topmail_flask.extraction import currencies, price_words
from topmail_flask.extraction.numerals import amount_of, is_numeral

_NUMBER = re.compile(
    r"""(?<!\d)
    [.,\u066b]?(?:\d{1,3}(?:[ ]\d{3}(?!\d))+|\d+)  # thousands may be set apart by spaces
    (?:[.,'\u066b]\d+)*
    (?:[.,][ ]\d\d(?![\d.,]))?                # "119. 95"
    """,
    re.VERBOSE,
)
_MOST_NUMBERS = 24
# "35€99": the sign stands where the decimal sign would.
_SIGN_FOR_POINT = re.compile(r"(?<=\d)(?:€(?=\d{1,3}(?!\d))|[£$](?=\d\d(?!\d))|€ (?=\d\d$))")
_SPLIT_NUMBER = re.compile(r"(?<=\d) (?=[.,]\d\d(?!\d))")  # "39 ,90"
_CENTS_APART = re.compile(r"(\D{0,6}?)(\d{1,4}) ([€£]?)(\d\d)(\D{0,6})")
_PREFIXED = tuple("$£¥₹₩₪₦₱")
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
    context: str  # all that stands before it, from the price before
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
        numbers = [one for one in numbers if not _is_a_remark(one)] or _with_tax(numbers) or numbers
    priced: list[tuple[Decimal, str | None]] = []
    for number in numbers:
        code = _code(number.signs, currency)
        if number.signs and code is None and currency is not None:
            continue  # a price in some other currency
        code = code or currency
        three = currencies.minor_units(code) == 3
        amount = amount_of(number.text, decimal or (spoken if three else None), three)
        if amount is not None:
            priced.append((amount, code))
    if not priced:
        return None
    codes = [code for _, code in priced]
    chosen = currency if currency in codes else codes[0]
    return min((price for price in priced if price[1] == chosen), key=lambda price: price[0])


def _numbers(text: str) -> list[_Number]:
    text = _SPLIT_DOLLAR.sub(r"\1$", _SPLIT_NUMBER.sub("", _sign_behind(_with_point(text))))
    matches = list(islice(_NUMBER.finditer(text), _MOST_NUMBERS))
    gaps = [
        text[start:end]
        for start, end in zip(
            (0, *(match.end() for match in matches)),
            (*(match.start() for match in matches), len(text)),
            strict=True,
        )
    ]
    behind = _signs_follow([match.group() for match in matches], gaps)
    tax_first = price_words.begins_with_tax(gaps[0])
    numbers: list[_Number] = []
    for index, match in enumerate(matches):
        before, after = gaps[index], gaps[index + 1]
        round_sum = _ROUND.match(after)
        if round_sum:
            after = after[round_sum.end() :]
        left, right = _sign_at_end(before), _sign_at_start(after)
        if behind and index and left and before.strip() == left:
            left = ""  # it is the sign of the number before
        if not behind and index + 1 < len(matches) and right and after.strip() == right:
            right = ""  # it is the sign of the number behind
        before = before.rstrip(" :").removesuffix(left) if left else before
        context = before
        if numbers and not numbers[-1].priced:
            context = gaps[index - 1] + numbers[-1].text + before
        if numbers and not tax_first:
            before = _without_words_behind(before)
        outer = _sign_at_end(before) if left else ""
        after = after.lstrip(" .").removeprefix(right) if right else after
        if index + 1 < len(matches) and not _sign_at_start(gaps[index + 2]):
            after += matches[index + 1].group()
        numbers.append(
            _Number(
                text=match.group(),
                before=before,
                after=after,
                context=context,
                signs=tuple(sign for sign in (outer, left, right) if sign),
                bracketed=text.count("(", 0, match.start()) > text.count(")", 0, match.start()),
                priced=bool(left or right or round_sum),
                joined=bool(index and _RANGE.fullmatch(gaps[index])),
            )
        )
    return numbers


def _signs_follow(numbers: list[str], gaps: list[str]) -> bool:
    """Whether signs stand behind their numbers in this text, where one stands between two."""
    first = next((at for at, text in enumerate(numbers) if is_numeral(text)), 0)
    if _sign_at_end(gaps[first]):
        return False
    if _sign_at_start(gaps[-1]):
        return True
    for gap in gaps[1:-1]:  # "Size 42 €89.95", "19,99€ 24"
        sign = gap.strip()
        if sign and currencies.is_sign(sign) and gap[0].isspace() != gap[-1].isspace():
            return not gap[0].isspace()
    return not any(sign in gap for gap in gaps for sign in _PREFIXED)


def _without_words_behind(gap: str) -> str:
    sign = _sign_at_start(gap)
    words = gap.lstrip(" .").removeprefix(sign) if sign else gap
    left = price_words.without_tax_words(words)
    return gap if left == words else left


def _is_a_remark(number: _Number) -> bool:
    return number.bracketed or price_words.is_a_remark(number.before, number.after, number.context)


def _with_tax(numbers: list[_Number]) -> list[_Number]:
    return [one for one in numbers if price_words.is_with_tax(one.before, one.after)]


def _with_point(text: str) -> str:
    """``€ 89 95`` as ``€ 89.95``: the cents stood above the line."""
    split = _CENTS_APART.fullmatch(text)
    if split is None:
        return text
    before, whole, between, cents, behind = split.groups()
    signs = [one for one in (before.strip(), between, behind.strip()) if one]
    if len(signs) != 1 or not currencies.is_sign(signs[0]):
        return text
    return f"{before}{whole}.{cents}{between}{behind}"


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
