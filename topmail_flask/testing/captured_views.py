"""What became of an app's pages, as a test asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar, Unpack, overload

from flask import Flask
from flask.testing import FlaskClient

from topmail_flask.core import core_of
from topmail_flask.model.events import Conversion, ProductView, Purchase, Trigger
from topmail_flask.model.shopper import Shopper
from topmail_flask.model.text import json_object
from topmail_flask.testing.browsing import browse_as
from topmail_flask.testing.clock import Clock
from topmail_flask.testing.expectations import (
    Expected,
    checked,
    checked_reason,
    differences,
    event_differences,
    is_of,
)
from topmail_flask.testing.recording import Accepted, Recording, Refusal
from topmail_flask.testing.story import described, story

if TYPE_CHECKING:
    from topmail_flask.sandbox import Sandbox

E = TypeVar("E", ProductView, Purchase, Conversion, Trigger)


class CapturedViews(Sequence[ProductView]):
    """The views that were accepted, oldest first, and everything that was refused.

    :ivar clock: a :class:`Clock` that stamps views and decides about repeats.
    """

    def __init__(
        self,
        app: Flask,
        recording: Recording,
        clock: Clock,
        deliver: Callable[[Sandbox], AbstractContextManager[None]],
    ) -> None:
        self.clock = clock
        self._app = app
        self._recording = recording
        self._deliver = deliver

    @overload
    def __getitem__(self, index: int) -> ProductView: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ProductView]: ...
    def __getitem__(self, index: int | slice) -> ProductView | Sequence[ProductView]:
        return self._views()[index]

    def __len__(self) -> int:
        return len(self._views())

    @property
    def refusals(self) -> list[Refusal]:
        """Every page, and every product of one, that is no view, oldest first."""
        return [record for record in self._recording.records if isinstance(record, Refusal)]

    @property
    def purchases(self) -> list[Purchase]:
        """The purchases that were accepted, oldest first."""
        return self._accepted(Purchase)

    @property
    def conversions(self) -> list[Conversion]:
        """The other conversions that were accepted, oldest first."""
        return self._accepted(Conversion)

    @property
    def triggers(self) -> list[Trigger]:
        """The triggers that were accepted and not cancelled, oldest first."""
        return self._accepted(Trigger)

    def clear(self) -> None:
        """Forget what was captured. A repeat stays one: for that, advance the clock."""
        self._recording.records.clear()

    def browse_as(
        self,
        shopper: Shopper | str | None = None,
        *,
        robot: bool | str = False,
        prefetch: bool = False,
        consent: bool | None = None,
    ) -> FlaskClient:
        """A new browser of the app, see :func:`~topmail_flask.testing.browse_as`."""
        return browse_as(self._app, shopper, robot=robot, prefetch=prefetch, consent=consent)

    def delivering_to(self, sandbox: Sandbox) -> AbstractContextManager[None]:
        """While inside, views go on to a local TopMail: by threads and HTTP, nothing on disk."""
        return self._deliver(sandbox)

    def assert_viewed(
        self,
        product_id: object,
        *,
        shopper: Shopper | str | None = None,
        times: int = 1,
        **fields: Unpack[Expected],
    ) -> None:
        """Fail unless exactly ``times`` views are as described.

        :param product_id: the product's id; ``17`` and ``"17"`` are one.
        :param shopper: who saw it, by e-mail address or contact id; None: anybody.
        :param fields: what else the product must have, see
            :class:`~topmail_flask.testing.expectations.Expected`.
        :raises AssertionError: the failure; its text lists every view and refusal.
        :raises TypeError: a product has no such field.
        """
        __tracebackhide__ = True
        if times < 1:
            raise ValueError("times counts from 1; for none there is assert_not_viewed")
        expected = checked(fields)
        wrong = [differences(view, shopper, expected) for view in self._views(product_id)]
        found = wrong.count([])
        if found != times:
            wanted = described(product_id, shopper, expected)
            nearly = [f"Nearly: {', '.join(words)}." for words in wrong if words]
            head = f"{_views(found)} {wanted}; expected {times}."
            raise AssertionError("\n".join([head, *nearly, self.story()]))

    def assert_not_viewed(
        self,
        product_id: object = None,
        *,
        shopper: Shopper | str | None = None,
        reason: str | None = None,
    ) -> None:
        """Fail if there is such a view; with ``reason`` also unless that refused one.

        It fails as well when the app was asked for nothing: that would prove nothing.

        :param product_id: None: any product. A page refused before anybody looked for its product
            (a prefetch, a robot) is taken for the page that is meant.
        :param shopper: as for :meth:`assert_viewed`.
        :param reason: a :class:`~topmail_flask.Reason` or its text.
        :raises AssertionError: the failure; its text lists every view and refusal.
        :raises ValueError: there is no such reason.
        """
        __tracebackhide__ = True
        because = None if reason is None else checked_reason(reason)
        wanted = described(product_id, shopper, {})
        found = len(self._views(product_id, shopper))
        if found:
            raise AssertionError(f"{_views(found)} {wanted}; expected none.\n{self.story()}")
        refused = [
            refusal.reason
            for refusal in self.refusals
            if product_id is None
            or refusal.product is None
            or refusal.product.id == str(product_id)
        ]
        if because is not None and because not in refused:
            head = f"No view {wanted}, but none was refused as {because} either."
            raise AssertionError(f"{head}\n{self.story()}")
        if not self._recording.records:
            raise AssertionError(f"No view {wanted}, and no wonder.\n{self.story()}")

    def assert_purchased(
        self,
        order_id: object,
        *,
        shopper: Shopper | str | None = None,
        revenue: Decimal | int | float | str | None = None,
        currency: str | None = None,
    ) -> None:
        """Fail unless this order was recorded, as described; what is None may be anything.

        :param order_id: the order's number; ``17`` and ``"17"`` are one.
        :param shopper: who bought, by e-mail address or contact id.
        :param revenue: compared as a number: ``"9.9"`` equals 9.90.
        :raises AssertionError: the failure; its text lists every purchase, view and refusal.
        """
        __tracebackhide__ = True
        found = [purchase for purchase in self.purchases if purchase.order_id == str(order_id)]
        wanted = {"revenue": revenue, "currency": currency}
        self._assert_all(f"The purchase of {str(order_id)!r}", found, shopper, wanted)

    def assert_converted(
        self,
        type: str = "custom",  # noqa: A002  as TopMail calls it
        *,
        shopper: Shopper | str | None = None,
        revenue: Decimal | int | float | str | None = None,
        currency: str | None = None,
    ) -> None:
        """Fail unless a conversion of this type was recorded, as described; see above.

        :param type: ``"signup"``, ``"upgrade"`` or ``"custom"``; ``"purchase"`` for any purchase.
        :raises AssertionError: the failure; its text lists every event, view and refusal.
        """
        __tracebackhide__ = True
        others = [each for each in self.conversions if each.type == type]
        found = self.purchases if type == "purchase" else others
        wanted = {"revenue": revenue, "currency": currency}
        right = [event for event in found if not event_differences(event, shopper, wanted)]
        self._assert_all(f"A conversion of type {type!r}", right or found, shopper, wanted)

    def assert_triggered(
        self,
        automation: str,
        *,
        shopper: Shopper | str | None = None,
        data: Mapping[str, object] | None = None,
        once: str | None = None,
        after: timedelta | None = None,
        times: int = 1,
    ) -> None:
        """Fail unless this automation was triggered exactly ``times``, as described.

        :param automation: a name of ``TOPMAIL_AUTOMATIONS``.
        :param times: 0: never, or all of it was cancelled. What is None may be anything.
        :raises AssertionError: the failure; its text lists every event, view and refusal.
        """
        __tracebackhide__ = True
        known = dict(core_of(self._app).settings.automations)
        wanted = {"data": None if data is None else json_object(data, "data"), "once": once}
        found = [
            each
            for each in self.triggers
            if each.automation_id == known.get(automation)
            and not event_differences(each, shopper, wanted)
            and (after is None or after == each.wait)
        ]
        if len(found) != times:
            head = f"{len(found)} such triggers of {automation!r}; expected {times}."
            raise AssertionError(f"{head}\n{self.story()}")

    def story(self) -> str:
        """Every view and every refusal, in their order, for people."""
        return story(self._recording.records)

    def _accepted(self, kind: type[E]) -> list[E]:
        accepted = [each for each in self._recording.records if isinstance(each, Accepted)]
        return [each.event for each in accepted if isinstance(each.event, kind)]

    def _assert_all(
        self,
        what: str,
        found: Sequence[Purchase | Conversion],
        shopper: Shopper | str | None,
        wanted: Mapping[str, object],
    ) -> None:
        __tracebackhide__ = True
        wrong = [word for event in found for word in event_differences(event, shopper, wanted)]
        if wrong or not found:
            head = f"{what} " + (", ".join(wrong) or "was not recorded")
            raise AssertionError(f"{head}.\n{self.story()}")

    def _views(
        self, product_id: object = None, shopper: Shopper | str | None = None
    ) -> list[ProductView]:
        return [
            view
            for view in self._accepted(ProductView)
            if (product_id is None or view.product.id == str(product_id))
            and (shopper is None or is_of(view, shopper))
        ]

    def __repr__(self) -> str:
        return f"<CapturedViews: {_views(len(self))}, {len(self.refusals)} refusals>"


def _views(count: int) -> str:
    return "1 view" if count == 1 else f"{count} views"
