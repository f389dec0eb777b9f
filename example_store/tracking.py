"""TopMail in this shop: one extension object, one adapter, and consent; its signals: viewed.py.

Beyond the pages: a basket that is left, and what is back in stock, each start an automation.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from flask import Flask, current_app, request

import topmail_flask
from example_store import consent
from example_store.basket import basket_in_session, basket_name
from example_store.database import db
from example_store.models import Product, Variant, Waiting
from topmail_flask import TopMail

topmail = TopMail()
topmail.consent(consent.consents)


def init_app(app: Flask) -> None:
    topmail.init_app(app)
    app.add_template_global(variants_for_topmail)


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


# Way 7, the beacon: the product page's browser tells when it is shown, and which variant is chosen.
def variants_for_topmail(product: Product) -> list[dict[str, Any]]:
    """What each variant that can be bought has else than its product."""
    return [
        {
            "variant_id": variant.sku,
            "sku": variant.sku,
            "price": variant.price,
            "url": on_site(variant.path),
        }
        for variant in product.variants
        if variant.available and product.option
    ]


def remind_of_basket() -> None:
    """A mail about a basket that is left alone; whatever happens to the basket puts it off."""
    topmail.cancel(basket_name())
    if lines := basket_in_session().lines:
        topmail.trigger(
            "basket_left",
            data={"items": [{"sku": line.sold.sku, "quantity": line.quantity} for line in lines]},
            once=basket_name(),
            after=current_app.config["BASKET_LEFT_AFTER"],
        )


def tell_of(variant: Variant) -> int:
    """Tell all who wait for it that it is back; returns how many they are."""
    waiting = db.session.scalars(db.select(Waiting).filter_by(sku=variant.sku)).all()
    for each in waiting:
        topmail.trigger(
            "back_in_stock",
            shopper=each.email,
            data={"sku": variant.sku, "title": variant.title},
            once=f"{variant.sku}-{each.asked_at:%Y-%m-%d}",
        )
        db.session.delete(each)
    db.session.commit()
    return len(waiting)
