"""Reads the products of a shop's objects, and remembers what it made of the same values before.

A store shows the same products again and again. What is made of an object depends on the values of
the attributes that are asked for, and which one is asked for next on those before it. So when all
of them tell the same as the last time, on the same page, it is the same product.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from typing import NamedTuple

from topmail_flask.extraction.reading import PLAIN, Reader
from topmail_flask.extraction.template_variable import read_product
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings

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
        """What :func:`~topmail_flask.extraction.template_variable.read_product` makes of an object.

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
            if known is not None and known.is_told_by(Reader(value)):
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
            self._known[page] = _Known(tuple(told.items()), product)
        return product


class _Known(NamedTuple):
    told: tuple[tuple[str, object], ...]
    product: Product

    def is_told_by(self, reader: Reader) -> bool:
        """Whether an object tells what this product was made of."""
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
