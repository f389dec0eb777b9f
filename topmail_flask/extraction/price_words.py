"""What the words around a number make of it: the price, a remark, or no price (rule R43)."""

from __future__ import annotations

import re

_PERCENT = re.compile(r"\s*[%٪]")
_MEASURE = re.compile(
    r"\s?(?:[mcd]?[lm]|[kmµ]?g|oz|lbs?|ft|[kmgt]b|mah|[kmg]?hz|k?w|v|pcs|stk|x|°|\"|″|'')(?!\w)",
    re.IGNORECASE,
)
# "1.2 million", "12万", "$2k", "50p": not in units of the currency.
_OTHER_UNIT = re.compile(
    r"\s?(?:(?:mio|mln|millions?|lakhs?|crores?|tys|тыс|млн)(?!\w)|[万萬億만억천千])|(?:k|p|¢|ct|e\d+)(?!\w)",
    re.IGNORECASE,
)
_PER_UNIT = re.compile(
    r"\s*\(?(?:(?:/|pro\b|je\b)\s*(?:\d|[kc]?[gml]\b|oz|lb|m2|st|pc|un|mo|mnd|mån|mes|maand|kpl)"
    r"|per\s+\w|a month\b|monthly\b)",
    re.IGNORECASE,
)
# What comes on top of the price.
_ON_TOP_BEFORE = re.compile(
    r"(?:\+|\b(?:zzgl|plus|deposit|pfand|consigne|statiegeld|kaucja|pant)\b)[^\d]*\Z", re.IGNORECASE
)
_ON_TOP_AFTER = re.compile(
    r"\s*(?:shipping|postage|p&p|delivery|versand|porto|pfand|deposit|frais|livraison|envío|spedizione"
    r"|verzend|frakt|fragt|dostaw|doprav|kargo|consigne|statiegeld|kaucj|pant\b)",
    re.IGNORECASE,
)
# The lowest price of the last 30 days, which the EU wants beside every reduced one.
_OF_THE_PAST = re.compile(
    r"(?=.*\b30\b).*(?:lowest|niedrigst|günstigst|best(?:er|e) (?:gesamt)?preis|plus bas|más bajo"
    r"|più basso|najni|nejni|legalacsony|mai mic|lägst|lavest|laagst|alin)",
    re.IGNORECASE | re.DOTALL,
)
# Behind these words stands an amount of money that is not the product's price ...
_NOT_THE_PRICE = re.compile(
    r"\b(?:sav(?:e|ings?)|discount|rabatt|rebate|spar(?:e|en|t)?|économisez|ahorr\w+|shipping|delivery"
    r"|versand\w*|livraison|envío|frete|orders?)\b(?!.*\bprice)",
    re.IGNORECASE,
)
# ... and behind these one that is, unless there is a better one.
_INSTALMENT = re.compile(
    r"(?:^ ?[x×]|[x×] (?:de|of|à|a|von|zu)|rates? of"
    r"|\b(?:payments|instal?lments|raten|rat|cuotas|parcelas|mensualit\w+|mensualidades|termijnen)\b"
    r"[^\d]{0,30}) ?\Z",
    re.IGNORECASE,
)
_TAX = r"(?:vat|gst|tax|taxes|mwst|ust|btw|dph|moms|mva|iva|tva|áfa|kdv|podatku|alv)"
_WITHOUT_TAX = re.compile(
    rf"\b(?:exc|excl|excluding|ex|exkl|ekskl|netto|hors|sans|bez|senza|χωρίς|(?:sin|sem) {_TAX})\b",
    re.IGNORECASE,
)
_AND_WITHOUT_TAX = re.compile(
    rf"\s*\(?(?:(?-i:HT)\b|netto\b|税抜|\+ ?{_TAX}\b|(?:plus|zzgl\.?) {_TAX}\b"
    rf"|exc(?:l|luding)?\b|(?:ex|exkl|ekskl|hors|bez|senza|sin|sem|without)\b\.? ?{_TAX}\b)",
    re.IGNORECASE,
)
_TAX_FIRST = re.compile(
    rf"\b(?:(?:exc|inc|ink)\w*|ex|netto|brutto|hors)\b\.? ?{_TAX}?", re.IGNORECASE
)
_WITH_TAX_FIRST = re.compile(rf"(?:\bin[ck]\w*\.? {_TAX}|TTC|税込)[^\d]*\Z", re.IGNORECASE)
_WITH_TAX = re.compile(
    rf"\s*\(?(?:(?-i:TTC)\b|brutto\b|税込|inc(?:l|luding|lusive)?\b|inkl|s dph|vr\. ?{_TAX})",
    re.IGNORECASE,
)


def is_another_amount(before: str, after: str) -> bool:
    """Whether it is no price of the product: a discount, the shipping, thousands, pence."""
    return bool(_PERCENT.match(after) or _NOT_THE_PRICE.search(before) or _OTHER_UNIT.match(after))


def is_a_measure(before: str, after: str) -> bool:
    """Whether a number without a currency counts something else, or is part of a word."""
    return bool(before[-1:].isalpha() or before.endswith(("%", "٪")) or _MEASURE.match(after))


def is_a_remark(before: str, after: str, context: str) -> bool:
    """Whether it is a price beside the price: per unit, an instalment, without tax, on top.

    :param context: all that stands before it, from the price before.
    """
    return bool(
        _PER_UNIT.match(after)
        or _INSTALMENT.search(before)
        or _ON_TOP_BEFORE.search(before)
        or _ON_TOP_AFTER.match(after)
        or _OF_THE_PAST.match(context)
        or is_without_tax(before, after)
    )


def is_without_tax(before: str, after: str) -> bool:
    """Whether the words before or behind it say that tax is not in it."""
    return bool(_AND_WITHOUT_TAX.match(after) or _WITHOUT_TAX.search(before))


def is_with_tax(before: str, after: str) -> bool:
    """Whether the words before or behind it say that tax is in it."""
    return bool(_WITH_TAX.match(after) or _WITH_TAX_FIRST.search(before))


def begins_with_tax(text: str) -> bool:
    """Whether the words on tax stand before the prices: the text up to the first has some."""
    return bool(_TAX_FIRST.search(text))


def without_tax_words(gap: str) -> str:
    """What stands between two prices, without the words on tax that belong to the first."""
    tax = _AND_WITHOUT_TAX.match(gap) or _WITH_TAX.match(gap)
    return gap[tax.end() :] if tax else gap
