"""What the words beside an amount of money say of it, where it is not the price of the product.

A saving, a rate, the delivery, the price per kilogram, before or without tax, on its own piece of
text or on a page. They are the words of shops in the languages of most stores; a shop in another
one is helped by what needs no words: a lower price beside it, the share of the highest.
"""

from __future__ import annotations

import re

_TAX_NAMES = "vat|gst|tax|taxes|mwst|ust|btw|dph|moms|mva|iva|tva|áfa|kdv|podatku|alv"
TAX = f"(?:{_TAX_NAMES})"
# Between a number and the words behind it.
_SIGN = r"[^\w,;]{0,3}[^\W\d]{0,3}[^\w,;]{0,3}"
_UNIT = (
    r"(?:[kcdm]?[gml]|kilo\w*|grams?|gramm|lit(?:er|re|ro)s?|oz|lbs?|m[²2³3]|qm|mo(?:nths?|nat|is)?"
    r"|mes|maand|mån\w*|a[ñn]o|year|jahr|week|woche|day|tag|portion|serving|dos[ei]s?|wash\w*|use"
    r"|capsule|tablet\w*|unit[éa])"
)
_ON_TOP = (
    "shipping|postage|p&p|delivery|versand|porto|pfand|deposit|frais|livraison|envío|spedizione"
    r"|verzend|frakt|fragt|dostaw|doprav|kargo|consigne|statiegeld|kaucj|pant\b"
)
ON_TOP_BEFORE = re.compile(
    r"(?i)(?:\+|\b(?:zzgl|plus|deposit|pfand|consigne|statiegeld|kaucja|pant)\b)[^\d]*\Z"
)
ON_TOP_AFTER = re.compile(rf"(?i)\s*(?:{_ON_TOP})")
# The lowest price of the last 30 days, which the EU wants beside every reduced one.
OF_THE_PAST = re.compile(
    r"(?is)(?=.*\b30\b).*(?:lowest|niedrigst|günstigst|best(?:er|e) (?:gesamt)?preis|plus bas"
    r"|más bajo|più basso|najni|nejni|legalacsony|mai mic|lägst|lavest|laagst|alin)"
)
_SAVED = (
    r"sav(?:e|ings?)|discount|rabatt|rebate|spar(?:e|en|t|er|ar)?|ersparnis|économisez|ahorr\w+"
    r"|risparmi\w*|bespa\w+|oszczęd\w+|poup[ea]\w*|ušetř\w+|säästä\w*"
)
_CHARGED = r"shipping|delivery|postage|versand\w*|livraison|envío|envio|frete"
# Behind these words stands an amount of money that is not the product's price ...
NOT_THE_PRICE = re.compile(rf"(?i)\b(?:{_SAVED}|{_CHARGED}|orders?)\b(?!.*\bprice)")
# ... and behind these one that is, unless there is a better one.
INSTALMENT = re.compile(
    r"(?i)(?:^ ?[x×]|[x×] (?:de|of|à|a|von|zu)|rates? of"
    r"|\b(?:payments|instal?lments|raten|rat|cuotas|parcelas|mensualit\w+|mensualidades|termijnen"
    r"|платеж\w*)\b[^\d]{0,30}) ?\Z"
)
WITHOUT_TAX = re.compile(
    r"(?i)\b(?:exc|excl|excluding|ex|exkl|ekskl|netto|hors|sans|bez|senza|χωρίς"
    rf"|(?:sin|sem) {TAX})\b"
)
AND_WITHOUT_TAX = re.compile(
    rf"(?i)\s*\(?(?:(?-i:HT)\b|netto\b|税抜|\+ ?{TAX}\b|(?:plus|zzgl\.?) {TAX}\b"
    rf"|exc(?:l|luding)?\b|(?:ex|exkl|ekskl|hors|bez|senza|sin|sem|without)\b\.? ?{TAX}\b)"
)

_WAS = (
    r"was|statt|instead of|au lieu de|antes|before|previously|vorher|rrp|uvp|msrp|anzich[eé]"
    r"|zamiast|bisher|listenpreis|prima|invece di"
)
_FORMER = re.compile(
    rf"\b(?:{_WAS}|ursprünglich\w*|(?:old|original|former)\s+price"
    r"|30\s(?:days|tagen?|jours|d[ií]as|giorni|dagen|dni|zile))\b[^\d]{0,20}\Z",
    re.IGNORECASE,
)
OTHER_MONEY = re.compile(
    rf"\b(?:{_SAVED}|{_CHARGED}|over|above|ab einem|deposit|pfand|orders?|spend|gift|members?"
    r"|warranty|garantie|assembly|installation|montage|used|refurbished|gebraucht)\b[^\d.!?]{0,30}\Z"
    r"|(?:\+|(?<![^\W\d]\s)[-−–])\s?\S{0,3}\Z|\b\d+\s(?:for|für|por|pour|voor|för)\s?\S{0,3}\s?\Z"
    r"|\b(?:cart|basket|warenkorb|panier|carrito|carrello|subtotal|total)\s*:\s*\S{0,3}\s?\Z",
    re.IGNORECASE,
)
# A gift, or what comes on top of the price.
_GIVEN_AFTER = re.compile(
    rf"{_SIGN}(?:(?:off(?!-)|voucher|gutschein|coupon|cashback|rabatt|réduction|descuento|gespart"
    rf"|gift|more for|discount(?!\s(?:price|applied)))\b|(?:{_ON_TOP}))",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s?(?:[%٪°\"″×]|(?:percent|prozent|pcs|stk|st|x|kg|mg|g|oz|lbs?|ml|cl|l|mm|cm|m|km|gb|mb|tb"
    r"|mah|hz|w|v|in|inch|stück|pieces?|items?|reviews?|stars?)\b)",
    re.IGNORECASE,
)
# What a page says in the place of a price that it does not show to this visitor.
UNPRICED = re.compile(
    rb"(?i)(?:price|preis|prix|precio|prezzo|prijs)e?s?"
    rb"\s(?:(?:is |are )?(?:up)?on|auf|sur|a|su|op)"
    rb"\s(?:request|application|enquiry|inquiry|anfrage|demande|consultar|richiesta|consulta|aanvraag)"
    rb"|(?:log\s?in|sign\s?in|register)\s(?:to|for)\s(?:see|view|get|show)?\s?(?:\w+ )?pric"
    rb"|(?:call|contact us|ask|enquire)\sfor\s(?:a |the |our )?(?:pric|quot)"
    rb"|(?:anmelden|einloggen)[^<.]{0,20}preis|connectez-vous[^<.]{0,20}prix"
)
# Beside another price these are a part of it: an instalment, a price per unit, one without tax.
_PART_BEFORE = re.compile(
    rf"(?:\d\s?[x×]\s?(?:of|de|à|a|von|zu)?|\b(?:net|netto|(?:excl?|exkl|ex|without)\.?\s{TAX}):?"
    rf"|\b1\s?{_UNIT}\s?=|\b(?:per|por|pro|al|le|za|je)\s(?:\d+\s?)?{_UNIT}\s?:)"
    r"\s?\S{0,3}\s?\Z",
    re.IGNORECASE,
)
_PART_AFTER = re.compile(
    rf"{_SIGN}(?:/\s?(?:\d+\s?)?{_UNIT}\b|a month|monthly|mtl"
    r"|(?:per|pro)\s(?!piece|pcs|unit|item|st|pair|paar|set|pack)"
    rf"|(?:le|la|al|el|za|por|par)\s(?:\d+\s?)?{_UNIT}\b"
    rf"|税[抜别別]|\+\s?{TAX}\b|(?:(?-i:HT)|net(?!\sw)|netto"
    r"|(?:excl?|exkl|ekskl|ex|excluding|without|ohne|hors|plus|zzgl|bez|senza|sin|sem)"
    rf"\.?\s{TAX})\b(?!:?\s?\S{{0,3}}\s?\d))",
    re.IGNORECASE,
)


def is_other_money(before: str, after: str) -> bool:
    """Whether the words around an amount say that it is no price, or none of this product now."""
    if _COUNTED.match(after) or _FORMER.search(before) or OTHER_MONEY.search(before):
        return True
    return _GIVEN_AFTER.match(after) is not None


def is_part(before: str, after: str) -> bool:
    """Whether an amount beside a price is a part of it: a rate, one per unit or without tax."""
    return bool(
        INSTALMENT.search(before) or _PART_BEFORE.search(before) or _PART_AFTER.match(after)
    )


# Between two prices these say that the second is that of today, or that both are with tax.
NOW_OR_TAX = re.compile(
    r"(?i)\b(?:now|today|only|just|sale|jetzt|nur|nun|nu|maintenant|ahora|ora|agora|adesso|solo|por|voor"
    r"|teraz|tylko|nyní|стало|сейчас|сегодня|şimdi|yeni)\b|现价|現価|セール\w*"
    rf"|\bin[ck]l?\w*\b\.?(?:\s*{TAX}\b\.?)?|\bTTC\b|\bbrutto\b|税込|\b{TAX}\b"
)
# Before a price these say that it is a former one, where a lower one stands beside it.
FORMER = re.compile(
    rf"(?i)\b(?:{_WAS}|were|mrp|m\.r\.p|reduced from|old|former|retail"
    r"|orig(?:inal\w*)?|reg(?:ul[aä]r\w*)?|list|usual(?:ly)?|normal\w*|ord(?:inarie|\W{1,2}pris)"
    r"|før|förr|tidigare|původn\w+|eski|было|原价|原價|市场价|通常価格|定価|参考価格)"
    r"(?!\w)[^\d]{0,20}\Z"
)
