"""How shoppers and repeats are told apart in the files, without naming anybody."""

from __future__ import annotations

import hashlib

from topmail_flask.domain.product_view import ProductView
from topmail_flask.domain.shopper import Shopper


class Identities:
    """Digests under a secret of the app.

    :param secret: any bytes; the same in every process of the app.
    """

    def __init__(self, secret: bytes) -> None:
        person = b"topmail_shopper"
        self._key = hashlib.blake2b(secret, digest_size=32, person=person).digest()

    def of(self, shopper: Shopper) -> str:
        """Tells the shopper from every other."""
        return self._digest(shopper.identity)

    def repeat(self, identity: str, view: ProductView) -> str:
        """The same for two views of one product and variant by one shopper."""
        return self._digest(f"{identity}\0{view.product.id}\0{view.product.variant_id or ''}")

    def _digest(self, text: str) -> str:
        return hashlib.blake2b(text.encode(), digest_size=16, key=self._key).hexdigest()
