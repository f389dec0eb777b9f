"""The vocabulary of schema.org: which types are products, and what a value says as text.

JSON-LD, microdata and OpenGraph are all brought into one shape, a dict with ``@type`` and the
properties of schema.org; the readers of fields know only that shape.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from topmail_flask.model.text import clean

Node = dict[str, Any]

PRODUCTS = frozenset(
    """
    product individualproduct productmodel someproducts vehicle car motorcycle motorizedbicycle
    busorcoach book drug dietarysupplement
    """.split()
)
GROUPS = frozenset(["productgroup"])
OFFERS = frozenset(["offer", "aggregateoffer", "offerforpurchase", "offerforlease"])
LISTINGS = frozenset(
    """
    collectionpage searchresultspage itemlist offercatalog checkoutpage aboutpage contactpage
    profilepage order invoice
    """.split()
)
PAGES = frozenset(["webpage", "itempage", "productpage"])
ARTICLES = frozenset(
    """
    article newsarticle blogposting reportagenewsarticle analysisnewsarticle opinionnewsarticle
    reviewnewsarticle techarticle scholarlyarticle liveblogposting recipe
    """.split()
)
SITES = frozenset(
    """
    website organization onlinestore onlinebusiness store localbusiness corporation
    """.split()
)
# What a product or a page mentions without being about it (rule R13).
RELATED = frozenset(
    """
    isRelatedTo isSimilarTo isAccessoryOrSparePartFor isConsumableFor itemListElement item
    itemOffered hasOfferCatalog makesOffer review reviews itemReviewed mentions potentialAction
    subjectOf isPartOf
    """.split()
)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_REFERENCE = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_NOTHING = frozenset(["none", "null", "undefined", "nan", "n/a", "-", "–", "—"])
# Text of a template that was not rendered, as template languages mark it.
_UNRENDERED = re.compile(
    r"\{\{[^{}]{0,200}\}\}|\{%[^%]{0,200}%\}|[$#]\{[^{}]{0,200}\}|<%[^%]{0,200}%>"
    r"|<\?(?:php|=)[^?]{0,200}\?>"
    r"|\A\s*(?:\[object \w+\]|\[\[.*\]\]|%[\w.:-]+%|%\([\w.]+\)s|\$[a-zA-Z_][\w.>-]*"
    r"|\{[a-zA-Z_][\w.]*\}|@[A-Z]\w*\.[\w.]+|__\w+__)\s*\Z",
    re.DOTALL,
)
_MARKS = frozenset('{$%[@_<"')
_LARGEST = Decimal(10) ** 30
_NO_TYPES: frozenset[str] = frozenset()
DEPTH_LIMIT = 64
_LONGEST_TEXT = 4_096


class DisplayText(str):
    """Text that a shopper sees, as opposed to machine text of an attribute or of JSON."""

    __slots__ = ()


def types(node: Mapping[str, Any]) -> frozenset[str]:
    """The types of a node: last segments of ``@type``, in lower case (rule R12)."""
    named = node.get("@type")
    if isinstance(named, str):
        return _type_set(named)
    if isinstance(named, list):
        return frozenset(
            short_type(type_name) for type_name in named[:20] if isinstance(type_name, str)
        )
    return _NO_TYPES


@lru_cache(maxsize=512)
def _type_set(name: str) -> frozenset[str]:
    return frozenset((short_type(name),))


@lru_cache(maxsize=512)
def short_type(name: str) -> str:
    """``https://schema.org/Product/``, ``schema:Product`` and ``product`` are all ``product``."""
    if len(name) > 200:
        return ""
    name = name.strip().rstrip("/").lower()
    return name[max(name.rfind("/"), name.rfind(":"), name.rfind("#")) + 1 :]


def each(value: object) -> Iterator[Any]:
    """The values of a property, whether it holds one or a list, lists of lists included."""
    if not isinstance(value, list):
        if value is not None:
            yield value
        return
    waiting = [iter(value)]
    while waiting:
        for item in waiting[-1]:
            if isinstance(item, list):
                if len(waiting) < DEPTH_LIMIT:
                    waiting.append(iter(item))
                    break
            elif item is not None:
                yield item
        else:
            waiting.pop()


def is_placeholder(text: str) -> bool:
    """Whether it is what a template prints where there is nothing, or its own unrendered text."""
    if text.lower() in _NOTHING:
        return True
    return not _MARKS.isdisjoint(text) and _UNRENDERED.search(text) is not None


def plain(text: str) -> str:
    """Text without character references, tags and superfluous white space; "" for a placeholder.

    References that are escaped twice, and quotes that a template put around a text, are undone.
    """
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT]
    if "&" in text:
        text = unescaped(text)
    if not _MARKS.isdisjoint(text):
        if _UNRENDERED.search(text):
            return ""
        if "<" in text:
            text = _TAG.sub(" ", text)
        if text[:1] == '"' == text[-1:] and text.count('"') == 2 and len(text) > 2:
            text = text[1:-1]
    text = clean(text)
    return "" if text.lower() in _NOTHING else text


def unescaped(text: str) -> str:
    """The text with its character references resolved, also those that were escaped twice."""
    once = html.unescape(text)
    return html.unescape(once) if "&" in once and _REFERENCE.search(once) else once


def text_of(value: object, lang: str | None = None) -> str:
    """The first text of a value; of several languages the page's own, then the first (R55)."""
    if type(value) is str:
        return plain(value)
    first = ""
    for text_or_value in each(value):
        said, language = text_or_value, None
        if isinstance(text_or_value, dict):
            said, language = text_or_value.get("@value"), text_or_value.get("@language")
        text = plain(said) if isinstance(said, str) else ""
        if text and (lang is None or not isinstance(language, str)):
            return first or text
        if text and isinstance(language, str) and lang is not None:
            if language[:2].lower() == lang[:2].lower():
                return text
            first = first or text
    return first


def scalar_text(value: object) -> str:
    """The first text or number of a value, as text: 123.0 is ``123`` (rule R34)."""
    if value is None:
        return ""
    if type(value) is str:
        return plain(value)
    for scalar in each(value):
        if isinstance(scalar, dict):
            scalar = scalar.get("@value", scalar.get("value"))  # noqa: PLW2901
        if isinstance(scalar, str):
            text = plain(scalar)
        elif isinstance(scalar, bool):
            continue
        elif isinstance(scalar, int):
            text = str(scalar)
        elif (
            isinstance(scalar, Decimal)
            and scalar == scalar.to_integral_value()
            and scalar < _LARGEST
        ):
            text = str(int(scalar))
        else:
            continue
        if text:
            return text
    return ""


def name_of(value: object, lang: str | None = None) -> str:
    """The text of a value, or the ``name`` of a thing."""
    if value is None or type(value) is str:
        return plain(value) if value else ""
    for thing in each(value):
        if not isinstance(thing, dict):
            text = text_of(thing, lang)
        elif "@value" in thing:
            text = text_of(value, lang)
        else:
            text = text_of(thing.get("name"), lang)
        if text:
            return text
    return ""


def short(value: object) -> str:
    """A raw value for the trace, at most 200 characters and never a deep structure."""
    if isinstance(value, str):
        return value[:200]
    if isinstance(value, dict):
        return "{" + ", ".join(str(key) for key in list(value)[:8])[:190] + "}"
    if isinstance(value, list):
        return short(value[0]) if value else ""
    return repr(value)[:200]


_NAMES = (
    "name image brand manufacturer category sku mpn productID gtin gtin8 gtin12 gtin13 gtin14 isbn "
    "offers price priceCurrency lowPrice highPrice priceSpecification availability itemCondition "
    "priceValidUntil itemListElement item position url inProductGroupWithID isVariantOf hasVariant "
    "productGroupID itemOffered mainEntityOfPage mainEntity identifier propertyID"
)
_SPELLED = {name.lower(): name for name in _NAMES.split()}
_DEPTH_LIMIT = 64
_PREFIX = re.compile(r"(?:schema:|https?://schema\.org/)(?=[a-zA-Z])")
_ODD_KEY = re.compile(
    r"\"(?:\d{1,3}|[A-Z]\w{0,40}|schema:\w{1,40}|https?://schema\.org/\w{1,40}|"
    + "|".join(lower for lower, name in _SPELLED.items() if lower != name)
    + r")\"\s{0,9}:"
)


def usual_name(name: str) -> str:
    """The property as schema.org spells it; an unknown one as it is."""
    return _SPELLED.get(name.lower(), name)


def has_odd_keys(text: str) -> bool:
    """Whether a JSON text may have keys that :func:`with_usual_keys` changes."""
    return _ODD_KEY.search(text) is not None


def with_usual_keys(value: Any, depth: int = 0) -> Any:
    """A JSON document with the names of schema.org, and lists where PHP wrote numbered keys."""
    if depth > _DEPTH_LIMIT:
        return value
    if isinstance(value, list):
        return [with_usual_keys(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [with_usual_keys(item, depth + 1) for item in value.values()]
    renamed: dict[str, Any] = {}
    for key, child in value.items():
        usual = usual_name(_PREFIX.sub("", key, count=1))
        if usual == key or usual not in value:
            renamed[usual] = with_usual_keys(child, depth + 1)
    return renamed
