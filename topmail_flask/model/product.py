"""The product that was seen."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from uuid import UUID

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.text import clean, cut, web_address

ID_LIMIT = 100
NAME_LIMIT = 200
LABEL_LIMIT = 100
PRICE_LIMIT = Decimal(10) ** 12
_CURRENCY = re.compile(r"[A-Z]{3}\Z")


@dataclass(frozen=True, slots=True)
class Product:
    """A product as TopMail's tracking API takes it, checked at birth.

    Limits are the API's, in characters. Identifiers are never cut: half an id is another product.

    :param id: your identifier of the product: text, a number or a UUID, 1 to 100 characters.
    :param name: display name; longer than 200 it is cut on a word, with an ellipsis.
    :param url: absolute http(s) URL of the product page. None: the page that was seen.
    :param variant_id: identifier of the chosen variant, at most 100 characters.
    :param image_url: absolute http(s) URL of one picture.
    :param price: in units of ``currency``, finite and from 0 to below 10**12: a Decimal, int,
        float or machine text such as ``"9.99"``; kept as a Decimal. Only together with
        ``currency``: TopMail would take a price without one for US dollars.
    :param currency: three-letter ISO 4217 code.
    :param category: at most 100 characters, cut like the name.
    :param brand: at most 100 characters, cut like the name.
    :param sku: stock-keeping unit, at most 100 characters.
    :raises InvalidValueError: a value that cannot be right; ``.field`` names it.
    """

    id: str
    name: str
    url: str | None = None
    variant_id: str | None = None
    image_url: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    category: str | None = None
    brand: str | None = None
    sku: str | None = None

    def __post_init__(self) -> None:
        for field, check in _CHECKS.items():
            value = getattr(self, field)
            if value is not None or field in ("id", "name"):
                checked = check(value, field)
                if checked is not value:
                    object.__setattr__(self, field, checked)
        if self.price is None and self.currency is not None:
            object.__setattr__(self, "currency", None)
        if self.price is not None and self.currency is None:
            raise InvalidValueError("price", "needs its currency, e.g. currency='EUR'")

    def __hash__(self) -> int:
        return hash(
            self.id
        )  # equal products have equal ids: to hash every field takes ten times as long

    @classmethod
    def from_fields(
        cls, values: Mapping[str, object], rejected: dict[str, str] | None = None
    ) -> Product:
        """A product of what can be used: an optional field with a wrong value is left out.

        :param values: the fields by name; unknown names are ignored.
        :param rejected: receives, for each field left out, what was wrong with it.
        :raises InvalidValueError: without a usable ``id`` and ``name`` there is no product.
        """
        kept: dict[str, object] = {}
        for field, check in _CHECKS.items():
            value = values.get(field)
            if value is None and field not in ("id", "name"):
                continue
            try:
                kept[field] = check(value, field)
            except InvalidValueError as error:
                if field in ("id", "name"):
                    raise
                if rejected is not None:
                    rejected[field] = error.problem
        if "price" in kept and "currency" not in kept:
            del kept["price"]
            if rejected is not None:
                rejected["price"] = "has no currency: set TOPMAIL_CURRENCY or give the product one"
        if "price" not in kept:
            kept.pop("currency", None)
        product = object.__new__(cls)  # whose values need no second check
        for field in PRODUCT_FIELDS:
            object.__setattr__(product, field, kept.get(field))
        return product


def identifier(value: object, field: str) -> str:
    """An identifier as text, never cut.

    :raises InvalidValueError: it cannot be one.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal, UUID)):
        raise InvalidValueError(field, "must be text, a number or a UUID")
    if isinstance(value, (float, Decimal)):
        is_finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
        if not is_finite or value % 1:
            raise InvalidValueError(field, "must be a whole number, or text")
        value = int(value)
    try:
        text = str(value).strip()
    except ValueError:  # an int of more digits than Python turns into text
        raise InvalidValueError(field, f"is longer than {ID_LIMIT} characters") from None
    if not text:
        raise InvalidValueError(field, "is missing")
    if len(text) > ID_LIMIT:
        raise InvalidValueError(field, f"is longer than {ID_LIMIT} characters")
    if not text.isprintable() and any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text
    ):
        raise InvalidValueError(field, "has control characters")
    return str.__str__(text)


def _name(value: object, field: str) -> str:
    return _label(value, field, NAME_LIMIT)


def _label(value: object, field: str, limit: int = LABEL_LIMIT) -> str:
    if not isinstance(value, str):
        raise InvalidValueError(field, "must be text")
    text = cut(clean(str.__str__(value)), limit)
    if not text:
        raise InvalidValueError(field, "is missing")
    return text


def amount(value: object, field: str) -> Decimal:
    """An amount of money.

    :raises InvalidValueError: it is no number, or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, float, str)):
        raise InvalidValueError(field, "must be a number")
    if isinstance(value, str) and not re.fullmatch(r"\s*\d{1,13}(\.\d{1,20})?\s*", value, re.ASCII):
        raise InvalidValueError(field, "must be a number such as 9.99")
    try:
        price = Decimal(repr(value) if type(value) is float else value)
    except (InvalidOperation, ValueError):
        raise InvalidValueError(field, "must be a number") from None
    if not price.is_finite() or price < 0 or price >= PRICE_LIMIT:
        raise InvalidValueError(field, "must be from 0 to below 10**12")
    return abs(price)


def currency_code(value: object, field: str) -> str:
    """A currency's ISO 4217 code.

    :raises InvalidValueError: it cannot be one.
    """
    code = value.strip().upper() if isinstance(value, str) else ""
    if not _CURRENCY.match(code):
        raise InvalidValueError(field, "must be a three-letter ISO 4217 code")
    return code


_CHECKS: dict[str, Callable[[object, str], object]] = {
    "id": identifier,
    "name": _name,
    "url": web_address,
    "variant_id": identifier,
    "image_url": web_address,
    "currency": currency_code,
    "price": amount,
    "category": _label,
    "brand": _label,
    "sku": identifier,
}
PRODUCT_FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Product))
