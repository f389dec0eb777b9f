"""What a visitor viewed, by TopMail's signals: the strip "You looked at" and the account page.

An anonymous visitor's products are in a signed cookie that ends with the browser's session; a
customer's are in the shop's database. The signal is sent for nobody who said no.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, current_app, request
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import delete, func, update
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from example_store.database import db
from example_store.models import Customer, GiftSet, Product, ViewedProduct, Workshop
from example_store.models.viewed import AGAIN, DELIVERED, ON_ITS_WAY
from topmail_flask import Product as SeenProduct
from topmail_flask import ProductView, Reason, product_viewed, view_delivered, view_dropped

COOKIE = "viewed"
KEPT = 12
KEPT_FOR = timedelta(days=30)


def init_app(app: Flask) -> None:
    product_viewed.connect(remember_view, app)
    view_delivered.connect(note_delivery, app)
    view_dropped.connect(note_drop, app)
    app.add_template_global(recently_viewed)


def remember_view(
    _app: Flask, *, view: ProductView, product: SeenProduct, response: Response, **_extra: object
) -> None:
    """Receives ``product_viewed``: with a known shopper and without one."""
    if current_user.is_authenticated:
        _remember_for_customer(current_user.id, view.key, product)
    else:
        others = [product_id for product_id in _ids_in_cookie() if product_id != product.id]
        _set_cookie(response, [product.id, *others][:KEPT])


def recently_viewed(current: object = None, limit: int = 6) -> list[Any]:
    """What this visitor viewed, newest first.

    :param current: what the page itself shows; it is left out.
    """
    ids = [product_id for product_id in _ids() if product_id != getattr(current, "id", None)]
    found = {
        shown.id: shown
        for model in (Product, GiftSet, Workshop)
        for shown in db.session.scalars(db.select(model).where(model.id.in_(ids[:KEPT])))
    }
    return [found[product_id] for product_id in ids if product_id in found][:limit]


def forget_views(response: Response) -> None:
    """The browser forgets: after a log-out, and after a no."""
    if COOKIE in request.cookies:
        response.delete_cookie(COOKIE, httponly=True, samesite="Lax")


def forget_views_of(customer: Customer) -> None:
    """The shop forgets what a customer viewed: after a no."""
    db.session.execute(delete(ViewedProduct).where(ViewedProduct.customer_id == customer.id))
    db.session.commit()


def latest_views(customer: Customer, limit: int = 12) -> Sequence[ViewedProduct]:
    """A customer's last views, repeats and all, for the account page."""
    mine = db.select(ViewedProduct).filter_by(customer_id=customer.id)
    return db.session.scalars(mine.order_by(ViewedProduct.id.desc()).limit(limit)).all()


def note_delivery(_app: Flask, *, view: ProductView, **_extra: object) -> None:
    """Receives ``view_delivered``, long after the request, on another thread."""
    _set_state(view.key, DELIVERED)


def note_drop(_app: Flask, *, view: ProductView | None, reason: object, **_extra: object) -> None:
    """Receives ``view_dropped``: at once, or when TopMail refused the view."""
    if view is not None and view.shopper is not None:
        _set_state(view.key, AGAIN if reason == Reason.REPEAT else f"not sent: {reason}")


def _ids() -> list[str]:
    """A customer's from the database; before them what the same browser saw without a log-in."""
    ids = _ids_in_cookie()
    if current_user.is_authenticated:
        newest = func.max(ViewedProduct.id).desc()
        mine = db.select(ViewedProduct.product_id).filter_by(customer_id=current_user.id)
        mine = mine.group_by(ViewedProduct.product_id).order_by(newest).limit(KEPT)
        ids = [*db.session.scalars(mine), *ids]
    return list(dict.fromkeys(ids))


def _ids_in_cookie() -> list[str]:
    try:
        return list(_signer().loads(request.cookies.get(COOKIE, "")))
    except BadSignature:
        return []


def _set_cookie(response: Response, ids: list[str]) -> None:
    signed = _signer().dumps(ids)
    response.set_cookie(COOKIE, signed, secure=request.is_secure, httponly=True, samesite="Lax")


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt=COOKIE)


def _remember_for_customer(customer_id: int, view_key: str, product: SeenProduct) -> None:
    address = urlsplit(product.url or request.path)
    viewed = ViewedProduct(
        customer_id=customer_id,
        view_key=view_key,
        product_id=product.id,
        name=product.name,
        path=f"{address.path}?{address.query}".rstrip("?"),
        picture=urlsplit(product.image_url).path if product.image_url else None,
        price=product.price,
        state=ON_ITS_WAY,
    )
    # A session of its own: what the page left uncommitted in db.session is none of our business.
    with Session(db.engine) as own:
        own.execute(
            delete(ViewedProduct).where(ViewedProduct.seen_at < datetime.now(UTC) - KEPT_FOR)
        )
        own.add(viewed)
        own.commit()


def _set_state(view_key: str, state: str) -> None:
    with Session(db.engine) as own:
        found = update(ViewedProduct).where(ViewedProduct.view_key == view_key)
        own.execute(found.values(state=state))
        own.commit()
