"""Signals for the store's own hooks, sent so that one bad receiver harms nobody.

The sender is the Flask app (or the :class:`~topmail_flask.TopMailMiddleware`).

``product_viewed(sender, view, product, shopper, response)``
    in the request, once the answer is final; for visitors whom nobody knows too (``shopper`` None).
``view_delivered(sender, view, receipt)``
    TopMail took the view; in the process that sends, inside an app context.
``view_dropped(sender, view, product, reason)``
    the view is not sent, and why (a :class:`~topmail_flask.Reason`); inside an app context.
    ``product`` is None where an error of our own lost it (``internal_error``).
``conversion_delivered(sender, conversion, order_id, receipt)``
    TopMail took the :class:`~topmail_flask.Purchase` or :class:`~topmail_flask.Conversion`.
``conversion_dropped(sender, conversion, order_id, reason)``
    it is not sent, and why. ``conversion`` is None where it was never one: ``order_id`` is what the
    store called it, None for other conversions.
``trigger_delivered(sender, trigger, receipt)``, ``trigger_dropped(sender, trigger, reason)``
    the same of a :class:`~topmail_flask.Trigger`; None where it was never one.

Like all blinker signals they hold their receivers weakly: connect a function that lives on, or pass
``weak=False``; ``signal.muted()`` silences them. The order of several receivers is not defined, and
one that raises keeps none of the others from running. An ``async def`` receiver is run to its end
before the next one, in a Flask app through :meth:`flask.Flask.ensure_sync` (``flask[async]``).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from blinker import NamedSignal, Namespace

from topmail_flask.delivery.kinds import BY_TYPE, KINDS
from topmail_flask.guard import Guard
from topmail_flask.model.errors import WrongAnswer
from topmail_flask.model.events import Event, ProductView
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Receipt

if TYPE_CHECKING:
    from flask import Flask

_WRONG_RECEIVER = (
    "does not take what the signal tells. Write its first line as: def receiver(sender, **extra)"
)
_namespace = Namespace()
product_viewed: NamedSignal = _namespace.signal("topmail-product-viewed")
view_delivered: NamedSignal = _namespace.signal("topmail-view-delivered")
view_dropped: NamedSignal = _namespace.signal("topmail-view-dropped")
conversion_delivered: NamedSignal = _namespace.signal("topmail-conversion-delivered")
conversion_dropped: NamedSignal = _namespace.signal("topmail-conversion-dropped")
trigger_delivered: NamedSignal = _namespace.signal("topmail-trigger-delivered")
trigger_dropped: NamedSignal = _namespace.signal("topmail-trigger-dropped")


def send(signal: NamedSignal, sender: Any, guard: Guard, **values: Any) -> None:
    """Call each receiver of ``signal``; one that raises is reported, and the others still run."""
    if not signal.receivers or signal.is_muted:
        return
    for receiver in list(signal.receivers_for(sender)):
        try:
            result = receiver(sender, **values)
            if inspect.iscoroutine(result):
                run_to_its_end(result, sender)
        except TypeError as error:
            is_call = error.__traceback__ is not None and error.__traceback__.tb_next is None
            guard.report(receiver, WrongAnswer(_WRONG_RECEIVER) if is_call else error)
        except Exception as error:  # noqa: BLE001  a shop's hook may raise anything
            guard.report(receiver, error)


def run_to_its_end(coroutine: Coroutine[Any, Any, object], sender: Any) -> object:
    """What an ``async def`` function of the shop returns.

    What a function returned tells more than its kind: a lambda, a partial and an object with an
    async ``__call__`` return coroutines too.
    """

    async def finish() -> object:
        return await coroutine

    run: Callable[[Any], Callable[[], object]] = getattr(sender, "ensure_sync", _with_a_loop)
    try:
        return run(finish)()
    finally:
        coroutine.close()  # where nobody could run it: it must not be said to be "never awaited"


def _with_a_loop(function: Callable[[], Coroutine[Any, Any, object]]) -> Callable[[], object]:
    return lambda: asyncio.run(function())


def tell_delivered(sender: Any, guard: Guard, event: Event, receipt: Receipt) -> None:
    """TopMail took an event."""
    signal, values = _signal_of(BY_TYPE[type(event)].signal, event, "delivered")
    send(signal, sender, guard, **values, receipt=receipt)


def tell_dropped(sender: Any, guard: Guard, event: Event, reason: Reason) -> None:
    """An event is not sent."""
    signal, values = _signal_of(BY_TYPE[type(event)].signal, event, "dropped")
    if isinstance(event, ProductView):
        values["product"] = event.product
    send(signal, sender, guard, **values, reason=reason)


def _signal_of(name: str, event: Event, outcome: str) -> tuple[NamedSignal, dict[str, Any]]:
    values: dict[str, Any] = {name: event}
    if name == "conversion":
        values["order_id"] = getattr(event, "order_id", None)
    return _namespace.signal(f"topmail-{name}-{outcome}"), values


class OutcomeSignals:
    """Tells one app what became of its events, long after their requests."""

    def __init__(self, app: Flask, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    def are_heard(self) -> bool:
        """Whether anybody listens."""
        return any(signal.has_receivers_for(self._app) for signal in _OUTCOMES)

    def delivered(self, event: Event, receipt: Receipt) -> None:
        """TopMail took the event."""
        with self._app.app_context():
            tell_delivered(self._app, self._guard, event, receipt)

    def dropped(self, event: Event, reason: Reason) -> None:
        """The event is given up."""
        with self._app.app_context():
            tell_dropped(self._app, self._guard, event, reason)


_OUTCOMES = [
    _namespace.signal(f"topmail-{name}-{outcome}")
    for name in dict.fromkeys(kind.signal for kind in KINDS)
    for outcome in ("delivered", "dropped")
]
