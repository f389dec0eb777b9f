"""Reads the products of a shop's objects, and remembers what it made of the same values before.

A store shows the same products again and again. What is made of an object depends on the values of
the attributes that are asked for, and which attribute is asked for next on those before it. So when
all of them are the same as the last time, on the same page, it is the same product.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import replace
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from topmail_flask.extraction.addresses import page_address
from topmail_flask.extraction.attributes import PLAIN, WOULD_QUERY, Reader
from topmail_flask.extraction.field_names import shape_of
from topmail_flask.extraction.objects import ObjectReader, ShownOn
from topmail_flask.extraction.orm_rows import REFUSED, mapper_of
from topmail_flask.model.decision import GuessedProduct, Rejected
from topmail_flask.model.product import Product
from topmail_flask.model.settings import Settings

REMEMBERED = 2048
_UNCHANGING = PLAIN | {type(None)}


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
        if type(value) is Product:
            url = page_address(page_url, self._settings) if value.url is None else value.url
            return value if value.url else replace(value, url=url)
        return self._read(value, page_url, view_args, fields, needs_price=needs_price).product

    def rejected(
        self,
        value: object,
        page_url: str,
        view_args: Mapping[str, object],
        fields: Mapping[str, object] | None,
    ) -> tuple[Rejected, ...]:
        """What of an object that the shop named could not be used.

        :raises InvalidValueError: as :meth:`read`.
        """
        if type(value) is Product:
            return ()
        return self._read(value, page_url, view_args, fields, needs_price=False).rejected

    def guess(
        self, value: object, page_url: str, view_args: Mapping[str, object]
    ) -> GuessedProduct:
        """The product that a variable may hold which nobody marked; it needs a price.

        :raises InvalidValueError: it is none.
        """
        if type(value) is Product:
            return GuessedProduct(self.read(value, page_url, view_args))
        return self._read(value, page_url, view_args, None, needs_price=True)

    def _read(
        self,
        value: object,
        page_url: str,
        view_args: Mapping[str, object],
        fields: Mapping[str, object] | None,
        *,
        needs_price: bool,
    ) -> GuessedProduct:
        page = (type(value), page_url, needs_price, *view_args.values())
        is_lasting = (
            self._remembers
            and not fields
            and "?" not in page_url
            and _UNCHANGING.issuperset(map(type, view_args.values()))
        )
        shape = shape_of(value) if is_lasting else None
        if is_lasting:
            known = self._known.get(page)
            if known is not None and known.is_repeated_by(value, shape):
                return known.guess
        recording: list[_RecordingReader] = []

        def asking(target: object) -> Reader:
            recording.append(_RecordingReader(target))
            return recording[-1]

        where = ShownOn(self._settings, page_url, view_args)
        guess = ObjectReader(value, where, fields, asking).guess(needs_price=needs_price)
        if is_lasting and recording[0].values and recording[0].is_lasting:
            if len(self._known) >= REMEMBERED:
                self._known = {}
            self._known[page] = _Known.of(value, shape, recording[0].values, guess)
        return guess


class _Object(NamedTuple):
    """Stands for a value that holds values of its own."""

    cls: type


class _Known(NamedTuple):
    """What was made of one object.

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
    ) -> _Known:
        known = cls(shape, tuple(values.items()), guess)
        names, raw = tuple(steps[0] for steps in values), tuple(values.values())
        kinds = tuple(map(type, raw))
        is_plain = type(value) is dict or (
            shape is not None and mapper_of(type(value)) is None and not hasattr(value, "keys")
        )
        if not is_plain or len(names) < 2 or not _UNCHANGING.issuperset(kinds):
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
            elif type(before) is _Object:
                if type(now) is not before.cls:
                    return False
                readers[path] = Reader(now)
            elif now is not before and (type(now) is not type(before) or now != before):
                return False
            if reader.failure is not None:
                return False
        return True


class _RecordingReader(Reader):
    """A reader that notes what it was given.

    :ivar values: by the path of names; a refused attribute is :data:`REFUSED`.
    :ivar is_lasting: whether equal values make the same product: not so if an attribute raised, or
        an object was read that was not asked for its values by name.
    """

    __slots__ = ("_objects", "_steps", "_top", "values")

    def __init__(
        self, target: object, top: _RecordingReader | None = None, steps: tuple[str, ...] = ()
    ) -> None:
        super().__init__(target)
        self.values: dict[tuple[str, ...], object] = {} if top is None else top.values
        self._top = top or self
        self._steps = steps
        self._objects: dict[int, tuple[str, ...]] = {}

    def get(self, name: str) -> object:
        value = super().get(name)
        path = (*self._steps, name)
        if self.failure is not None:
            self.values[path] = REFUSED if self.failure == WOULD_QUERY else self
        elif type(value) in _UNCHANGING:
            self.values[path] = value
        else:
            self.values[path] = self
            self._objects[id(value)] = path
        return value

    def related(self, value: object) -> Reader:
        path = self._objects.get(id(value))
        if path is None:
            return super().related(value)
        self.values[path] = _Object(type(value))
        return _RecordingReader(value, self._top, path)

    def text(self) -> str | None:
        self.values[self._steps] = self  # what it prints may depend on anything
        return super().text()

    @property
    def is_lasting(self) -> bool:
        lasting = (*_UNCHANGING, _Object)
        return all(value is REFUSED or type(value) in lasting for value in self.values.values())
