"""What an anonymous visitor looked at in this visit, kept by their own browser alone."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import ProductView
from topmail_flask.model.identity import digest, visit_id
from topmail_flask.model.product import PRODUCT_FIELDS, Product
from topmail_flask.model.shopper import Shopper
from topmail_flask.resolvers.sealing import Sealer

COOKIE = "topmail_looks"
ENDS_AFTER = 30 * 60.0
"""Seconds without a look after which a visit is over, as web analytics count visits."""
_LONGEST = 3500
"""Characters: browsers keep 4,096 bytes of a cookie, its name and attributes included."""


@dataclass(frozen=True, slots=True)
class Look:
    """A product that was seen, as it was then.

    :ivar at: when, in seconds since the epoch.
    """

    product: Product
    at: float

    def view(self, shopper: Shopper, secret: bytes, user_agent: str) -> ProductView:
        """The view, now that the shopper is known.

        Its idempotency key follows from the look: two tabs that tell of it at the same moment make
        one view.
        """
        product, identity = self.product, shopper.identity
        drawn = digest(
            secret, "look", identity, product.id, product.variant_id or "", repr(self.at)
        )
        session_id = visit_id(secret, identity, user_agent, self.at)
        return ProductView(product, shopper, str(UUID(drawn)), self.at, session_id)


def with_look(looks: tuple[Look, ...], look: Look, most: int) -> tuple[Look, ...]:
    """The last ``most`` looks, oldest first, each product (and variant) once: as last seen."""
    chosen = look.product.id, look.product.variant_id
    others = [one for one in looks if (one.product.id, one.product.variant_id) != chosen]
    return (*others, look)[-most:]


def sealed(looks: tuple[Look, ...], sealer: Sealer) -> str:
    """The looks as a cookie's value; where that is too long, without the oldest ones."""
    while looks:
        rows = [_row(look) for look in looks]
        text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
        value = sealer.seal(zlib.compress(text.encode(), 9))
        if len(value) <= _LONGEST:
            return value
        looks = looks[1:]
    return ""


def opened(value: str | None, sealer: Sealer, now: float) -> tuple[Look, ...]:
    """The looks of a cookie; none if the visit is over or the cookie is not this shop's."""
    content = sealer.open(value) if value else None
    if content is None:
        return ()
    try:
        looks = tuple(_look(row) for row in json.loads(zlib.decompress(content)))
    except (InvalidValueError, TypeError, ValueError, zlib.error):
        return ()
    return looks if looks and now - looks[-1].at <= ENDS_AFTER else ()


def _row(look: Look) -> list[object]:
    values = [getattr(look.product, name) for name in PRODUCT_FIELDS]
    told = [str(one) if isinstance(one, Decimal) else one for one in values]
    return [int(look.at), *told]


def _look(row: list[object]) -> Look:
    at, *values = row
    if not isinstance(at, int):
        raise ValueError("a look has its time")
    return Look(Product(**dict(zip(PRODUCT_FIELDS, values, strict=True))), float(at))  # type: ignore[arg-type]  # checked at birth
