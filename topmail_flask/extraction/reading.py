"""Reads objects of the shop, attribute by attribute, and changes nothing about them (rule T3).

Whatever an attribute does when it is read (raise, recurse, query a database, call ``url_for``), the
shop's page must not feel it. So no object is iterated, compared, copied, printed or dumped: an
attribute is asked for by name, alone, and only plain values leave this module.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from uuid import UUID

from topmail_flask.extraction import mapped_rows

LONGEST_TEXT = 2_000
PLAIN = frozenset((str, int, float, Decimal, bool, UUID))
_NO_TEXT = (int, float, Decimal, bytes, bytearray, memoryview, tuple, BaseException)
Place = str | int | Callable[..., object]


class Reader:
    """One object, to be asked for one attribute after the other.

    :param target: any object, mapping or row.
    :param queries: it may query a database: only for what the shop mapped by name.
    :ivar failure: the type of the last error that an attribute raised, or None.
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

    def look(self, name: str) -> object:
        """The value of one attribute or key; None if there is none, or none that is a value."""
        try:
            value = self._get(name)
            if value is None or type(value) in PLAIN:
                return value
            return settled(value)
        except (AttributeError, LookupError):
            return None
        except Exception as error:  # noqa: BLE001  (a foreign object may raise anything)
            self.failure = type(error).__name__
            return None

    def at(self, place: Place) -> object:
        """What the shop mapped: an attribute, a key, a path of both, an index, or a callable.

        A method that is named is called; a callable gets the whole object.
        """
        try:
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

    def _path(self, path: str) -> object:
        first, _, rest = path.partition(".")
        value = self._get(first)
        if value is None or not rest:
            return value
        return Reader(settled(value), queries=self._queries)._path(rest)  # noqa: SLF001  (itself)

    def _way(self, target: object) -> Callable[[str], object]:
        cls = type(target)
        if cls is dict:
            return target.get  # type: ignore[attr-defined, no-any-return]
        if not self._queries and mapped_rows.is_mapped(target):
            return mapped_rows.loaded_only(target)
        if hasattr(cls, "keys") and hasattr(cls, "__getitem__"):
            return self._key if hasattr(cls, "get") else self._item
        return self._attribute

    def _attribute(self, name: str) -> object:
        return getattr(self.target, name, None)

    def _key(self, name: str) -> object:
        # Not by [name]: a defaultdict would grow.
        value: object = self.target.get(name)  # type: ignore[attr-defined]
        return getattr(self.target, name, None) if value is None else value

    def _item(self, name: str) -> object:
        return self.target[name]  # type: ignore[index]


def is_undefined(value: object) -> bool:
    """Whether it is Jinja's placeholder for a variable that does not exist."""
    return hasattr(type(value), "_fail_with_undefined_error")


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
        text = str.__str__(str(value))
    return text[:LONGEST_TEXT].strip() or None
