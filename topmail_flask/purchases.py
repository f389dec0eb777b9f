"""From a checkout to its purchase: of the rules of a view, those about the shopper."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import has_request_context, request

from topmail_flask.core import Core
from topmail_flask.guard import guarded
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import Purchase
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper
from topmail_flask.rules.consent import Consent
from topmail_flask.shoppers import FlaskShopperSource

AskConsent = Callable[[Shopper | None], bool | None]
log = logging.getLogger("topmail_flask")


class BuyerSource:
    """Who buys: the shopper that the shop names, or else the request's.

    :param named: a Shopper or an e-mail address.
    :param source: of the request, if there is one.
    :param ask_consent: asks the shop where there is none.
    """

    def __init__(
        self,
        named: Shopper | str | None,
        source: FlaskShopperSource | None,
        ask_consent: AskConsent,
    ) -> None:
        self._named = named
        self._source = source
        self._ask_consent = ask_consent

    def shopper(self) -> Shopper | None:
        """Who it is, if anybody knows."""
        if self._named is not None or self._source is None:
            return Shopper.of(self._named)
        return self._source.shopper()

    def consents(self, shopper: Shopper | None) -> Consent:
        """What the shopper decided about tracking; None: nothing yet."""
        if self._source is None:
            return self._ask_consent(shopper)
        return self._source.consents(shopper)

    def is_staff(self) -> bool:
        """Whoever it is, this counts."""
        return False

    def is_excluded(self) -> bool:
        """Whether the shop wants this request left out."""
        return self._source is not None and self._source.is_excluded()


class Purchases:
    """Records what the shop's checkout tells, for one app.

    A purchase is no look at a page: robots, prefetches, repeats of a page, the sample and
    ``before_send`` do not matter to it. It is told to a marketing service all the same: consent,
    the browser's privacy signals and ``@topmail.exclude`` count as for a view.

    :ivar watchers: told each order that is not recorded, and why.
    """

    def __init__(self, core: Core) -> None:
        self.watchers: list[Callable[[object, Reason], None]] = []
        self.guard = core.guard
        self._core = core

    @guarded(None)
    def record(
        self,
        order_id: object,
        revenue: object,
        currency: str | None,
        shopper: Shopper | str | None,
    ) -> None:
        """Record a purchase; whatever it is, the checkout goes on."""
        core, source = self._core, None
        environ: Mapping[str, Any] = {}
        if has_request_context():
            here = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            source, environ = core.shopper_source(here), here.environ
        buyer = BuyerSource(shopper, source, core.consent.ask)
        reason = self._refusal(buyer, environ, order_id, revenue, currency)
        if reason is None:
            return
        core.tracker.refusals[reason] += 1
        log.debug("A purchase is not sent: %s. %s", reason, reason.sentence)
        for watcher in self.watchers:
            watcher(order_id, reason)

    def _refusal(
        self,
        buyer: BuyerSource,
        environ: Mapping[str, Any],
        order_id: object,
        revenue: object,
        currency: str | None,
    ) -> Reason | None:
        core = self._core
        shopper, refusal = core.tracker.ask(buyer, environ)
        if refusal is not None or shopper is None:
            return refusal or Reason.ANONYMOUS
        try:
            purchase = Purchase(
                order_id,  # type: ignore[arg-type]  # checked at birth
                shopper,
                revenue=revenue,  # type: ignore[arg-type]
                currency=currency or core.settings.currency,
                bought_at=core.tracker.clock(),
            )
        except InvalidValueError as error:
            core.guard.report(self.record, error)
            return Reason.INVALID_PURCHASE
        if not core.tracker.is_enabled():
            return Reason.DISABLED
        return core.tracker.delivery.accept(purchase)
