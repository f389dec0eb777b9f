"""Small stores as one finds them, each tracked with no line or one."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import Flask, render_template_string, request

from tests.shop import Shop, make_shop
from topmail_flask import product_page

ADDRESS = "ann@shop.example"
PAGE = "<h1>{{ product.name }}</h1><b>{{ product.price }}</b>"
CARDS = "{% for product in products %}<h2>{{ product.name }}</h2>{{ product.price }}{% endfor %}"


def only_look(shop: Shop, path: str, *others: str) -> Any:
    """The product of the only page among these that counts."""
    for other in (path, *others):
        assert shop.get(other).status_code == 200
    assert len(shop.looks) == 1, [product.name for product, _ in shop.looks]
    return shop.looks[0][0]


def test_a_store_on_plain_sqlite_rows_needs_one_line() -> None:
    shop = make_shop({"TOPMAIL_CURRENCY": "USD"}, shopper=ADDRESS)
    rows = sqlite3.connect(":memory:")
    rows.execute("create table goods (code, label, cost, price)")
    rows.execute("insert into goods values ('T1', 'Green tea', 3, '12.50')")
    fields = {"id": 0, "name": 1, "price": 3}

    @shop.app.get("/item")
    @product_page("data", fields=fields)
    def show() -> str:
        found = rows.execute("select * from goods where code = ?", [request.args["id"]]).fetchone()
        return render_template_string("{{ data[1] }}", data=found)

    @shop.app.get("/items")
    def listing() -> str:
        found = rows.execute("select * from goods").fetchall()
        return render_template_string("{{ itemData }}", itemData=found)

    seen = only_look(shop, "/item?id=T1", "/items")
    assert (seen.id, seen.name, seen.price, seen.currency) == (
        "T1", "Green tea", Decimal("12.50"), "USD",
    )  # fmt: skip
    rows.close()


def test_a_store_with_ids_in_the_query_and_prices_in_cents_needs_no_line() -> None:
    config = {"TOPMAIL_CURRENCY": "EUR", "TOPMAIL_PRICE_UNIT": "minor", "TOPMAIL_URL_ARGS": "id"}
    shop = make_shop(config, shopper=ADDRESS)

    @dataclass
    class Shoe:
        id: int
        title: str
        price: int

    shelf = {7: Shoe(7, "Walking shoe", 8995)}

    @shop.app.get("/product.php")
    def show() -> str:
        return render_template_string("{{ item.title }}", item=shelf[int(request.args["id"])])

    @shop.app.get("/cart")
    def cart() -> str:
        return render_template_string(CARDS, products=list(shelf.values()), total=8995)

    seen = only_look(shop, "/product.php?id=7&utm_source=mail", "/cart")
    assert (seen.id, seen.name, seen.price) == ("7", "Walking shoe", Decimal("89.95"))
    assert seen.url == "http://localhost/product.php?id=7"


def test_a_store_of_dicts_with_prices_as_text_and_hidden_ids_needs_no_line() -> None:
    shop = make_shop({"TOPMAIL_CURRENCY": "EUR"}, shopper=ADDRESS)
    shelf = {"k3jX9q": {"name": "Teekanne", "price": "1.234,50 €", "brand": {"name": "Porzellan"}}}

    @shop.app.get("/p/<token>/teekanne.html")
    def show(token: str) -> str:
        return render_template_string(PAGE, product={"uuid": token, **shelf[token]})

    @shop.app.get("/search")
    def search() -> str:
        return render_template_string(CARDS, products=shelf.values(), query=request.args["q"])

    seen = only_look(shop, "/p/k3jX9q/teekanne.html", "/search?q=tee")
    assert (seen.id, seen.price, seen.currency) == ("k3jX9q", Decimal("1234.50"), "EUR")
    assert seen.brand == "Porzellan"


def test_a_store_whose_page_is_cached_needs_one_line() -> None:  # F125
    shop = make_shop({"TOPMAIL_CURRENCY": "GBP"}, shopper=ADDRESS)
    shelf = {"earl-grey": {"id": 11, "name": "Earl Grey", "price": 4.5}}
    pages: dict[str, str] = {}

    @shop.app.get("/tea/<slug>")
    @product_page(shelf.get)
    def show(slug: str) -> str:
        if slug not in pages:
            pages[slug] = render_template_string(PAGE, product=shelf[slug])
        return pages[slug]

    for _ in range(2):
        shop.get("/tea/earl-grey")
    assert shop.looked_at == ["11", "11"]
    assert shop.looks[1][0].price == Decimal("4.5")


def test_a_product_without_an_id_takes_it_from_the_route() -> None:  # T4
    app: Flask = (shop := make_shop({"TOPMAIL_CURRENCY": "EUR"}, shopper=ADDRESS)).app

    @app.get("/tea/<slug>")
    def show(slug: str) -> str:
        return render_template_string(PAGE, product={"name": "Tea", "price": 3})

    shop.get("/tea/sencha")
    assert shop.looked_at == ["sencha"]
