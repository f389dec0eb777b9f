"""What a customer looked at and what became of each look, for the account page: local hooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from flask import Flask, request
from flask_login import current_user
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from example_store.database import db
from example_store.models import Customer, Look
from example_store.models.looks import DELIVERED, ON_ITS_WAY
from topmail_flask import Product, ProductView, Shopper

KEPT_FOR = timedelta(days=30)


def latest_looks(customer: Customer, limit: int = 12) -> Sequence[Look]:
    """A customer's last looks, repeats and all."""
    shelf = f"customer {customer.id}"
    return db.session.scalars(
        db.select(Look).filter_by(shelf=shelf).order_by(Look.id.desc()).limit(limit)
    ).all()


def remember_look(
    _app: Flask, *, view: ProductView, product: Product, shopper: Shopper | None, **_told: object
) -> None:
    """Receives ``product_viewed``: with a known shopper and without one."""
    if shopper is None or not current_user.is_authenticated:
        return
    address = urlsplit(product.url or request.path)
    look = Look(
        shelf=f"customer {current_user.id}",
        view_key=view.key,
        product_id=product.id,
        name=product.name,
        path=f"{address.path}?{address.query}".rstrip("?"),
        picture=urlsplit(product.image_url).path if product.image_url else None,
        price=product.price,
        state=ON_ITS_WAY,
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
