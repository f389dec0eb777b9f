"""An attribute that is made when it is first needed, also by several threads at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class made_once(Generic[T]):  # noqa: N801  used like functools.cached_property
    """Like :class:`functools.cached_property`, but the first value that was made is everybody's.

    Python 3.12 took the lock out of that; here two threads may make two, and both get one.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, instance: Any, owner: type) -> T:
        if instance is None:
            return self  # type: ignore[return-value]  # looked at on the class
        made: T = instance.__dict__.setdefault(self._name, self._make(instance))
        return made
