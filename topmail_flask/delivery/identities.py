"""How shoppers and repeats are told apart in the files, without naming anybody."""

from __future__ import annotations

import hashlib

from topmail_flask.delivery.entries import Entry, Told
from topmail_flask.model.events import ProductView, Purchase
from topmail_flask.model.shopper import Shopper


class Identities:
    """Digests under a secret of the app.

    :param secret: any bytes; the same in every process of the app.
    """

    def __init__(self, secret: bytes) -> None:
        person = b"topmail_shopper"
        key = hashlib.blake2b(secret, digest_size=32, person=person).digest()
        self._keyed = hashlib.blake2b(digest_size=16, key=key)

    def of(self, shopper: Shopper) -> str:
        """Tells the shopper from every other."""
        return self._digest(shopper.identity)

    def repeat(self, identity: str, view: ProductView) -> str:
        """The same for two views of one product and variant by one shopper."""
        return self._digest(f"{identity}\0{view.product.id}\0{view.product.variant_id or ''}")

    def entry(self, told: Told) -> Entry:
        """The entry of a view or a purchase.

        :raises ValueError: it cannot be one, or nobody knows the shopper of the view.
        """
        if isinstance(told, Purchase):
            return Entry.of_purchase(told, identity=self.of(told.shopper))
        identity = self.of(told.shopper) if told.shopper else ""
        return Entry.of_view(told, identity=identity, repeat=self.repeat(identity, told))

    def _digest(self, text: str) -> str:
        digest = self._keyed.copy()  # with the key read already: half of the cost
        digest.update(text.encode())
        return digest.hexdigest()
