"""The one guard between our mistakes and the shop's page."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("topmail_flask")
_SECONDS_BETWEEN_EQUAL_LINES = 60.0


class Boundary:
    """Runs our code and the shop's hooks so that an error in them ends here.

    An error is logged by the name of the function and the type of the error alone: its message and
    its frames may hold a shopper's address. One line a minute for each pair of them.

    :ivar strict: errors are raised instead; the testing kit sets it.
    :ivar raised: those errors: the app may keep to itself what reaches it.
    """

    def __init__(self) -> None:
        self.strict = False
        self.raised: list[Exception] = []
        self._logged: dict[tuple[str, str], float] = {}

    def fence(self, function: Callable[P, T], otherwise: T) -> Callable[P, T]:
        """``function``, but an error in it is reported and ``otherwise`` returned."""

        @functools.wraps(function)
        def fenced(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if self.strict:
                    self._note(error)
                    raise
                try:
                    self.report(function, error)
                except Exception:  # noqa: BLE001, S110  a broken logger is no reason to break a page
                    pass
                return otherwise

        return fenced

    def report(self, function: Callable[..., object], error: Exception) -> None:
        """Log that ``function`` raised ``error``, without its message.

        :raises Exception: the error itself, under the testing kit.
        """
        if self.strict:
            self._note(error)
            raise error
        name = getattr(function, "__qualname__", type(function).__name__)
        kind = type(error).__name__
        now = time.monotonic()
        last = self._logged.get((name, kind))
        if last is not None and now - last < _SECONDS_BETWEEN_EQUAL_LINES:
            return
        self._logged[name, kind] = now
        log.warning("%s raised %s; the page is served without it", name, kind)

    def _note(self, error: Exception) -> None:
        if all(error is not one for one in self.raised):
            self.raised.append(error)
