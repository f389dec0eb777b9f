"""By which names the objects of stores hold a product's fields, and which of them one object has.

Names are compared without case, ``_`` and ``-``: ``product_id``, ``productId`` and ``ProductID``
are the same. An object is never asked for names that its class, its attributes or its keys do not
hold, where these can be seen without running its code.
"""

from __future__ import annotations

import functools
from enum import Enum
from typing import Any

from topmail_flask.extraction.orm_rows import mapper_of

# Of each field the names in the order in which they are believed.
_WORDS: dict[str, str] = {
    "id": """id product_id _id pk uuid slug sku code product_code item_id article_id produkt_id
        producto_id produit_id prodotto_id artikel_id artikelnummer article_number item_number
        codigo referencia reference kod codice""",
    "name": """name title product_name product_title item_name nombre titre titulo nom bezeichnung
        titel produktname artikelname nome titolo naam namn navn nazwa nazev isim nimi denumire
        nombre_producto nom_produit nome_prodotto nome_produto designation""",
    "price": """price unit_price base_price regular_price basic_price amount_price product_price
        selling_price retail_price list_price price_amount gross_price price_gross price_incl_tax
        precio precio_unitario precio_venta prix prix_unitaire prix_ttc preis verkaufspreis
        einzelpreis bruttopreis preis_brutto prezzo prezzo_unitario preco preco_unitario prijs pris
        cena fiyat hinta pret default_price mrp""",
    "cents": """price_cents price_in_cents price_cent unit_amount price_minor price_pence
        price_in_pence unit_price_cents amount_cents base_price_cents precio_centavos
        precio_en_centavos preis_cent preis_in_cent preis_cents prix_centimes prix_cents
        prezzo_centesimi preco_centavos""",
    "sale": """sale_price special_price final_price current_price offer_price promo_price
        promotional_price reduced_price price_sale sale_unit_price precio_oferta precio_final
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
        imagens afbeelding obrazek""",
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


def _as_spelled(*, camel: bool) -> FieldNames:
    made: FieldNames = {}
    for field, words in _WORDS.items():
        names = words.split()
        if camel:
            names = [
                spelled
                for word in names
                for spelled in dict.fromkeys((word, _camel(word), word.title().replace("_", "")))
            ]
        made[field] = tuple(names)
    return made


def _camel(word: str) -> str:
    first, *rest = word.strip("_").split("_")
    return first + "".join(part.title() for part in rest)


_ASKED_OBJECTS = _as_spelled(camel=False)
_ASKED_MAPPINGS = _as_spelled(camel=True)
# Mappings whose keys are no code of the shop's, by their classes' names.
_SEEN_MAPPINGS = frozenset(
    ["sqlite3.Row", "builtins.mappingproxy", "sqlalchemy.engine.row.RowMapping"]
)
_MOST_KEYS = 300


def shape_of(target: Any) -> Shape | None:
    """What tells which names an object has: equal for objects that have the same ones.

    None: only asking tells, because its own code answers.
    """
    cls: Any = type(target)
    try:
        kind = _kind_of(cls)
        if kind is _Kind.OBJECT:
            return cls, tuple(getattr(target, "__dict__", ()))
        if kind is _Kind.DICT:
            keys: tuple[object, ...] = tuple(dict.keys(target))  # never its own code
            return (cls, keys) if len(keys) <= _MOST_KEYS else None
        return (cls, tuple(target.keys())) if kind is _Kind.ROW else None
    except Exception:  # noqa: BLE001  a foreign object may raise anything
        return None


class _Kind(Enum):
    """Where the names of an object can be seen."""

    OBJECT = "its attributes and its class"
    DICT = "the keys of a dict"
    ROW = "the keys of a row"
    OPAQUE = "nowhere: its own code answers"


@functools.lru_cache(maxsize=2048)
def _kind_of(cls: type) -> _Kind:
    if issubclass(cls, dict):
        return _Kind.DICT
    if f"{cls.__module__}.{cls.__name__}" in _SEEN_MAPPINGS:
        return _Kind.ROW
    if hasattr(cls, "keys") and hasattr(cls, "__getitem__"):
        return _Kind.OPAQUE
    is_opaque = mapper_of(cls) is None and _answers_itself(cls)
    return _Kind.OPAQUE if is_opaque else _Kind.OBJECT


def names_of(target: object, shape: Shape | None) -> FieldNames:
    """The names under which ``target`` may hold each field.

    :param shape: what :func:`shape_of` gave.
    """
    if shape is not None:
        return _names_of(shape)
    return _ASKED_MAPPINGS if hasattr(type(target), "keys") else _ASKED_OBJECTS


def other_names(target: object) -> list[str]:
    """Names of an object that stand for no field, as far as they can be seen; for advice."""
    shape = shape_of(target)
    if shape is None:
        return []
    cls, own = shape
    names = [name for name in (*own, *_class_names(cls)) if isinstance(name, str)]
    return [name for name in dict.fromkeys(names) if name[:1] != "_"][:_MOST_KEYS]


@functools.lru_cache(maxsize=1024)
def _names_of(shape: Shape) -> FieldNames:
    cls, own = shape
    found: dict[str, list[tuple[int, int, str]]] = {}
    names = dict.fromkeys(name for name in (*own, *_class_names(cls)) if isinstance(name, str))
    for at, name in enumerate(names):
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


def _answers_itself(cls: type) -> bool:
    """Whether attributes of such objects are worked out by code of their class."""
    return any(
        "__getattribute__" in base.__dict__
        or ("__getattr__" in base.__dict__ and not base.__module__.startswith("pydantic"))
        for base in cls.__mro__
        if base is not object
    )
