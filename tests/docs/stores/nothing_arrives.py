"""A store where everything happens for which no view arrives."""

import os
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from flask import (
    Flask,
    Response,
    g,
    jsonify,
    render_template,
    render_template_string,
    request,
    session,
)
from jinja2 import DictLoader

from topmail_flask import Product, ProductView, TopMail, product_page
from topmail_flask.beacon.beacon import Beacon
from topmail_flask.core import core_of

TEA = {"id": "tea-1", "name": "Green tea", "price": "9.90"}
CARD = {"id": "card-1", "name": "Gift card", "price": "25.00", "category": "Gift cards"}
LIST = """<script type="application/ld+json">{"@context": "https://schema.org", "@type": "ItemList",
"itemListElement": [{"@type": "Product", "name": "A", "sku": "a", "url": "/a"},
{"@type": "Product", "name": "B", "sku": "b", "url": "/b"}]}</script>"""
OFFER = """<script type="application/ld+json">{"@context": "https://schema.org", "@type":
"Product", "name": "Offer of the week", "sku": "x-1"}</script>"""

app = Flask(__name__)
app.config.update(
    SECRET_KEY="only for the documentation",
    TOPMAIL_API_KEY=os.environ["TOPMAIL_API_KEY"],
    TOPMAIL_BASE_URL=os.environ["SANDBOX"],
    TOPMAIL_SITE_URL="https://shop.example",
    TOPMAIL_CURRENCY="EUR",
    TOPMAIL_DELIVERY="worker",
    TOPMAIL_MAX_PAGE_BYTES=10_000,
    TOPMAIL_DEBUG_HEADER=True,
)
app.config.from_prefixed_env()
app.jinja_loader = DictLoader(
    {
        "base.html": "<title>Shop</title>{% block content %}{% endblock %}",
        "themed.html": "{% extends 'base.html' %}{{ topmail_product(tea) }}",
    }
)
topmail = TopMail(app)


class Jar:
    """A product of a model whose adapter has a mistake in it."""


@topmail.product_adapter(Jar)
def as_product(jar: Jar) -> None:
    raise LookupError


@topmail.shopper_loader
def shopper() -> str | None:
    if "broken" in request.args:
        raise LookupError
    return session.get("email")


@topmail.exclude
def office() -> bool:
    return request.path.startswith("/office/")


@topmail.before_send
def no_gift_cards(view: ProductView) -> ProductView | None:
    return None if view.product.category == "Gift cards" else view


@app.get("/log-in/<email>")
def log_in(email: str) -> str:
    session["email"] = email
    return "<title>Welcome</title>"


def show(product: object) -> str:
    return render_template_string("<title>A product</title>", product=product)


def by_staff() -> str:
    g.user = SimpleNamespace(is_staff=True)
    return show(TEA)


def compared() -> str:
    show(TEA)
    return show(CARD)


def from_cache(age: float) -> str:
    """A page that was made ``age`` seconds ago, as a cache keeps it."""
    older = Beacon(core_of(app), clock=lambda: time.time() - age)
    product = Product("x-1", "Offer of the week", url="https://shop.example/offer")
    return f'{OFFER}<script data-topmail-token="{older.tokens.of_product(product)}"></script>'


def ordered() -> str:
    topmail.track_purchase(request.args["number"], revenue=request.args["revenue"])
    return "Thank you!"


def streamed() -> Response:
    def parts() -> Iterator[str]:
        yield OFFER

    return Response(parts(), mimetype="text/html")


PAGES: dict[str, Callable[..., Any]] = {
    "/": lambda: OFFER,
    "/about": lambda: "<title>About us</title>",
    "/admin/products/green-tea": lambda: show(TEA),
    "/api/green-tea": product_page(lambda: TEA)(lambda: jsonify(TEA)),
    "/cached/hour": lambda: from_cache(3_600),
    "/cached/month": lambda: from_cache(30 * 86_400),
    "/category/tea": lambda: LIST,
    "/compare": compared,
    "/download": lambda: Response("x", headers={"Content-Disposition": "attachment"}),
    "/feed.csv": lambda: Response("id,name", mimetype="text/csv"),
    "/huge": lambda: OFFER + "<p>" * 5_000,
    "/office/green-tea": lambda: show(TEA),
    "/order": ordered,
    "/packed": lambda: Response(b"\x01", headers={"Content-Encoding": "br"}),
    "/products/beacon": lambda: render_template_string("{{ topmail_beacon(tea) }}", tea=TEA),
    "/products/gift-card": lambda: show(CARD),
    "/products/for-staff": by_staff,
    "/products/green-tea": lambda: show(TEA),
    "/products/green-tea/buy": lambda: show(TEA),
    "/products/long-id": product_page("product")(lambda: show({**TEA, "id": "1" * 101})),
    "/products/nameless": product_page("product")(lambda: show({"id": "1"})),
    "/products/odd-id": product_page("product")(lambda: show({**TEA, "id": "1\n2"})),
    "/streamed": streamed,
    "/themed": lambda: render_template("themed.html", tea=TEA),
}
for path, view in PAGES.items():
    app.add_url_rule(path, path.replace(".", "-"), view, methods=["GET", "POST"])
