"""Products in the shapes that developers give them, on pages that show them."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from flask import jsonify, render_template_string
from flask.views import MethodView

from tests.shop import Shop, make_shop
from topmail_flask import product_page

SETTINGS = {"TOPMAIL_CURRENCY": "EUR", "TOPMAIL_SITE_URL": "https://shop.example"}
SITE = "https://shop.example"


class Text:
    def __init__(self, text: str) -> None:
        self.code = text

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal
    currency: Text


@dataclass(frozen=True, slots=True)
class Hat:
    id: int
    name: str
    price: Decimal
    image: str = "x.jpg"


Row = namedtuple("Row", "id name price")


class Slotted:
    __slots__ = ("category", "id", "name", "price")

    def __init__(self) -> None:
        self.id, self.name, self.price = 6, "Hat", 7
        self.category = SimpleNamespace(nombre="Sombreros")


class Legacy:
    id, title, unit_price = 16, "Old", Decimal("7.50")

    def price(self) -> Decimal:
        return self.unit_price


def hat(**more: Any) -> dict[str, Any]:
    return {"id": 1, "name": "Hat", **more}


SHAPES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "money of another currency": (
        SimpleNamespace(**hat(price=Money(Decimal("12.5"), Text("USD")))),
        "<h1>Hat</h1><b>$12.50</b>",
        {"price": 12.5, "currency": "USD"},
    ),
    "a text with its code, right behind the heading": (
        hat(price="EUR 1.299,00"), "<h1>Hat</h1><b>EUR 1.299,00</b>", {"price": 1299},
    ),
    "a dataclass with slots": (
        Hat(3, "Hat", Decimal("4.20")), "<b class=price>4.20</b><img src=/m/x.jpg>",
        {"price": 4.2, "image_url": SITE + "/m/x.jpg"},
    ),
    "a named tuple": (Row(5, "Hat", 6.5), "<b>6,50 €</b>", {"id": "5", "price": 6.5}),
    "a category in another language": (
        Slotted(), "<b>7 €</b>", {"price": 7, "category": "Sombreros"},
    ),
    "a method called price": (Legacy(), "<b>€7.50</b>", {"id": "16", "price": 7.5}),
    "related pictures": (
        hat(price=5, images=[SimpleNamespace(url="/i/1.jpg")]), "<b>€5</b><img src=/i/1.jpg>",
        {"price": 5, "image_url": SITE + "/i/1.jpg"},
    ),
    "pictures as JSON": (
        hat(price=5, images='["a.jpg"]'), "<b>€5</b><img src=/i/a.jpg>",
        {"image_url": SITE + "/i/a.jpg"},
    ),
    "a picture of a service, without ending": (
        hat(price=5, image="cover_77"), "<b>€5</b><img src='https://cdn.example/up/cover_77.webp'>",
        {"image_url": "https://cdn.example/up/cover_77.webp"},
    ),
    "a sale in percent": (hat(price=80, sale=25), "<s>€80</s> <b>€60</b>", {"price": 60}),
    "a sale as a flag": (hat(price=80, sale=True), "<b>€80</b>", {"price": 80}),
    "no sale yet": (hat(price=80, sale_price=0), "<b>€80.00</b>", {"price": 80}),
    "cents by accident": (hat(price=1250), "<b>€12.50</b>", {"price": None}),
    "tax added by the template": (hat(price=100), "<b>€119.00</b> incl. VAT", {"price": None}),
    "a price like its rating": (
        hat(price=4.5, rating=4.5), "<b>4.5 stars</b><i>€9</i>", {"price": None},
    ),
    "a price like the shipping": (
        hat(price=5), "<b>€49</b> <small>Shipping: €5</small>", {"price": None},
    ),
    "nested prices": (
        hat(price={"current": 5, "original": 9}), "<b>€5</b><s>€9</s>", {"price": 5},
    ),
    "prefixed names": (
        {"prod_id": 22, "prod_name": "Hat", "prod_price": 5}, "<b>€5</b>",
        {"id": "22", "name": "Hat", "price": 5},
    ),
    "prefixed names in camel case": (
        {"productId": 22, "productName": "Hat", "productPrice": 5, "productImage": "z.jpg"},
        "<b>€5</b><img src='/i/z.jpg'>", {"id": "22", "price": 5, "image_url": SITE + "/i/z.jpg"},
    ),
    "Portuguese": (
        {"codigo": "c1", "titulo": "Chapéu", "preco": 9.9, "imagem": "s.png"},
        "<b>9,90 €</b><img src=/u/s.png>", {"id": "c1", "name": "Chapéu", "price": 9.9},
    ),
    "French figures": (hat(price=1299.5), "<b>1&nbsp;299,50&nbsp;€</b>", {"price": 1299.5}),
    "raised cents": (hat(price="19.95"), "<b>€19<sup>95</sup></b>", {"price": 19.95}),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_the_view_says_what_the_page_shows(shape: str) -> None:
    value, markup, expected = SHAPES[shape]
    shop = make_shop(SETTINGS)
    shop.app.add_url_rule("/hat", view_func=lambda: render_template_string(markup, product=value))
    assert shop.get("/hat").status_code == 200
    ((product, _),) = shop.looks
    for name, wanted in expected.items():
        found = getattr(product, name)
        assert found == (Decimal(str(wanted)) if wanted and name == "price" else wanted), name


def inspected(shop: Shop, path: str) -> str:
    runner = shop.app.test_cli_runner()
    return runner.invoke(args=["topmail", "inspect", path, "--as", "ann@shop.example"]).output


def test_each_mistake_of_a_newcomer_gets_the_line_that_mends_it() -> None:
    shop = make_shop(SETTINGS)
    told: dict[str, tuple[dict[str, Any], Any, str]] = {
        "mug": ({"mug": hat(price=5)}, None, '@product_page("mug")'),
        "mark": ({"tea": hat(price=5)}, product_page("product"), '@product_page("tea")'),
        "request": ({"product": hat(price="on request")}, None, "without a price"),
        "cost": ({"product": hat(cost=5)}, None, 'fields={"price": "cost"}'),
        "no-id": ({"product": {"name": "Hat", "price": 5}}, None, 'fields={"id": ...}'),
        "tuple": ({"product": (1, "Hat", 5)}, None, 'fields={"id": 0, "name": 1, "price": 2}'),
        "none": ({"product": None}, None, "404"),
        "place": ({"product": hat(price=5)}, product_page(fields={"price": "preis"}), "'preis'"),
    }
    for name, (context, mark, _) in told.items():

        def view(context: dict[str, Any] = context) -> str:
            return render_template_string("<h1>Hat</h1>", **context)

        shop.app.add_url_rule(f"/{name}", name, mark(view) if mark else view)
    said = {name: inspected(shop, f"/{name}") for name in told}
    for name, (_, _, cure) in told.items():
        assert cure in said[name], said[name]
    assert len({output.split("rejected:")[1] for output in said.values()}) == len(told)


def test_views_that_are_classes_and_languages_in_the_address_change_nothing() -> None:
    shop = make_shop(SETTINGS)

    class Page(MethodView):
        def get(self, lang: str, slug: str) -> str:
            return render_template_string("<b>€5</b>", product=hat(price=5), lang=lang, slug=slug)

        def post(self, lang: str, slug: str) -> Any:
            return jsonify(lang=lang, slug=slug)

    shop.app.add_url_rule("/<lang>/hats/<slug>", view_func=Page.as_view("hats"))
    shop.get("/de/hats/top")
    shop.app.test_client().post("/de/hats/top")
    assert [product.url for product, _ in shop.looks] == [SITE + "/de/hats/top"]
