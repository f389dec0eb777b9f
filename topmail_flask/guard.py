"""The one guard between our mistakes and the shop's page."""

from __future__ import annotations

import functools
import inspect
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

from topmail_flask.model.errors import ConfigurationError, WrongAnswer
from topmail_flask.model.ledger import Health
from topmail_flask.model.reasons import Reason

log = logging.getLogger("topmail_flask")
RECENT = 3600.0
"""Seconds for which an error of our own is told."""
_SECONDS_BETWEEN_EQUAL_LINES = 60.0
_FIX = (
    "Update topmail-flask. If it happens again, open an issue with what `flask topmail report` "
    "writes: it names the place, and nothing about a shopper."
)

# What database libraries raise where the store has closed its connection or session before.
_CLOSED = frozenset(
    """
    ProgrammingError InterfaceError OperationalError DatabaseSessionIsOver TransactionError
    DetachedInstanceError
    """.split()
)
_FIX_OF_CLOSED = (
    ". If after_request closes the database: close it in teardown_request instead, which runs "
    "when TopMail has asked"
)


class Guard:
    """Where an error of our code or of a shop's hook ends.

    An error is logged by the name of the function and the type of the error alone: its message and
    its frames may hold a shopper's address. One line a minute for each pair of them.

    An error of our own is told wherever somebody may look: it counts as a view that is not sent
    (``internal_error``), the health of delivery is degraded for an hour, and the log says once for
    each place what to do.

    :ivar strict: errors are raised instead; the testing kit sets it.
    :ivar raised: those errors: the app may keep to itself what reaches it.
    :ivar lost: views that are not sent because of an error of our own.
    :ivar share: tells the other processes of the machine of an error of our own.
    :ivar shared: the last one that any of them told of within the last hour, or "".
    """

    def __init__(self) -> None:
        self.strict = False
        self.raised: list[Exception] = []
        self.lost = 0
        self.share: Callable[[str], None] = lambda _: None
        self.shared: Callable[[], str] = lambda: ""
        self._logged: dict[tuple[str, str], float] = {}
        self._places: set[str] = set()
        self._last: tuple[str, float] | None = None
        self._share_at = 0.0

    def report(self, function: Callable[..., object], error: Exception) -> None:
        """Log that a function of the shop raised ``error``, without its message.

        :raises Exception: the error itself, under the testing kit.
        """
        self.fail_test(error)
        kind = type(error).__name__
        fix = _FIX_OF_CLOSED if kind in _CLOSED else ""
        fault = f"raised {kind}; the page is served without it{fix}"
        self.note(function, str(error) if isinstance(error, WrongAnswer) else fault)

    def note(self, function: Callable[..., object], fault: str) -> None:
        """Log what is wrong with a function of the shop, the same once a minute.

        :param fault: holds nothing about a shopper.
        """
        name = getattr(function, "__qualname__", type(function).__name__)
        now = time.monotonic()
        last = self._logged.get((name, fault))
        if last is None or now - last >= _SECONDS_BETWEEN_EQUAL_LINES:
            self._logged[name, fault] = now
            log.warning("TopMail: %s() %s", name, fault)

    def fail_test(self, error: Exception) -> None:
        """Raise what is only logged in production, if the testing kit looks."""
        if self.strict:
            if all(error is not known for known in self.raised):
                self.raised.append(error)
            raise error

    def swallow(
        self, function: Callable[..., object], error: Exception, *, is_counted: bool = False
    ) -> None:
        """Let an error of our own end here.

        :param is_counted: whoever calls counts the view that is lost by it.
        :raises Exception: the error itself, under the testing kit.
        """
        if self.strict:
            self.report(function, error)
        if not is_counted:
            self.lost += 1
        place = getattr(function, "__qualname__", type(function).__name__)
        what = f"{place} raised {type(error).__name__}"
        now = time.monotonic()
        self._last = what, now
        if now >= self._share_at:
            self._share_at = now + _SECONDS_BETWEEN_EQUAL_LINES
            self.share(what)
        if place not in self._places:
            self._places.add(place)
            log.warning(
                "TopMail: an error of topmail_flask itself (%s). Pages are served as they are, "
                "but views of products are lost. %s",
                what,
                _FIX,
            )

    def trouble(self) -> str:
        """The error of our own of the last hour, in any process of the machine, or ""."""
        if self._last is None or time.monotonic() - self._last[1] > RECENT:
            return self.shared()
        return self._last[0]

    def judge(self, health: Health) -> Health:
        """The health of delivery, together with what went wrong before it."""
        trouble = self.trouble()
        if not trouble or not (health.ok or health.state == "degraded"):
            return health
        return replace(health, state="degraded", reason=f"internal_error: {trouble}", fix=_FIX)

    def count(self, refusals: Mapping[str, int]) -> dict[str, int]:
        """Refusals by their reason, with the views that are lost by an error of our own."""
        counts = Counter(refusals)
        if self.lost:
            counts[Reason.INTERNAL_ERROR] += self.lost
        return dict(counts)


def must_take(function: object, what: str, *arguments: str) -> None:
    """Refuse a function of the shop that cannot be called with these arguments, before it is.

    :param what: what the function is for, as the shop wrote it: ``@topmail.exclude``.
    :raises ConfigurationError: it cannot be.
    """
    if not callable(function):
        raise ConfigurationError(f"{what} takes a function, not {type(function).__name__}")
    try:
        inspect.signature(function).bind(*arguments)
    except ValueError:  # some built-in functions do not tell
        return
    except TypeError:
        name = getattr(function, "__name__", type(function).__name__)
        called = f"{name}({', '.join(arguments)})"
        raise ConfigurationError(
            f"{what}: {name}() must be such that {called} can call it"
        ) from None


Method = TypeVar("Method", bound=Callable[..., Any])


def guarded(otherwise: object, *, is_counted: bool = False) -> Callable[[Method], Method]:
    """Decorates a method that the shop's page calls: an error in it gives ``otherwise``.

    Its object has the guard as its attribute ``guard``.

    :param is_counted: as for :meth:`Guard.swallow`.
    """

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def guarded_method(self: Any, /, *args: Any, **kwargs: Any) -> object:
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001  what our page asks for must not break it
                try:
                    self.guard.swallow(method, error, is_counted=is_counted)
                except Exception:  # a broken logger is no reason to break a page
                    if self.guard.strict:
                        raise
                return otherwise

        return cast(Method, guarded_method)

    return decorate
