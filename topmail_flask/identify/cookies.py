"""What a shopper's browser keeps for the store: who it is, and what was seen in this visit."""

from __future__ import annotations

import json
import time
import zlib
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from flask import Flask, Request, Response
from werkzeug.http import parse_date

from topmail_flask.identify.sealing import Sealer
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import ProductView
from topmail_flask.model.identity import digest, visit_id
from topmail_flask.model.product import PRODUCT_FIELDS, Product
from topmail_flask.model.shopper import Shopper

_FOR_A_CDN = ("CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Surrogate-Control")
VISIT_COOKIE = "topmail_looks"
ENDS_AFTER = 30 * 60.0
"""Seconds without a view after which a visit is over, as web analytics count visits."""
_LONGEST = 3500
"""Characters: browsers keep 4,096 bytes of a cookie, its name and attributes included."""
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
        values = [int(self.at), self.by_link, self.shopper.email, self.shopper.contact_id]
        return sealer.seal(json.dumps(values, separators=(",", ":")).encode())

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


@dataclass(frozen=True, slots=True)
class PendingView:
    """A product that was seen, as it was then.

    :ivar at: when, in seconds since the epoch.
    """

    product: Product
    at: float

    def view(self, shopper: Shopper, secret: bytes, user_agent: str) -> ProductView:
        """The view, now that the shopper is known.

        Its idempotency key follows from what was seen: two tabs that tell of it at the same moment
        make one view.
        """
        product, identity = self.product, shopper.identity
        drawn = digest(
            secret, "look", identity, product.id, product.variant_id or "", repr(self.at)
        )
        session_id = visit_id(secret, identity, user_agent, self.at)
        return ProductView(product, shopper, str(UUID(drawn)), self.at, session_id)

    def row(self) -> list[object]:
        """As the cookie has it."""
        values = [getattr(self.product, name) for name in PRODUCT_FIELDS]
        return [
            int(self.at),
            *(str(value) if isinstance(value, Decimal) else value for value in values),
        ]

    @classmethod
    def of_row(cls, row: list[object]) -> PendingView:
        """The same again.

        :raises ValueError: the row is none, or holds what cannot be a product.
        """
        at, *values = row
        if not isinstance(at, int):
            raise ValueError("a view has its time")
        return cls(Product(**dict(zip(PRODUCT_FIELDS, values, strict=True))), float(at))  # type: ignore[arg-type]  # checked at birth


def with_view(
    views: tuple[PendingView, ...], view: PendingView, most: int
) -> tuple[PendingView, ...]:
    """The last ``most`` views, oldest first, each product (and variant) once: as last seen."""
    chosen = view.product.id, view.product.variant_id
    others = [other for other in views if (other.product.id, other.product.variant_id) != chosen]
    return (*others, view)[-most:]


def sealed_views(views: tuple[PendingView, ...], sealer: Sealer) -> str:
    """The views as a cookie's value; where that is too long, without the oldest ones."""
    while views:
        rows = [view.row() for view in views]
        text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
        value = sealer.seal(zlib.compress(text.encode(), 9))
        if len(value) <= _LONGEST:
            return value
        views = views[1:]
    return ""


def opened_views(value: str | None, sealer: Sealer, now: float) -> tuple[PendingView, ...]:
    """The views of a cookie; none if the visit is over or the cookie is not this shop's."""
    content = sealer.open(value) if value else None
    if content is None:
        return ()
    try:
        views = tuple(PendingView.of_row(row) for row in json.loads(zlib.decompress(content)))
    except (InvalidValueError, TypeError, ValueError, zlib.error):
        return ()
    return views if views and now - views[-1].at <= ENDS_AFTER else ()


def is_for_everybody(response: Response) -> bool:
    """Whether a shared cache may keep the response: then a cookie on it would be everybody's."""
    if any(name in response.headers for name in _FOR_A_CDN):
        return True
    control = response.cache_control
    if control.no_store or control.private:
        return False
    if control.public or control.s_maxage or control.max_age:
        return True
    expires = parse_date(response.headers.get("Expires"))
    return expires is not None and expires.timestamp() > time.time()


def set_cookie(
    app: Flask, request: Request, response: Response, name: str, value: str, max_age: float | None
) -> None:
    """Set a cookie that no script reads and no foreign page sends along.

    ``SameSite=Lax`` whatever the session has: the way into the store from a mail is a link.

    :param max_age: seconds of its life; None: as long as the browser is open.
    """
    sessions = app.session_interface
    response.set_cookie(
        name,
        value,
        max_age=None if max_age is None else int(max_age),
        path=sessions.get_cookie_path(app),
        domain=sessions.get_cookie_domain(app),
        secure=request.is_secure or sessions.get_cookie_secure(app),
        httponly=True,
        samesite="Lax",
    )
    response.vary.add("Cookie")


def delete_cookie(app: Flask, request: Request, response: Response, name: str) -> None:
    """Delete a cookie that :func:`set_cookie` set, if the browser sent it."""
    if name in request.cookies:
        set_cookie(app, request, response, name, "", 0)
