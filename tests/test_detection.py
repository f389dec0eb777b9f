"""Which product a page of a Flask store shows, with no line, one line, or an explicit call."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from flask import Response, jsonify, render_template_string

from tests.shop import TEA, TEMPLATE, Shop, make_shop
from topmail_flask import Product, product_page

EUR = {"TOPMAIL_CURRENCY": "EUR"}


@dataclasses.dataclass
class Tea:
    id: int
    name: str
    price: Decimal


class Row(NamedTuple):
    id: int
    name: str
    price: str


TEAS: list[Any] = [
    TEA,
    Tea(1, "Green tea", Decimal("9.90")),
    SimpleNamespace(slug="green", title="Green tea", price=9.9),
    Row(7, "Green tea", "9.90"),
    Product("tea", "Green tea", price=Decimal("9.90"), currency="EUR"),
]


def shop_that_renders(template: str = TEMPLATE, **context: Any) -> Shop:
    shop = make_shop(EUR, shopper="ann@shop.example")

    @shop.app.get("/tea")
    def show() -> str:
        return render_template_string(template, **context)

    return shop


@pytest.mark.parametrize("product", TEAS, ids=lambda tea: type(tea).__name__)
@pytest.mark.parametrize("variable", ["product", "item"])
def test_a_template_with_a_product_is_tracked_with_no_line_at_all(
    product: Any, variable: str
) -> None:
    shop = shop_that_renders("<p>", **{variable: product})
    shop.get("/tea?utm_source=mail")
    (seen, shopper) = shop.looks[0]
    assert len(shop.looks) == 1
    assert seen.name == "Green tea"
    assert (seen.price, seen.currency) == (Decimal("9.90"), "EUR")
    assert seen.url == "http://localhost/tea"
    assert shopper is not None
    assert shopper.email == "ann@shop.example"


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"product": None},
        {"product": [TEA, TEA]},
        {"products": [TEA], "featured_product": TEA},
        {"item": SimpleNamespace(id=1, name="A category")},
        {"product": SimpleNamespace(name="No id", price=1)},
        {"product": (1, "Tea", 9.9)},
        {"product": "Green tea"},
    ],
)
def test_look_alikes_are_no_products(context: dict[str, Any]) -> None:  # T1, T2
    shop = shop_that_renders("<p>", **context)
    shop.get("/tea")
    assert shop.looks == []
    assert set(shop.reasons) <= {"no_product", "incomplete"}


def test_the_configured_variable_is_a_product_too() -> None:
    shop = make_shop({**EUR, "TOPMAIL_TEMPLATE_VARIABLES": ["shoe"]})
    shop.app.add_url_rule("/shoe", "shoe", lambda: render_template_string("x", shoe=TEA))
    shop.get("/shoe")
    assert shop.looked_at == ["tea-1"]


def test_a_marked_route_needs_no_price_and_maps_odd_rows() -> None:
    shop = make_shop({"TOPMAIL_PRODUCT_URL": "https://tea.example/teas/{id}"})

    @shop.app.get("/a")
    @product_page
    def priceless() -> str:
        return render_template_string("x", product={"id": 1, "name": "Tea"})

    @shop.app.get("/b")
    @product_page("row", fields={"id": 0, "name": 1})
    def row() -> str:
        return render_template_string("x", row=(2, "Tea"))

    @shop.app.get("/json/<int:number>")
    @product_page(lambda number: {"id": number, "name": "Tea"})
    def endpoint(number: int) -> Response:
        return jsonify(id=number)

    shop.get("/a")
    shop.get("/b")
    shop.get("/json/3", headers={"X-Requested-With": "XMLHttpRequest"})
    assert shop.looked_at == ["1", "2", "3"]
    assert shop.looks[2][0].url == "https://tea.example/teas/3"


def test_a_loader_may_ask_for_the_response() -> None:
    shop = make_shop({"TOPMAIL_PRODUCT_URL": lambda product: f"/teas/{product.id}"})

    @shop.app.get("/json/<number>")
    @product_page(lambda response: response.get_json())
    def endpoint(number: str) -> Response:
        return jsonify(id=number, name="Tea")

    shop.get("/json/9")
    assert shop.looked_at == ["9"]


def test_a_template_call_and_an_explicit_track_declare_the_product() -> None:
    shop = make_shop({"TOPMAIL_PRODUCT_URL": "https://tea.example/teas/{id}"})

    @shop.app.get("/template")
    def template() -> str:
        return render_template_string("[{{ topmail_product(tea) }}]", tea=TEA)

    @shop.app.get("/quick-view")
    def quick_view() -> Response:
        shop.topmail.track({"id": "quick", "name": "Tea"})
        return jsonify(ok=True)

    assert shop.get("/template").text == "[]"
    shop.get("/quick-view")
    assert shop.looked_at == ["tea-1", "quick"]


def test_an_adapter_serves_a_model_and_its_subclasses() -> None:
    class Model:
        code, label = "m-1", "Tea"

    class Special(Model):
        code = "m-2"

    shop = make_shop()

    @shop.topmail.product_adapter(Model)
    def adapt(model: Model) -> Product:
        return Product(model.code, model.label)

    shop.app.add_url_rule("/a", "a", lambda: render_template_string("x", product=Model()))
    shop.app.add_url_rule("/b", "b", lambda: render_template_string("x", item=Special()))
    shop.get("/a")
    shop.get("/b")
    assert shop.looked_at == ["m-1", "m-2"]


def test_however_many_ways_name_a_product_it_is_one_view() -> None:  # F123
    shop = make_shop()
    page = """<script type="application/ld+json">{"@type": "Product", "@context":
    "https://schema.org", "name": "Green tea", "sku": "tea-1", "brand": "Leaf",
    "offers": {"price": 5, "priceCurrency": "EUR"}}</script>{{ topmail_product(product) }}"""

    @shop.app.get("/")
    @product_page
    def show() -> str:
        shop.topmail.track(TEA)
        return render_template_string(page, product=TEA)

    shop.get("/")
    assert shop.looked_at == ["tea-1"]
    assert shop.looks[0][0].brand == "Leaf"


def test_two_products_tracked_on_one_page_are_two_views() -> None:  # F124
    shop = make_shop()

    @shop.app.get("/")
    def compare() -> str:
        for number in (1, 2, 1):
            shop.topmail.track({"id": number, "name": "Tea"})
        return "<p>"

    shop.get("/")
    assert shop.looked_at == ["1", "2"]


def test_structured_data_is_enough() -> None:
    shop = make_shop()
    page = """<script type="application/ld+json">{"@context": "https://schema.org",
    "@type": "Product", "name": "Tea", "sku": "x-1"}</script>"""
    shop.app.get("/tea")(lambda: page)
    shop.get("/tea")
    assert shop.looked_at == ["x-1"]
