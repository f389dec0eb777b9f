"""The product that an object of the shop stands for: a template variable, a row, a mapping.

A store shows the same products again and again. What is made of an object depends on the values of
the attributes that are asked for, and which attribute is asked for next on those before it. So when
all of them are the same as the last time, on the same page, it is the same product.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID

from topmail_flask.extraction.addresses import (
    image_address,
    names_product,
    own_address,
    page_address,
    unchecked_page_address,
)
from topmail_flask.extraction.attributes import (
    LONGEST_TEXT,
    UNCHANGING,
    WOULD_QUERY,
    FieldPath,
    Reader,
    Recorded,
    RecordingReader,
    folded,
    names_of,
    other_names,
    safely_settled,
    shape_of,
    text_of,
)
from topmail_flask.extraction.currencies import (
    Price,
    currency_code,
    has_small_unit,
    machine_amount,
    minor_units,
    rounded,
    sane,
)
from topmail_flask.extraction.schema_org import is_placeholder
from topmail_flask.model.decision import LEAST_SHARE, GuessedProduct, Rejected, ShopPrice
from topmail_flask.model.errors import IncompleteError, InvalidValueError
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings

T = TypeVar("T")
REMEMBERED = 2048
_SEQUENCES = (list, tuple, set, frozenset)
_FEW = 10
# A discount that leaves a smaller share of the price is the amount off, though the page shows it.
_OF_A_DISCOUNT, _NONE = Decimal("0.2"), Decimal(0)
_PICTURE_NAMES = (
    *("url", "src", "image_url", "image", "path", "file", "filename", "image_file"),
    *("image_path", "href", "original", "full", "large"),
)
_SEVERAL = re.compile(r"(?i)\.(?:jpe?g|png|webp|gif|avif|svg)\s*,")
_QUOTED = re.compile(r"""\[\s*["']([^"']+)""")


class ProductReader:
    """Reads products as one shop's settings say.

    At most 2,048 are remembered, then it begins anew. Read afresh each time are objects that hold
    others whose values were not asked for one by one (pictures, amounts of money), fields that the
    shop mapped, and pages with a query, which may name the visitor.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # What the shop's own function makes of a file name may be signed, for an hour.
        self._remembers = not callable(settings.image_base)
        self._known: dict[Hashable, Recorded] = {}

    def read(
        self,
        value: object,
        page_url: str,
        view_args: Mapping[str, object],
        *,
        fields: Mapping[str, object] | None = None,
        needs_price: bool = False,
    ) -> Product:
        """The product of :meth:`guess`, with or without a price."""
        found = self.guess(value, page_url, view_args, fields=fields, needs_price=needs_price)
        return found.product

    def guess(
        self,
        value: object,
        page_url: str,
        view_args: Mapping[str, object],
        *,
        fields: Mapping[str, object] | None = None,
        needs_price: bool = True,
    ) -> GuessedProduct:
        """The product that an object, mapping or row stands for, and what of it was not used.

        Attributes are read by known names, one by one. Of a row of an object mapper only what is
        loaded is read, so that no query runs; what ``fields`` names may query.

        :param page_url: the request's URL; paths are joined with it.
        :param view_args: the route's arguments; one of them is the id of an object without any.
        :param fields: for odd objects: maps a field of :class:`~topmail_flask.Product` to an
            attribute or key, an index, a dotted path, or a callable that takes the object. A field
            that is mapped is not looked for elsewhere.
        :param needs_price: without a price it is no product, though the price may be left out in
            the end because its currency is unknown.
        :raises IncompleteError: no product, because its id, name or needed price is missing.
        :raises InvalidValueError: no product, because one of them is wrong; ``.field`` says which.
        """
        settings = self._settings
        if type(value) is Product:
            url = value.url or page_address(page_url, settings)
            return GuessedProduct(value if value.url else replace(value, url=url))
        page = (type(value), page_url, needs_price, *view_args.values())
        is_lasting = (
            self._remembers
            and not fields
            and "?" not in page_url
            and UNCHANGING.issuperset(map(type, view_args.values()))
        )
        shape = shape_of(value) if is_lasting else None
        known = self._known.get(page) if is_lasting else None
        if known is not None and known.is_repeated_by(value, shape):
            return known.guess
        reader = RecordingReader(safely_settled(value))
        read = ObjectReader(reader, settings, page_url, view_args, fields)
        guess = read.guess(needs_price=needs_price)
        if is_lasting and reader.values and reader.is_lasting:
            if len(self._known) >= REMEMBERED:
                self._known = {}
            self._known[page] = Recorded.of(value, shape, reader.values, guess)
        return guess


class ObjectReader:
    """One object being read."""

    def __init__(
        self,
        reader: Reader,
        settings: Settings,
        page_url: str,
        view_args: Mapping[str, object],
        fields: Mapping[str, object] | None,
    ) -> None:
        value, cls = reader.target, type(reader.target)
        if issubclass(cls, _SEQUENCES) and not fields and not hasattr(cls, "_fields"):
            raise InvalidValueError("product", "is a sequence: map its places with fields={...}")
        self._reader = reader
        self._fields = fields or {}
        self._mapped = Reader(value, queries=True) if fields else reader
        self._settings, self._page_url, self._view_args = settings, page_url, view_args
        self._address = unchecked_page_address(page_url, settings)
        self._names = names_of(value)
        self._rejected: dict[str, str] = {}
        self._pictures: list[str] = []

    def guess(self, *, needs_price: bool) -> GuessedProduct:
        """The product that the object stands for, and what its page may say otherwise."""
        values: dict[str, object] = {"id": self._first("id", _identifier)}
        if values["id"] is None and "id" not in self._fields:
            values["id"] = _route_identifier(self._view_args)
        values["name"] = self._first("name", text_of)
        for field in ("id", "name"):
            if values[field] is None:
                raise self._missing(field)
        currency = self._first("currency", _currency_value)
        price, prices = self._prices(currency)
        if price is not None:
            values["price"], values["currency"] = price.amount, price.currency
            if price.amount is None:
                self._rejected["price"] = "is no plausible price"
        elif needs_price:
            raise self._missing("price")
        values["variant_id"] = self._first("variant_id", _identifier)
        values["sku"] = self._first("sku", _identifier)
        values["category"] = self._first("category", self._category)
        values["brand"] = self._first("brand", self._label)
        values["image_url"] = self._first("image_url", self._image, "image")
        values["url"] = self._first("url", self._own_address) or self._clean_address(values)
        product = Product.from_fields(values, self._rejected)
        rejected = tuple(Rejected(what, why) for what, why in self._rejected.items())
        pictures = tuple(dict.fromkeys(self._pictures))[:_FEW]
        query = urlsplit(self._page_url).query
        address = names_product(product, self._view_args.values(), query)
        return GuessedProduct(
            product, tuple(prices), pictures, rejected=rejected, is_addressed=address
        )

    def _first(
        self, field: str, use: Callable[[object], T | None], names: str | None = None
    ) -> T | None:
        """The first usable value of a field: where the shop said, else under the known names."""
        if field in self._fields:
            found = self._mapped.at(cast(FieldPath, self._fields[field]))
            used = self._used(field, self._mapped, found, use)
            if used is None and field == "price":
                place = self._fields[field]
                named = f"{place!r:.60}" if isinstance(place, (str, int)) else "a function"
                self._rejected.setdefault(field, f"fields says {named}, which gives none")
            return used
        for name in self._names.get(names or field, ()):
            used = self._usable(name, field, use)
            if used is not None:
                return used
        return None

    def _each(
        self, names: str, field: str, use: Callable[[object], T | None]
    ) -> list[tuple[str, T]]:
        """Every usable value under the known names, with its name."""
        if names not in self._names:
            return []
        values = [(name, self._usable(name, field, use)) for name in self._names[names]]
        return [(name, used) for name, used in values if used is not None]

    def _usable(self, name: str, field: str, use: Callable[[object], T | None]) -> T | None:
        value = self._reader.get(name)
        if value is None and self._reader.failure is None:
            return None
        return self._used(field, self._reader, value, use)

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
        elif failure == WOULD_QUERY:
            self._rejected.setdefault(field, WOULD_QUERY)
        elif failure is not None:
            self._rejected.setdefault(field, f"could not be read ({failure})")
        return used

    def _prices(self, currency: str | None) -> tuple[Price | None, list[ShopPrice]]:
        """The price of the object alone, and all that it may mean."""
        amount = partial(read_money, currency=currency, settings=self._settings)
        cents = partial(amount, in_minor=True)
        if "price" in self._fields:
            return self._first("price", amount), []
        full = self._each("price", "price", amount) + self._each("cents", "price", cents)
        sale = self._each("sale", "price", amount) + self._each("sale_cents", "price", cents)
        doubtful = self._each("doubtful_sale", "price", amount)
        variants = [] if full or sale or doubtful else list(self._of_variants(amount, cents))
        if variants:
            return min(variants, key=lambda price: price.amount or _NONE), [
                ShopPrice(price.amount, price.currency, "price of a variant", least_share=_NONE)
                for price in variants
                if price.amount is not None and price.currency is not None
            ]
        best = full[0][1] if full else None
        for at, (_, price) in enumerate((*sale, *doubtful)):
            if not price.amount:
                continue
            known = best.amount if best else None
            is_sure = at < len(sale) or known is None or price.amount >= known * LEAST_SHARE
            if known is None or (price.amount < known and is_sure):
                best = price
        prices = [
            ShopPrice(price.amount, price.currency, name, least_share=least)
            for named, least in (
                (full[:1], _NONE),  # the name that is believed first
                (full[1:], LEAST_SHARE),
                (sale, _NONE),
                (doubtful, _OF_A_DISCOUNT),
            )
            for name, price in named
            if price.amount is not None and price.currency is not None
        ]
        return best, [*prices, *self._discounted(prices)]

    def _of_variants(
        self, whole: Callable[[object], Price | None], cents: Callable[[object], Price | None]
    ) -> Iterator[Price]:
        """The prices of the first variants, where the product has none of its own."""
        kinds = (("price", whole), ("sale", whole), ("cents", cents), ("sale_cents", cents))
        for name in self._names.get("variants", ()):
            for variant in _first_few(self._reader.get(name)):
                reader, names = Reader(safely_settled(variant)), names_of(variant)
                for kind, use in kinds:
                    found = (use(reader.get(known)) for known in names.get(kind, ()))
                    yield from (price for price in found if price is not None and price.amount)
        self._reader.failure = None

    def _discounted(self, prices: list[ShopPrice]) -> Iterator[ShopPrice]:
        """Prices less a discount: what it is a part of, and of what, only the page can say."""
        if not prices:
            return
        price = prices[0]
        for name, off in self._each("discount", "discount", machine_amount):
            shares = [off / 100] * (0 < off < 100) + [off] * (0 < off < 1)
            worked_out = [price.amount * (1 - share) for share in shares]
            worked_out += [price.amount - off] * (0 < off < price.amount)
            for amount in worked_out:
                shown = rounded(amount, price.currency)
                text = f"{price.name} less {name}"
                yield ShopPrice(
                    shown, price.currency, text, needs_page=True, least_share=_OF_A_DISCOUNT
                )

    def _image(self, value: object) -> str | None:
        """The address of the first picture that has one; names of files are for the page."""
        problem: InvalidValueError | None = None
        for picture in _first_few(value):
            text = picture
            if not isinstance(text, str):
                reader, written = Reader(picture), text_of(picture)
                named = (reader.get(name) for name in _PICTURE_NAMES)
                if written is None or not written.startswith(("https://", "http://")):
                    text = next(filter(None, map(text_of, named)), None) or written
                else:  # an address that is an object: its path is not all of it
                    text = written
            if not isinstance(text, str):
                continue
            text = _first_of_several(str.__str__(text))
            try:
                address = image_address(text, self._settings, self._address)
            except InvalidValueError as error:
                problem = problem or error
                if error.problem.startswith("is a file name"):
                    self._pictures.append(text.strip())
                continue
            if not text.startswith(("//", "http:", "https:")) and self._settings.image_base is None:
                self._pictures.append(text.strip())
            return address
        if problem is not None:
            raise problem
        return None

    def _label(self, value: object) -> str | None:
        """The text of a brand: its own, or that of the object it is."""
        if isinstance(value, (str, int, float, Decimal)):
            return _meant_text(value)
        related = self._reader.related(value)
        names = names_of(related.target).get("name", ())
        text = next(filter(None, (text_of(related.get(name)) for name in names)), None)
        if related.failure is not None:
            self._rejected.setdefault("brand", related.failure)
        return _meant_text(text) if text else related.text()

    def _category(self, value: object) -> str | None:
        label = self._label(value)
        # A number is the key of a table, whose name was not loaded.
        return None if label is None or label.isdecimal() else label

    def _own_address(self, value: object) -> str | None:
        return own_address(value, self._address, self._page_url)

    def _clean_address(self, values: Mapping[str, object]) -> str:
        if "?" not in self._page_url:
            return self._address
        slugs = [value for _, value in self._each("slug", "slug", text_of)]
        known = {
            str(value)
            for value in (*map(values.get, ("id", "sku", "variant_id")), *slugs)
            # By type(): isinstance() would ask the value for its __class__.
            if type(value) in (str, UUID) or (type(value) is int and value < 10**100)
        }
        return unchecked_page_address(self._page_url, self._settings, known)

    def _missing(self, field: str) -> IncompleteError:
        """What is wrong with a field that a product needs, and the line that fixes it."""
        fix = f'@product_page(fields={{"{field}": ...}}) says where the {field} is.'
        if field in self._fields:
            return IncompleteError(field, "is missing", fix)
        names = [name for kind in _KINDS.get(field, (field,)) for name in self._names.get(kind, ())]
        problem = self._rejected.get(field)
        if problem is not None:
            fix = f'@product_page(fields={{"{field}": "{names[0]}"}})'
            return IncompleteError(field, problem, fix)
        values = [(name, self._reader.get(name)) for name in names]
        held = [(name, value) for name, value in values if value is not None]
        if held and field == "price":
            name, value = held[0]
            shown = f": {text_of(value)!r:.60}" if isinstance(value, str) else ""
            fix = "@product_page on the view counts it without a price."
            return IncompleteError(field, f"is no amount ({name}{shown})", fix)
        if names:
            return IncompleteError(field, f"is empty ({', '.join(names[:3])})", fix)
        others = [name for name in other_names(self._reader.target) if _is_like(name, field)]
        if others:
            fix = f'@product_page(fields={{"{field}": "{others[0]}"}}), if that is the {field}.'
            return IncompleteError(field, f"is missing (there is: {', '.join(others[:5])})", fix)
        return IncompleteError(field, "is missing", fix)


_KINDS = {"price": ("price", "cents", "sale", "sale_cents", "doubtful_sale")}
_LIKE = {
    "price": ("price", "cost", "preis", "prix", "prec", "prez", "amount", "value", "rate", "total"),
    "id": ("id", "nr", "no", "num", "key", "ref", "code"),
    "name": ("name", "title", "label", "text", "titel", "nom"),
}


def _is_like(name: str, field: str) -> bool:
    name, words = folded(name), _LIKE[field]
    return (
        name.startswith(words)
        or name.endswith(words)
        or (field == "price" and any(word in name for word in words))
    )


def _identifier(value: object) -> object | None:
    if isinstance(value, bool) or (isinstance(value, (float, Decimal)) and value % 1 != 0):
        return None
    return value if isinstance(value, (int, UUID, float, Decimal)) else _meant_text(value)


def _meant_text(value: object) -> str | None:
    """The text of a value, unless it is what is written where there is none: ``None``."""
    text = text_of(value)
    return None if text is None or is_placeholder(text) else text


# An argument of one of these names is of the page, or of many products.
_NO_IDS = frozenset("lang lang_code language locale currency page category cat brand".split())
_ROUTE_IDS = ("id", "product_id", "_id", "pk", "uuid", "slug", "sku")


def _route_identifier(view_args: Mapping[str, object]) -> object | None:
    """The id in the route: under a name of an id, or the only argument that there is."""
    named = [view_args[name] for name in _ROUTE_IDS if name in view_args]
    alone = view_args.values() if len(view_args) == 1 and _NO_IDS.isdisjoint(view_args) else ()
    return next(map(_identifier, (*named, *alone)), None)


def _currency_value(value: object) -> str | None:
    return text_of(value if isinstance(value, str) else Reader(value).get("code") or value)


def _first_few(value: object) -> list[object]:
    """One value, or the first few of a list of them."""
    if isinstance(value, list):  # its own code, if it has any, might query
        return list.__getitem__(value, slice(_FEW))
    return list(value[:_FEW]) if type(value) is tuple else [value]


def _first_of_several(text: str) -> str:
    """Of a text that lists pictures, ``a.jpg,b.jpg`` or ``["a.jpg"]``, the first."""
    if len(text) > LONGEST_TEXT:
        return text
    quoted = _QUOTED.match(text)
    if quoted:
        return quoted[1]
    several = _SEVERAL.search(text)
    return text[: several.end()].rstrip(" ,") if several else text


def read_money(
    value: object, currency: str | None, settings: Settings, *, in_minor: bool = False
) -> Price | None:
    """The price that an attribute holds, rounded to its currency's minor units.

    :param value: a number, in minor units with ``TOPMAIL_PRICE_UNIT = "minor"``; a text; or an
        object or mapping with an amount and a currency, such as those of py-moneyed or prices
        (always in major units).
    :param currency: the code or sign that stands beside it in the object; None: the shop's own.
        A text with a sign or with separators is in major units as well.
    :param in_minor: the attribute's name says that it holds cents.
    :returns: None if it is no price; a price without amount if it is an implausible one (R49).
    """
    code = currency_code(currency, settings.currency)
    amount = machine_amount(value)
    # "1.234" where decimals stand behind a comma, or prices run in thousands (IDR, JPY).
    is_ambiguous = isinstance(value, str) and value.rstrip()[-4:-3] == "."
    is_ambiguous = is_ambiguous and (settings.decimal == "," or has_small_unit(code))
    if amount is not None and not is_ambiguous:
        if in_minor or settings.price_unit == "minor":
            amount = amount.scaleb(-minor_units(code))
        return _checked(amount, code)
    if isinstance(value, str):
        from topmail_flask.extraction.price_text import read_price  # noqa: PLC0415  (takes 7 ms)

        price = read_price(value, currency=code, decimal=settings.decimal)
        if price.amount is None:  # no price at all, or one in a currency that nobody knows
            return Price(None, code) if read_price(value).amount is not None else None
        return _checked(price.amount, price.currency)
    if value is None or isinstance(value, (int, float, Decimal, list)) or type(value) is tuple:
        return None
    money = Reader(value)
    for name in _AMOUNTS:
        part = money.get(name)
        if part is not None:
            return _of_object(money, part, code, in_minor=name in _MINOR_AMOUNTS)
    text = text_of(value)
    return read_money(text, currency, settings) if text else None


_MINOR_AMOUNTS = ("unit_amount", "cents", "amount_cents", "price_cents")
_AMOUNTS = (
    *("amount", "value", "gross", *_MINOR_AMOUNTS),
    *("betrag", "importe", "monto", "montant", "importo", "valor", "price"),
    *("sale", "current", "final", "regular", "min"),
)


def _of_object(money: Reader, part: object, code: str | None, *, in_minor: bool) -> Price | None:
    amount = machine_amount(part)
    if amount is None:  # prices.TaxedMoney: its gross amount is money itself
        inner = Reader(part)
        amount, money = machine_amount(inner.get("amount")), inner
    if amount is None:
        return None
    names = names_of(money.target).get("currency", ())
    named = next(filter(None, map(money.get, names)), None)
    code = currency_code(_currency_value(named), code)
    return _checked(amount.scaleb(-minor_units(code)) if in_minor else amount, code)


def _checked(amount: Decimal, code: str | None) -> Price:
    return Price(rounded(amount, code), code) if sane(amount, code) else Price(None, code)
