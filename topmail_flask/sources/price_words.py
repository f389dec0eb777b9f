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
    r"\s*(?:/|per\b|pro\b|je\b)\s*(?:\d|[kc]?[gml]\b|oz|lb|m2|st|pc|un)", re.IGNORECASE
)
# Behind these words stands an amount of money that is not the product's price ...
_NOT_THE_PRICE = re.compile(
    r"\b(?:sav(?:e|ings?)|discount|rabatt|rebate|spar(?:e|en|t)|économisez|ahorr\w+|shipping|delivery"
    r"|versand\w*|livraison|envío|frete|orders?)\b(?!.*\bprice)",
    re.IGNORECASE,
)
# ... and behind these one that is, unless there is a better one.
_INSTALMENT = re.compile(
    r"(?:^ ?[x×]|[x×] (?:de|of|à|a|von|zu)|payments? of|rate[ns]? (?:of|von)) ?$", re.IGNORECASE
)
_WITHOUT_TAX = re.compile(
    r"\b(?:exc|excl|excluding|ex|exkl|zzgl|netto|hors|sans|bez|senza|χωρίς)\b\.?[^\d]*",
    re.IGNORECASE,
)
_AND_WITHOUT_TAX = re.compile(
    r"\s*\(?(?:HT|exc(?:l\.?|luding)?\b|ex\.? (?:vat|gst|tax)|netto|bez dph)\b"
)


def is_another_amount(before: str, after: str) -> bool:
    """Whether it is no price of the product: a discount, the shipping, thousands, pence."""
    return bool(_PERCENT.match(after) or _NOT_THE_PRICE.search(before) or _OTHER_UNIT.match(after))


def is_a_measure(before: str, after: str) -> bool:
    """Whether a number without a currency counts something else, or is part of a word."""
    return bool(before[-1:].isalpha() or before.endswith(("%", "٪")) or _MEASURE.match(after))


def is_a_remark(before: str, after: str) -> bool:
    """Whether it is a price beside the price: per unit, an instalment, without tax."""
    return bool(
        _PER_UNIT.match(after)
        or _INSTALMENT.search(before)
        or _WITHOUT_TAX.search(before)
        or _AND_WITHOUT_TAX.match(after)
    )
