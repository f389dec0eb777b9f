"""The table of kinds: all that delivery knows of one kind of event, in one place each.

One more kind is one more value in ``model/events.py`` and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from topmail_flask.model.events import Conversion, Event, ProductView, Purchase, Trigger, shopper_of
from topmail_flask.model.product import PRODUCT_FIELDS
from topmail_flask.model.reasons import Reason

_WHO = ("email", "contact_id")
_CONVERSION = (*_WHO, "type", "revenue", "currency", "metadata", "campaign_id", "flow_id")
_PRODUCT = {*PRODUCT_FIELDS} - {"id", "name", "url"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event.

    :ivar name: as an entry says it.
    :ivar value: the event's type.
    :ivar signal: what its signals are called, and the event in them.
    :ivar path: of the call, below the API's address; ``{target}`` is the entry's.
    :ivar fields: those that the body may have.
    :ivar time: the attribute that says when it happened.
    :ivar restore: makes the event of a body, its key, its time and its target.
    :ivar prefix: what its idempotency keys begin with: what is no view is known by it in SQL.
    :ivar known: why a second one with the same name is dropped, however long after; None: it is a
        repeat within ``TOPMAIL_REPEAT_WINDOW``.
    :ivar ends_browsing: whether the views of its shopper that wait are dropped, and it goes first.
    :ivar is_shape_known: whether TopMail documents the response; if not, any 2xx is a success.
    :ivar alone: codes of 403 and 404 that speak of this call alone; any other pauses all calls.
    """

    name: str
    value: type[Any]
    signal: str
    path: str
    fields: frozenset[str]
    time: str
    restore: Callable[[Mapping[str, Any], str, float, str], Event]
    prefix: str = ""
    known: Reason | None = None
    ends_browsing: bool = False
    is_shape_known: bool = True
    alone: frozenset[str] = frozenset()


KINDS = (
    Kind(
        "view",
        ProductView,
        "view",
        "/track/product-view",
        frozenset({*_PRODUCT, *_WHO, "product_id", "product_name", "product_url", "session_id"}),
        "viewed_at",
        lambda body, key, at, _: ProductView.from_body(body, key=key, viewed_at=at),
    ),
    Kind(
        "purchase",
        Purchase,
        "conversion",
        "/conversions",
        frozenset({*_CONVERSION, "order_id"}),
        "bought_at",
        lambda body, _, at, __: Purchase.from_body(body, bought_at=at),
        prefix="order-",
        known=Reason.KNOWN_ORDER,
        ends_browsing=True,
    ),
    Kind(
        "conversion",
        Conversion,
        "conversion",
        "/conversions",
        frozenset(_CONVERSION),
        "converted_at",
        lambda body, key, at, _: Conversion.from_body(body, key=key, converted_at=at),
        prefix="conversion-",
        known=Reason.KNOWN_NAME,
    ),
    Kind(
        "trigger",
        Trigger,
        "trigger",
        "/automations/{target}/trigger",
        frozenset({*_WHO, "trigger_data"}),
        "triggered_at",
        lambda body, key, at, target: Trigger(
            target, shopper_of(body), body.get("trigger_data"), key=key, triggered_at=at
        ),
        prefix="trigger-",
        known=Reason.KNOWN_NAME,
        is_shape_known=False,
        alone=frozenset({"not_found", "forbidden"}),
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}
BY_TYPE = {kind.value: kind for kind in KINDS}
IS_VIEW = " AND ".join(f"key NOT GLOB '{kind.prefix}*'" for kind in KINDS if kind.prefix)
HAPPENS_ONCE = " OR ".join(
    f"key GLOB '{kind.prefix}*'" for kind in KINDS if kind.known is Reason.KNOWN_NAME
)
"""Conditions on a column ``key``, in SQL."""
