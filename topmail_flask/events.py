"""What a shop knows and no page shows: purchases, other conversions, triggers, views from jobs.

Of the rules of a view, those about the shopper count.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask import has_request_context, request

from topmail_flask.core import Core
from topmail_flask.guard import guarded
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import Conversion, Event, Purchase, Trigger
from topmail_flask.model.product import identifier
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper
from topmail_flask.shoppers import NamedShopper
from topmail_flask.signals import conversion_dropped, send, trigger_dropped

log = logging.getLogger("topmail_flask")
Who = Shopper | str | None
Whose = tuple[Who, bool | None]
"""Whom the shop names, and what it says that they decided."""
Make = Callable[[Shopper, float], Event]
"""Makes the event of its shopper and its time."""


class Events:
    """Records what the shop's code tells, for one app.

    It is no page view: robots, prefetches, repeats of a page, the sample and ``before_send``
    do not matter to it. It is told to a marketing service all the same: consent, the browser's
    privacy signals and ``@topmail.exclude`` count as for a view.

    :ivar watchers: told what is not recorded: its kind (``"purchase"``, ``"conversion"`` or
        ``"trigger"``), what the shop calls it, and why.
    """

    def __init__(self, core: Core) -> None:
        self.watchers: list[Callable[[str, object, Reason], None]] = []
        self.guard = core.guard
        self._core = core

    @guarded(None)
    def purchase(self, order_id: object, whose: Whose, values: Mapping[str, Any]) -> None:
        """Record an order."""

        def make(buyer: Shopper, at: float) -> Purchase:
            return Purchase(order_id, buyer, bought_at=at, **self._with_currency(values))  # type: ignore[arg-type]

        self._record("purchase", order_id, whose, make)

    @guarded(None)
    def conversion(self, kind: str, whose: Whose, values: Mapping[str, Any]) -> None:
        """Record a conversion of another type."""

        def make(who: Shopper, at: float) -> Conversion:
            return Conversion(kind, who, converted_at=at, **self._with_currency(values))

        self._record("conversion", kind, whose, make)

    @guarded(None)
    def trigger(
        self, automation: str, whose: Whose, after: timedelta | None, values: Mapping[str, Any]
    ) -> None:
        """Start an automation, now or later."""
        settings = self._core.settings

        def make(who: Shopper, at: float) -> Trigger:
            known = dict(settings.automations)
            if automation not in known:
                raise InvalidValueError("automation", "has a name that TOPMAIL_AUTOMATIONS lacks")
            if not isinstance(after, timedelta | None):
                raise InvalidValueError("after", "must be a datetime.timedelta")
            wait = 0.0 if after is None else after.total_seconds()
            if not 0 <= wait <= settings.max_age / 2:
                longest = settings.max_age / 2
                raise InvalidValueError(
                    "after", f"must be 0 to {longest:g} s, half of TOPMAIL_MAX_AGE"
                )
            due = at + wait if wait else None
            return Trigger(known[automation], who, due=due, triggered_at=at, **values)

        self._record("trigger", automation, whose, make)

    @guarded(None)
    def cancel(self, once: object) -> None:
        """Drop the triggers that wait under a name."""
        core = self._core
        try:
            name = identifier(once, "once")
        except InvalidValueError as error:
            self._ignore("topmail.cancel() is ignored", error)
            return
        if core.tracker.is_enabled():
            core.delivery.cancel(name)

    @guarded(None)
    def address_changed(self, old: Who, new: Who) -> None:
        """Have what waits for a shopper go to a new address."""
        core = self._core
        try:
            before, now = Shopper.of(old), Shopper.of(new)
        except InvalidValueError as error:
            self._ignore("topmail.address_changed() is ignored", error)
            return
        if before and now and now.email and core.tracker.is_enabled():
            core.delivery.move(before, now)

    @guarded(None, is_counted=False)
    def view(
        self, product: object, fields: Mapping[str, object] | None, shopper: Who, url: str
    ) -> None:
        """Record a view that the shop knows of outside of a request, with the shopper's consent."""
        core = self._core
        source = NamedShopper(shopper, None, core.consent.ask, consent=True)
        who, reason = core.tracker.ask(source, {})
        if reason is None and who is not None:
            try:
                found = core.reader.product_outside(product, fields, url)
                core.tracker.track(found, who)
                return
            except InvalidValueError as error:
                self._ignore("a view is not sent", error)
                reason = Reason.INVALID_PRODUCT
        decision = core.tracker.refuse(reason or Reason.ANONYMOUS)
        for watcher in core.watchers:
            watcher(decision)

    def _ignore(self, what: str, error: InvalidValueError) -> None:
        log.warning("TopMail: %s: %s", what, error)
        self.guard.fail_test(error)

    def _with_currency(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {**values, "currency": values.get("currency") or self._core.settings.currency}

    def _record(self, kind: str, name: object, whose: Whose, make: Make) -> None:
        """Record an event; whatever it is, the shop's page goes on."""
        core = self._core
        reason = self._refusal(kind, whose, make)
        if reason is None:
            return
        core.tracker.refusals[reason] += 1
        log.debug("A %s is not sent: %s. %s", kind, reason, reason.sentence)
        for watcher in self.watchers:
            watcher(kind, name, reason)
        if kind == "trigger":
            send(trigger_dropped, core.app, core.guard, trigger=None, reason=reason)
        else:
            order_id = name if kind == "purchase" else None
            values = {"conversion": None, "order_id": order_id, "reason": reason}
            send(conversion_dropped, core.app, core.guard, **values)

    def _refusal(self, kind: str, whose: Whose, make: Make) -> Reason | None:
        core, source, (named, consent) = self._core, None, whose
        environ: Mapping[str, Any] = {}
        if has_request_context() and not (named is not None and consent):
            here = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            source, environ = core.shopper_source(here), here.environ
        asked = NamedShopper(named, source, core.consent.ask, consent=consent, counts_staff=True)
        # The browser may be another's: staff's, or of whoever types an address into a form.
        is_another = named is not None and source is not None and consent is None
        shopper, refusal = core.tracker.ask(
            asked, environ, withdraws=not is_another or core.consent.knows_shoppers()
        )
        if refusal is not None or shopper is None:
            return refusal or Reason.ANONYMOUS
        try:
            event = make(shopper, core.tracker.clock())
        except InvalidValueError as error:
            self._ignore(f"a {kind} is not sent", error)
            return Reason.INVALID_PURCHASE if kind == "purchase" else Reason.INVALID_EVENT
        if not core.tracker.is_enabled():
            return Reason.DISABLED
        return core.tracker.delivery.accept(event)
