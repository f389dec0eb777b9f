"""Reads objects of the shop, attribute by attribute, and changes nothing about them.

Whatever an attribute does when it is read (raise, recurse, query a database, call ``url_for``), the
shop's page must not feel it. So no object is iterated, compared, copied, printed or dumped: an
attribute is asked for by name, alone, and only plain values leave this module. Rows of
object mappers are read as :mod:`~topmail_flask.extraction.orm_rows` does.

Names are compared without case, ``_`` and ``-``: ``product_id``, ``productId`` and ``ProductID``
are the same. An object is never asked for names that its class, its attributes or its keys do not
hold, where these can be seen without running its code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from topmail_flask.extraction.orm_rows import (
    REFUSED,
    QueryRefusedError,
    loaded_only,
    mapper_of,
    may_compute,
    printed,
    unflushed,
)
from topmail_flask.model.decision import GuessedProduct

VARIABLES = ("product", "item")
# Values that are no product whatever they are called; looking at them would cost every page.
_NO_PRODUCTS = frozenset((str, int, float, bool, Decimal, list, tuple, set, frozenset, type(None)))
_ONLY_IN_UNDEFINED = "_fail_with_undefined_error"
LONGEST_TEXT = 2_000
PLAIN = frozenset((str, int, float, Decimal, bool, UUID))
UNCHANGING = PLAIN | {type(None)}
_NO_TEXT = (int, float, Decimal, bytes, bytearray, memoryview, tuple, BaseException)
WOULD_QUERY = "would query the database"
FieldPath = str | int | Callable[..., object]


def template_product(context: Mapping[str, object], names: tuple[str, ...]) -> object | None:
    """What a template's context holds under ``product``, ``item`` or one of ``names``.

    :param names: the further names of ``TOPMAIL_TEMPLATE_VARIABLES``.
    :returns: the first of them that could be a product; nothing of it is read here.
    """
    for name in VARIABLES + names if names else VARIABLES:
        value = context.get(name)
        cls: Any = type(value)
        if _may_be_product(cls):
            return value
    return None


@functools.lru_cache(maxsize=256)
def _may_be_product(cls: type) -> bool:
    return cls not in _NO_PRODUCTS and not hasattr(cls, _ONLY_IN_UNDEFINED)


class Reader:
    """One object, to be asked for one attribute after the other.

    :param target: any object, mapping or row.
    :param queries: it may query a database: only for what the shop mapped by name.
    :ivar failure: the type of the last error that an attribute raised, :data:`WOULD_QUERY`, or
        None.
    """

    __slots__ = ("_get", "_queries", "failure", "target")

    def __init__(self, target: object, *, queries: bool = False) -> None:
        self.target = target
        self.failure: str | None = None
        self._queries = queries
        self._get: Callable[[str], object] = lambda name: getattr(target, name, None)
        try:
            self._get = self._way(target)
        except Exception as error:  # noqa: BLE001  (a foreign object may raise anything)
            self.failure = type(error).__name__

    def get(self, name: str) -> object:
        """The value of one attribute or key; None if there is none, or none that is a value."""
        try:
            value = self._get(name)
            if value is None or type(value) in PLAIN:
                return value
            if value is REFUSED:
                self.failure = WOULD_QUERY
                return None
            return settled(value)
        except (AttributeError, LookupError):
            return None
        except QueryRefusedError:
            self.failure = WOULD_QUERY
            return None
        except Exception as error:  # noqa: BLE001  (a foreign object may raise anything)
            self.failure = type(error).__name__
            return None

    def at(self, place: FieldPath) -> object:
        """What the shop mapped: an attribute, a key, a path of both, an index, or a callable.

        A method that is named is called; a callable gets the whole object. It may query, but what
        is pending in the row's session is not written.
        """
        try:
            with unflushed(self.target):
                if isinstance(place, str):
                    value = self._get(place)
                    if value is None and "." in place:
                        value = self._path(place)
                    if callable(value) and not is_undefined(value):
                        value = value()
                else:
                    value = place(self.target) if callable(place) else self.target[place]  # type: ignore[index]
                return settled(value)
        except Exception as error:  # noqa: BLE001  (a foreign object may raise anything)
            self.failure = type(error).__name__
            return None

    def related(self, value: object) -> Reader:
        """A reader of an object that this one gave."""
        return Reader(value)

    def text(self) -> str | None:
        """How the object itself is written, if its class says so."""
        return text_of(self.target)

    def _path(self, path: str) -> object:
        first, _, rest = path.partition(".")
        value = self._get(first)
        if value is None or not rest:
            return value
        return Reader(settled(value), queries=self._queries)._path(rest)  # noqa: SLF001  (itself)

    def _way(self, target: Any) -> Callable[[str], object]:
        cls: Any = type(target)
        if cls is dict:
            return target.get  # type: ignore[no-any-return]
        mapper = None if self._queries else mapper_of(cls)
        if mapper is not None:
            return loaded_only(target, mapper)
        if hasattr(cls, "keys") and hasattr(cls, "__getitem__"):
            return self._key if hasattr(cls, "get") else lambda name: target[name]
        if self._queries:
            return self._get
        return lambda name: (
            getattr(target, name, None) if may_compute(target, name, None) else REFUSED
        )

    def _key(self, name: str) -> object:
        # Not by [name]: a defaultdict would grow.
        value: object = self.target.get(name)  # type: ignore[attr-defined]
        return getattr(self.target, name, None) if value is None else value


class Seen(NamedTuple):
    """Stands for a value that holds values of its own."""

    cls: type


class Recorded(NamedTuple):
    """What was made of one object.

    :ivar guess: the product.
    :ivar get: reads its values in one step, where that needs no care; else None.
    :ivar raw: what it read.
    :ivar kinds: the types of these.
    """

    shape: Hashable | None
    values: tuple[tuple[tuple[str, ...], object], ...]
    guess: GuessedProduct
    get: Callable[[Any], tuple[object, ...]] | None = None
    raw: tuple[object, ...] = ()
    kinds: tuple[type, ...] = ()

    @classmethod
    def of(
        cls,
        value: Any,
        shape: Hashable | None,
        values: Mapping[tuple[str, ...], object],
        guess: GuessedProduct,
    ) -> Recorded:
        known = cls(shape, tuple(values.items()), guess)
        names, raw = tuple(steps[0] for steps in values), tuple(values.values())
        kinds = tuple(map(type, raw))
        is_plain = type(value) is dict or (
            shape is not None and mapper_of(type(value)) is None and not hasattr(value, "keys")
        )
        if not is_plain or len(names) < 2 or not UNCHANGING.issuperset(kinds):
            return known
        get = itemgetter(*names) if type(value) is dict else attrgetter(*names)
        with suppress(Exception):  # a name that is not there, or an object that is odd
            if get(value) == raw:
                return known._replace(get=get, raw=raw, kinds=kinds)
        return known

    def is_repeated_by(self, value: object, shape: Hashable | None) -> bool:
        """Whether an object has the very values that this product was made of."""
        if shape != self.shape:
            return False
        if self.get is not None:
            try:
                raw = self.get(value)
            except Exception:  # noqa: BLE001  a foreign object may raise anything
                return False
            # First the types: a foreign object is not compared, and True is not 1.
            return tuple(map(type, raw)) == self.kinds and raw == self.raw
        reader = Reader(value)
        readers: dict[tuple[str, ...], Reader] = {(): reader}
        for path, before in self.values:
            reader = readers[path[:-1]]
            now = reader.get(path[-1])
            if before is REFUSED and reader.failure == WOULD_QUERY:
                reader.failure = None
            elif type(before) is Seen:
                if type(now) is not before.cls:
                    return False
                readers[path] = Reader(now)
            elif now is not before and (type(now) is not type(before) or now != before):
                return False
            if reader.failure is not None:
                return False
        return True


_LASTING = UNCHANGING | {Seen, type(REFUSED)}


class RecordingReader(Reader):
    """A reader that notes what it was given.

    :ivar values: by the path of names; a refused attribute is :data:`REFUSED`.
    :ivar is_lasting: whether equal values make the same product: not so if an attribute raised, or
        an object was read that was not asked for its values by name.
    """

    __slots__ = ("_objects", "_steps", "values")

    def __init__(
        self,
        target: object,
        values: dict[tuple[str, ...], object] | None = None,
        steps: tuple[str, ...] = (),
    ) -> None:
        super().__init__(target)
        self.values = {} if values is None else values
        self._steps = steps
        self._objects: dict[int, tuple[str, ...]] = {}

    def get(self, name: str) -> object:
        value = super().get(name)
        path = (*self._steps, name)
        if self.failure is not None:
            self.values[path] = REFUSED if self.failure == WOULD_QUERY else self
        elif type(value) in UNCHANGING:
            self.values[path] = value
        else:
            self.values[path] = self
            self._objects[id(value)] = path
        return value

    def related(self, value: object) -> Reader:
        path = self._objects.get(id(value))
        if path is None:
            return super().related(value)
        self.values[path] = Seen(type(value))
        return RecordingReader(value, self.values, path)

    def text(self) -> str | None:
        self.values[self._steps] = self  # what it prints may depend on anything
        return super().text()

    @property
    def is_lasting(self) -> bool:
        return _LASTING.issuperset(map(type, self.values.values()))


def is_undefined(value: object) -> bool:
    """Whether it is Jinja's placeholder for a variable that does not exist."""
    return hasattr(type(value), _ONLY_IN_UNDEFINED)


def settled(value: object) -> object:
    """A value freed of what is bound to the request; None for callables and Jinja's undefined.

    :raises Exception: whatever a proxy raises when it is unbound.
    """
    cls = type(value)
    if cls in PLAIN or value is None:
        return value
    if hasattr(cls, "_get_current_object"):  # a LocalProxy of Werkzeug
        return settled(value._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001  (public)
    if is_undefined(value) or callable(value):
        return None
    return settled(value.value) if isinstance(value, Enum) else value


def safely_settled(value: object) -> object:
    """The same; None for what cannot be settled."""
    try:
        return settled(value)
    except Exception:  # noqa: BLE001  (a foreign object may raise anything)
        return None


def text_of(value: object) -> str | None:
    """The text of a text, a lazy translation, or an object that defines how it is written.

    At most its first 2,000 characters; None for numbers, bytes, containers and empty text.
    """
    if type(value) is str:
        text = value
    elif isinstance(value, str):  # Markup and its like: without tags and entities
        cut = value[:LONGEST_TEXT]
        text = str(cut.striptags()) if hasattr(cut, "striptags") else str.__str__(cut)
    elif value is None or isinstance(value, _NO_TEXT) or type(value).__str__ is object.__str__:
        return None
    else:
        text = str.__str__(printed(value))
    return text[:LONGEST_TEXT].strip() or None


# Of each field the names in the order in which they are believed.
_WORDS: dict[str, str] = {
    "id": """id product_id _id pk uuid slug sku code product_code item_id article_id produkt_id
        producto_id produit_id prodotto_id artikel_id artikelnummer article_number item_number
        codigo referencia reference kod codice""",
    "name": """name title product_name product_title item_name nombre titre titulo nom bezeichnung
        titel produktname artikelname nome titolo naam namn navn nazwa nazev isim nimi denumire
        nombre_producto nom_produit nome_prodotto nome_produto designation
        display_name nama nama_produk urun_adi""",
    "price": """price unit_price base_price regular_price basic_price amount_price product_price
        selling_price retail_price list_price price_amount gross_price price_gross price_incl_tax
        precio precio_unitario precio_venta prix prix_unitaire prix_ttc preis verkaufspreis
        einzelpreis bruttopreis preis_brutto prezzo prezzo_unitario preco preco_unitario prijs pris
        cena fiyat hinta pret default_price sell_price sales_price our_price price_value mrp
        harga gia min_price price_min price_from from_price starting_price lowest_price pricing""",
    "variants": "variants variations product_variants varianten variantes skus",
    "cents": """price_cents price_in_cents price_cent unit_amount price_minor price_pence
        price_in_pence unit_price_cents amount_cents base_price_cents precio_centavos
        precio_en_centavos preis_cent preis_in_cent preis_cents prix_centimes prix_cents
        prezzo_centesimi preco_centavos""",
    "sale": """sale_price special_price final_price current_price offer_price promo_price
        promotional_price reduced_price price_sale sale_unit_price deal_price
        price_after_discount precio_oferta precio_final
        precio_rebajado prix_promo prix_reduit prix_solde prix_final angebotspreis aktionspreis
        sonderpreis endpreis prezzo_scontato preco_promocional preco_final""",
    "sale_cents": "sale_price_cents special_price_cents final_price_cents sale_price_in_cents",
    "doubtful_sale": "discount_price discounted_price price_discounted new_price",
    "discount": """discount discount_percent discount_percentage percent_off sale_percent
        sale_percentage sale discount_rate off_percent descuento descuento_porcentaje remise
        rabatt rabatt_prozent sconto desconto korting rabat""",
    "currency": "currency currency_code price_currency devise waehrung moneda valuta moeda",
    "image": """image_url image img_url img picture picture_url image_1 first_img thumbnail
        thumbnail_url photo photo_url main_image primary_image cover_image featured_image image_path
        image_file image_name image_filename images photos pictures image_urls gallery cover
        imagen imagenes imagen_url foto fotos foto_url bild bilder bild_url immagine immagini imagem
        imagens afbeelding obrazek zdjecie gambar poster pic thumb first_image
        image_link image_src""",
    "category": "category category_name categoria kategorie categorie",
    "brand": "brand brand_name manufacturer vendor marca marke marque hersteller",
    "sku": "sku product_sku artikelnummer",
    "url": "url product_url",
    "slug": "slug",
}


def folded(name: str) -> str:
    """A name as names are compared."""
    return name.replace("_", "").replace("-", "").casefold()


# Folded name -> the fields that it may stand for, with its rank.
_MEANINGS: dict[str, list[tuple[int, str]]] = {}
for _field, _words in _WORDS.items():
    for _rank, _word in enumerate(_words.split()):
        _MEANINGS.setdefault(folded(_word), []).append((_rank, _field))

_PREFIXES = ("product", "prod", "item", "p")
_PREFIXED = 1000


def _meanings(name: str) -> list[tuple[int, str]]:
    """The fields that a folded name may stand for; ``prod_price`` is believed after ``price``."""
    if name in _MEANINGS:
        return _MEANINGS[name]
    for prefix in _PREFIXES:
        known = _MEANINGS.get(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if known:
            return [(_PREFIXED + rank, field) for rank, field in known]
    return []


Shape = tuple[type, tuple[object, ...]]
FieldNames = dict[str, tuple[str, ...]]
"""The names under which one object may hold each field, the best first."""
# Mappings whose keys are no code of the shop's, by their classes' names.
_SEEN_MAPPINGS = frozenset(
    ["sqlite3.Row", "builtins.mappingproxy", "sqlalchemy.engine.row.RowMapping"]
)
_MOST_KEYS = 300
_ASKED_OBJECTS: FieldNames = {field: tuple(words.split()) for field, words in _WORDS.items()}
_ASKED_MAPPINGS: FieldNames = {
    field: tuple(
        spelled
        for word in names
        for title in (word.title().replace("_", ""),)
        for spelled in dict.fromkeys((word, title[:1].lower() + title[1:], title))
    )
    for field, names in _ASKED_OBJECTS.items()
}


def shape_of(target: Any) -> Shape | None:
    """What tells which names an object has: equal for objects that have the same ones.

    None: only asking tells, because its own code answers.
    """
    cls: Any = type(target)
    try:
        see = _seen_names(cls)
        own = None if see is None else tuple(see(target))
    except Exception:  # noqa: BLE001  a foreign object may raise anything
        return None
    is_huge = own is not None and len(own) > _MOST_KEYS and issubclass(cls, dict)
    return None if own is None or is_huge else (cls, own)


@functools.lru_cache(maxsize=2048)
def _seen_names(cls: Any) -> Callable[[Any], Iterable[object]] | None:
    """How the names of an object's own can be seen, without code of the shop's."""
    if issubclass(cls, dict):
        return dict.keys
    if f"{cls.__module__}.{cls.__name__}" in _SEEN_MAPPINGS:
        return cls.keys  # type: ignore[no-any-return]
    if hasattr(cls, "keys") and hasattr(cls, "__getitem__"):
        return None
    answers_itself = mapper_of(cls) is None and any(
        "__getattribute__" in base.__dict__
        or ("__getattr__" in base.__dict__ and not base.__module__.startswith("pydantic"))
        for base in cls.__mro__
        if base is not object
    )
    return None if answers_itself else lambda target: getattr(target, "__dict__", ())


def names_of(target: object) -> FieldNames:
    """The names under which ``target`` may hold each field."""
    shape = shape_of(target)
    if shape is not None:
        return _names_of(shape)
    return _ASKED_MAPPINGS if hasattr(type(target), "keys") else _ASKED_OBJECTS


def other_names(target: object) -> list[str]:
    """Names of an object that stand for no field, as far as they can be seen; for advice."""
    shape = shape_of(target)
    return [name for name in _all_names(shape) if name[:1] != "_"][:_MOST_KEYS] if shape else []


def _all_names(shape: Shape) -> list[str]:
    cls, own = shape
    return list(dict.fromkeys(name for name in (*own, *_class_names(cls)) if isinstance(name, str)))


@functools.lru_cache(maxsize=1024)
def _names_of(shape: Shape) -> FieldNames:
    found: dict[str, list[tuple[int, int, str]]] = {}
    names = _all_names(shape)
    for at, name in enumerate(names):
        if name[:1] == "_" and name.rpartition("__")[2].lstrip("_") in names:
            continue  # what a property of the same name makes of it is meant
        for rank, field in _meanings(folded(name)):
            found.setdefault(field, []).append((rank, at, name))
    return {field: tuple(name for *_, name in sorted(ranked)) for field, ranked in found.items()}


@functools.lru_cache(maxsize=1024)
def _class_names(cls: type) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            name
            for base in cls.__mro__
            if base not in (object, dict)
            for name in base.__dict__
            if _meanings(folded(name)) or not callable(base.__dict__[name])
        )
    )
