"""Categories and products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from example_store.accounts import login_manager
from example_store.database import db
from example_store.models import Category, Product, Variant, Waiting
from example_store.structured_data import breadcrumb_markup, product_markup
from example_store.tracking import tell_of, topmail
from topmail_flask import product_page

blueprint = Blueprint("catalogue", __name__, cli_group=None)
ORDERS: dict[str, tuple[str, Callable[[Product], Any]]] = {
    "shop": ("Our order", lambda product: product.position),
    "price": ("Price, low to high", lambda product: product.price),
    "name": ("Name", lambda product: product.name),
}


def load_product(slug: str) -> Product:
    found: Product = db.first_or_404(db.select(Product).filter_by(slug=slug))
    return found


@blueprint.get("/shop/<slug>")
def category(slug: str) -> str:
    order = request.args.get("order", "shop")
    category = db.get_or_404(Category, slug)
    _, key = ORDERS.get(order, ORDERS["shop"])
    return render_template(
        "category.html",
        category=category,
        listed=sorted(category.products, key=key),
        order=order,
        orders={name: label for name, (label, _) in ORDERS.items()},
    )


# Way 1, the marked route: the page's product is the template variable "product", and nothing else.
@blueprint.get("/products/<slug>")
@product_page
def product(slug: str) -> str:
    shown = load_product(slug)
    crumbs = [(shown.category.name, f"/shop/{shown.category_slug}"), (shown.name, shown.path)]
    return render_template(
        "product.html",
        product=shown,
        chosen=shown.variant(request.args.get("variant")),
        related=[other for other in shown.category.products if other is not shown][:4],
        crumbs=crumbs,
        markup=[product_markup(shown), breadcrumb_markup(crumbs)],
    )


# Way 4, an explicit call: a dialog on a listing renders no page, so the view says what was seen.
@blueprint.get("/products/<slug>/quick")
def quick_view(slug: str) -> Response:
    shown = load_product(slug)
    topmail.track(shown)
    return jsonify(_summary(shown))


# Way 6, a marked JSON endpoint: the callable makes the product of the view arguments, so that the
# answer may be cached and needs no template.
@blueprint.get("/api/products/<slug>")
@product_page(load_product)
def product_as_json(slug: str) -> Response:
    return jsonify(_summary(load_product(slug)))


@blueprint.post("/products/<slug>/tell-me")
def tell_me(slug: str) -> AnyResponse:
    """Keep who waits for a variant that is sold out."""
    if not current_user.is_authenticated:
        refused: AnyResponse = login_manager.unauthorized()
        return refused
    shown = load_product(slug)
    variant = shown.variant(request.form.get("sku"))
    if variant is not None and not variant.available:
        db.session.merge(Waiting(sku=variant.sku, email=current_user.email))
        db.session.commit()
        flash(f"We tell you when it is back: {variant.title}.", "done")
    return redirect(shown.path)


@blueprint.cli.command("restock")
@click.argument("sku")
def restock(sku: str) -> None:
    """Put a variant on sale again, and tell those who wait for it."""
    variant = db.session.get_one(Variant, sku)
    variant.available = True
    db.session.commit()
    click.echo(f"{variant.title} is back; {tell_of(variant)} told.")


def _summary(product: Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "name": product.name,
        "maker": product.maker,
        "description": product.description,
        "picture": product.picture,
        "path": product.path,
        "option": product.option,
        "variants": [
            {
                "sku": variant.sku,
                "label": variant.label,
                "price": f"{variant.price:.2f}",
                "currency": "EUR",
                "available": variant.available,
            }
            for variant in product.variants
        ],
    }
