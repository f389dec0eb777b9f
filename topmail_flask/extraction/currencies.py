"""Currencies: ISO 4217 codes, the signs that people write instead, what a unit is worth, amounts.

The table of active codes is the ``iso4217`` package's; it is read at the first use, because most
processes that import this package never meet a price.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from numbers import Rational

from topmail_flask.model.product import PRICE_LIMIT

# Signs that stand for one currency wherever they are written (rule R45), in lower case.
_OWN_SIGNS = {
    sign: row.split()[0]
    for row in """
    EUR € euro euros eur | GBP £ gbp | USD usd us$ u$s | CAD ca$ c$ can$ cdn$ | AUD a$ au$ |
    NZD nz$ | HKD hk$ | SGD s$ | MXN mx$ | TWD nt$ | ARS ar$ | COP co$ | CLP cl$ | DOP rd$ |
    TTD tt$ | BBD bds$ | BRL r$ | CHF chf sfr sfr. | INR ₹ र रु रु. | KRW ₩ 원 |
    RUB ₽ руб руб. рублей rur | PLN zł zl | CZK kč | TRY ₺ tl | ILS ₪ nis ش"ח | THB ฿ บาท |
    VND ₫ đ vnđ | UAH ₴ грн грн. | KZT ₸ тг | NGN ₦ | GEL ₾ ლ ლარი | AZN ₼ | AMD ֏ | LAK ₭ | KHR ៛ |
    MNT ₮ | BDT ৳ | PYG ₲ | CRC ₡ | AFN ؋ | HUF ft | IDR rp rp. | MYR rm | JPY 円 | CNY 元 rmb |
    KES ksh kshs | TZS tsh | UGX ush | GHS gh₵ ₵ | UZS so'm | MKD ден | RSD дин дин. | PEN s/. s/ |
    BDT tk tk. | ETB birr | QAR qr | BHD bd |
    PAB b/. | EGP £e e£ ج.م | IRR ریال | LKR රු | AED د.إ | SAR ر.س | QAR ر.ق | OMR ر.ع |
    YER ر.ي | KWD د.ك kd | BHD د.ب | JOD د.أ د.ا | IQD د.ع | TND د.ت | LYD د.ل | DZD د.ج دج |
    MAD د.م | LBP ل.ل | SYP ل.س
    """.split("|")
    for sign in row.split()[1:]
}
_DOLLARS = (
    "USD CAD AUD NZD HKD SGD TWD BBD BMD BND BSD BZD FJD GYD JMD KYD LRD NAD SBD SRD TTD XCD "
    "ARS CLP COP CUP DOP MXN UYU"
)
# A sign that several currencies share: it says something only when the shop's own is among them.
# One that no currency of the table has is here as well, with none: ten rials are one toman.
_SHARED_SIGNS = {
    sign: frozenset(codes.split())
    for signs, codes in {
        "$ dollar dollars": _DOLLARS,
        "£": "GBP EGP FKP GIP LBP SDG SHP SSP SYP",
        "¥ ￥": "JPY CNY",
        "kr kr.": "SEK NOK DKK ISK",
        ":-": "SEK NOK DKK ISK EUR",
        "rs rs. रू": "INR PKR LKR NPR MUR SCR",
        "lei leu": "RON MDL",
        "лв лв.": "KGS BGN",
        "р р.": "RUB BYN",
        "₱": "PHP CUP",
        "fr fr.": "CHF",
        "cfa fcfa": "XAF XOF",
        "bs bs.": "BOB VES",
        "dh dhs dh.": "AED MAD",
        "din": "RSD DZD",
        "br": "BYN ETB",
        "درهم": "AED MAD",
        "ريال": "SAR QAR OMR YER IRR",
        "جنيه": "EGP SDG",
        "دينار": "KWD BHD JOD IQD TND LYD DZD",
        "تومان ₿ btc eth": "",
        "ƒ": "ANG AWG XCG",
        "R": "ZAR",
    }.items()
    for sign in signs.split()
}
# Codes that are withdrawn or were never one, and still stand where a code belongs.
_FORMER = dict(
    pair.split("=")
    for pair in """
    RUR=RUB BYR=BYN BYB=BYN TRL=TRY YTL=TRY UKP=GBP STG=GBP ROL=RON BGL=BGN NTD=TWD DHS=AED SR=SAR
    BD=BHD JD=JOD
    """.split()
)
# Whole names, in lower case without the plural's "s".
_NAMES = dict(
    pair.strip().split("=")
    for pair in """
    us dollar=USD, american dollar=USD, british pound=GBP, pound sterling=GBP, swiss franc=CHF,
    canadian dollar=CAD, australian dollar=AUD, indian rupee=INR, japanese yen=JPY, yen=JPY,
    russian ruble=RUB, swedish krona=SEK, danish krone=DKK, norwegian krone=NOK, polish zloty=PLN,
    zloty=PLN
    """.split(",")
)
_PARTS = re.compile(r"[^\W\d_]+|[^\w\s().,;:/|-]+")
LONGEST_SIGN = max(map(len, (*_OWN_SIGNS, *_SHARED_SIGNS)))
# Currencies of which a US dollar buys a hundred units or more.
_SMALL_UNITS = (
    "AMD AOA ARS BIF CDF CLP COP CRC DJF DZD GNF GYD HUF IDR IQD IRR ISK JMD JPY KES KHR KMF KPW "
    "KRW KZT LAK LBP LKR LRD MGA MMK MNT MWK NGN NPR PKR PYG RSD RWF SDG SLE SOS SSP SYP TZS UGX "
    "UZS VES VND VUV XAF XOF XPF YER"
)
_COMMON = frozenset(("AUD", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "NOK", "PLN", "SEK", "USD"))
"""Of two decimals, as a test holds against the table: to read that takes 10 ms."""
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)
_MACHINE_TEXT = re.compile(r"\d{1,13}(?:\.\d{1,30})?", re.ASCII)
_GROUPED_TEXT = re.compile(r"[1-9]\d{0,2}\.\d{3}", re.ASCII)
LONGEST_PRICE = 200
_LONGEST_INTEGER = 10**30


@dataclass(frozen=True, slots=True)
class Price:
    """What a text says about a price.

    :ivar amount: in units of the currency, finite and not negative, not rounded; None: no price.
    :ivar currency: the active ISO 4217 code that the text names, or else the one it was read with.
    """

    amount: Decimal | None = None
    currency: str | None = None


@cache
def _units() -> dict[str, int]:
    """Minor units (decimals) of each active code; precious metals and test codes have none."""
    from iso4217 import raw_table  # noqa: PLC0415  (see _COMMON)

    return {
        code: int(units)
        for code, row in raw_table.items()
        if code and (units := str(row["CcyMnrUnts"])).isdigit()
    }


def is_active(code: str) -> bool:
    """Whether ``code`` is an active ISO 4217 code of money, in upper case."""
    return code in _COMMON or code in _units()


def sign_currency(sign: str, default: str | None) -> str | None:
    """The code that a sign stands for in a shop whose currency is ``default`` (rule R45).

    None: the sign does not say, because several currencies share it and ``default`` is not one.
    """
    shared = _shared(sign)
    if shared is not None and default in shared:
        return default
    return sign.upper() if _is_code(sign) else _OWN_SIGNS.get(sign.casefold())


def currencies_of(sign: str) -> list[str]:
    """The codes that a sign may stand for; the one alone that it mostly does."""
    usual = sign_currency(sign, None)
    return [usual] if usual else sorted(_shared(sign) or ())


def is_sign(text: str) -> bool:
    """Whether ``text`` is a currency's sign or code, in full."""
    return text.casefold() in _OWN_SIGNS or _shared(text) is not None or _is_code(text)


def _shared(sign: str) -> frozenset[str] | None:
    codes = _SHARED_SIGNS.get(sign)
    return _SHARED_SIGNS.get(sign.casefold()) if codes is None else codes


def _is_code(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isupper() and is_active(text)


def currency_code(value: object, default: str | None) -> str | None:
    """The active ISO 4217 code that ``value`` names (rules R45, R46).

    :param value: a code in any case, or a sign. None, empty text and ``XXX`` ("no currency") say
        nothing: then it is the default.
    :param default: the shop's currency; a shared sign such as ``$`` or ``kr`` is read by it.
    :returns: None for what is named and is no currency of the table (``BTC``, ``US``, ``840``):
        such a price must not pass for one in the shop's currency.
    """
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > 20:
        return None
    text = value.strip()
    code = text.upper()
    if not text or code == "XXX":
        return default
    if code == default or (len(code) == 3 and code.isascii() and is_active(code)):
        return code
    return sign_currency(text, default) or _FORMER.get(code) or _decorated(text)


def _decorated(text: str) -> str | None:
    """``EUR €``, ``USD$`` and ``Euro (EUR)``: all that is written names one currency."""
    named = _NAMES.get(text.lower().removesuffix("s"))
    parts = _PARTS.findall(text)
    if named or not parts or parts == [text]:
        return named
    said = {currency_code(part, None) for part in parts if _shared(part) is None}
    code = said.pop() if len(said) == 1 else None
    shared = (codes for codes in map(_shared, parts) if codes is not None)
    return code if all(code in codes for codes in shared) else None


def minor_units(currency: str | None) -> int:
    """Decimals of a currency's amounts: 0 for JPY, 3 for KWD; 2 when it is not in the table."""
    return 2 if currency is None or currency in _COMMON else _units().get(currency, 2)


def has_small_unit(currency: str | None) -> bool:
    """Whether a US dollar buys a hundred units or more, so that prices run in thousands."""
    return currency is not None and (currency in _SMALL_UNITS or minor_units(currency) == 0)


def rounded(amount: Decimal, currency: str | None) -> Decimal:
    """``amount`` rounded half up to the currency's minor units (rule R47)."""
    return amount.quantize(Decimal(1).scaleb(-minor_units(currency)), context=_CONTEXT)


def sane(amount: Decimal, currency: str | None) -> bool:
    """Whether ``amount`` can be a price: finite, not negative, of plausible size.

    The most is 10,000,000; but 10**10 in currencies of small units (VND, IDR, LAK, IRR and others
    of which a dollar buys a hundred or more), where 10,000,000 is the price of a telephone.
    """
    if not amount.is_finite() or not 0 <= amount <= 10_000_000_000:
        return False
    return amount <= 10_000_000 or has_small_unit(currency)


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
        text = value.strip() if len(value) <= LONGEST_PRICE else ""
        return Decimal(text) if _MACHINE_TEXT.fullmatch(text) else None
    amount = Decimal("NaN")
    if isinstance(value, Decimal):
        amount = value
    elif isinstance(value, float):
        amount = Decimal(float.__repr__(value)) if math.isfinite(value) else amount
    # int, Fraction, and the integers of numpy.
    elif isinstance(value, Rational) and not isinstance(value, bool):
        numerator, denominator = int(value.numerator), int(value.denominator)
        if not 0 <= numerator < _LONGEST_INTEGER or denominator >= _LONGEST_INTEGER:
            return None
        amount = Decimal(numerator) / Decimal(denominator)
    return abs(amount) if amount.is_finite() and 0 <= amount < PRICE_LIMIT else None
