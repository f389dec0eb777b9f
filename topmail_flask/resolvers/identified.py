"""The shopper whom the store itself named in this browser: at a sign-up, or by a link in a mail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.shopper import Shopper
from topmail_flask.resolvers.sealing import Sealer

COOKIE = "topmail_shopper"
NAMED = "topmail_flask.named"
"""Key of the environ: whom this very request named (:class:`Identity`), or :data:`NOBODY`."""
_CLOCKS_DIFFER = 60.0
"""Seconds that the clocks of two machines of a store may lie apart."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A shopper, and how the store knows.

    :ivar at: when the shopper was named, in seconds since the epoch.
    :ivar by_link: by a signed link, which may have been forwarded; else by the shop's own code.
    """

    shopper: Shopper
    at: float
    by_link: bool = False

    def sealed(self, sealer: Sealer) -> str:
        """As the value of a cookie or of a link's argument; without the shopper's names."""
        told = [int(self.at), self.by_link, self.shopper.email, self.shopper.contact_id]
        return sealer.seal(json.dumps(told, separators=(",", ":")).encode())

    @classmethod
    def opened(cls, sealed: str, sealer: Sealer) -> Identity | None:
        """The identity of a sealed text, or None if this shop did not seal it for that."""
        content = sealer.open(sealed)
        if content is None:
            return None
        try:
            at, by_link, email, contact_id = json.loads(content)
            return cls(Shopper(email, contact_id), float(at), bool(by_link))
        except (InvalidValueError, TypeError, ValueError):
            return None

    def is_of_age(self, now: float, limit: float) -> bool:
        """Whether it was told within ``limit`` seconds before ``now``."""
        return -_CLOCKS_DIFFER <= now - self.at <= limit


NOBODY = None
"""What :data:`NAMED` holds once the shop forgot the browser's shopper."""


def may_be_identified(environ: Mapping[str, Any]) -> bool:
    """Whether to ask further; tells at once of a request that has nothing to do with it."""
    return COOKIE in environ.get("HTTP_COOKIE", "") or NAMED in environ
