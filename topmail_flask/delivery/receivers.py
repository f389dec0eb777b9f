"""What the shop's functions and its log are told; nothing that a receiver does harms a view."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol
from weakref import ref

from topmail_flask.delivery.entry import ORDERS, Entry
from topmail_flask.model.events import Event
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Receipt, Shopper

logger = logging.getLogger("topmail_flask.delivery")


class OfShopper(Protocol):
    """What waits for a shopper."""

    @property
    def shopper(self) -> Shopper | None: ...


OnDelivered = Callable[[Event, Receipt], None]
OnDropped = Callable[[Event, Reason], None]
IsWithdrawn = Callable[[OfShopper], bool]
WARNING_INTERVAL = 60.0


class Receivers:
    """The shop's functions for delivered and dropped events, each call isolated.

    :param on_delivered: called with each event that TopMail took, and its receipt.
    :param on_dropped: called with each accepted event that will not be sent, and the reason.
    :param is_withdrawn: asked before an event is sent: whether its shopper has withdrawn consent.
    :param is_heard: whether anybody listens to the first two.
    """

    def __init__(
        self,
        on_delivered: OnDelivered | None = None,
        on_dropped: OnDropped | None = None,
        is_withdrawn: IsWithdrawn | None = None,
        is_heard: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_withdrawn = is_withdrawn
        self._is_heard = is_heard
        self._on_delivered = on_delivered
        self._on_dropped = on_dropped
        self._warn_at = 0.0

    def weakly(self) -> Receivers:
        """The same, for a thread: it keeps no shop alive, and tells nobody of what is gone."""
        known = ref(self)

        def through(name: str) -> Callable[..., Any] | None:
            if getattr(self, name) is None:
                return None

            def call(*args: object) -> Any:
                receivers = known()
                return getattr(receivers, name)(*args) if receivers else None

            return call

        names = ("_on_delivered", "_on_dropped", "_is_withdrawn", "_is_heard")
        return Receivers(*map(through, names))  # type: ignore[arg-type]  # the last is no None

    @property
    def listen(self) -> bool:
        """Whether anybody wants to know what becomes of views."""
        return (self._on_delivered or self._on_dropped) is not None and bool(self._is_heard())

    def withdrew(self, waiting: OfShopper) -> bool:
        """Whether the shopper has withdrawn consent since it was accepted."""
        if self._is_withdrawn is None:
            return False
        try:
            return bool(self._is_withdrawn(waiting))
        except Exception as error:  # noqa: BLE001  # a function of the shop
            self._warn("consent", error)
            return False

    def delivered(self, event: Event, receipt: Receipt) -> None:
        """TopMail took it."""
        if self._on_delivered is None:
            return
        try:
            if self._is_heard():
                self._on_delivered(event, receipt)
        except Exception as error:  # noqa: BLE001  # a receiver of the shop
            self._warn("what is delivered", error)

    def dropped(self, event: Event | Entry, reason: Reason) -> None:
        """What was accepted will not be sent."""
        if self._on_dropped is None:
            return
        try:
            if not self._is_heard():
                return
            if isinstance(event, Entry):
                if event.kind in ORDERS:
                    return
                event = event.event()
            self._on_dropped(event, reason)
        except Exception as error:  # noqa: BLE001  # a receiver of the shop, or a damaged entry
            self._warn("what is dropped", error)

    def all_dropped(self, lines: Sequence[tuple[bytes, Reason]]) -> None:
        """What was accepted will not be sent: lines of entries, each with its own reason. Of a
        damaged one nobody can say what it was.
        """
        for line, reason in lines if lines and self.listen else ():
            with suppress(ValueError, TypeError):
                self.dropped(Entry.from_line(line), reason)

    def _warn(self, signal: str, error: Exception) -> None:
        now = time.monotonic()
        if now >= self._warn_at:
            self._warn_at = now + WARNING_INTERVAL
            kind = type(error).__name__
            logger.warning("TopMail: a receiver of %s raised %s.", signal, kind)


class Notices:
    """What the log says: each new state once, and one warning a minute at the most.

    Sentences by topic. They name views by key, never a shopper, a product or an API key.
    """

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._waiting: dict[str, str] = {}
        self._next = 0.0

    def note(self, topic: str, sentence: str) -> None:
        """Have the topic's latest sentence logged, unless it was the last one said of it."""
        if self._said.get(topic) != sentence:
            self._waiting[topic] = sentence

    def over(self, topic: str, sentence: str) -> None:
        """The topic's state has ended; that is logged (as information) if its begin was."""
        self._waiting.pop(topic, None)
        if self._said.pop(topic, None) is not None:
            logger.info("TopMail: %s", sentence)

    def speak(self, now: float) -> None:
        """Log what waits, if it is time. ``now`` is a monotonic clock's reading in seconds."""
        if not self._waiting or now < self._next:
            return
        self._next = now + WARNING_INTERVAL
        topic = next(iter(self._waiting))
        sentence = self._said[topic] = self._waiting.pop(topic)
        logger.warning("TopMail: %s", sentence)
