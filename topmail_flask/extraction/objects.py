"""The product that an object of the shop stands for: a template variable, a row, a mapping.

A store shows the same products again and again. What is made of an object depends on the values of
the attributes that are asked for, and which attribute is asked for next on those before it. So when
all of them are the same as the last time, on the same page, it is the same product.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import repeat
from typing import NamedTuple, TypeVar, cast
from uuid import UUID

from topmail_flask.extraction.addresses import (
    image_address,
    own_address,
    page_address,
    unchecked_page_address,
)
from topmail_flask.extraction.attributes import (
    PLAIN,
    Place,
    Reader,
    is_mapped,
    safely_settled,
    text_of,
)
from topmail_flask.extraction.currencies import (
    currency_code,
    has_small_unit,
    minor_units,
    rounded,
    sane,
)
from topmail_flask.extraction.prices import Price, machine_amount, read_price
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings

T = TypeVar("T")
# "_id" is how MongoDB calls it (an addition to rule T4).
_IDS = ("id", "product_id", "_id", "pk", "uuid", "slug")
_NAMES = ("name", "title", "product_name")
_PRICES = ("price", "unit_price", "base_price", "regular_price")
_CURRENCIES = ("currency", "currency_code")
_IMAGES = ("image_url", "image", "img_url", "picture", "image_1", "first_img", "thumbnail")
_CATEGORIES = ("category", "category_name")
_BRANDS = ("brand", "brand_name", "manufacturer", "vendor")
_SEQUENCES = (list, tuple, set, frozenset)


def read_product(
    value: object,
    *,
    settings: Settings,
    page_url: str,
    view_args: Mapping[str, object],
    fields: Mapping[str, object] | None = None,
    needs_price: bool = False,
    rejected: dict[str, str] | None = None,
    asking: Callable[[object], Reader] = Reader,
) -> Product:
    """The product that an object, mapping or row of the shop stands for (rules T2 to T8).

    Attributes are read from a fixed list of names, one by one. Of an object that SQLAlchemy maps
    only what is loaded is read, so that no query runs; what ``fields`` names may query.

    :param page_url: the request's URL; paths are joined with it.
    :param view_args: the route's arguments; one of them is the id of an object without any.
    :param fields: for odd objects: maps a field of :class:`~topmail_flask.Product` to an attribute
        or key, an index, a dotted path, or a callable that takes the object (rule T8). A field
        that is mapped is not looked for elsewhere.
    :param needs_price: without a price it is no product (rule T2), though the price may be left
        out in the end because its currency is unknown.
    :param rejected: receives, for each field that could not be used, why.
    :param asking: how an object's attributes are asked for that were not mapped.
    :raises InvalidValueError: no product, because its id, name or needed price is missing or wrong;
        ``.field`` says which.
    """
    if type(value) is Product:
        return value if value.url else replace(value, url=page_address(page_url, settings))
    reader = _ObjectReader(value, settings, page_url, fields, rejected, asking)
    return reader.product(view_args, needs_price)


class _ObjectReader:
    """One object being read."""

    def __init__(
        self,
        value: object,
        settings: Settings,
        page_url: str,
        fields: Mapping[str, object] | None,
        rejected: dict[str, str] | None,
        asking: Callable[[object], Reader],
    ) -> None:
        self._fields = fields or {}
        self._settings = settings
        self._page_url = page_url
        self._page = unchecked_page_address(page_url, settings)
        self._rejected: dict[str, str] = {} if rejected is None else rejected
        value = safely_settled(value)
        if (
            issubclass(type(value), _SEQUENCES)
            and not fields
            and not hasattr(type(value), "_fields")
        ):
            raise InvalidValueError("product", "is a sequence: map its places with fields={...}")
        self._reader = asking(value)
        self._mapped = Reader(value, queries=True) if self._fields else self._reader

    def product(self, view_args: Mapping[str, object], needs_price: bool) -> Product:
        """The product that the object stands for."""
        identifier = self._first("id", _IDS, _identifier)
        values: dict[str, object] = {
            "id": _route_identifier(view_args) if identifier is None else identifier,
            "name": self._first("name", _NAMES, text_of),
        }
        for field in ("id", "name"):
            if values[field] is None:
                raise InvalidValueError(field, "is missing")
        price = self._price()
        if price is not None:
            values["price"], values["currency"] = price.amount, price.currency
            if price.amount is None:
                self._rejected["price"] = "is no plausible price"
        elif needs_price:
            raise InvalidValueError("price", "is missing")
        values["variant_id"] = self._first("variant_id", (), _identifier)
        values["sku"] = self._first("sku", ("sku",), _identifier)
        values["category"] = self._first("category", _CATEGORIES, _label)
        values["brand"] = self._first("brand", _BRANDS, _label)
        values["image_url"] = self._first("image_url", _IMAGES, self._image)
        values["url"] = self._first("url", ("url",), self._own_address) or self._address(values)
        return Product.from_fields(values, self._rejected)

    def _first(
        self, field: str, names: tuple[str, ...], use: Callable[[object], T | None]
    ) -> T | None:
        """The first usable value of a field: where the shop said, else under the known names."""
        if field in self._fields:
            found = self._mapped.at(cast(Place, self._fields[field]))
            return self._used(field, self._mapped, found, use)
        reader = self._reader
        for name in names:
            value = reader.look(name)
            if value is None and reader.failure is None:
                continue
            used = self._used(field, reader, value, use)
            if used is not None:
                return used
        return None

    def _used(
        self, field: str, reader: Reader, value: object, use: Callable[[object], T | None]
    ) -> T | None:
        failure, reader.failure = reader.failure, None
        try:
            used = None if value is None else use(value)
        except InvalidValueError as error:
            self._rejected.setdefault(field, error.problem)
            return None
        except Exception as error:  # noqa: BLE001  (a foreign value may raise anything)
            used, failure = None, type(error).__name__
        if used is not None:
            self._rejected.pop(field, None)
        elif failure is not None:
            self._rejected.setdefault(field, f"could not be read ({failure})")
        return used

    def _price(self) -> Price | None:
        currency = self._first("currency", _CURRENCIES, _currency_value)

        def amount(value: object) -> Price | None:
            return read_money(value, currency, self._settings)

        price = self._first("price", _PRICES, amount)
        if "price" not in self._fields:
            sale = self._first("price", ("sale_price",), amount)
            if (
                sale is not None
                and sale.amount
                and (price is None or price.amount is None or sale.amount < price.amount)
            ):
                price = sale
        return price

    def _image(self, value: object) -> str | None:
        if not isinstance(value, str):
            picture = Reader(value)
            value = picture.look("url") or picture.look("src") or text_of(value)
        if not isinstance(value, str):
            return None
        return image_address(str.__str__(value), self._settings, self._page)

    def _own_address(self, value: object) -> str | None:
        return own_address(value, self._page, self._page_url)

    def _address(self, values: Mapping[str, object]) -> str:
        if "?" not in self._page_url:
            return self._page
        known = {
            str(value)
            for value in (*map(values.get, ("id", "sku", "variant_id")), self._reader.look("slug"))
            # By type(): isinstance() would ask the value for its __class__.
            if type(value) in (str, UUID) or (type(value) is int and value < 10**100)
        }
        return unchecked_page_address(self._page_url, self._settings, known)


def _identifier(value: object) -> object | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, UUID)):
        return value
    if isinstance(value, (float, Decimal)):
        return value if value % 1 == 0 else None
    return text_of(value)


def _route_identifier(view_args: Mapping[str, object]) -> object | None:
    """The id in the route: under a name of an id, or the only argument that there is."""
    for name in _IDS:
        if name in view_args:
            return _identifier(view_args[name])
    return _identifier(next(iter(view_args.values()))) if len(view_args) == 1 else None


def _label(value: object) -> str | None:
    """The text of a category or brand: its own, or that of the object it is (rule T4)."""
    if isinstance(value, (str, int, float, Decimal)):
        return text_of(value)
    related = Reader(value)
    return text_of(related.look("name")) or text_of(related.look("title")) or text_of(value)


def _currency_value(value: object) -> str | None:
    return text_of(value if isinstance(value, str) else Reader(value).look("code") or value)


REMEMBERED = 2048
_UNCHANGING = PLAIN | {type(None)}


class ProductReader:
    """Reads products as one shop's settings say.

    At most 2,048 are remembered, then it begins anew. Read afresh each time are objects that hold
    others (a category, an amount of money), fields that the shop mapped, and pages with a query,
    which may name the visitor.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # What the shop's own function makes of a file name may be signed, for an hour.
        self._remembers = not callable(settings.image_base)
        self._known: dict[Hashable, _Known] = {}

    def read(
        self,
        value: object,
        page_url: str,
        view_args: Mapping[str, object],
        *,
        fields: Mapping[str, object] | None = None,
        needs_price: bool = False,
    ) -> Product:
        """What :func:`~topmail_flask.extraction.objects.read_product` makes of an object.

        :raises InvalidValueError: as there.
        """
        page = (type(value), page_url, needs_price, *view_args.values())
        is_lasting = (
            self._remembers
            and not fields
            and "?" not in page_url
            and _UNCHANGING.issuperset(map(type, view_args.values()))
        )
        if is_lasting:
            known = self._known.get(page)
            if known is not None and known.is_told_by(value):
                return known.product
        told: dict[str, object] = {}
        product = read_product(
            value,
            settings=self._settings,
            page_url=page_url,
            view_args=view_args,
            fields=fields,
            needs_price=needs_price,
            asking=partial(_Witness, told),
        )
        if is_lasting and told and _UNCHANGING.issuperset(map(type, told.values())):
            if len(self._known) >= REMEMBERED:
                self._known = {}
            names = tuple(told)
            raw = _raw_values(value, names)
            kinds = tuple(map(type, raw or ()))
            if not _UNCHANGING.issuperset(kinds):
                raw = None
            self._known[page] = _Known(tuple(told.items()), names, raw, kinds, product)
        return product


def _raw_values(value: object, names: tuple[str, ...]) -> tuple[object, ...] | None:
    """What an object has under these names, in one step; None where one must ask with care."""
    cls = type(value)
    if cls is dict:
        return tuple(map(value.get, names))  # type: ignore[attr-defined]
    try:
        if is_mapped(value) or hasattr(cls, "keys"):
            return None
        return tuple(map(getattr, repeat(value), names, repeat(None)))
    except Exception:  # noqa: BLE001  (a foreign object may raise anything)
        return None


class _Known(NamedTuple):
    told: tuple[tuple[str, object], ...]
    names: tuple[str, ...]
    raw: tuple[object, ...] | None
    kinds: tuple[type, ...]
    product: Product

    def is_told_by(self, value: object) -> bool:
        """Whether an object tells what this product was made of."""
        if self.raw is not None:
            raw = _raw_values(value, self.names)
            # First the types: a foreign object is not compared, and True is not 1.
            return raw is not None and tuple(map(type, raw)) == self.kinds and raw == self.raw
        reader = Reader(value)
        for name, before in self.told:
            now = reader.look(name)
            if now is not before and (type(now) is not type(before) or now != before):
                return False
        return reader.failure is None


class _Witness(Reader):
    """A reader that notes what it was told; of an attribute that raised, something that changes."""

    __slots__ = ("_told",)

    def __init__(self, told: dict[str, object], target: object) -> None:
        super().__init__(target)
        self._told = told

    def look(self, name: str) -> object:
        value = super().look(name)
        self._told[name] = value if self.failure is None else self
        return value


def read_money(value: object, currency: str | None, settings: Settings) -> Price | None:
    """The price that an attribute holds, rounded to its currency's minor units.

    :param value: a number, in minor units with ``TOPMAIL_PRICE_UNIT = "minor"``; a text; or an
        object or mapping with an amount and a currency, such as those of py-moneyed or prices
        (always in major units).
    :param currency: the code or sign that stands beside it in the object; None: the shop's own.
        A text with a sign or with separators is in major units as well.
    :returns: None if it is no price; a price without amount if it is an implausible one (R49).
    """
    code = currency_code(currency, settings.currency)
    amount = machine_amount(value)
    if amount is not None and not (isinstance(value, str) and _is_ambiguous(value, code, settings)):
        if settings.price_unit == "minor":
            amount = amount.scaleb(-minor_units(code))
        return _checked(amount, code)
    if isinstance(value, str):
        price = read_price(value, currency=code, decimal=settings.decimal)
        if price.amount is None:  # no price at all, or one in a currency that nobody knows
            return Price(None, code) if read_price(value).amount is not None else None
        return _checked(price.amount, price.currency)
    if value is None or isinstance(value, (int, float, Decimal, list, tuple)):
        return None
    money = Reader(value)
    for name in ("amount", "value", "gross"):
        part = money.look(name)
        if part is not None:
            return _of_object(money, part, code)
    text = text_of(value)
    return read_money(text, currency, settings) if text else None


def _of_object(money: Reader, part: object, code: str | None) -> Price | None:
    amount = machine_amount(part)
    if amount is None:  # prices.TaxedMoney: its gross amount is money itself
        inner = Reader(part)
        amount, money = machine_amount(inner.look("amount")), inner
    if amount is None:
        return None
    named = money.look("currency") or money.look("currency_code")
    own = text_of(named if isinstance(named, str) else Reader(named).look("code") or named)
    return _checked(amount, currency_code(own, code))


def _is_ambiguous(text: str, code: str | None, settings: Settings) -> bool:
    """``1.234`` where decimals stand behind a comma, or prices run in thousands (IDR, JPY)."""
    return text.rstrip()[-4:-3] == "." and (settings.decimal == "," or has_small_unit(code))


def _checked(amount: Decimal, code: str | None) -> Price:
    return Price(rounded(amount, code), code) if sane(amount, code) else Price(None, code)
