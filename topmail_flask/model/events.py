"""One shopper looked at one product."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import (
    PRODUCT_FIELDS,
    Product,
    amount,
    currency_code,
    identifier,
    json_number,
)
from topmail_flask.model.shopper import Shopper

SESSION_LIMIT = 100


def new_key() -> str:
    """A fresh idempotency key (UUID 4): the same on every attempt to send one view."""
    drawn = bytearray(os.urandom(16))  # as uuid.uuid4(), whose objects take four times as long
    drawn[6] = drawn[6] & 0x0F | 0x40
    drawn[8] = drawn[8] & 0x3F | 0x80
    text = drawn.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


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
            known_by = f'"contact_id":{_to_json(shopper.contact_id)}'
        else:
            known_by = f'"email":{_to_json(shopper.email)}'
        session = "" if self.session_id is None else f',"session_id":{_to_json(self.session_id)}'
        return f"{{{known_by},{_product_fields(self.product)}{session}}}".encode()

    @classmethod
    def from_body(cls, body: Mapping[str, object], *, key: str, viewed_at: float) -> ProductView:
        """The view that :meth:`body` was made of, as a row of the outbox tells it.

        :raises InvalidValueError: the body is not that of a view.
        """
        values = {name: body.get(_SENT_AS.get(name, name)) for name in PRODUCT_FIELDS}
        known_by = {name: body[name] for name in ("email", "contact_id") if name in body}
        shopper = Shopper(**known_by)  # type: ignore[arg-type]  # checked at birth
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


KEY_PREFIX = "order-"


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order of a shopper, as TopMail's conversions take it, checked at birth.

    :param order_id: your number of the order: text, a number or a UUID, 1 to 100 characters.
        TopMail counts each once, so two stores of one workspace need numbers that differ.
    :param shopper: who bought.
    :param revenue: in units of ``currency``, from 0 to below 10**12: a Decimal, int, float or
        machine text such as ``"9.99"``; kept as a Decimal. Only together with ``currency``:
        TopMail would take an amount without one for US dollars.
    :param currency: three-letter ISO 4217 code.
    :param bought_at: when, in seconds since the epoch. The API takes no time: it is used for the
        maximum age, and to tell the views before the purchase from those after it.
    :raises InvalidValueError: a value that cannot be right; ``.field`` names it.
    """

    order_id: str
    shopper: Shopper
    revenue: Decimal | None = None
    currency: str | None = None
    bought_at: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        object.__setattr__(self, "order_id", identifier(self.order_id, "order_id"))
        if not isinstance(self.shopper, Shopper):
            raise InvalidValueError("shopper", "must be a Shopper")
        if self.currency is not None:
            object.__setattr__(self, "currency", currency_code(self.currency, "currency"))
        if self.revenue is None:
            object.__setattr__(self, "currency", None)
            return
        object.__setattr__(self, "revenue", amount(self.revenue, "revenue"))
        if self.currency is None:
            raise InvalidValueError("revenue", "needs its currency, e.g. currency='EUR'")

    @property
    def key(self) -> str:
        """The idempotency key, made of the order's number alone: two calls for one order, from a
        reloaded page, a payment provider's webhook or another server, are one conversion.
        """
        digest = hashlib.blake2b(self.order_id.encode(), digest_size=16, person=b"topmail_order")
        return KEY_PREFIX + digest.hexdigest()

    def body(self) -> dict[str, str | int | float]:
        """The body of ``POST /conversions``: only what is known, nothing else."""
        body: dict[str, str | int | float] = {}
        if self.shopper.contact_id is not None:
            body["contact_id"] = self.shopper.contact_id
        elif self.shopper.email is not None:
            body["email"] = self.shopper.email
        body["type"] = "purchase"
        body["order_id"] = self.order_id
        if self.revenue is not None and self.currency is not None:
            body["revenue"] = json_number(self.revenue)
            body["currency"] = self.currency
        return body

    def body_bytes(self) -> bytes:
        """:meth:`body` as the bytes that are sent, the same on every attempt."""
        return json.dumps(self.body(), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_body(cls, body: Mapping[str, object], *, bought_at: float) -> Purchase:
        """The purchase that :meth:`body` was made of, as a row of the outbox tells it.

        :raises InvalidValueError: the body is not that of a purchase.
        """
        known_by = {name: body[name] for name in ("email", "contact_id") if name in body}
        values = {name: body.get(name) for name in ("order_id", "revenue", "currency")}
        return cls(
            shopper=Shopper(**known_by),  # type: ignore[arg-type]  # checked at birth
            bought_at=bought_at,
            **values,  # type: ignore[arg-type]  # checked at birth
        )

    def __repr__(self) -> str:
        return f"<Purchase {self.key}>"
