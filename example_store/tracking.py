"""TopMail in this shop: one extension object, one adapter, three receivers."""

from __future__ import annotations

from urllib.parse import urljoin

from flask import Flask, current_app, request

import topmail_flask
from example_store import recently_viewed
from example_store.models import Product
from topmail_flask import TopMail, product_viewed, view_delivered, view_dropped

topmail = TopMail()


def init_app(app: Flask) -> None:
    topmail.init_app(app)
    product_viewed.connect(recently_viewed.remember_look, app)
    view_delivered.connect(recently_viewed.note_delivery, app)
    view_dropped.connect(recently_viewed.note_drop, app)


def on_site(path: str) -> str:
    """The absolute address of a path of this shop."""
    return urljoin(current_app.config.get("TOPMAIL_SITE_URL") or request.url_root, path)


# Way 5, the adapter: one function per model says what TopMail gets, wherever a Product is shown.
@topmail.product_adapter(Product)
def product_for_topmail(product: Product) -> topmail_flask.Product:
    chosen = product.variant(request.args.get("variant"))
    return topmail_flask.Product(
        id=product.id,
        name=product.name,
        url=on_site(chosen.path if chosen else product.path),
        variant_id=chosen.sku if chosen else None,
        image_url=on_site(product.picture),
        price=chosen.price if chosen else product.price,
        currency="EUR",
        category=product.category.name,
        brand=product.maker,
        sku=chosen.sku if chosen else None,
    )
