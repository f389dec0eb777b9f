"""From a checkout to its purchase: of the rules of a view, those about the shopper."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask import has_request_context, request

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import Purchase
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

if TYPE_CHECKING:
    from topmail_flask.app_state import AppState
    from topmail_flask.tracker import Visitor

AskConsent = Callable[[Shopper | None], bool | None]
log = logging.getLogger("topmail_flask")


class Buyer:
    """Who buys: the shopper that the shop names, or else the request's.

    :param named: a Shopper or an e-mail address.
    :param visitor: of the request, if there is one.
    :param ask_consent: asks the shop where there is none.
    """

    def __init__(
        self,
        named: Shopper | str | None,
        visitor: Visitor | None,
        ask_consent: AskConsent,
    ) -> None:
        self._named = named
        self._visitor = visitor
        self._ask_consent = ask_consent

    def shopper(self) -> Shopper | None:
        if self._named is not None or self._visitor is None:
            return Shopper.of(self._named)
        return self._visitor.shopper()

    def consents(self, shopper: Shopper | None) -> bool | None:
        if self._visitor is None:
            return self._ask_consent(shopper)
        return self._visitor.consents(shopper)

    def is_excluded(self) -> bool:
        return self._visitor is not None and self._visitor.is_excluded()


class Purchases:
    """Records what the shop's checkout tells, for one app.

    A purchase is no look at a page: robots, prefetches, repeats of a page, the sample and
    ``before_send`` do not matter to it. It is told to a marketing service all the same: consent,
    the browser's privacy signals and ``@topmail.exclude`` count as for a view.

    :ivar watchers: told each order that is not recorded, and why.
    """

    def __init__(self, state: AppState, ask_consent: AskConsent) -> None:
        self.watchers: list[Callable[[object, Reason], None]] = []
        self._ask_consent = ask_consent
        self._state = state
        self.record = state.boundary.fence(self._record, None)
        """Record a purchase; whatever it is, the checkout goes on."""

    def _record(
        self,
        order_id: object,
        revenue: object,
        currency: str | None,
        shopper: Shopper | str | None,
    ) -> None:
        state, visitor = self._state, None
        environ: Mapping[str, Any] = {}
        if has_request_context():
            here = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            visitor, environ = state.visitor(here), here.environ
        buyer = Buyer(shopper, visitor, self._ask_consent)
        reason = self._taken(buyer, environ, order_id, revenue, currency)
        if reason is None:
            return
        state.tracker.refusals[reason] += 1
        log.debug("A purchase is not sent: %s. %s", reason, reason.sentence)
        for watcher in self.watchers:
            watcher(order_id, reason)

    def _taken(
        self,
        buyer: Buyer,
        environ: Mapping[str, Any],
        order_id: object,
        revenue: object,
        currency: str | None,
    ) -> Reason | None:
        state = self._state
        shopper, refusal = state.tracker.ask(buyer, environ)
        if refusal is not None or shopper is None:
            return refusal or Reason.ANONYMOUS
        try:
            purchase = Purchase(
                order_id,  # type: ignore[arg-type]  # checked at birth
                shopper,
                revenue=revenue,  # type: ignore[arg-type]
                currency=currency or state.settings.currency,
                bought_at=state.tracker.clock(),
            )
        except InvalidValueError as error:
            state.boundary.report(self._record, error)
            return Reason.INVALID_PURCHASE
        if not state.tracker.is_enabled():
            return Reason.DISABLED
        return state.tracker.delivery.accept(purchase)
