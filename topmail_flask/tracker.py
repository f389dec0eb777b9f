"""From a page to its view: the only place that knows the order of things."""

from __future__ import annotations

import inspect
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from topmail_flask.extraction.document import Document
from topmail_flask.extraction.encodings import in_utf8
from topmail_flask.extraction.extract import read_page
from topmail_flask.extraction.orm_rows import close_again, closed_databases
from topmail_flask.guard import Guard
from topmail_flask.model.decision import Decision, Extraction, Rejected, Trace, refused
from topmail_flask.model.errors import InvalidValueError, WrongAnswer
from topmail_flask.model.events import Event, ProductView, new_key
from topmail_flask.model.identity import VISIT_SECONDS, visit_end, visit_id
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper
from topmail_flask.page import RenderedPage
from topmail_flask.rules.consent import (
    PRIVACY_HEADERS,
    privacy_signal,
    refused_by_consent,
    unreadable_banners,
)
from topmail_flask.rules.repeats import RepeatWindow, in_sample
from topmail_flask.rules.requests import (
    RequestRules,
    refused_fetch_of_page,
    refused_response,
    refused_tracked,
)
from topmail_flask.rules.visitors import Visitor
from topmail_flask.signals import product_viewed, run_to_its_end, send, view_dropped

log = logging.getLogger("topmail_flask")
MANY_UNKNOWN = 100
_WRONG_VIEW = "returned what is no view. Return the ProductView, a changed one, or None"
_LOG_IN_COOKIES = ("session", "remember_token", "access_token")
BeforeSend = Callable[[ProductView], Any]
Page = TypeVar("Page", bound=RenderedPage)
REMEMBERED = 4096
"""Visits that are known by the one before; then it begins anew."""


class Delivery(Protocol):
    """Where views go. None of these waits, none raises."""

    def accept(self, event: Event) -> Reason | None:
        """Take over the event; or say why not."""

    def withdraw(self, shopper: Shopper) -> None:
        """Drop what waits for this shopper."""

    def note_unreadable(self, banners: Iterable[str]) -> None:
        """Count consent banners whose cookies could not be read."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What a tracker knows of the shop that it works for.

    :ivar sender: the signals' sender: the Flask app or the middleware.
    :ivar guard: where errors of the shop's hooks are reported.
    :ivar before_send: the shop's hooks, in their order.
    :ivar is_enabled: whether views may be sent now.
    :ivar has_watchers: whether anybody wants to know more of views that are not sent than how many.
    :ivar requests: judges requests; None: it is made by the settings.
    """

    sender: object
    guard: Guard
    before_send: list[BeforeSend]
    is_enabled: Callable[[], bool]
    has_watchers: Callable[[], bool] = lambda: False
    requests: RequestRules | None = None


class Tracker:
    """Decides about pages, tells the signals, hands views over.

    :param secret: keys the digests of shoppers and the session ids.
    :param clock: stamps views, in seconds since the epoch.
    :param monotonic: measures the repeat window, in seconds that never go back.
    """

    def __init__(
        self,
        settings: Settings,
        delivery: Delivery,
        secret: bytes,
        shop: Shop,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.delivery = delivery
        self.requests = shop.requests or RequestRules(settings.robots)
        self.refusals: Counter[str] = Counter()
        self.is_enabled = shop.is_enabled
        self.clock = clock
        self._shop = shop
        self._secret = secret
        self._unknown: int | None = 0  # None: somebody was known, or it was said
        self._repeats = RepeatWindow(settings.repeat_window, monotonic)
        self._visits: dict[int, tuple[float, str]] = {}

    def refuse(self, reason: Reason) -> Decision:
        """Count a page that is no view, before anything was looked for on it."""
        self.refusals[reason] += 1
        return refused(reason)

    def decide(
        self, page: Page, visitor_of: Callable[[Page], Visitor], response: object = None
    ) -> Decision:
        """Decide about a page whose response is final, and act on it.

        :param visitor_of: who made the page's request; asked if the page may count.
        :param response: handed to the receivers of ``product_viewed``.
        """
        if page.explicit and (page.spoken_for or page.environ.get("REQUEST_METHOD") != "GET"):
            reason = self._refused_tracked(page)
            if reason is not None:
                return self.refuse(reason)
            return self.decide_about_visitor(page, page.visitor or visitor_of(page), response)
        marked, reason = page.marked, None
        if marked or page.status != 200 or page.mimetype != "text/html" or page.disposition:
            reason = refused_response(
                page.status,
                page.mimetype,
                page.disposition,
                marked=marked,
                declared=marked or page.status == 304,  # what can be known of a 304 is known here
                fetch=refused_fetch_of_page(page.environ) if marked else None,
            )
        if reason is None:
            reason = (page.refusals or self.requests.refusals(page.environ))[marked]
        if reason is not None:
            return self.refuse(reason)
        return self.decide_about_visitor(page, page.visitor or visitor_of(page), response)

    def _refused_tracked(self, page: RenderedPage) -> Reason | None:
        environ, is_others = page.environ, page.spoken_for
        reason = refused_tracked(environ, page.status, spoken_for=is_others)
        if reason is None and not is_others and self.requests.is_robot(environ):
            return Reason.ROBOT
        return reason

    def track(self, product: Product, shopper: Shopper) -> None:
        """Count a view that the shop knows of outside of a request."""
        self.catch_up([self._view(product, shopper, {})])

    def decide_about_visitor(
        self, page: RenderedPage, visitor: Visitor, response: object = None
    ) -> Decision:
        """Decide about a page that passed the request rules; it is read if anybody is there."""
        closed = closed_databases() if "peewee" in sys.modules else []
        try:
            if visitor.early is None and visitor.is_surely_nobody() and not self.is_heard():
                _, refusal = self.ask(visitor, page.environ)
                return self.refuse(refusal or Reason.ANONYMOUS)
            if not page.read():
                return self._without_product(page, Reason.NO_PRODUCT, None)
            if page.unread is Reason.BEACON:
                return self.refuse(Reason.BEACON)
            return self.observe(page, visitor, response)
        finally:
            if closed:
                close_again(closed)

    def is_heard(self) -> bool:
        """Whether the shop is told of each product seen, also of views that do not count."""
        return bool(product_viewed.receivers or view_dropped.receivers or self._shop.has_watchers())

    def observe(self, page: RenderedPage, visitor: Visitor, response: object = None) -> Decision:
        """Decide about a page that was read, and act on it."""
        products, extraction = self._products(page)
        if not products:
            found = extraction.reason if extraction else None
            return self._without_product(
                page, page.unread or found or Reason.NO_PRODUCT, extraction
            )
        shopper, refusal = self.ask(visitor, page.environ)
        if refusal is not None:
            for product in products:
                self._drop(product, None, refusal)
            return Decision(product=products[0], reason=refusal, extraction=extraction)
        if self._unknown is not None:
            self._note_unknown(self._unknown, shopper, page.environ)
        views, reasons = [], []
        for product in products:
            try:
                view = self._view(product, shopper, page.environ)
            except InvalidValueError:  # its page has no address that could be sent
                self._drop(product, None, Reason.INVALID_PRODUCT)
                reasons.append(Reason.INVALID_PRODUCT)
                continue
            if product_viewed.receivers:
                send(
                    product_viewed,
                    self._shop.sender,
                    self._shop.guard,
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

    def _without_product(
        self, page: RenderedPage, reason: Reason, extraction: Extraction | None
    ) -> Decision:
        if page.failed:
            self.lose()
            return Decision(reason=Reason.INTERNAL_ERROR, extraction=extraction)
        self.refusals[reason] += 1
        return (
            refused(reason)
            if extraction is None
            else Decision(reason=reason, extraction=extraction)
        )

    def lose(self) -> None:
        """Tell that a view is lost by an error of our own."""
        self._drop(None, None, Reason.INTERNAL_ERROR)

    def catch_up(self, views: Iterable[ProductView]) -> None:
        """Hand over views from before the shopper was known: ``product_viewed`` told of them."""
        for view in views:
            accepted = self._hand_over(view)
            if isinstance(accepted, Reason):
                self._drop(view.product, view, accepted)

    def _products(self, page: RenderedPage) -> tuple[list[Product], Extraction | None]:
        declared: list[Product] = []
        if page.declared:
            different = {(product.id, product.variant_id): product for product in page.declared}
            declared = list(different.values())
        guess = page.template_product
        if len(declared) > 1 or (page.html is None and declared):
            return declared, None
        if page.html is None:
            if guess is not None and not (guess.is_refused or guess.needs_title):
                return [guess.product], None
            return [], Extraction(
                None, guess.doubt if guess else None, Trace(rejected=page.remarks)
            )
        html = in_utf8(page.html, page.charset)
        document = page.document
        if document is None or document.html is not html:
            document = Document(html, page.url)
        extraction = read_page(
            document, self.settings, declared[0] if declared else None, guess, page.view_args
        )
        if page.remarks:
            extraction = _remarked(extraction, page.remarks)
        return [] if extraction.product is None else [extraction.product], extraction

    def ask(
        self, visitor: Visitor, environ: Mapping[str, Any], *, withdraws: bool = True
    ) -> tuple[Shopper | None, Reason | None]:
        """Who it is, as far as anybody knows, and why that visitor's views do not count.

        :param withdraws: whether a refusal drops what waits for the shopper.
        """
        try:
            shopper, explicit, is_excluded = visitor.early or visitor.answers()
            if is_excluded:
                return None, Reason.EXCLUDED
            if shopper is not None and self.settings.exclude_staff and visitor.is_staff():
                return None, Reason.STAFF
        except InvalidValueError as error:
            if visitor.called is not None:
                self._shop.guard.note(visitor.called, f"returned no shopper: {error}")
            return None, Reason.INVALID_SHOPPER
        except Exception as error:  # noqa: BLE001  a shop's hook may raise anything
            self._shop.guard.report(visitor.called or visitor.answers, error)
            return None, Reason.HOOK_FAILED
        signal = not environ.keys().isdisjoint(PRIVACY_HEADERS) and privacy_signal(
            environ, self.settings
        )
        refusal = refused_by_consent(explicit, signal, self.settings)
        if refusal is Reason.CONSENT_UNREADABLE:
            self.delivery.note_unreadable(unreadable_banners(environ.get("HTTP_COOKIE", "")))
        is_refusal = explicit is False or explicit is Reason.CONSENT_UNREADABLE
        if refusal is not None and is_refusal and shopper is not None and withdraws:
            self.delivery.withdraw(shopper)
        return shopper, refusal

    def _note_unknown(
        self, before: int, shopper: Shopper | None, environ: Mapping[str, Any]
    ) -> None:
        """Say once in the log that nobody is ever known, which looks like a store at work.

        :param before: page views whose shopper was not known.
        """
        if shopper is not None:
            self._unknown = None
        elif any(name in environ.get("HTTP_COOKIE", "") for name in _LOG_IN_COOKIES):
            self._unknown = before + 1
            if self._unknown >= MANY_UNKNOWN:
                self._unknown = None
                log.warning(
                    "TopMail: %s product pages were shown to visitors with a session or log-in "
                    "cookie, and nobody of them is known: no view is sent. If shoppers log in, "
                    "register @topmail.shopper_loader; flask topmail doctor says more.",
                    MANY_UNKNOWN,
                )

    def _view(
        self, product: Product, shopper: Shopper | None, environ: Mapping[str, Any]
    ) -> ProductView:
        at = self.clock()
        session_id = None
        if shopper is not None:
            visit = shopper.identity, environ.get("HTTP_USER_AGENT", "")
            known = hash(visit)  # an address has no business in a long memory
            until, session_id = self._visits.get(known, (at, ""))
            if not until - VISIT_SECONDS <= at < until:
                session_id = visit_id(self._secret, *visit, at)
                if len(self._visits) >= REMEMBERED:
                    self._visits = {}
                self._visits[known] = visit_end(*visit, at), session_id
        return ProductView(product, shopper, new_key(), at, session_id)

    def _hand_over(self, view: ProductView) -> ProductView | Reason:
        shopper = view.shopper
        if shopper is None:
            return Reason.ANONYMOUS
        rate = self.settings.sample_rate
        if rate < 1 and not in_sample(shopper.identity, rate):
            return Reason.SAMPLED_OUT
        for hook in self._shop.before_send:
            try:
                changed = hook(view)
                if inspect.iscoroutine(changed):
                    changed = run_to_its_end(changed, self._shop.sender)
            except Exception as error:  # noqa: BLE001  a shop's hook may raise anything
                self._shop.guard.report(hook, error)
                return Reason.HOOK_FAILED
            if changed is None:
                return Reason.VETOED
            if not isinstance(changed, ProductView) or changed.shopper is None:
                self._shop.guard.report(hook, WrongAnswer(_WRONG_VIEW))
                return Reason.HOOK_FAILED
            view, shopper = changed, changed.shopper
        if not self.is_enabled():
            return Reason.DISABLED
        product = view.product
        # A hash, because an address has no business in a long memory.
        if self._repeats.is_repeat(hash((shopper.identity, product.id, product.variant_id))):
            return Reason.REPEAT
        return self.delivery.accept(view) or view

    def _drop(self, product: Product | None, view: ProductView | None, reason: Reason) -> None:
        self.refusals[reason] += 1
        send(
            view_dropped,
            self._shop.sender,
            self._shop.guard,
            view=view,
            product=product,
            reason=reason,
        )


def _remarked(extraction: Extraction, remarks: tuple[Rejected, ...]) -> Extraction:
    """The same, with what is wrong with the variable that could have held the product."""
    trace = replace(extraction.trace, rejected=(*remarks, *extraction.trace.rejected))
    reason = extraction.reason
    if reason is Reason.NO_PRODUCT and remarks[0].what != "template":
        reason = Reason.INCOMPLETE
    return replace(extraction, trace=trace, reason=reason)
