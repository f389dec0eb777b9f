"""Front page, search and the page about the shop: listings, so never a product view."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from sqlalchemy import or_

from example_store.database import db
from example_store.models import Category, GiftSet, Product, Workshop

blueprint = Blueprint("storefront", __name__)


@blueprint.get("/")
def home() -> str:
    featured = db.session.scalars(db.select(Product).filter_by(featured=True)).all()
    return render_template(
        "home.html",
        featured=featured,
        gift_sets=db.session.scalars(db.select(GiftSet)).all(),
        workshops=db.session.scalars(db.select(Workshop)).all(),
    )


@blueprint.get("/search")
def search() -> str:
    words = request.args.get("q", "").strip()[:100]
    return render_template("search.html", words=words, found=_find(words) if words else [])


def _find(words: str) -> list[Product]:
    query = db.select(Product).join(Category)
    for word in words.split():
        fields = (Product.name, Product.maker, Product.description, Category.name)
        query = query.where(or_(*(field.icontains(word, autoescape=True) for field in fields)))
    return list(db.session.scalars(query.order_by(Product.name)))


@blueprint.get("/about")
def about() -> str:
    return render_template("about.html")
