"""The names of properties as schema.org spells them, for markup that spells them otherwise.

Hand-written microdata has ``pricecurrency``; a builder of shops writes ``Offers`` into its JSON-LD;
RDF tools write ``schema:name`` or whole addresses; PHP makes ``{"0": ...}`` of a list with a gap.
"""

from __future__ import annotations

import re
from typing import Any

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
        return [with_usual_keys(one, depth + 1) for one in value]
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [with_usual_keys(one, depth + 1) for one in value.values()]
    renamed: dict[str, Any] = {}
    for key, one in value.items():
        usual = usual_name(_PREFIX.sub("", key, count=1))
        if usual == key or usual not in value:
            renamed[usual] = with_usual_keys(one, depth + 1)
    return renamed
