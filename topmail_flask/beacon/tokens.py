"""Signed products: what a page may hold for everybody to see, and nobody can change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from itsdangerous import BadData, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import PRODUCT_FIELDS, Product
from topmail_flask.model.reasons import Reason

PRODUCT_LIMIT, VARIANT_LIMIT = 1400, 550
"""Characters of a token: both together fit into one message of the beacon."""
_SALT = "topmail_flask.beacon"
# What a view can do without, the longest first.
_DISPENSABLE = ("image_url", "category", "brand", "sku")
_OF = "of"


@dataclass(frozen=True, slots=True)
class SignedProduct:
    """What a token says.

    :ivar issued_at: when the page was rendered, in whole seconds since the epoch.
    """

    product: Product
    issued_at: float


class Tokens:
    """Signs products for pages, and reads them when they come back.

    A token holds a product and the time, nothing about anybody: whoever gets the page may see it,
    and a cache may keep it.

    :param keys: the app's secrets, the oldest first: the last one signs, all are accepted.
    :param max_age: seconds after which a token is not accepted any more.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self, keys: Sequence[str | bytes], max_age: float, clock: Callable[[], float] = time.time
    ) -> None:
        class Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock())

        known = [key.encode() if isinstance(key, str) else key for key in keys]
        self._max_age = int(max_age)
        self._products, self._variants = (
            URLSafeTimedSerializer(known, salt=f"{_SALT}.{kind}", signer=Signer)
            for kind in ("product", "variant")
        )

    def of_product(self, product: Product) -> str | None:
        """The token of a product; without a picture or labels if it would be too long.

        :returns: None if it is too long all the same: its address is.
        """
        values = _values(product)
        for spared in ("", *_DISPENSABLE):
            values.pop(spared, None)
            token = _text(self._products.dumps(values))
            if len(token) <= PRODUCT_LIMIT:
                return token
        return None

    def of_variant(self, variant: Product, product: Product) -> str | None:
        """The token of a variant: what it has else than ``product``, with whose token it is read.

        :returns: None if it is too long.
        """
        own, base = _values(variant), _values(product)
        other = {name: own.get(name) for name in PRODUCT_FIELDS if own.get(name) != base.get(name)}
        for spared in ("", *_DISPENSABLE):
            other.pop(spared, None)
            token = _text(self._variants.dumps({_OF: product.id, **other}))
            if len(token) <= VARIANT_LIMIT:
                return token
        return None

    def read(self, token: str, variant: str = "") -> SignedProduct | Reason:
        """The product of a token, or of the variant chosen on its page; or why it is none."""
        try:
            values, issued_at = self._products.loads(
                token, max_age=self._max_age, return_timestamp=True
            )
            if variant:
                chosen = self._variants.loads(variant, max_age=self._max_age)
                if chosen.pop(_OF, None) != values["id"]:
                    return Reason.BEACON_REFUSED
                values |= chosen
            return SignedProduct(Product.from_fields(values), issued_at.timestamp())
        except SignatureExpired:
            return Reason.BEACON_EXPIRED
        except (BadData, InvalidValueError):
            return Reason.BEACON_REFUSED


def _values(product: Product) -> dict[str, Any]:
    values = {name: getattr(product, name) for name in PRODUCT_FIELDS}
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value
        for name, value in values.items()
        if value is not None
    }


def _text(token: str | bytes) -> str:
    return token if isinstance(token, str) else token.decode()
