"""Blueprints, classes, async views, streams, several renders: the product is found all the same."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template_string, stream_template_string
from flask.views import MethodView

from tests.shop import TEA, make_shop
from topmail_flask import product_page

EUR = {"TOPMAIL_CURRENCY": "EUR"}


def test_blueprints_class_based_and_async_views_and_streams_are_tracked() -> None:  # F126
    shop = make_shop(EUR)
    blueprint = Blueprint("catalogue", __name__, url_prefix="/catalogue")

    @blueprint.get("/tea")
    def in_blueprint() -> str:
        return render_template_string("x", product={**TEA, "id": "blueprint"})

    class Page(MethodView):
        @product_page
        def get(self) -> str:
            return render_template_string("x", product={**TEA, "id": "class"})

    @shop.app.get("/async")
    async def in_async() -> str:
        return render_template_string("x", product={**TEA, "id": "async"})

    @shop.app.get("/stream")
    def streamed() -> Any:
        return stream_template_string("x{{ product.name }}", product={**TEA, "id": "stream"})

    shop.app.register_blueprint(blueprint)
    shop.app.add_url_rule("/class", view_func=Page.as_view("page"))
    for path in ("/catalogue/tea", "/class", "/async", "/stream"):
        assert shop.get(path).status_code == 200
    assert shop.looked_at == ["blueprint", "class", "async", "stream"]


def test_the_outermost_and_last_render_decides() -> None:  # T1, R21
    shop = make_shop(EUR)

    def inner() -> str:
        return render_template_string("inner", product={**TEA, "id": "nested"})

    @shop.app.get("/nested")
    def nested() -> str:
        return render_template_string("{{ inner() }}", inner=inner, product=TEA)

    @shop.app.get("/listing")
    def listing() -> str:
        cards = [render_template_string("card", product={**TEA, "id": n}) for n in range(3)]
        return render_template_string("{{ cards }}", cards=cards)

    @shop.app.get("/two")
    def two() -> str:
        render_template_string("first", product={**TEA, "id": "one"})
        return render_template_string("second", product={**TEA, "id": "two"})

    for path in ("/nested", "/listing", "/two"):
        shop.get(path)
    assert shop.looked_at == ["tea-1"]
    assert shop.reasons["ambiguous"] == 1


def test_a_page_is_told_by_the_address_that_a_browser_shows() -> None:  # R50
    shop = make_shop(EUR | {"TOPMAIL_SITE_URL": "https://shop.example"})

    @shop.app.get("/p/<name>")
    def page(name: str) -> str:
        return render_template_string("x", product=TEA)

    for path in ("/p/{x}", "/p/a|b", "/p/<b>", '/p/"q"', "/p/^a", "/p/`a", "/p/a b"):
        shop.get(path)
    told = [product.url for product, _ in shop.looks]
    assert told == [
        f"https://shop.example/p/{name}"
        for name in ("%7Bx%7D", "a%7Cb", "%3Cb%3E", "%22q%22", "%5Ea", "%60a", "a%20b")
    ]


def test_a_page_whose_address_cannot_be_sent_has_a_reason() -> None:
    shop = make_shop(EUR)

    @shop.app.get("/p/<path:name>")
    def page(name: str) -> str:
        return render_template_string("x", product=TEA)

    shop.get("/p/" + "a" * 3000)
    assert (shop.looked_at, shop.refusals) == ([], [("tea-1", "invalid_product")])
