"""One shopper bought something."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from topmail_flask.domain.errors import InvalidValueError
from topmail_flask.domain.product import amount, currency_code, identifier, json_number
from topmail_flask.domain.shopper import Shopper

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
        told = {name: body.get(name) for name in ("order_id", "revenue", "currency")}
        return cls(
            shopper=Shopper(**known_by),  # type: ignore[arg-type]  # checked at birth
            bought_at=bought_at,
            **told,  # type: ignore[arg-type]  # checked at birth
        )

    def __repr__(self) -> str:
        return f"<Purchase {self.key}>"
