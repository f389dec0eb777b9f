"""The identifiers of a product, by their kinds (rules R28, R34, R35)."""

from __future__ import annotations

import re

from topmail_flask.extraction.schema_org import Node, each, name_of, scalar_text

KINDS = ("productID", "retailer_id", "sku", "gtin", "mpn")
_GTINS = ("gtin14", "gtin13", "gtin12", "gtin8", "gtin", "isbn", "ean", "upc")
_SCHEME = re.compile(
    r"(?:isbn|gtin-?\d{0,2}|ean(?:-?13)?|upc|mpn|sku|asin)\s*:\s*(?=\S)", re.IGNORECASE
)
_DIGITAL_LINK = re.compile(r"\Ahttps?://.{1,200}?/(?:01|gtin)/(\d{8,14})(?!\d)")
_PLACEHOLDERS = frozenset(["", "-", "n/a", "na", "none", "null", "undefined", "unknown", "nan"])
_PROPERTY_IDS = {
    "sku": "sku",
    "productid": "productID",
    "product_id": "productID",
    "asin": "productID",
    "mpn": "mpn",
    **dict.fromkeys((name.lower() for name in _GTINS), "gtin"),
}


def identifiers(node: Node) -> dict[str, str]:
    """The identifiers of a node by kind, in the order of rule R34.

    A manufacturer's part number identifies a product together with its brand, so it counts only
    where there is one. Placeholders such as ``N/A`` or a GTIN of zeros are none.
    """
    found: dict[str, str] = {}
    for key in ("productID", "productId"):
        if key not in node:
            continue
        text = _SCHEME.sub("", _identifier(node.get(key)), count=1)
        if text:
            found.setdefault("productID", text)
    for kind in ("retailer_id", "sku"):
        text = _identifier(node.get(kind)) if kind in node else ""
        if text:
            found[kind] = text
    for key in _GTINS:
        if key in node and "gtin" not in found:
            text = _digits(_identifier(node[key]))
            if text:
                found["gtin"] = text
    if "mpn" in node and (name_of(node.get("brand")) or name_of(node.get("manufacturer"))):
        text = _identifier(node["mpn"])
        if text:
            found["mpn"] = text
    if "identifier" in node:
        _add_named(node, found)
    return found


def _add_named(node: Node, found: dict[str, str]) -> None:
    """Identifiers given as ``identifier``: text, or a PropertyValue with a known name."""
    for one in list(each(node["identifier"]))[:20]:
        if isinstance(one, dict):
            kind = _PROPERTY_IDS.get(
                (scalar_text(one.get("propertyID")) or scalar_text(one.get("name"))).lower(), ""
            )
            text = _identifier(one.get("value"))
            text = _digits(text) if kind == "gtin" else text
        else:
            kind = "" if found else "productID"
            text = _SCHEME.sub("", _identifier(one), count=1)
        if kind and text:
            found.setdefault(kind, text)


def group_id(node: Node) -> str:
    """The id of the group that a variant says it belongs to, or "" (rule R29)."""
    text = _identifier(node.get("inProductGroupWithID"))
    if text:
        return text
    for group in each(node.get("isVariantOf")):
        if isinstance(group, dict):
            for key in ("productGroupID", "productID", "sku", "@id"):
                text = _identifier(group.get(key))
                if text:
                    return text
    return ""


def _identifier(value: object) -> str:
    text = scalar_text(value)
    return "" if text.lower() in _PLACEHOLDERS else text


def _digits(text: str) -> str:
    link = _DIGITAL_LINK.search(text)
    if link is not None:
        return link[1]
    digits = re.sub(r"[^0-9]", "", text[:40])
    if text[-1:] in "xX" and len(digits) == 9:  # the check digit of an ISBN-10
        digits += "X"
    return digits if len(digits) >= 8 and digits.strip("0") else ""
