"""The one guard between our mistakes and the shop's page."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

log = logging.getLogger("topmail_flask")
_SECONDS_BETWEEN_EQUAL_LINES = 60.0


class Guard:
    """Where an error of our code or of a shop's hook ends.

    An error is logged by the name of the function and the type of the error alone: its message and
    its frames may hold a shopper's address. One line a minute for each pair of them.

    :ivar strict: errors are raised instead; the testing kit sets it.
    :ivar raised: those errors: the app may keep to itself what reaches it.
    """

    def __init__(self) -> None:
        self.strict = False
        self.raised: list[Exception] = []
        self._logged: dict[tuple[str, str], float] = {}

    def report(self, function: Callable[..., object], error: Exception) -> None:
        """Log that a function of the shop raised ``error``, without its message.

        :raises Exception: the error itself, under the testing kit.
        """
        if self.strict:
            if all(error is not known for known in self.raised):
                self.raised.append(error)
            raise error
        name = getattr(function, "__qualname__", type(function).__name__)
        kind = type(error).__name__
        now = time.monotonic()
        last = self._logged.get((name, kind))
        if last is not None and now - last < _SECONDS_BETWEEN_EQUAL_LINES:
            return
        self._logged[name, kind] = now
        log.warning("%s raised %s; the page is served without it", name, kind)

    def swallow(self, function: Callable[..., object], error: Exception) -> None:
        """Let an error of our own end here.

        :raises Exception: the error itself, under the testing kit.
        """
        self.report(function, error)


Method = TypeVar("Method", bound=Callable[..., Any])


def guarded(otherwise: object) -> Callable[[Method], Method]:
    """Decorates a method that the shop's page calls: an error in it gives ``otherwise``.

    Its object has the guard as its attribute ``guard``.
    """

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def guarded_method(self: Any, /, *args: Any, **kwargs: Any) -> object:
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001  what our page asks for must not break it
                try:
                    self.guard.swallow(method, error)
                except Exception:  # a broken logger is no reason to break a page
                    if self.guard.strict:
                        raise
                return otherwise

        return cast(Method, guarded_method)

    return decorate
