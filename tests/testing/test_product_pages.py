"""A template change that loses a product's data is seen by the shop's own CI."""

from __future__ import annotations

import json

import pytest
from flask import Flask, redirect
from werkzeug import Response

from tests.testing.conftest import make_store
from topmail_flask.testing import capture, check_product_pages

TEA = {
    "@type": "Product",
    "sku": "tea-1",
    "name": "Green tea",
    "image": "/tea.jpg",
    "offers": {"price": "9.90", "priceCurrency": "EUR"},
}

LOST = """\
6 of 7 product pages would not be tracked as they should:
  /idless: the product has no id but the page's address: name it (sku, productID), or set \
TOPMAIL_ID_FROM if that is meant
  /no_price: the product has no price
  /no_price: the product has no currency
  /no_currency: the product has no price: has no currency: set TOPMAIL_CURRENCY or give the offer \
one (json_ld)
  /no_currency: the product has no currency
  /no_picture: the product has no image_url
  /no_product: no view: no_product. No product was found on the page. Fix: Mark the view with \
@product_page and its variable, or set TOPMAIL_TEMPLATE_VARIABLES.
  /moved: no view: the answer is 302 FOUND"""


def page_of(product: dict[str, object]) -> str:
    told = json.dumps({"@context": "https://schema.org", **product})
    return f'<title>Tea</title><script type="application/ld+json">{told}</script>'


def make_shop_of_pages(config: dict[str, object] | None = None, **pages: object) -> Flask:
    app = make_store(config)
    for name, product in pages.items():
        html = page_of(product) if isinstance(product, dict) else str(product)
        app.add_url_rule(f"/{name}", name, lambda html=html: html)
    return app


def test_good_pages_pass_also_in_a_shop_that_asks_for_consent() -> None:
    app = make_shop_of_pages(tea=TEA)
    check_product_pages(app.test_client(), ["/tea", "/products/cup", "/tea?from=mail"])
    check_product_pages(make_store({"TOPMAIL_CONSENT": "opt-in"}).test_client(), ["/products/cup"])


def test_every_page_that_lost_something_is_listed_with_all_that_it_lost() -> None:
    app = make_shop_of_pages(
        tea=TEA,
        idless={**TEA, "sku": None, "@id": None},
        no_price={**TEA, "offers": {"priceCurrency": "EUR"}},
        no_currency={**TEA, "offers": {"price": "9.90"}},
        no_picture={**TEA, "image": "data:image/gif;base64,R0lGOD"},
        no_product="<title>Tea</title><h1>Tea</h1>",
    )

    @app.get("/moved")
    def moved() -> Response:
        return redirect("/tea")

    pages = ["/tea", "/idless", "/no_price", "/no_currency", "/no_picture", "/no_product", "/moved"]
    with pytest.raises(AssertionError) as failing:
        check_product_pages(app.test_client(), pages)
    assert str(failing.value) == LOST


def test_a_page_that_raises_does_not_hide_the_others(app: Flask) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise LookupError("no such tea")

    with pytest.raises(AssertionError) as failing:
        check_product_pages(app.test_client(), ["/broken", "/about"])
    assert str(failing.value).splitlines()[:2] == [
        "2 of 2 product pages would not be tracked as they should:",
        "  /broken: raised LookupError: no such tea",
    ]


def test_a_shop_says_which_fields_its_products_must_have() -> None:
    app = make_shop_of_pages(tea={**TEA, "image": None, "offers": None})
    client = app.test_client()
    check_product_pages(client, ["/tea"], require=[])
    with pytest.raises(AssertionError, match="/tea: the product has no brand"):
        check_product_pages(client, ["/tea"], require=["brand"])


def test_a_shop_may_mean_the_address_to_be_the_id() -> None:
    meant = make_shop_of_pages({"TOPMAIL_ID_FROM": ["sku", "url"]}, tea={**TEA, "sku": None})
    check_product_pages(meant.test_client(), ["/tea"])


def test_a_shopper_outside_the_sample_is_no_fault_of_the_page() -> None:
    app = make_store({"TOPMAIL_SAMPLE_RATE": 0})
    check_product_pages(app.test_client(), ["/products/tea-1"])
    with pytest.raises(AssertionError, match="has no sku"):
        check_product_pages(app.test_client(), ["/products/tea-1"], require=["sku"])


def test_a_check_of_nothing_is_a_mistake(app: Flask) -> None:
    client = app.test_client()
    with pytest.raises(ValueError, match="name at least one product page"):
        check_product_pages(client, [])
    with pytest.raises(ValueError, match="a product has no field 'pirce'"):
        check_product_pages(client, ["/products/tea-1"], require=["pirce"])


def test_pages_are_checked_again_within_the_repeat_window(app: Flask) -> None:
    with capture(app):
        for _ in range(2):
            check_product_pages(app.test_client(), ["/products/tea-1", "/products/tea-1?from=mail"])
