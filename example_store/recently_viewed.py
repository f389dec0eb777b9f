"""The "recently viewed" strip: a local hook on ``product_viewed``.

The signal comes when the response is final, too late to change a session cookie. So each browser
gets the name of its shelf before a page is made, and the signal's receiver writes a row to it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from flask import Flask, request, session
from flask_login import current_user
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from example_store.database import db
from example_store.models import Customer, Look
from example_store.models.looks import ANONYMOUS, DELIVERED, ON_ITS_WAY
from topmail_flask import Product, ProductView, Shopper

KEPT_FOR = timedelta(days=30)
BLUEPRINTS_WITH_PRODUCTS = {"catalogue", "gift_sets", "workshops"}


def register_visitors(app: Flask) -> None:
    app.before_request(_give_shelf)


def _give_shelf() -> None:
    if request.blueprint in BLUEPRINTS_WITH_PRODUCTS and "visitor" not in session:
        session["visitor"] = secrets.token_urlsafe(12)


def _shelf() -> str | None:
    if current_user.is_authenticated:
        return f"customer {current_user.id}"
    return session.get("visitor")


def recent_looks(limit: int = 6, without: str | None = None) -> Sequence[Look]:
    """The products that this visitor saw last, each once, newest first.

    :param without: id of the product whose page this is.
    """
    looks = db.session.scalars(
        db.select(Look).filter_by(shelf=_shelf()).order_by(Look.id.desc()).limit(50)
    )
    newest: dict[str, Look] = {}
    for look in looks:
        newest.setdefault(look.product_id, look)
    newest.pop(without or "", None)
    return list(newest.values())[:limit]


def latest_looks(customer: Customer, limit: int = 12) -> Sequence[Look]:
    """A customer's last looks, repeats and all, for the account page."""
    shelf = f"customer {customer.id}"
    return db.session.scalars(
        db.select(Look).filter_by(shelf=shelf).order_by(Look.id.desc()).limit(limit)
    ).all()


def keep_looks_of(customer: Customer) -> None:
    """Move what this browser's visitor saw before to the customer who just logged in."""
    visitor = session.get("visitor")
    if visitor:
        shelf = f"customer {customer.id}"
        db.session.execute(update(Look).where(Look.shelf == visitor).values(shelf=shelf))
        db.session.commit()


def remember_look(
    _app: Flask, *, view: ProductView, product: Product, shopper: Shopper | None, **_told: object
) -> None:
    """Receives ``product_viewed``: with a known shopper and without one."""
    shelf = _shelf()
    if shelf is None:
        return
    address = urlsplit(product.url or request.path)
    look = Look(
        shelf=shelf,
        view_key=view.key,
        product_id=product.id,
        name=product.name,
        path=f"{address.path}?{address.query}".rstrip("?"),
        picture=urlsplit(product.image_url).path if product.image_url else None,
        price=product.price,
        state=ON_ITS_WAY if shopper else ANONYMOUS,
    )
    # A session of its own: what the page left uncommitted in db.session is none of our business.
    with Session(db.engine) as own:
        own.execute(delete(Look).where(Look.seen_at < datetime.now(UTC) - KEPT_FOR))
        own.add(look)
        own.commit()


def note_delivery(_app: Flask, *, view: ProductView, **_told: object) -> None:
    """Receives ``view_delivered``, long after the request, on another thread."""
    _set_state(view.key, DELIVERED)


def note_drop(_app: Flask, *, view: ProductView | None, reason: object, **_told: object) -> None:
    """Receives ``view_dropped``: at once, or when TopMail refused the view."""
    if view is not None and view.shopper is not None:
        _set_state(view.key, f"not sent: {reason}")


def _set_state(view_key: str, state: str) -> None:
    with Session(db.engine) as own:
        own.execute(update(Look).where(Look.view_key == view_key).values(state=state))
        own.commit()
