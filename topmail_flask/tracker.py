"""From a page to its view: the only place that knows the order of things."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from topmail_flask.boundary import Boundary
from topmail_flask.extraction.extract import extract
from topmail_flask.model.decision import Decision, Extraction, RenderedPage, refused
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import ProductView, Purchase
from topmail_flask.model.identity import visit_id
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper
from topmail_flask.rules.consent import privacy_signal, refused_by_consent
from topmail_flask.rules.repeats import RepeatWindow, in_sample
from topmail_flask.rules.requests import refused_request
from topmail_flask.rules.robots import robot_kind
from topmail_flask.signals import product_viewed, send, view_dropped

BeforeSend = Callable[[ProductView], Any]


class Visitor(Protocol):
    """Who made the request, asked only when there is a product to tell of."""

    def shopper(self) -> Shopper | None:
        """The shopper, if anybody knows; may raise InvalidValueError, or anything."""

    def consents(self, shopper: Shopper | None) -> bool | None:
        """What the shopper decided about tracking; None: nothing yet."""

    def is_excluded(self) -> bool:
        """Whether the shop wants this request left out."""


class Delivery(Protocol):
    """Where views go. None of these waits, none raises."""

    def accept(self, told: ProductView | Purchase) -> Reason | None:
        """Take over the view or purchase; or say why not."""

    def withdraw(self, shopper: Shopper) -> None:
        """Drop what waits for this shopper."""


class Tracker:
    """Decides about pages, tells the signals, hands views over.

    :param sender: the signals' sender: the Flask app or the middleware.
    :param secret: keys the digests of shoppers and the session ids.
    :param is_enabled: whether views may be sent now.
    :param clock: stamps views, in seconds since the epoch.
    :param monotonic: measures the repeat window, in seconds that never go back.
    """

    def __init__(
        self,
        settings: Settings,
        delivery: Delivery,
        *,
        sender: object,
        secret: bytes,
        boundary: Boundary,
        before_send: list[BeforeSend],
        is_enabled: Callable[[], bool],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.delivery = delivery
        self.refusals: Counter[str] = Counter()
        self._sender = sender
        self._secret = secret
        self._boundary = boundary
        self._before_send = before_send
        self.is_enabled = is_enabled
        self.clock = clock
        self._repeats = RepeatWindow(settings.repeat_window, monotonic)

    def refuse(self, reason: Reason) -> Decision:
        """Count a page that is no view, before anything was looked for on it."""
        self.refusals[reason] += 1
        return refused(reason)

    def refused_request(self, environ: Mapping[str, Any], *, marked: bool) -> Reason | None:
        """Why this request counts for nothing, whatever its answer shows; or None."""
        reason = refused_request(environ, marked=marked)
        if reason is None and robot_kind(environ.get("HTTP_USER_AGENT")) in self.settings.robots:
            return Reason.ROBOT
        return reason

    @property
    def is_heard(self) -> bool:
        """Whether the shop is told of each look at a product, also of those that do not count."""
        return bool(product_viewed.receivers or view_dropped.receivers)

    def pass_by(self, visitor: Visitor, environ: Mapping[str, Any]) -> Decision:
        """Count the look of somebody whom nobody knows, when nobody is told of it."""
        _, refusal = self.ask(visitor, environ)
        return self.refuse(refusal or Reason.ANONYMOUS)

    def observe(self, page: RenderedPage, visitor: Visitor, response: object = None) -> Decision:
        """Decide about a page that passed the request rules, and act on it.

        :param response: handed to the receivers of ``product_viewed``.
        """
        products, extraction = self._products(page)
        if not products:
            found = extraction.reason if extraction else None
            why = page.unread or found or Reason.NO_PRODUCT
            self.refusals[why] += 1
            return Decision(reason=why, extraction=extraction)
        shopper, refusal = self.ask(visitor, page.environ)
        if refusal is not None:
            for product in products:
                self._drop(product, None, refusal)
            return Decision(product=products[0], reason=refusal, extraction=extraction)
        views, reasons = [], []
        for product in products:
            try:
                view = self._view(product, shopper, page.environ)
            except InvalidValueError:  # its page has no address that could be sent
                self._drop(product, None, Reason.INVALID_PRODUCT)
                reasons.append(Reason.INVALID_PRODUCT)
                continue
            send(
                product_viewed,
                self._sender,
                self._boundary,
                view=view,
                product=view.product,
                shopper=shopper,
                response=response,
            )
            accepted = self._hand_over(view)
            if isinstance(accepted, ProductView):
                views.append(accepted)
            else:
                self._drop(view.product, view, accepted)
                reasons.append(accepted)
        reason = None if views else reasons[0]
        return Decision(tuple(views), products[0], reason, extraction)

    def catch_up(self, views: Iterable[ProductView]) -> None:
        """Hand over looks from before the shopper was known: ``product_viewed`` told of them."""
        for view in views:
            accepted = self._hand_over(view)
            if isinstance(accepted, Reason):
                self._drop(view.product, view, accepted)

    def _products(self, page: RenderedPage) -> tuple[list[Product], Extraction | None]:
        declared = list({(one.id, one.variant_id): one for one in page.declared}.values())
        if len(declared) > 1 or (page.html is None and (declared or page.template_product)):
            return declared or [page.template_product], None  # type: ignore[list-item]
        if page.html is None:
            return [], None
        extraction = extract(
            page.html,
            page.url,
            declared=declared[0] if declared else None,
            template_product=page.template_product,
            settings=self.settings,
            charset=page.charset,
            view_args=page.view_args,
        )
        return ([extraction.product] if extraction.product else []), extraction

    def ask(
        self, visitor: Visitor, environ: Mapping[str, Any]
    ) -> tuple[Shopper | None, Reason | None]:
        """Who it is, as far as anybody knows, and why that visitor's looks do not count."""
        asked: Callable[..., object] = visitor.is_excluded
        try:
            if visitor.is_excluded():
                return None, Reason.EXCLUDED
            asked = visitor.shopper
            shopper = visitor.shopper()
            asked = visitor.consents
            explicit = visitor.consents(shopper)
        except InvalidValueError:
            return None, Reason.INVALID_SHOPPER
        except Exception as error:  # noqa: BLE001  a shop's hook may raise anything
            self._boundary.report(asked, error)
            return None, Reason.HOOK_FAILED
        signal = privacy_signal(environ, self.settings)
        refusal = refused_by_consent(explicit, signal, self.settings)
        if refusal is not None and explicit is False and shopper is not None:
            self.delivery.withdraw(shopper)
        return shopper, refusal

    def _view(
        self, product: Product, shopper: Shopper | None, environ: Mapping[str, Any]
    ) -> ProductView:
        at = self.clock()
        session_id = None
        if shopper is not None:
            agent = environ.get("HTTP_USER_AGENT", "")
            session_id = visit_id(self._secret, shopper.identity, agent, at)
        return ProductView(product, shopper, viewed_at=at, session_id=session_id)

    def _hand_over(self, view: ProductView) -> ProductView | Reason:
        shopper = view.shopper
        if shopper is None:
            return Reason.ANONYMOUS
        if not in_sample(shopper.identity, self.settings.sample_rate):
            return Reason.SAMPLED_OUT
        for hook in self._before_send:
            try:
                changed = hook(view)
            except Exception as error:  # noqa: BLE001  a shop's hook may raise anything
                self._boundary.report(hook, error)
                return Reason.HOOK_FAILED
            if changed is None:
                return Reason.VETOED
            if not isinstance(changed, ProductView) or changed.shopper is None:
                self._boundary.report(hook, TypeError("before_send must return a ProductView"))
                return Reason.HOOK_FAILED
            view, shopper = changed, changed.shopper
        if not self.is_enabled():
            return Reason.DISABLED
        product = view.product
        # A hash, because an address has no business in a long memory.
        if self._repeats.is_repeat(hash((shopper.identity, product.id, product.variant_id))):
            return Reason.REPEAT
        return self.delivery.accept(view) or view

    def _drop(self, product: Product, view: ProductView | None, reason: Reason) -> None:
        self.refusals[reason] += 1
        send(
            view_dropped,
            self._sender,
            self._boundary,
            view=view,
            product=product,
            reason=reason,
        )
