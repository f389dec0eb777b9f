"""The end of a view's way while a test captures it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from topmail_flask.delivery.delivery import Delivery, Shop
from topmail_flask.delivery.kinds import BY_TYPE
from topmail_flask.model.events import Event, ProductView, Purchase, Trigger
from topmail_flask.model.ledger import Health, Stats
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper


class CapturedDelivery(Delivery):
    """Takes views and sends none: without a key it opens no file, socket or thread.

    :param tell: called with each view and purchase that is accepted.
    :param cancelled: called with each name under which triggers are taken back.
    :param outer: the delivery in whose place it stands; told as well if it only captures, too.
    :ivar onward: where views go on to, when the test asks for it.
    """

    def __init__(
        self,
        settings: Settings,
        tell: Callable[[Event], None],
        outer: Delivery | None,
        cancelled: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(replace(settings, api_key=None), Shop("captured", b"captured"), None)
        self.onward: Delivery | None = None
        self._tell = tell
        self._outer = outer if isinstance(outer, CapturedDelivery) else None
        self._accepted = 0
        self._cancelled = cancelled
        self._names: set[tuple[object, ...]] = set()

    def accept(self, event: Event) -> Reason | None:
        known = BY_TYPE[type(event)].known
        if known is not None and _name_of(event) in self._names:
            return known  # the outbox finds that out; here nothing goes there
        refusal = self.onward.accept(event) if self.onward else None
        if refusal is None:
            self.keep(event)
        return refusal

    def keep(self, event: Event) -> None:
        """Tell this capture, and each around it, of a view or a purchase."""
        self._accepted += 1
        if (name := _name_of(event)) is not None:
            self._names.add(name)
        self._tell(event)
        if self._outer is not None:
            self._outer.keep(event)

    def cancel(self, once: str) -> None:
        self._names = {name for name in self._names if name[:2] != (Trigger, once)}
        self._cancelled(once)
        if self.onward is not None:
            self.onward.cancel(once)

    def move(self, old: Shopper, new: Shopper) -> None:
        if self.onward is not None:
            self.onward.move(old, new)

    def withdraw(self, shopper: Shopper) -> None:
        if self.onward is not None:
            self.onward.withdraw(shopper)

    def stats(self) -> Stats:
        if self.onward is not None:
            return self.onward.stats()
        return Stats(accepted=self._accepted, pending=self._accepted)

    def health(self) -> Health:
        return Health() if self.onward is None else self.onward.health()

    def flush(self, timeout: float) -> bool:
        return self.onward is None or self.onward.flush(timeout)


def _name_of(event: Event) -> tuple[object, ...] | None:
    """What happens once; None: it may happen again."""
    if isinstance(event, Purchase):
        return Purchase, event.key
    if isinstance(event, ProductView) or event.once is None:
        return None
    return type(event), event.once, event.shopper.identity
