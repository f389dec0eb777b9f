"""Telling the shop what became of its views; nothing that a receiver does harms a view."""

from __future__ import annotations

import time
from collections.abc import Callable

from topmail_flask.delivery.entries import Entry, Told
from topmail_flask.delivery.notices import logger
from topmail_flask.model.events import ProductView
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Receipt

OnDelivered = Callable[[ProductView, Receipt], None]
OnDropped = Callable[[ProductView, Reason], None]
IsWithdrawn = Callable[[Told], bool]
WARNING_INTERVAL = 60.0


class Receivers:
    """The shop's functions for delivered and dropped views, each call isolated.

    Of purchases they are told nothing: the ledger counts them.

    :param is_heard: whether anybody listens to the first two.
    """

    def __init__(
        self,
        on_delivered: OnDelivered | None,
        on_dropped: OnDropped | None,
        is_withdrawn: IsWithdrawn | None = None,
        is_heard: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_withdrawn = is_withdrawn
        self._is_heard = is_heard
        self._on_delivered = on_delivered
        self._on_dropped = on_dropped
        self._warn_at = 0.0

    def withdrew(self, told: Told) -> bool:
        """Whether the shopper has withdrawn consent since it was accepted."""
        if self._is_withdrawn is None:
            return False
        try:
            return self._is_withdrawn(told)
        except Exception as error:  # noqa: BLE001  # a function of the shop
            self._warn("consent", error)
            return False

    def delivered(self, view: Told, receipt: Receipt) -> None:
        """TopMail took it."""
        if self._on_delivered is None or not isinstance(view, ProductView):
            return
        try:
            if self._is_heard():
                self._on_delivered(view, receipt)
        except Exception as error:  # noqa: BLE001  # a receiver of the shop
            self._warn("view_delivered", error)

    def dropped(self, view: Told | Entry, reason: Reason) -> None:
        """What was accepted will not be sent."""
        if self._on_dropped is None:
            return
        try:
            if not self._is_heard():
                return
            if isinstance(view, Entry):
                if view.kind != "view":
                    return
                view = view.view()
            if not isinstance(view, ProductView):
                return
            self._on_dropped(view, reason)
        except Exception as error:  # noqa: BLE001  # a receiver of the shop, or a damaged entry
            self._warn("view_dropped", error)

    def _warn(self, signal: str, error: Exception) -> None:
        now = time.monotonic()
        if now >= self._warn_at:
            self._warn_at = now + WARNING_INTERVAL
            kind = type(error).__name__
            logger.warning("TopMail: a receiver of %s raised %s.", signal, kind)
