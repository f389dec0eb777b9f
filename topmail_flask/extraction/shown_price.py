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
from typing import AnyStr

from topmail_flask.extraction.currencies import (
    LONGEST_SIGN,
    currencies_of,
    is_sign,
    minor_units,
    sign_currency,
)
from topmail_flask.extraction.document import places
from topmail_flask.model.decision import GuessedProduct, Rejected, ShopPrice
from topmail_flask.model.product import Product

# A price of less than this part of the highest that is shown is a part of it: an instalment.
_LEAST_SHARE = 5
NOT_SHOWN = "price_not_shown"
_MOST_PLACES = 300
_BEFORE, _AFTER, _PROOF = 400, 160, 160
_SECTION = 16 * 1024
_PRICE_WORDS = (
    r"price|preis|prix|prezzo|precio|preco|preço|prijs|\bpris\b|cena|fiyat|hinta|\bpret\b|amount|"
    r"\bmoney|цена|ціна|价格|価格|가격"
)
_NAMES_PRICE = re.compile(_PRICE_WORDS, re.IGNORECASE)
_LABEL = re.compile(rf"(?:{_PRICE_WORDS}|\bcost)\b[\s:=\-–]*(?:from|ab|ca\.?)?\s*\Z", re.IGNORECASE)
_STRUCK_CLASS = re.compile(
    r"(?:\A|[\s_-])(?:old|was|strike\w*|struck|crossed|scratched|slashed|deleted|compared?|before"
    r"|prev(?:ious)?|rrp|uvp|msrp|prior|line-?through|antes|anterior|tachado|prix[_-]barr[ée]|barrato|ancien"
    r"|vecchio|antigo|oude|undiscounted|alt(?:er)?|(?:streich|statt)preis)(?:[\s_-]|\Z)"
    r"|line-through|price-?before",
    re.IGNORECASE,
)
# Not of every class with such a word: ``list-unstyled``, ``font-normal``.
_FORMER_CLASS = re.compile(
    r"(?:\A|\s)(?:regular|original|retail|mrp)(?:\s|\Z)"
    r"|(?:list|regular|original|retail|normal|base|standard|full)[_-]*(?:price|preis|prix|precio)"
    r"|(?:price|preis|prix|precio)[\w-]*[_-](?:list|regular|original|retail|normal|full|mrp)\b",
    re.IGNORECASE,
)
_REDUCED = re.compile(
    rb"<ins[\s>]|(?:sale|special|final|current|reduced|discount(?:ed)?|promo|new|offer)[-_]?price"
    rb"|price[-_]{1,2}(?:sale|special|final|current|reduced|discount|promo|new|now)",
    re.IGNORECASE,
)
_FORMER_WORDS = re.compile(
    r"\b(?:was|statt|instead of|au lieu de|antes|before|previously|vorher|rrp|uvp|msrp|mrp|m\.r\.p"
    r"|anzich[eé]|zamiast|reduced from|bisher|listenpreis|prima|invece di"
    r"|(?:list|regular|old|original|former|normal|usual)\s+price"
    r"|30\s(?:days|tagen?|jours|d[ií]as|giorni|dagen|dni|zile))\b[^\d]{0,20}\Z",
    re.IGNORECASE,
)
# The same, where a reduced price follows: goods may be called "The Original".
_FORMER_BEFORE_MONEY = re.compile(
    r"\b(?:orig(?:inal\w*)?|reg(?:ul[aä]r\w*)?|list:|usual(?:ly)?|normal\w*|ord(?:inarie|\W{1,2}pris)"
    r"|før|förr|tidigare|původn\w+|eski|было|原价|原價|市场价|通常価格|定価|参考価格)(?!\w)[^\d]{0,20}\Z",
    re.IGNORECASE,
)
_OTHER_MONEY = re.compile(
    r"\b(?:sav(?:e|ings?)|you save|discount|rabatt|spar(?:e|en|t)?|économisez|ahorr\w+|shipping"
    r"|delivery|postage|versand\w*|livraison|envío|envio|frete|over|above|ab einem|deposit|pfand"
    r"|orders?)\b[^\d.!?]{0,30}\Z|(?:\+|(?<![^\W\d]\s)[-−–])\s?\S{0,3}\Z"
    r"|\b(?:cart|basket|warenkorb|panier|carrito|carrello|subtotal|total)\s*:\s*\S{0,3}\s?\Z",
    re.IGNORECASE,
)
# Beside another price these are a part of it: an instalment, a price per unit, one without tax.
_TAX = r"\.?\s(?:vat|tax|gst|mwst|ust|btw|tva|iva)"
_PART_BEFORE = re.compile(
    rf"(?:\d\s?[x×]\s?(?:of|de|à|a|von|zu)?|\b(?:net|netto|(?:excl?|exkl|ex|without){_TAX}):?)"
    r"\s?\S{0,3}\s?\Z",
    re.IGNORECASE,
)
_SIGN = r"[^\w,;]{0,3}[^\W\d]{0,3}[^\w,;]{0,3}"
_PART_AFTER = re.compile(
    rf"{_SIGN}(?:/\s?(?!1\s?st)(?:\d|[kc]?[gml]\b|mo|m[²2])|a month|monthly|mtl"
    r"|(?:per|pro)\s(?!piece|pcs|unit|item|st|pair|paar|set|pack)|(?:(?-i:HT)|net(?!\sw)|netto"
    rf"|(?:excl?|exkl|ex|excluding|without|ohne|hors|plus|zzgl){_TAX})\b(?!:?\s?\S{{0,3}}\s?\d))",
    re.IGNORECASE,
)
_GIVEN_AFTER = re.compile(
    rf"{_SIGN}(?:off(?!-)|voucher|gutschein|coupon|cashback|rabatt|réduction|descuento"
    r"|discount(?!\s(?:price|applied)))\b",
    re.IGNORECASE,
)
# Behind a number these lead to the price that took its place.
_NOW = re.compile(
    rf"{_SIGN}\s?[,;:→>–-]?\s?(?:now|today|sale|jetzt|nur|nun|nu|maintenant|ahora|ora|agora|por|voor|teraz"
    r"|nyní|стало|сейчас|现价|現価|セール\w*|şimdi|yeni)\b",
    re.IGNORECASE,
)
# Under such a heading stand other products.
_OTHERS = re.compile(
    rb"related|similar|recommend|also (?:like|love|b|v)|recently|customers|more (?:from|like)"
    rb"|\xc3\xa4hnlich|kunden|empfehl|zuletzt|auch gefallen|passend|aimerez|similaires|aussi"
    rb"|tambi\xc3\xa9n|relacionad|correlat|anche|gerelateerd|interesse|accessor|zubeh|bestsell"
    rb"|popular|beliebt|trending|frequently",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s?(?:[%٪°\"″×]|(?:percent|prozent|pcs|stk|st|x|kg|mg|g|oz|lbs?|ml|cl|l|mm|cm|m|km|gb|mb|tb"
    r"|mah|hz|w|v|in|inch|stück|pieces?|items?|reviews?|stars?)\b)",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*)([^<>]*)>?")
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_INLINE = frozenset(
    """
    a abbr b bdi big data del em font i ins label mark q s small span strike strong sub sup u
    """.split()
)
_INLINE_TAG = re.compile(rf"(?i)</?(?:{'|'.join(sorted(_INLINE))})\b".encode())
_BLOCK = "\x1f"
_STRIKING = frozenset(["del", "s", "strike"])
# What may stand between the groups of three digits of a number.
_GROUPS = (
    *(b"", b",", b".", b" ", b"'", b"\xc2\xa0", b"\xe2\x80\xaf", b"\xe2\x80\x89", b"&nbsp;"),
    *(b"\xe2\x80\x99", b"&#39;", b"&#160;", b"&#x27;", b"&thinsp;"),
)
# The decimals, also in an element of their own, or what stands for none.
_DECIMALS = re.compile(
    rb"(?:\s*</?(?:span|sup|small|b|i|em|strong|sub|bdi)\b[^<>]*>){0,3}\s*"
    rb"(?:([.,]|\xc2\xb7)(?:\s*</?(?:span|sup|small|b|i|em|strong|sub|bdi)\b[^<>]*>){0,3}"
    rb"(\d+|[-\xe2\x80\x93\xe2\x80\x94]+)|<?(?:sup|span|small)?[^<>]*>?(?!))"
)
_SUPERSCRIPT = re.compile(
    rb"\s*(?:</\w+>\s*){0,2}<(?:sup|small)\b[^<>]*>\s*(?:<[^<>]*>\s*)*(\d\d)\s*<"
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
    *"€£¥₹₩₽₺₪฿₫₴₦₱₲₡₸₼₾₵$",
    *("zł", "Kč", "Ft", "kr", "Rs", "CHF", "EUR", "USD", "GBP", "&euro;", "&pound;", "&yen;"),
    *("&#8364;", "&#163;", "&#x20ac;", "&#8377;", "&#36;"),
)
_WORDS = tuple("price preis prix prezzo precio preco prijs cena fiyat hinta amount money".split())
_AMOUNT = re.compile(r"\d[\d.,'’ \xa0\u202f]*")
_NEXT = re.compile(r"(?:\s|&nbsp;|<[^<>]{0,200}>){0,4}")
_NUMBER_BEFORE = re.compile(r"(\d[\d.,'’\xa0\u202f]*)(?:\s|&nbsp;|<[^<>]{0,200}>){0,4}\Z")
_PRICED = re.compile(r"[^<>]*>(?:[^<>\d]{0,40}<[^<>]*>){0,3}[^<>\d]{0,20}(\d[\d.,]*)")
_ZERO = re.compile(r"[0.,\s]*\Z")
_ANY_SIGN = "|".join(re.escape(sign) for sign in _SIGNS if sign[0] != "&")
_MONEY = re.compile(  # other than 0,00, as of an empty cart
    rf"(?:{_ANY_SIGN})\s?(?!0[.,]?0*\b)\d|[1-9]\d{{0,6}}(?:[.,]\d{{1,3}})*\s?(?:{_ANY_SIGN})"
)
_TO_CART = re.compile(
    r"href\s*=\s*\S*/(?:cart|basket|warenkorb|panier|carrito|carrello|checkout)\b"
)
_FEW, _MOST_SIGNS = 5, 40
_FEW_LETTERS = 24
_OF_AMOUNTS = "0123456789.,'’ \xa0\u202f"
_CODE = (("<!--", "-->"), ("<script", "</script"), ("<style", "</style"))


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
    if not page.isascii() and _has_other_digits(page):
        page = page.decode("utf-8", "replace").translate(_DIGIT_MAP).encode()
    found: dict[Decimal, tuple[ShopPrice, bytes]] = {}
    for price in guess.prices:
        if price.amount not in found:
            proof = _proof_of(page, price)
            if proof:
                found[price.amount] = price, proof
    if found:
        most = max(found)
        amount = min(amount for amount in found if amount * _LEAST_SHARE >= most)
        return ShownPrice(*found[amount])
    money = shown_money(page, guess.prices[0].currency if guess.prices else None)
    if not money:
        return ShownPrice()
    return ShownPrice(shown=money, rejected=_contradiction(page, guess, money))


def price_fault(page: bytes, product: Product) -> Rejected | None:
    """Why the price of a product, which the shop named itself, cannot be the one of its page."""
    if product.price is None or product.currency is None:
        return None
    price = ShopPrice(product.price, product.currency, "price")
    return shown_price(page, GuessedProduct(product, (price,))).rejected


def _has_other_digits(page: bytes) -> bool:
    # One byte is found at a twentieth of the cost of two.
    return any(lead in page for lead in (b"\xd9", b"\xdb", b"\xe0")) and bool(
        _OTHER_DIGITS.search(page)
    )


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
            if _ZERO.match(amount) or _is_within_code(text, at) or _is_part_of_word(text, at, end):
                continue
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
            if found and not _ZERO.match(found[1]) and not _is_within_code(text, at):
                yield found[1].strip(".,")


def _is_part_of_word(text: str, at: int, end: int) -> bool:
    sign = text[at:end]
    return sign.isalpha() and (text[at - 1 : at].isalpha() or text[end : end + 1].isalpha())


def _is_below_others(page: bytes, at: int) -> bool:
    """Whether the last heading before a place, not the page's own, says that others follow."""
    start = _heading_before(page, at)
    if start < 0 or page[start + 2 : start + 3] == b"1":
        return False
    if _heading_before(page, start) < 0 and page.find(b"<h1", at) < 0:
        return False
    if any(
        page.count(b"</" + part, start, at) > page.count(b"<" + part, start, at) for part in _PARTS
    ):
        return False  # what the heading stands above has ended
    return bool(_OTHERS.search(page, start, page.find(b"</h", start, start + 300)))


_PARTS = (b"aside", b"section", b"nav", b"header")


def _heading_before(page: bytes, at: int) -> int:
    top = max(0, at - _SECTION)
    start = page.rfind(b"<h", top, at)
    while start >= 0 and not page[start + 2 : start + 3].isdigit():
        start = page.rfind(b"<h", top, start)
    return start


def _is_within_code(text: AnyStr, at: int) -> bool:
    """Whether a place is inside a script, a style sheet or a comment."""
    # Backwards, which is several times as fast; what is never closed hides nothing.
    for pair in _CODE:
        opening, closing = map(str.encode, pair) if isinstance(text, bytes) else pair
        start = text.rfind(opening, 0, at)
        if start >= 0 and text.find(closing, start, at) < 0 and text.find(closing, at) >= 0:
            return True
    return False


def _contradiction(page: bytes, guess: GuessedProduct, money: tuple[str, ...]) -> Rejected:
    price = guess.prices[0] if guess.prices else None
    if price is None:
        return Rejected("price", NOT_SHOWN)
    why = (
        f"{NOT_SHOWN}: the object's {price.name} is {_plain(price.amount)} {price.currency}, "
        f"the page shows {', '.join(money)}"
    )
    units = minor_units(price.currency)
    if units and _proof_of(page, price._replace(amount=price.amount.scaleb(-units))):
        return Rejected("price", why, 'Set TOPMAIL_PRICE_UNIT = "minor": the object holds cents.')
    if units and _proof_of(page, price._replace(amount=price.amount.scaleb(units))):
        return Rejected("price", why, 'Set TOPMAIL_PRICE_UNIT = "major".')
    for sign in dict.fromkeys(text.strip(_OF_AMOUNTS) for text in money):
        codes = currencies_of(sign)
        if codes and _proof_of(page, price._replace(currency=codes[0])):
            named = f'"{codes[0]}"' if len(codes) == 1 else f"the one whose sign is {sign}"
            fix = f"Set TOPMAIL_CURRENCY = {named}, or give the product its currency."
            return Rejected("price", why, fix)
    fix = '@product_page(fields={"price": ...}) says which price a shopper pays.'
    return Rejected("price", why, fix)


def _plain(amount: Decimal) -> str:
    return f"{amount:f}".rstrip("0").rstrip(".") if "." in f"{amount:f}" else f"{amount:f}"


def _proof_of(page: bytes, price: ShopPrice) -> bytes:
    """Bytes around a place of the page that shows a price; empty if there is none."""
    whole, _, decimals = f"{price.amount:f}".partition(".")
    decimals = decimals.rstrip("0")
    places = 0
    for head in _heads(whole):
        at = page.find(head)
        while at >= 0 and places < _MOST_PLACES:
            places += 1
            end = _end_of_number(page, at, len(head), decimals)
            if end and _is_shown(page, at, end, price, has_decimals=end > at + len(head)):
                start = _start_of_block(page, at)
                stop = page.find(b"<", end, end + _PROOF)
                return page[start : stop + 1 if stop >= 0 else end + 1]
            at = page.find(head, at + 1)
    return b""


def _start_of_block(page: bytes, at: int) -> int:
    """Where the block around a place begins: what strikes a price may stand anywhere in it."""
    lowest = max(0, at - _PROOF)
    start = page.rfind(b"<", lowest, at)
    while start >= 0 and _INLINE_TAG.match(page, start):
        start = page.rfind(b"<", lowest, start)
    return max(start, lowest)


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


def _is_shown(page: bytes, at: int, end: int, price: ShopPrice, *, has_decimals: bool) -> bool:
    """Whether a number of the page is money that the product costs."""
    raw = page[max(0, at - _BEFORE) : at]
    opening = raw.rfind(b"<")
    before = raw.decode("utf-8", "replace")
    after = html_entities.unescape(page[end : end + _AFTER].decode("utf-8", "replace"))
    if opening > raw.rfind(b">"):
        tag = before[before.rfind("<") :]
        return _is_price_attribute(tag, after, page) and not _is_below_others(page, at)
    if _is_within_code(page, at):
        return False
    whole_before = _whole_tags(before)
    elements = _open_elements(whole_before)
    if _is_below_others(page, at) or any(_strikes(element, page) for element in elements):
        return False
    text_before = html_entities.unescape(_text(whole_before))
    text_after = _text(_whole_tags(after))
    if _is_other_money(text_before, text_after):
        return False
    text_after = _OF_NEXT.sub(_BLOCK, text_after)
    for space in (" ", ""):  # what stands before may be a heading
        texts = text_before.replace(_BLOCK, space), text_after.replace(_BLOCK, space)
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


def _is_other_money(before: str, after: str) -> bool:
    """Whether the text around a number says that it is no price, or none of this product now."""
    words = before.rpartition(_BLOCK)[2][-60:]  # what another element says is of something else
    if _COUNTED.match(after) or _FORMER_WORDS.search(words) or _OTHER_MONEY.search(words):
        return True
    following = after.partition(_BLOCK)[0]
    if _GIVEN_AFTER.match(following):
        return True
    now = _NOW.match(following)
    if now and _MONEY.search(following, now.end(), now.end() + _FEW_LETTERS):
        return True
    if _FORMER_BEFORE_MONEY.search(words) and _MONEY.search(following):
        return True
    is_part = _PART_BEFORE.search(words) or _PART_AFTER.match(following)
    return bool(is_part and _has_price(f"{before[-_AFTER:]}\n{after}"))


def _has_price(text: str) -> bool:
    """Whether money stands in a text that may be the price, not a charge for the delivery, say."""
    found = _MONEY.finditer(text)
    return any(not _OTHER_MONEY.search(text, max(0, at.start() - 60), at.start()) for at in found)


_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*[\"']?\s*\Z")


_OTHER_WORDS = (
    "old|was|before|previous|prior|compare|strike|rrp|uvp|msrp|list|regular|original|retail|normal"
    "|full|max|high|without|shipping|delivery|total|subtotal|cart|deposit"
)
_OTHER_ATTRIBUTE = re.compile(
    rf"(?:{_OTHER_WORDS})[-_]?(?:at[-_]?)?(?:{_PRICE_WORDS})"
    rf"|(?:{_PRICE_WORDS})[-_]?(?:{_OTHER_WORDS})",
    re.IGNORECASE,
)
_PRICE_PROPERTY = re.compile(rf"itemprop\s*=\s*[\"']?(?:{_PRICE_WORDS})", re.IGNORECASE)


def _is_price_attribute(tag: str, after: str, page: bytes) -> bool:
    """Whether a number is the value of an attribute that names the price, not a former one."""
    found = _ATTRIBUTE.search(tag)
    if found is None or after[:1] not in "\"' />":
        return False
    if found[1].lower() in ("content", "value"):
        return bool(_PRICE_PROPERTY.search(tag))
    if not _NAMES_PRICE.search(found[1]) or _OTHER_ATTRIBUTE.search(found[1]):
        return False
    name, _, attributes = tag[1:].partition(" ")
    return not _strikes((name.lower(), attributes), page)


def _whole_tags(markup: str) -> str:
    """A piece of markup without the tags that it cuts through."""
    if markup.rfind("<") > markup.rfind(">"):
        markup = markup[: markup.rfind("<")]
    return markup[markup.find(">") + 1 :] if -1 < markup.find(">") < markup.find("<") else markup


def _text(markup: str) -> str:
    """The text of a piece of markup, in which what a block ends begins anew."""
    return _TAG.sub(lambda tag: "" if tag[2].lower() in _INLINE else _BLOCK, markup)


def _open_elements(markup: str) -> list[tuple[str, str]]:
    """The elements that are open at the end of a piece of markup: name and attributes."""
    opened: list[tuple[str, str]] = []
    for closing, spelled, rest in _TAG.findall(markup):
        name = spelled.lower()
        if not closing:
            if name not in _VOID and not rest.endswith("/"):
                opened.append((name, rest))
        else:
            for depth in range(len(opened) - 1, -1, -1):
                if opened[depth][0] == name:
                    del opened[depth:]
                    break
    return opened


_CLASSES = re.compile(r"(?:class|style|id)\s*=\s*(?:\"([^\"]*)|'([^']*)|([^\s>]+))", re.IGNORECASE)


_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _strikes(element: tuple[str, str], page: bytes) -> bool:
    name, attributes = element
    if name in _STRIKING or (name == "a" and _TO_CART.search(attributes)):
        return True
    if "=" not in attributes:
        return False
    classes = " ".join("".join(found) for found in _CLASSES.findall(attributes))
    classes = _CAMEL.sub("-", classes)
    if _STRUCK_CLASS.search(classes):
        return True
    return bool(_FORMER_CLASS.search(classes) and _REDUCED.search(page))


_NO_SIGN = r"\d\s<>(){}\[\]:;,=（）【】、"
_END_SIGN = re.compile(rf"([^{_NO_SIGN}]{{1,{LONGEST_SIGN}}})[\s\xa0\u202f]*\Z")
_START_SIGN = re.compile(rf"[\s\xa0\u202f]*(:-|[^{_NO_SIGN}/*]{{1,{LONGEST_SIGN}}})")


# A sign at the beginning of the next block, before a number of its own.
_OF_NEXT = re.compile(rf"\A\s*{_BLOCK}[\s{_BLOCK}]*[^{_NO_SIGN}{_BLOCK}]{{1,{LONGEST_SIGN}}}\s?\d")


def _sign_beside(before: str, after: str) -> str | None:
    """The currency's sign or code beside a number, behind it or before it."""
    found = _START_SIGN.match(after)
    if found:
        sign = _as_sign(found[1])
        if sign:
            return sign
    found = _END_SIGN.search(before[-LONGEST_SIGN - 8 :])
    return _as_sign(found[1]) if found else None


def _as_sign(text: str) -> str | None:
    for sign in (text, text.rstrip(".!?*"), text[-1:], text[:1]):
        if sign and (not sign.isalpha() or len(text) == len(sign)) and is_sign(sign):
            return sign
    return None
