"""Three signals for the store's own hooks, sent so that one bad receiver harms nobody.

The sender is the Flask app (or the :class:`~topmail_flask.TopMailMiddleware`).

``product_viewed(sender, view, product, shopper, response)``
    in the request, once the answer is final; for visitors whom nobody knows too (``shopper`` None).
``view_delivered(sender, view, receipt)``
    TopMail took the view; in the process that sends, inside an app context.
``view_dropped(sender, view, product, reason)``
    the view is not sent, and why (a :class:`~topmail_flask.Reason`); inside an app context.

Like all blinker signals they hold their receivers weakly: connect a function that lives on, or pass
``weak=False``.
"""

from __future__ import annotations

from typing import Any

from blinker import NamedSignal, Namespace

from topmail_flask.boundary import Boundary

_namespace = Namespace()
product_viewed: NamedSignal = _namespace.signal("topmail-product-viewed")
view_delivered: NamedSignal = _namespace.signal("topmail-view-delivered")
view_dropped: NamedSignal = _namespace.signal("topmail-view-dropped")


def send(signal: NamedSignal, sender: Any, boundary: Boundary, **told: Any) -> None:
    """Call each receiver of ``signal``; one that raises is reported, and the others still run."""
    if not signal.receivers:
        return
    for receiver in list(signal.receivers_for(sender)):
        try:
            receiver(sender, **told)
        except Exception as error:  # noqa: BLE001  a shop's hook may raise anything
            boundary.report(receiver, error)
