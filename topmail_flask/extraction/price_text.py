"""Which of the numbers in a text for people is the price, and in which currency (R42 to R45)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice, pairwise

from topmail_flask.extraction.currencies import (
    LONGEST_PRICE,
    LONGEST_SIGN,
    Price,
    is_sign,
    minor_units,
    sign_currency,
)
from topmail_flask.extraction.remarks import (
    AND_WITHOUT_TAX,
    INSTALMENT,
    NOT_THE_PRICE,
    OF_THE_PAST,
    ON_TOP_AFTER,
    ON_TOP_BEFORE,
    TAX,
    WITHOUT_TAX,
)

_LONGEST = 20
_GROUPED = re.compile(
    r"\d{1,3}(?:(?:,\d\d)+,\d{3}(?:\.\d+)?|(?:([.,'])\d{3})(?:\1\d{3})*(?:(?!\1)[.,]\d+|[.,]\d\d?)?)"
)
_PLAIN = re.compile(r"\d*(?:[.,]\d+)?")
_SEPARATORS = re.compile(r"[.,']")


def _is_numeral(text: str) -> bool:
    """Whether it is grouped like an amount; dates, versions and telephone numbers are not."""
    text = text.replace(" ", "").replace("\u066b", ".")
    return bool(_PLAIN.fullmatch(text) or _GROUPED.fullmatch(text)) and len(text) <= _LONGEST


def _amount_of(text: str, decimal: str | None, three_decimals: bool) -> Decimal | None:
    """One number, its separators told apart (rule R42)."""
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
    whole, _, behind = text.rpartition(point) if point else (text, "", "")
    return Decimal(_SEPARATORS.sub("", whole) + "." + behind)


_PERCENT = re.compile(r"\s*[%٪]")
_MEASURE = re.compile(
    r"(?i)\s?(?:[mcd]?[lm]|[kmµ]?g|oz|lbs?|ft|[kmgt]b|mah|[kmg]?hz|k?w|v|pcs|stk|x|°|\"|″|'')(?!\w)"
)
# "1.2 million", "12万", "$2k", "50p": not in units of the currency.
_OTHER_UNIT = re.compile(
    r"(?i)\s?(?:(?:mio|mln|millions?|lakhs?|crores?|tys|тыс|млн)(?!\w)|[万萬億만억천千])|(?:k|p|¢|ct|e\d+)(?!\w)"
)
_PER_UNIT = re.compile(
    r"(?i)\s*\(?(?:(?:/|pro\b|je\b)\s*(?:\d|[kc]?[gml]\b|oz|lb|m2|st|pc|un|mo|mnd|mån|mes|maand|kpl)"
    r"|per\s+\w|a month\b|monthly\b)"
)
_TAX_FIRST = re.compile(rf"(?i)\b(?:(?:exc|inc|ink)\w*|ex|netto|brutto|hors)\b\.? ?{TAX}?")
_WITH_TAX_FIRST = re.compile(rf"(?i)(?:\bin[ck]\w*\.? {TAX}|TTC|税込)[^\d]*\Z")
_WITH_TAX = re.compile(
    rf"(?i)\s*\(?(?:(?-i:TTC)\b|brutto\b|税込|inc(?:l|luding|lusive)?\b|inkl|s dph|vr\. ?{TAX})"
)
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
_RANGE = re.compile(r"(?i)\s*(?:[-–—~/]|to|bis|à|a|al|do|до|až|until|and)\s*")
# Languages that write 1,234.50; most others write 1.234,50.
_POINT_LANGUAGES = frozenset("en zh ja ko th he hi bn ta te mr ur ms sw mt ga cy tl si".split())
_POINT_REGIONS = frozenset(("es-mx", "es-us", "es-gt", "es-do", "de-ch", "it-ch", "de-li"))

_SUPERSCRIPT = re.compile(r"(?<=\d)\s?([⁰¹²³⁴-⁹]{2})(?![⁰¹²³⁴-⁹])")
_UNSEEN = re.compile(r"[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_APOSTROPHES = str.maketrans("’‘`´ʼ−﹣－،", "'''''---,", "\u066c")


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
    numbers = [number for number in _numbers(readable) if _may_be_price(number)]
    if len(numbers) > 1:
        numbers = _with_sign(numbers)
        with_tax = [
            number
            for number in numbers
            if _WITH_TAX.match(number.after) or _WITH_TAX_FIRST.search(number.before)
        ]
        numbers = [number for number in numbers if not _is_a_remark(number)] or with_tax or numbers
    priced: list[tuple[Decimal, str | None]] = []
    for number in numbers:
        # A code before a sign, which may be shared.
        signs = sorted(number.signs, key=len, reverse=True)
        named = next(filter(None, (sign_currency(sign, currency) for sign in signs)), None)
        if signs and named is None and currency is not None:
            continue  # a price in some other currency
        code = named or currency
        three = minor_units(code) == 3
        point = decimal or (_decimal_sign(lang) if three and lang else None)
        amount = _amount_of(number.text, point, three)
        if amount is not None:
            priced.append((amount, code))
    if not priced:
        return Price()
    codes = [code for _, code in priced]
    chosen = currency if currency in codes else codes[0]
    return Price(min(amount for amount, code in priced if code == chosen), chosen)


def _readable(text: str) -> str:
    """ASCII digits, plain spaces and apostrophes; empty when there is no digit at all."""
    if len(text) > LONGEST_PRICE:  # without the number that is cut through
        text = text[:LONGEST_PRICE].rpartition(" ")[0]
    if not text.isascii():
        text = _SUPERSCRIPT.sub(r".\1", _UNSEEN.sub("", text))
        text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)[: 2 * LONGEST_PRICE]
        text = "".join(
            str(unicodedata.decimal(character)) if character.isdecimal() else character
            for character in text
        )
    return " ".join(text.split()) if any(map(str.isdigit, text)) else ""


def _decimal_sign(lang: str) -> str:
    """The decimal sign of a language tag such as ``de-AT``."""
    tag = lang.strip().lower().replace("_", "-")[:35]
    english = tag.split("-", 1)[0] in _POINT_LANGUAGES and tag != "en-za"
    return "." if english or tag in _POINT_REGIONS else ","


def _numbers(text: str) -> list[_Number]:
    text = _SPLIT_DOLLAR.sub(r"\1$", _SPLIT_NUMBER.sub("", _with_point(text)))
    matches = list(islice(_NUMBER.finditer(text), _MOST_NUMBERS))
    spans = [(0, 0), *(match.span() for match in matches), (len(text), len(text))]
    gaps = [text[end:start] for (_, end), (start, _) in pairwise(spans)]
    behind = _signs_follow([match.group() for match in matches], gaps)
    tax_first = _TAX_FIRST.search(gaps[0])  # the words on tax stand before the prices
    numbers: list[_Number] = []
    for index, match in enumerate(matches):
        before, after = gaps[index], gaps[index + 1]
        round_sum = _ROUND.match(after)
        if round_sum:
            after = after[round_sum.end() :]
        left, right = _sign(before, at_end=True), _sign(after)
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
        outer = _sign(before, at_end=True) if left else ""
        after = after.lstrip(" .").removeprefix(right) if right else after
        if index + 1 < len(matches) and not _sign(gaps[index + 2]):
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
    first = next((at for at, text in enumerate(numbers) if _is_numeral(text)), 0)
    if _sign(gaps[first], at_end=True):
        return False
    if _sign(gaps[-1]):
        return True
    for gap in gaps[1:-1]:  # "Size 42 €89.95", "19,99€ 24"
        sign = gap.strip()
        if sign and is_sign(sign) and gap[0].isspace() != gap[-1].isspace():
            return not gap[0].isspace()
    return not any(sign in gap for gap in gaps for sign in _PREFIXED)


def _without_words_behind(gap: str) -> str:
    """What stands between two prices, without the words on tax that belong to the first."""
    sign = _sign(gap)
    words = gap.lstrip(" .").removeprefix(sign) if sign else gap
    tax = AND_WITHOUT_TAX.match(words) or _WITH_TAX.match(words)
    return words[tax.end() :] if tax else gap


def _is_a_remark(number: _Number) -> bool:
    """Whether it is a price beside the price: per unit, an instalment, without tax, on top."""
    before, after = number.before, number.after
    return number.bracketed or bool(
        _PER_UNIT.match(after)
        or INSTALMENT.search(before)
        or ON_TOP_BEFORE.search(before)
        or ON_TOP_AFTER.match(after)
        or OF_THE_PAST.match(number.context)
        or AND_WITHOUT_TAX.match(after)
        or WITHOUT_TAX.search(before)
    )


def _with_point(text: str) -> str:
    """``€ 89 95``, whose cents stood above the line, and ``89€95`` as ``€ 89.95``."""
    split = _CENTS_APART.fullmatch(text)
    if split is not None:
        before, whole, between, cents, behind = split.groups()
        signs = [sign for sign in (before.strip(), between, behind.strip()) if sign]
        if len(signs) == 1 and is_sign(signs[0]):
            text = f"{before}{whole}.{cents}{between}{behind}"
    sign = _SIGN_FOR_POINT.search(text)
    if sign is None or sum(map(text.count, "€$£")) != 1:
        return text
    return f"{text[: sign.start()]}.{text[sign.end() :]} {sign[0]}"


def _sign(text: str, *, at_end: bool = False) -> str:
    """The longest sign or code of a currency at the beginning or the end of a text, or ""."""
    text = text.rstrip(" :") if at_end else text.lstrip(" .")
    for length in range(min(LONGEST_SIGN, len(text)), 0, -1):
        cut = len(text) - length if at_end else length
        parts = text[:cut], text[cut:]
        sign = parts[at_end]
        if is_sign(sign) and not (parts[0][-1:].isalpha() and parts[1][:1].isalpha()):
            return sign
    return ""


def _may_be_price(number: _Number) -> bool:
    before, after = number.before, number.after
    if before.endswith("-") and not number.joined and (len(before) < 2 or not before[-2].isalnum()):
        return False  # "-5"
    # A discount, the shipping, thousands, pence.
    if _PERCENT.match(after) or NOT_THE_PRICE.search(before) or _OTHER_UNIT.match(after):
        return False
    # Without a currency it may count something else, or be part of a word.
    return number.priced or not (
        before[-1:].isalpha() or before.endswith(("%", "٪", "_")) or _MEASURE.match(after)
    )


def _with_sign(numbers: list[_Number]) -> list[_Number]:
    """Those beside a currency; where none is, those that look like money: 12.50 (rule R43)."""
    for first, other in pairwise(numbers):
        if other.joined and (first.priced or other.priced):  # "$10-20", "10-20 €"
            first.priced = other.priced = True
            first.signs = first.signs or other.signs
            other.signs = other.signs or first.signs
    return [number for number in numbers if number.priced] or [
        number for number in numbers if number.text[-3:-2] in (".", ",")
    ]
