"""What TopMail can be told of a shopper: a view, a purchase, another conversion, a trigger."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import (
    PRODUCT_FIELDS,
    Product,
    amount,
    currency_code,
    identifier,
)
from topmail_flask.model.shopper import Shopper
from topmail_flask.model.text import json_number, json_object

SESSION_LIMIT = 100


def new_key() -> str:
    """A fresh idempotency key (UUID 4): the same on every attempt to send one view."""
    drawn = os.urandom(15).hex()  # as uuid.uuid4(), whose objects take four times as long
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[12:15]}-a{drawn[15:18]}-{drawn[18:]}"


@dataclass(frozen=True, slots=True)
class ProductView:
    """A look at a product page.

    :param product: what was seen, with its URL.
    :param shopper: who saw it; None for a visitor nobody knows, whose view is never sent.
    :param key: idempotency key of the view, sent with every attempt.
    :param viewed_at: when it was seen, in seconds since the epoch. The API takes no time: it is
        used for the view's maximum age and for repeats.
    :param session_id: groups the views of one visit, at most 100 characters; never a cookie.
    :raises InvalidValueError: the product has no URL, or the session id is too long.
    """

    product: Product
    shopper: Shopper | None = None
    key: str = field(default_factory=new_key)
    viewed_at: float = field(default_factory=time.time)
    session_id: str | None = None

    def __post_init__(self) -> None:
        if self.product.url is None:
            raise InvalidValueError("url", "is missing: a view needs the address of its page")
        if self.session_id is not None and not 0 < len(self.session_id) <= SESSION_LIMIT:
            raise InvalidValueError("session_id", f"must have 1 to {SESSION_LIMIT} characters")

    def body(self) -> dict[str, str | int | float]:
        """The body of ``POST /track/product-view``: only what is known, nothing else.

        :raises InvalidValueError: nobody knows the shopper.
        """
        body: dict[str, str | int | float] = json.loads(self.body_bytes())
        return body

    def body_bytes(self) -> bytes:
        """:meth:`body` as the bytes that are sent, the same on every attempt.

        :raises InvalidValueError: nobody knows the shopper.
        """
        shopper = self.shopper
        if shopper is None:
            raise InvalidValueError("shopper", "is unknown: an anonymous view cannot be sent")
        if shopper.contact_id is not None:
            known_by = f'"contact_id":{_text_to_json(shopper.contact_id)}'
        else:
            known_by = f'"email":{_text_to_json(shopper.email or "")}'
        session = self.session_id
        session = "" if session is None else f',"session_id":{_text_to_json(session)}'
        return f"{{{known_by},{_product_fields(self.product)}{session}}}".encode()

    @classmethod
    def from_body(cls, body: Mapping[str, object], *, key: str, viewed_at: float) -> ProductView:
        """The view that :meth:`body` was made of, as a row of the outbox tells it.

        :raises InvalidValueError: the body is not that of a view.
        """
        values = {name: body.get(_SENT_AS.get(name, name)) for name in PRODUCT_FIELDS}
        shopper = shopper_of(body)
        session_id = body.get("session_id")
        return cls(
            product=Product(**values),  # type: ignore[arg-type]  # checked at birth
            shopper=shopper,
            key=key,
            viewed_at=viewed_at,
            session_id=session_id if isinstance(session_id, str) else None,
        )

    def __repr__(self) -> str:
        return f"<ProductView {self.key} of product {self.product.id!r}>"


_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_text_to_json = json.encoder.encode_basestring
_SENT_AS = {"id": "product_id", "name": "product_name", "url": "product_url"}


# A store shows the same products again and again: what is said of one is written once.
@lru_cache(maxsize=2048)
def _product_fields(product: Product) -> str:
    """A product's part of the body: the fields that it has, without the braces around them."""
    fields = {}
    for name in PRODUCT_FIELDS:
        value = getattr(product, name)
        if value is not None:
            fields[_SENT_AS.get(name, name)] = (
                json_number(value) if isinstance(value, Decimal) else value
            )
    return _to_json(fields)[1:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conversion:
    """What every conversion may tell beside its shopper and its type.

    :param revenue: in units of ``currency``, from 0 to below 10**12: a Decimal, int, float or
        machine text such as ``"9.99"``; kept as a Decimal. Only together with ``currency``:
        TopMail would take an amount without one for US dollars.
    :param currency: three-letter ISO 4217 code.
    :param metadata: anything else, an object of JSON; Decimals, UUIDs and dates are turned.
    :param campaign_id: TopMail's id (a UUID) of the campaign that the conversion is attributed to.
    :param flow_id: the same of an automation.
    """

    revenue: Decimal | None = None
    currency: str | None = None
    metadata: Mapping[str, object] | None = field(default=None, hash=False)
    campaign_id: str | None = None
    flow_id: str | None = None

    def _check(self, shopper: object) -> None:
        if not isinstance(shopper, Shopper):
            raise InvalidValueError("shopper", "must be a Shopper")
        if self.metadata is not None:
            object.__setattr__(self, "metadata", json_object(self.metadata, "metadata") or None)
        for name in ("campaign_id", "flow_id"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _uuid(getattr(self, name), name))
        if self.currency is not None:
            object.__setattr__(self, "currency", currency_code(self.currency, "currency"))
        if self.revenue is None:
            object.__setattr__(self, "currency", None)
            return
        object.__setattr__(self, "revenue", amount(self.revenue, "revenue"))
        if self.currency is None:
            raise InvalidValueError("revenue", "needs its currency, e.g. currency='EUR'")

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self.revenue is not None:
            fields |= {"revenue": json_number(self.revenue), "currency": self.currency}
        more = {name: getattr(self, name) for name in ("campaign_id", "flow_id", "metadata")}
        return fields | {name: value for name, value in more.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Purchase(_Conversion):
    """An order of a shopper, as TopMail's conversions take it, checked at birth.

    It also takes what :class:`Conversion` does: ``revenue`` and ``currency``, ``metadata``,
    ``campaign_id`` and ``flow_id``.

    :param order_id: your number of the order: text, a number or a UUID, 1 to 100 characters.
        TopMail counts each once, so two stores of one workspace need numbers that differ.
    :param shopper: who bought.
    :param items: what was bought, each an object of JSON; sent as ``metadata["items"]``.
    :param bought_at: when, in seconds since the epoch. The API takes no time: it is used for the
        maximum age, and to tell the views before the purchase from those after it.
    :raises InvalidValueError: a value that cannot be right; ``.field`` names it.
    """

    order_id: str
    shopper: Shopper
    items: tuple[Mapping[str, object], ...] = field(default=(), kw_only=True, hash=False)
    bought_at: float = field(default_factory=time.time, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order_id", identifier(self.order_id, "order_id"))
        self._check(self.shopper)
        if isinstance(self.items, (str, bytes, Mapping)) or not isinstance(self.items, Iterable):
            raise InvalidValueError("items", "must be a list of objects")
        object.__setattr__(self, "items", tuple(json_object(item, "items") for item in self.items))

    @property
    def key(self) -> str:
        """The idempotency key, made of the order's number alone: two calls for one order, from a
        reloaded page, a payment provider's webhook or another server, are one conversion.
        """
        digest = hashlib.blake2b(self.order_id.encode(), digest_size=16, person=b"topmail_order")
        return f"order-{digest.hexdigest()}"

    def body(self) -> dict[str, Any]:
        """The body of ``POST /conversions``: only what is known, nothing else."""
        who = _known_by(self.shopper)
        body = who | {"type": "purchase", "order_id": self.order_id} | self._fields()
        if self.items:
            body["metadata"] = {**(self.metadata or {}), "items": list(self.items)}
        return body

    def body_bytes(self) -> bytes:
        """:meth:`body` as the bytes that are sent, the same on every attempt."""
        return _to_json(self.body()).encode()

    @classmethod
    def from_body(cls, body: Mapping[str, Any], *, bought_at: float) -> Purchase:
        """The purchase that :meth:`body` was made of, as a row of the outbox tells it.

        :raises InvalidValueError: the body is not that of a purchase.
        """
        values: dict[str, Any] = {name: body.get(name) for name in _CONVERSION_FIELDS}
        metadata = json_object(values.pop("metadata") or {}, "metadata")
        items = metadata.pop("items", ())
        shopper = shopper_of(body)
        order_id = body.get("order_id")
        return cls(
            order_id,  # type: ignore[arg-type]  # checked at birth
            shopper,
            metadata=metadata,
            items=items,
            bought_at=bought_at,
            **values,
        )

    def __repr__(self) -> str:
        return f"<Purchase {self.key}>"


@dataclass(frozen=True, slots=True)
class Conversion(_Conversion):
    """Something else than a purchase that a shopper was won for, checked at birth.

    It also takes ``revenue`` (in units of ``currency``, as for a purchase), ``metadata`` (an object
    of JSON), ``campaign_id`` and ``flow_id`` (UUIDs, what it is attributed to).

    :param type: ``"signup"``, ``"upgrade"`` or ``"custom"``.
    :param shopper: whose it is.
    :param once: your name for it, 1 to 100 characters: it counts once per shopper and name.
    :param key: idempotency key, sent with every attempt.
    :param converted_at: when, in seconds since the epoch; used for the maximum age.
    :raises InvalidValueError: a value that cannot be right; ``.field`` names it.
    """

    type: str
    shopper: Shopper
    once: str | None = field(default=None, kw_only=True, repr=False)
    key: str = field(default_factory=lambda: f"conversion-{new_key()}", kw_only=True)
    converted_at: float = field(default_factory=time.time, kw_only=True)

    def __post_init__(self) -> None:
        if self.type not in CONVERSION_TYPES:
            raise InvalidValueError("type", f"must be one of {', '.join(CONVERSION_TYPES)}")
        self._check(self.shopper)
        if self.once is not None:
            object.__setattr__(self, "once", identifier(self.once, "once"))

    def body(self) -> dict[str, Any]:
        """The body of ``POST /conversions``: only what is known, nothing else."""
        return _known_by(self.shopper) | {"type": self.type} | self._fields()

    def body_bytes(self) -> bytes:
        """:meth:`body` as the bytes that are sent, the same on every attempt."""
        return _to_json(self.body()).encode()

    @classmethod
    def from_body(cls, body: Mapping[str, Any], *, key: str, converted_at: float) -> Conversion:
        """The conversion that :meth:`body` was made of, as a row of the outbox tells it.

        :raises InvalidValueError: the body is not that of a conversion.
        """
        values: dict[str, Any] = {name: body.get(name) for name in _CONVERSION_FIELDS}
        kind = str(body.get("type"))
        return cls(kind, shopper_of(body), key=key, converted_at=converted_at, **values)

    def __repr__(self) -> str:
        return f"<Conversion {self.type} {self.key}>"


@dataclass(frozen=True, slots=True)
class Trigger:
    """The start of one automation (a flow, in TopMail's dashboard) for one shopper.

    :param automation_id: TopMail's id of it.
    :param shopper: for whom.
    :param data: an object of JSON that the automation is given; Decimals, UUIDs and dates are
        turned.
    :param once: your name for it, 1 to 100 characters: it happens once per shopper and name, and
        can be cancelled by it.
    :param due: when it is to be sent at the earliest, in seconds since the epoch; None: at once.
    :param key: idempotency key, sent with every attempt.
    :param triggered_at: when it was asked for, in seconds since the epoch.
    :raises InvalidValueError: a value that cannot be right; ``.field`` names it.
    """

    automation_id: str
    shopper: Shopper
    data: Mapping[str, object] | None = field(default=None, hash=False)
    once: str | None = field(default=None, kw_only=True, repr=False)
    due: float | None = field(default=None, kw_only=True)
    key: str = field(default_factory=lambda: f"trigger-{new_key()}", kw_only=True)
    triggered_at: float = field(default_factory=time.time, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.automation_id, str) or not _WORD.fullmatch(self.automation_id):
            raise InvalidValueError("automation_id", "must be an id of letters, digits, - and _")
        if not isinstance(self.shopper, Shopper):
            raise InvalidValueError("shopper", "must be a Shopper")
        if self.data is not None:
            object.__setattr__(self, "data", json_object(self.data, "data") or None)
        if self.once is not None:
            object.__setattr__(self, "once", identifier(self.once, "once"))

    def body(self) -> dict[str, Any]:
        """The body of ``POST /automations/:id/trigger``: only what is known, nothing else."""
        return _known_by(self.shopper) | ({"trigger_data": self.data} if self.data else {})

    def body_bytes(self) -> bytes:
        """:meth:`body` as the bytes that are sent, the same on every attempt."""
        return _to_json(self.body()).encode()

    def __repr__(self) -> str:
        return f"<Trigger {self.key}>"

    @property
    def wait(self) -> timedelta:
        """How long it is to wait, to the second."""
        due = self.triggered_at if self.due is None else self.due
        return timedelta(seconds=round(due - self.triggered_at))


Event = ProductView | Purchase | Conversion | Trigger
"""What TopMail can be told of."""
CONVERSION_TYPES = ("signup", "upgrade", "custom")
_CONVERSION_FIELDS = ("revenue", "currency", "metadata", "campaign_id", "flow_id")
_WORD = re.compile(r"[A-Za-z0-9_-]{1,100}")


def _uuid(value: object, name: str) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise InvalidValueError(name, "must be a UUID, as TopMail shows it") from None


def _known_by(shopper: Shopper) -> dict[str, Any]:
    if shopper.contact_id is not None:
        return {"contact_id": shopper.contact_id}
    return {"email": shopper.email}


def shopper_of(body: Mapping[str, Any]) -> Shopper:
    """The shopper whom a body names.

    :raises InvalidValueError: it names nobody.
    """
    return Shopper(**{name: body[name] for name in ("email", "contact_id") if name in body})
