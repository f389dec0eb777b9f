"""Reads objects of the shop, attribute by attribute, and changes nothing about them.

Whatever an attribute does when it is read (raise, recurse, query a database, call ``url_for``), the
shop's page must not feel it. So no object is iterated, compared, copied, printed or dumped: an
attribute is asked for by name, alone, and only plain values leave this module. Rows of
object mappers are read as :mod:`~topmail_flask.extraction.orm_rows` does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any
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

VARIABLES = ("product", "item")
# Values that are no product whatever they are called; looking at them would cost every page.
_NO_PRODUCTS = frozenset((str, int, float, bool, Decimal, list, tuple, set, frozenset, type(None)))
_ONLY_IN_UNDEFINED = "_fail_with_undefined_error"
LONGEST_TEXT = 2_000
PLAIN = frozenset((str, int, float, Decimal, bool, UUID))
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
        self._get: Callable[[str], object] = self._attribute
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
        if not self._queries:
            mapper = mapper_of(cls)
            if mapper is not None:
                return loaded_only(target, mapper)
        if hasattr(cls, "keys") and hasattr(cls, "__getitem__"):
            return self._key if hasattr(cls, "get") else self._item
        return self._attribute if self._queries else self._unasked_attribute

    def _attribute(self, name: str) -> object:
        return getattr(self.target, name, None)

    def _unasked_attribute(self, name: str) -> object:
        if may_compute(self.target, name, None):
            return getattr(self.target, name, None)
        return REFUSED

    def _key(self, name: str) -> object:
        # Not by [name]: a defaultdict would grow.
        value: object = self.target.get(name)  # type: ignore[attr-defined]
        return getattr(self.target, name, None) if value is None else value

    def _item(self, name: str) -> object:
        return self.target[name]  # type: ignore[index]


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
