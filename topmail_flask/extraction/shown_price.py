"""Which of the prices that an object may mean its page shows to the shopper.

A price counts as shown where it stands beside its currency, in an element or attribute that names a
price, or alone in an element with its decimals; written in any usual way: ``1299``, ``1,299.00``,
``1.299,-``, ``1 299,00``, ``12<sup>99</sup>``. Struck out, it is what the product did cost.
"""

from __future__ import annotations

import html as html_entities
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import islice

from topmail_flask.extraction.currencies import (
    LONGEST_SIGN,
    currencies_of,
    is_sign,
    minor_units,
    sign_currency,
)
from topmail_flask.extraction.document import places
from topmail_flask.extraction.price_text import read_price
from topmail_flask.extraction.remarks import (
    FORMER,
    NOW_OR_TAX,
    OTHER_MONEY,
    UNPRICED,
    is_other_money,
    is_part,
)
from topmail_flask.extraction.surroundings import (
    BLOCK,
    TAG,
    is_below_others,
    is_within_code,
    open_elements,
    strikes,
    text_of,
    whole_tags,
)
from topmail_flask.model.decision import LEAST_SHARE, GuessedProduct, Rejected, ShopPrice
from topmail_flask.model.product import Product

NOT_SHOWN = "price_not_shown"
_MOST_PLACES = 300
_POINTS = (b".", b",")
_BEFORE, _AFTER = 400, 160
_PRICE_WORDS = (
    r"price|preis|prix|prezzo|precio|preco|preço|prijs|\bpris\b|cena|fiyat|hinta|\bpret\b|amount|"
    r"\bmoney|цена|ціна|价格|価格|가격"
)
_NAMES_PRICE = re.compile(_PRICE_WORDS, re.IGNORECASE)
_LABEL = re.compile(rf"(?:{_PRICE_WORDS}|\bcost)\b[\s:=\-–]*(?:from|ab|ca\.?)?\s*\Z", re.IGNORECASE)
# What may stand between the groups of three digits of a number.
_GROUPS = (
    *(b"", b",", b".", b" ", b"'", b"\xc2\xa0", b"\xe2\x80\xaf", b"\xe2\x80\x89", b"&nbsp;"),
    *(b"\xe2\x80\x99", b"&#39;", b"&#160;", b"&#x27;", b"&thinsp;"),
)
# The decimals, also in an element of their own, or what stands for none.
_DECIMALS = re.compile(
    rb"(?:\s*</?(?:span|sup|small|b|i|em|strong|sub|bdi)\b[^<>]*>){0,3}\s*"
    rb"(?:([.,]|\xc2\xb7|&#4[46];)(?:\s*</?(?:span|sup|small|b|i|em|strong|sub|bdi)\b[^<>]*>){0,3}"
    rb"(\d+|[-\xe2\x80\x93\xe2\x80\x94]+)|<?(?:sup|span|small)?[^<>]*>?(?!))"
)
_SUPERSCRIPT = re.compile(
    rb"\s*(?:</\w+>\s*){0,2}<(?:sup\b|small\b|(?:span|b|i|em)\s[^<>]*(?:cent|deci|frac|sup))[^<>]*>"
    rb"\s*(?:<[^<>]*>\s*)*(?:\xe2\x82\xac|&euro;|\xc2\xa3|\$)?(\d\d)\s*<"
)
# Digits of Arabic, Persian and the scripts of India.
_DIGIT_MAP: dict[int, str] = {
    code: str(unicodedata.decimal(chr(code)))
    for code in range(0x660, 0xD70)
    if chr(code).isdecimal()
} | {ord("٫"): ".", ord("٬"): ","}
_OTHER_DIGITS = re.compile(rb"[\xd9\xdb][\xa0-\xb9]|\xe0[\xa5-\xb5][\xa6-\xaf]")
# ``49€90`` and ``49 €<sup>90</sup>``.
_CENTS_BEHIND = re.compile(
    rb"(?:(?:\xe2\x82\xac|&euro;)|\s?(?:\xe2\x82\xac|&euro;)\s?<sup\b[^<>]*>)(\d\d)(?![\d.,])"
)
_SIGNS = (
    *"€£¥₹₩₽₺₪฿₫₴₦₱₲₡₸₼₾₵$円元원",
    *"zł Kč Ft kr Rs TL лв грн руб บาท CHF EUR USD GBP &euro; &pound; &yen;".split(),
    *("&#8364;", "&#163;", "&#x20ac;", "&#8377;", "&#36;"),
)
_WORDS = tuple("price preis prix prezzo precio preco prijs cena fiyat hinta amount money".split())
_AMOUNT = re.compile(r"\d[\d.,'’ \xa0\u202f]*")
_NEXT = re.compile(r"(?:\s|&nbsp;|<[^<>]{0,200}>){0,4}")
_NUMBER_BEFORE = re.compile(r"(\d[\d.,'’\xa0\u202f]*)(?:\s|&nbsp;|<[^<>]{0,200}>){0,4}\Z")
_PRICED = re.compile(r"[^<>]*>(?:[^<>\d]{0,40}<[^<>]*>){0,3}[^<>\d]{0,20}(\d[\d.,]*)")
_ZERO = re.compile(r"[0.,\s]*\Z")
_ANY_SIGN = "|".join(re.escape(sign) for sign in _SIGNS if sign[0] != "&")
_NUMERAL = r"\d{1,3}(?:[ \xa0\u202f.,'’]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d+)?"

_REACH = 320
_OTHER_THING = re.compile(
    rb"(?i)</?(?:h[1-6]|a|li|[uo]l|option|select|label|form|button|input|script|template|article|aside"
    rb"|section|nav|header)\b"
)
_RANGE_END = re.compile(rf"\A\s?(?:[-–—~]|to|bis|à|al?|do|до)\s?(?:{_NUMERAL})")
_NUMBERED = re.compile(r"\d(?![\d.,]*\s?%)")
_FEW, _MOST_SIGNS = 5, 40
_FEW_LETTERS, _WITHIN = 2, 60
_LETTER = re.compile(r"[^\W\d_]")
_THING = re.compile(r"(?i)<(?:img|picture|input|button|form|h[1-6])\b")
_SIGNS_OF_MONEY = re.compile(rf"{_ANY_SIGN}|\b[A-Z]{{3}}\b")
_OF_AMOUNTS = "0123456789.,'’ \xa0\u202f"


@dataclass(frozen=True, slots=True)
class ShownPrice:
    """What a page says about the prices of an object.

    :ivar price: the one that it shows; None: none of them, or nothing at all.
    :ivar proof: bytes of the page that say so; a page that holds them says it again.
    :ivar shown: money that the page shows, as text, where none of it is the object's.
    :ivar rejected: why the object's price is not sent, or None.
    """

    price: ShopPrice | None = None
    proof: bytes = b""
    shown: tuple[str, ...] = ()
    rejected: Rejected | None = None


def shown_price(page: bytes, guess: GuessedProduct) -> ShownPrice:
    """The price of an object that its page shows.

    :param page: the page in UTF-8.
    """
    # One byte is found at a twentieth of the cost of two.
    may_have = not page.isascii() and any(lead in page for lead in (b"\xd9", b"\xdb", b"\xe0"))
    if may_have and _OTHER_DIGITS.search(page):
        page = page.decode("utf-8", "replace").translate(_DIGIT_MAP).encode()
    found: dict[Decimal, tuple[ShopPrice, bytes]] = {}
    for price in guess.prices:
        if price.amount not in found:
            proof = _proof_of(page, price, guess.product)
            if proof:
                found[price.amount] = price, proof
    if found:
        most = max(found)
        amount = min(
            amount for amount, (price, _) in found.items() if amount >= most * price.least_share
        )
        return ShownPrice(*found[amount])
    money = shown_money(page, guess.prices[0].currency if guess.prices else None)
    if not money:
        money = _instead_of_price(page)
        if not money:
            return ShownPrice()
    return ShownPrice(shown=money, rejected=_contradiction(page, guess, money))


def proof_of(page: bytes, product: Product) -> bytes:
    """Bytes of a page that show the price of a product; empty: it does not show it."""
    if product.price is None or product.currency is None:
        return b""
    return _proof_of(page, ShopPrice(product.price, product.currency, "price"), product)


def price_fault(page: bytes, product: Product) -> Rejected | None:
    """Why the price of a product, which the shop named itself, cannot be the one of its page."""
    if product.price is None or product.currency is None:
        return None
    price = ShopPrice(product.price, product.currency, "price")
    return shown_price(page, GuessedProduct(product, (price,))).rejected


def _instead_of_price(page: bytes) -> tuple[str, ...]:
    """What a page says in place of a price, "Price on request"; empty: nothing."""
    for word in (b"rice", b"reis", b"rix", b"rezzo", b"recio", b"rijs", b"quot"):
        for at in places(page, word, _MOST_SIGNS):
            found = UNPRICED.search(page, max(0, at - _WITHIN), at + _WITHIN)
            if found and not is_within_code(page, found.start()):
                return (found[0].decode("utf-8", "replace"),)
    return ()


def shown_money(page: bytes, currency: str | None = None) -> tuple[str, ...]:
    """Money that a page shows, as text: the first few amounts; zeros are not counted.

    :param currency: the shop's, whose code is looked for too.
    """
    text = page.decode("utf-8", "replace")
    found = dict.fromkeys(_beside_signs(text, currency))
    if not found:
        found = dict.fromkeys(_in_priced_elements(text))
    return tuple(found)[:_FEW]


def _beside_signs(text: str, currency: str | None) -> Iterator[str]:
    for sign in dict.fromkeys((*_SIGNS, currency or "EUR")):
        for at in places(text, sign, _MOST_SIGNS):
            end = at + len(sign)
            behind = _AMOUNT.match(text, _NEXT.match(text, end).end())  # type: ignore[union-attr]
            before = _NUMBER_BEFORE.search(text[max(0, at - _AFTER) : at])
            amount = behind[0] if behind else before[1] if before else ""
            if _ZERO.match(amount) or is_within_code(text, at) or _is_part_of_word(text, at, end):
                continue
            start = at if behind or before is None else at - len(before[0])
            words = text_of(whole_tags(text[max(0, start - _AFTER) : start]))
            if OTHER_MONEY.search(words.rpartition(BLOCK)[2]):
                continue  # delivery is free above it
            amount = amount.strip(" .,'\xa0")
            shown = html_entities.unescape(sign)
            yield f"{shown}{amount}" if behind else f"{amount} {shown}"


def _in_priced_elements(text: str) -> Iterator[str]:
    lowered = text.lower()
    for word in _WORDS:
        for at in places(lowered, word, _MOST_SIGNS):
            start = max(0, at - _BEFORE)
            if text.rfind("<", start, at) <= text.rfind(">", start, at):
                continue
            found = _PRICED.match(text, at)
            if found is None or _ZERO.match(found[1]) or is_within_code(text, found.start(1)):
                continue
            tag = TAG.match(text, text.rfind("<", start, at))
            inside = open_elements(text[tag.start() : found.start(1)]) if tag else []
            if tag and (tag[2].lower(), tag[3]) in inside:
                yield found[1].strip(".,")


def _is_part_of_word(text: str, at: int, end: int) -> bool:
    sign = text[at:end]
    return sign.isalpha() and (text[at - 1 : at].isalpha() or text[end : end + 1].isalpha())


def _contradiction(page: bytes, guess: GuessedProduct, money: tuple[str, ...]) -> Rejected:
    price, product = guess.prices[0] if guess.prices else None, guess.product
    if price is None:
        return Rejected("price", NOT_SHOWN)
    why = (
        f"{NOT_SHOWN}: the object's {price.name} is {_plain(price.amount)} {price.currency}, "
        f"the page shows {', '.join(money)}"
    )
    units = minor_units(price.currency)
    if units and _proof_of(page, price._replace(amount=price.amount.scaleb(-units)), product):
        return Rejected("price", why, 'Set TOPMAIL_PRICE_UNIT = "minor": the object holds cents.')
    if units and _proof_of(page, price._replace(amount=price.amount.scaleb(units)), product):
        return Rejected("price", why, 'Set TOPMAIL_PRICE_UNIT = "major".')
    for sign in dict.fromkeys(text.strip(_OF_AMOUNTS) for text in money):
        codes = currencies_of(sign)
        if codes and _proof_of(page, price._replace(currency=codes[0]), product):
            named = f'"{codes[0]}"' if len(codes) == 1 else f"the one whose sign is {sign}"
            fix = f"Set TOPMAIL_CURRENCY = {named}, or give the product its currency."
            return Rejected("price", why, fix)
    fix = '@product_page(fields={"price": ...}) says which price a shopper pays.'
    return Rejected("price", why, fix)


def _plain(amount: Decimal) -> str:
    return f"{amount:f}".rstrip("0").rstrip(".") if "." in f"{amount:f}" else f"{amount:f}"


def _proof_of(page: bytes, price: ShopPrice, product: Product) -> bytes:
    """Bytes around a place of the page that shows a price; empty if there is none."""
    own = product.url or ""
    whole, _, decimals = f"{price.amount:f}".partition(".")
    decimals = decimals.rstrip("0")
    for at, length in islice(_likely_places(page, whole, decimals), _MOST_PLACES):
        end = _end_of_number(page, at, length, decimals)
        if end and _is_shown(page, at, end, price, own, has_decimals=end > at + length):
            start, stop = _around(page, at, end)
            return page[start:stop]
    return b""


def _likely_places(page: bytes, whole: str, decimals: str) -> Iterator[tuple[int, int]]:
    """Where a number may stand, and how long it is before the decimal sign.

    A short number stands in many places: it is looked for with its decimals first.
    """
    for head in _heads(whole):
        for point in _POINTS if decimals else ():
            for at in places(page, head + point + decimals.encode(), _MOST_PLACES):
                yield at, len(head)
        for at in places(page, head, _MOST_PLACES):
            yield at, len(head)


def _around(page: bytes, at: int, end: int) -> tuple[int, int]:
    """From where to where a number's surroundings reach: no other thing to choose or to press."""
    start = max(0, at - _REACH)
    for other in _OTHER_THING.finditer(page, start, at):
        start = other.start()
    ended = _OTHER_THING.search(page, end, end + _REACH)
    return start, ended.end() if ended else min(end + _REACH, len(page))


def _heads(whole: str) -> Iterator[bytes]:
    """The ways to write the digits before the decimal sign."""
    digits = whole.encode()
    if len(digits) <= 3:
        yield digits
        return
    groups = [digits[max(0, end - 3) : end] for end in range(len(digits), 0, -3)][::-1]
    indian = [digits[max(0, end - 2) : end] for end in range(len(digits) - 3, 0, -2)][::-1]
    for separator in _GROUPS:
        yield separator.join(groups)
        if separator == b"," and len(digits) > 5:
            yield separator.join([*indian, digits[-3:]])


def _end_of_number(page: bytes, at: int, length: int, decimals: str) -> int:
    """Where the number at a place ends if its decimals are these; else 0."""
    before = page[max(0, at - 2) : at]
    if before[-1:].isdigit() or (before[-1:] in b".,'" and before[:1].isdigit() and before[-1:]):
        return 0
    end = at + length
    after = page[end : end + _AFTER]
    superscript = _SUPERSCRIPT.match(after)
    if superscript:
        written, stop = superscript[1].decode(), superscript.end() - 1
        return end + stop if written.rstrip("0") == decimals else 0
    behind = _CENTS_BEHIND.match(after)
    if behind:
        return end + behind.end() if behind[1].decode().rstrip("0") == decimals else 0
    found = _DECIMALS.match(after)
    if found and found[2] is not None:
        written = found[2].decode("latin-1")
        if not written.isdigit():
            return end + found.end() if not decimals else 0
        exact = written.rstrip("0") == decimals
        rounded = len(written) > 2 and len(decimals) == 2 and written.startswith(decimals)
        rounded |= len(written) > 3 and bool(decimals) and written[:2] == decimals.ljust(2, "0")
        return end + found.end() if exact or rounded else 0
    if after[:1].isdigit() or decimals or _goes_on(after):
        return 0
    return end


def _goes_on(after: bytes) -> bool:
    """Whether more digits of the same number follow: groups of three behind a separator."""
    return bool(re.match(rb"(?:[ '.,]|\xc2\xa0|\xe2\x80\xaf|\xe2\x80\x99)\d{3}(?!\d)", after))


def _is_shown(
    page: bytes, at: int, end: int, price: ShopPrice, own: str, *, has_decimals: bool
) -> bool:
    """Whether a number of the page is money that the product costs.

    :param own: the address of the product.
    """
    raw = page[max(0, at - _BEFORE) : at]
    opening = raw.rfind(b"<")
    before = raw.decode("utf-8", "replace")
    after = html_entities.unescape(page[end : end + _AFTER].decode("utf-8", "replace"))
    if opening > raw.rfind(b">"):
        tag = before[before.rfind("<") :]
        around = open_elements(whole_tags(before))
        return (
            _is_price_attribute(tag, after)
            and not is_below_others(page, at, own)
            and not any(strikes(each, own) for each in around)
        )
    if is_within_code(page, at):
        return False
    whole_before = whole_tags(before)
    elements = open_elements(whole_before)
    if is_below_others(page, at, own) or any(strikes(each, own) for each in elements):
        return False
    text_before = html_entities.unescape(text_of(whole_before))
    text_after = text_of(whole_tags(after))
    is_other = _is_other_money(text_before, text_after, after.partition("<")[0], price)
    if is_other or _is_beside_lower(page, at, end, price):
        return False
    text_after = _RANGE_END.sub("", _OF_NEXT.sub(BLOCK, text_after))
    for space in (" ", ""):  # what stands before may be a heading
        texts = text_before.replace(BLOCK, space), text_after.replace(BLOCK, space)
        sign = _sign_beside(*texts)
        if sign is not None and sign_currency(sign, price.currency) == price.currency:
            return True
    if sign is not None:
        return False
    text_before = texts[0]
    if any(_NAMES_PRICE.search(element[1]) for element in elements[-4:]):
        return True
    if _LABEL.search(text_before[-40:]):
        return True
    alone = before.rstrip().endswith(">") and after.lstrip().startswith("<")
    return has_decimals and alone and price.amount != 0


def _read(markup: bytes) -> str:
    text = html_entities.unescape(markup.decode("utf-8", "replace"))
    return text_of(whole_tags(_THING.sub(r"thing\g<0>", text)))


def _is_other_money(before: str, after: str, own: str, price: ShopPrice) -> bool:
    """Whether the text around a number says that it is no price, or none of this product now.

    :param own: what follows it in its own element.
    """
    words = before.rpartition(BLOCK)[2][-60:]  # what another element says is of something else
    following = after.partition(BLOCK)[0]
    if is_other_money(words, following):
        return True
    is_of_price = is_part(words, following) or is_part("", own)
    return is_of_price and _has_price(f"{before[-_AFTER:]}\n{after}", price.currency)


def _has_price(text: str, currency: str) -> bool:
    """Whether money stands in a text that may be the price, not a charge for the delivery, say."""
    found = _money_in(currency).finditer(text)
    return any(not OTHER_MONEY.search(text, max(0, at.start() - 60), at.start()) for at in found)


@lru_cache(maxsize=64)
def _money_in(currency: str) -> re.Pattern[str]:
    """Amounts beside a sign or this code, other than 0,00, as of an empty cart."""
    signs = f"{_ANY_SIGN}|{currency}"
    return re.compile(
        rf"(?:[A-Z]{{1,2}}(?=\$))?(?:{signs})[\s\xa0]?(?!0[.,]?0*\b)(?:{_NUMERAL})"
        rf"|(?!0)(?:{_NUMERAL})[\s\xa0]?(?:{signs})"
    )


@lru_cache(maxsize=64)
def _signs_of(currency: str) -> re.Pattern[str]:
    return re.compile(rf"{_ANY_SIGN}|{currency}|&(?:euro|pound|yen|#)")


def _is_beside_lower(page: bytes, at: int, end: int, price: ShopPrice) -> bool:
    """Whether the next price on one side is lower: this one is what the product cost before.

    Between them is no other number, as of the pieces that one has to buy for it, and no word but
    one for today: what a size, a subscription or another product costs is a price of its own.
    """
    start, stop = _around(page, at, end)
    markup = page[start:stop].decode("utf-8", "replace")
    if len(_signs_of(price.currency).findall(markup)) < 2:  # only its own
        return False
    before, behind = _read(page[start:at]), _read(page[end:stop])
    money = _money_in(price.currency)
    is_said = FORMER.search(before.rpartition(BLOCK)[2][-60:]) or FORMER.search(before[-60:])
    for neighbours in (_moneys_behind(behind, money), _moneys_before(before, money)):
        for between, written, words, following in neighbours:
            read = read_price(written, currency=price.currency)
            if _NUMBERED.search(between):
                break
            if not is_said and _tells_of_another(f"{between} {words}", money):
                break
            if read.amount is None or read.currency != price.currency:
                break
            if is_other_money(words, following) or is_part(words, following):
                break
            if read.amount != price.amount:  # else it is said again, for a screen reader
                if price.amount * LEAST_SHARE <= read.amount < price.amount:
                    return True
                break
    return False


def _tells_of_another(text: str, money: re.Pattern[str]) -> bool:
    """Whether a text between two prices, or in front of one, has words that name something."""
    rest = NOW_OR_TAX.sub("", money.sub("", text))
    return len(_LETTER.findall(_SIGNS_OF_MONEY.sub("", rest))) > _FEW_LETTERS


def _moneys_behind(text: str, money: re.Pattern[str]) -> Iterator[tuple[str, str, str, str]]:
    """Each amount: what stands between it and the one before, its text, its words, what follows."""
    start = 0
    for found in money.finditer(text):
        between, following = text[start : found.start()], text[found.end() :]
        yield between, found[0], between.rpartition(BLOCK)[2], following.partition(BLOCK)[0]
        start = found.end()


def _moneys_before(text: str, money: re.Pattern[str]) -> Iterator[tuple[str, str, str, str]]:
    """The same from the end backwards."""
    end = len(text)
    for found in reversed(list(money.finditer(text))):
        between, words = text[found.end() : end], text[: found.start()]
        yield between, found[0], words.rpartition(BLOCK)[2][-60:], between.partition(BLOCK)[0]
        end = found.start()


_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*[\"']?\s*\Z")


_OTHER_WORDS = (
    "old|was|before|previous|prior|compare|strike|rrp|uvp|msrp|list|regular|original|retail|normal"
    "|full|max|high|net|netto|excl?|without|shipping|delivery|total|subtotal|cart|deposit"
)
_OTHER_ATTRIBUTE = re.compile(
    rf"(?:{_OTHER_WORDS})[-_]?(?:at[-_]?)?(?:{_PRICE_WORDS})"
    rf"|(?:{_PRICE_WORDS})[-_]?(?:{_OTHER_WORDS})",
    re.IGNORECASE,
)
_PRICE_PROPERTY = re.compile(rf"itemprop\s*=\s*[\"']?(?:{_PRICE_WORDS})", re.IGNORECASE)


def _is_price_attribute(tag: str, after: str) -> bool:
    """Whether a number is the value of an attribute that names the price, not a former one."""
    found = _ATTRIBUTE.search(tag)
    if found is None or after[:1] not in "\"' />":
        return False
    if found[1].lower() in ("content", "value"):
        return bool(_PRICE_PROPERTY.search(tag))
    if not _NAMES_PRICE.search(found[1]) or _OTHER_ATTRIBUTE.search(found[1]):
        return False
    name, _, attributes = tag[1:].partition(" ")
    return not strikes((name.lower(), attributes), "")


_NO_SIGN = r"\d\s<>(){}\[\]:;,=（）【】、"
_END_SIGN = re.compile(rf"([^{_NO_SIGN}]{{1,{LONGEST_SIGN}}})[\s\xa0\u202f]*\Z")
_START_SIGN = re.compile(rf"[\s\xa0\u202f]*(:-|[^{_NO_SIGN}/*]{{1,{LONGEST_SIGN}}})")


# A sign at the beginning of the next block, before a number of its own.
_OF_NEXT = re.compile(rf"\A\s*{BLOCK}[\s{BLOCK}]*[^{_NO_SIGN}{BLOCK}]{{1,{LONGEST_SIGN}}}\s?\d")


def _sign_beside(before: str, after: str) -> str | None:
    """The currency's sign or code beside a number, behind it or before it."""
    behind = _START_SIGN.match(after)
    sign = _as_sign(behind[1]) if behind else None
    if sign is None and (found := _END_SIGN.search(before[-LONGEST_SIGN - 8 :])):
        return _as_sign(found[1])
    return sign


def _as_sign(text: str) -> str | None:
    for sign in (text, text.rstrip(".!?*"), text[-1:], text[:1]):
        if sign and (not sign.isalpha() or len(text) == len(sign)) and is_sign(sign):
            return sign
    return None
