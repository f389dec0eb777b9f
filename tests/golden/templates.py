"""Products that only a template variable shows."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple

from flask import Blueprint, Flask, jsonify, render_template, render_template_string
from flask import stream_template_string as stream
from flask.views import MethodView, View
from jinja2 import DictLoader
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from tests.golden.cases import case
from tests.golden.store import Store
from tests.orm_shop import Article, Base, Category
from topmail_flask import Product

TEA: dict[str, Any] = {"id": "tea-1", "name": "Green tea", "price": "9.90", "currency": "EUR"}
PAGE = "<!doctype html><title>Shop</title><h1>{{ product.name }}</h1><b>{{ product.price }}</b>"
EUR = {"currency": "EUR"}


@dataclasses.dataclass
class Tea:
    id: int
    name: str
    price: Decimal


class Row(NamedTuple):
    id: int
    name: str
    price: str


class Lively:
    """An object whose properties do something."""

    id = 7
    name = "Lively"

    @property
    def price(self) -> str:
        return "3.50"

    @property
    def brand(self) -> str:
        raise LookupError("the database went away")


def shown(
    name: str, context: dict[str, Any], template: str = PAGE, path: str = "/tea", **how: Any
) -> None:
    """A case of one page with this context."""

    @case("templates", name)
    def visit(store: Store) -> None:
        store.open(**how)
        store.page("/<path:rest>", lambda **_: render_template_string(template, **context))
        store.get(path)


shown("a mapping", {"product": TEA})
shown("a variable named item", {"item": TEA}, "<h1>{{ item.name }}</h1>")
shown("product comes before item", {"item": {**TEA, "id": "other"}, "product": TEA})
shown("a dataclass", {"product": Tea(1, "Green tea", Decimal("9.90"))}, **EUR)
shown("a plain object", {"product": SimpleNamespace(slug="g", title="Tea", price=9.9)}, **EUR)
shown("a named tuple", {"product": Row(7, "Green tea", "9.90")}, **EUR)
shown("a Product", {"product": Product("tea", "Green tea", price=Decimal(9), currency="EUR")})
shown("an object whose property raises", {"product": Lively()}, **EUR)
shown("a variable of the store's own name", {"shoe": TEA}, "x", template_variables=["shoe"])
shown("a query argument that names the product", {"product": TEA}, path="/p?id=7&utm_source=m")
shown("a query argument that is kept", {"product": TEA}, path="/p?id=7&x=1", url_args=["id"])
shown("a variant in the query", {"product": TEA}, path="/p?variant=RED-M")
shown("no id but a route", {"product": {"name": "Tea", "price": 3}}, path="/tea/sencha", **EUR)
shown("no currency", {"product": {"id": 1, "name": "Tea", "price": 3}})
shown("no price", {"product": {"id": 1, "name": "Tea"}})
shown("no name", {"product": {"id": 1, "price": 3}})
shown("nothing", {})
shown("None", {"product": None})
shown("a list", {"product": [TEA, TEA]}, "x")
shown("a tuple", {"product": (1, "Tea", 9.9)}, "x")
shown("a text", {"product": "Green tea"}, "x")
shown("a category under the name of item", {"item": SimpleNamespace(id=1, name="Teas")}, "x")
shown("products and a featured one", {"products": [TEA], "featured_product": TEA}, "x")
shown("a price in cents", {"product": {**TEA, "price": 990}}, price_unit="minor")
shown("a price as text with a sign", {"product": {**TEA, "price": "1.234,50 €"}}, "x")
shown("a price that reads both ways", {"product": {**TEA, "price": "1.234"}}, "x", decimal=",")
shown("a sale price", {"product": {**TEA, "sale_price": "7.50"}}, "<b>7.50 €</b>")
shown("a price of zero", {"product": {**TEA, "price": 0}}, "x")
shown("a price in yen", {"product": {**TEA, "price": 980, "currency": "JPY"}}, "x")
shown("a price that cannot be one", {"product": {**TEA, "price": "call us"}}, "x")
shown("an id that is too long", {"product": {**TEA, "id": "1" * 101}}, "x")
shown("an id with a line break", {"product": {**TEA, "id": "1\n2"}}, "x")
shown("a long name", {"product": {**TEA, "name": "Tea of the long day " * 20}}, "x")
shown("emoji and right-to-left", {"product": {**TEA, "name": "🍵 שלום"}}, "{{ product.name }}")
shown("markup in the name", {"product": {**TEA, "name": "<b>Tea</b> & co"}}, "{{ product.name }}")
shown("an image's file name", {"product": {**TEA, "image": "tea.png"}}, "x")
shown("an image below a base", {"product": {**TEA, "image": "t.png"}}, "x", image_base="/media/")
shown("an image's address", {"product": {**TEA, "image_url": "https://cdn.example/t.png"}}, "x")
shown("an image as data", {"product": {**TEA, "image": "data:image/png;base64,AAAA"}}, "x")
shown("brand, category and sku", {"product": {**TEA, "brand": {"name": "Leaf"}, "sku": "S1"}}, "x")
shown("the page's own price stands beside", {"product": TEA}, "<b>9,90 €</b><i>5,00 €</i>")
shown("the page shows another price", {"product": TEA}, "<b class=price>5,00 €</b>")
shown("an address that must be escaped", {"product": TEA}, path='/p/{x}|"q"')
shown("an address that is too long", {"product": TEA}, path="/p/" + "a" * 3000)
shown("a basket", {"product": TEA}, path="/cart")
shown("a back room", {"product": TEA}, path="/admin/products/1")
shown("a form of the back room", {"product": TEA}, path="/products/1/edit")
shown("a store below a path", {"product": TEA}, site_url="https://shop.example/de")
shown("no site address", {"product": TEA}, site_url=None)
shown("no debug header", {"product": TEA}, debug_header=False)


def cards(products: list[dict[str, Any]]) -> str:
    made = [render_template_string("<h2>{{ product.name }}</h2>", product=row) for row in products]
    return render_template_string("{% for card in cards %}{{ card|safe }}{% endfor %}", cards=made)


def nested() -> str:
    def inner() -> str:
        return render_template_string("inner", product={**TEA, "id": "nested"})

    return render_template_string("{{ inner() }}", inner=inner, product=TEA)


def two_renders(ids: tuple[str, str]) -> Callable[[], str]:
    def show() -> str:
        first, second = ids
        render_template_string("first", product={**TEA, "id": first})
        return render_template_string("second", product={**TEA, "id": second})

    return show


async def asynchronous() -> str:
    return render_template_string(PAGE, product=TEA)


class Dispatched(View):
    def dispatch_request(self) -> str:
        return render_template_string(PAGE, product=TEA)


class Methods(MethodView):
    def get(self) -> str:
        return render_template_string(PAGE, product=TEA)

    def post(self) -> str:
        return "bought"


VIEWS: dict[str, Callable[..., Any]] = {
    "a render inside of a render": nested,
    "cards of a listing": lambda: cards([{**TEA, "id": number} for number in range(3)]),
    "two renders of two products": two_renders(("1", "2")),
    "two renders of one product": two_renders(("1", "1")),
    "an asynchronous view": asynchronous,
    "a class": Dispatched.as_view("dispatched"),
    "a class of methods": Methods.as_view("methods"),
    "a streamed template": lambda: stream(PAGE, product=TEA),
    "a streamed listing": lambda: stream("{% for p in ps %}{{ p }}{% endfor %}", ps=[TEA, TEA]),
    "rendered and then sent as JSON": lambda: jsonify(
        page=render_template_string(PAGE, product=TEA)
    ),
}

for view_name, view in VIEWS.items():

    @case("templates", view_name)
    def visit_view(store: Store, view: Callable[..., Any] = view) -> None:
        store.open()
        store.page("/tea", view)
        store.get()


@case("templates", "a file of templates that extend and include")
def visit_files(store: Store) -> None:
    app = store.open()
    files = {
        "base.html": "<!doctype html><title>{% block t %}{% endblock %}</title>",
        "card.html": "<b>{{ item.name }}</b>",
        "tea.html": "{% extends 'base.html' %}{% block t %}{{ product.name }}{% include "
        "'card.html' %}{% endblock %}",
    }
    app.jinja_loader = DictLoader(files)
    store.page("/tea", lambda: render_template("tea.html", product=TEA))
    store.get()


@case("templates", "a variable of a context processor")
def visit_context_processor(store: Store) -> None:
    store.open().context_processor(lambda: {"product": TEA})
    store.page("/tea", lambda: render_template_string(PAGE))
    store.get()


@case("templates", "a blueprint below a prefix")
def visit_blueprint(store: Store) -> None:
    app = store.open()
    catalogue = Blueprint("catalogue", __name__, url_prefix="/catalogue")
    catalogue.add_url_rule("/tea", "tea", lambda: render_template_string(PAGE, product=TEA))
    app.register_blueprint(catalogue)
    store.get("/catalogue/tea")


@case("templates", "an app mounted below a path")
def visit_mounted(store: Store) -> None:
    app = store.open(site_url=None)
    store.page("/tea", lambda: render_template_string(PAGE, product=TEA))
    store.client = Client(DispatcherMiddleware(Flask("front"), {"/store": app}))
    store.get("/store/tea")


@case("templates", "rows of a database by an ORM")
def visit_orm(store: Store) -> None:
    from flask_sqlalchemy import SQLAlchemy

    address = f"sqlite:///{store.directory}/shop.db"
    app = store.open(
        currency="EUR", image_base="/media/", config={"SQLALCHEMY_DATABASE_URI": address}
    )
    db = SQLAlchemy(model_class=Base)
    db.init_app(app)
    with app.app_context():
        db.create_all()
        teas = Category(name="Teas")
        for slug in ("green", "black"):
            row = Article(slug=slug, name=f"{slug} tea", price=9, image="t.png", category=teas)
            db.session.add(row)
        db.session.commit()

    def show(slug: str) -> str:
        row = db.session.execute(db.select(Article).filter_by(slug=slug)).scalar_one()
        return render_template_string(PAGE + "{{ product.category.name }}", product=row)

    def committed() -> str:
        row = db.session.get(Article, 1)
        db.session.commit()
        return render_template_string(PAGE, product=row)

    def listing() -> str:
        rows = list(db.session.scalars(db.select(Article)))
        return render_template_string("{% for p in ps %}{{ p.name }}{% endfor %}", ps=rows)

    store.page("/tea/<slug>", show)
    store.page("/committed", committed)
    store.page("/teas", listing)
    for path in ("/tea/green", "/tea/black", "/committed", "/teas"):
        store.get(path)
    with app.app_context():
        db.engine.dispose()


@case("templates", "a row of sqlite3")
def visit_sqlite_row(store: Store) -> None:
    store.open(currency="EUR")

    def show() -> str:
        rows = sqlite3.connect(":memory:")
        rows.row_factory = sqlite3.Row
        row = rows.execute("SELECT 5 AS id, 'Green tea' AS name, 9.9 AS price").fetchone()
        rows.close()
        return render_template_string(PAGE, product=row)

    store.page("/tea", show)
    store.get()


@case("templates", "a product seen again and again, by two shoppers")
def visit_again(store: Store) -> None:
    store.open()
    store.page("/tea", lambda: render_template_string(PAGE, product=TEA))
    store.page("/pot", lambda: render_template_string(PAGE, product={**TEA, "id": "pot"}))
    for path in ("/tea", "/tea", "/pot", "/tea"):
        store.get(path)
    store.shopper = "bob@shop.example"
    store.get("/tea")
