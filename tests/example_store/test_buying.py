"""Basket, checkout and orders."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask

from tests.example_store.browser import NORA, TOMAS, Browser
from topmail_flask.testing import capture

ADDRESS = {
    "name": "Nora Lindqvist",
    "email": "nora@example.com",
    "street": "Lindenstraat 3",
    "postcode": "9000",
    "city": "Gent",
    "country": "Belgium",
}


def test_what_is_bought_ends_the_mails_about_what_was_seen(shop: Flask) -> None:
    with capture(shop) as views:
        path = buy(Browser(shop))
    views.assert_purchased(path.rpartition("/")[2], shopper=ADDRESS["email"], currency="EUR")
    assert views.purchases[0].revenue == Decimal("31.90")


def buy(browser: Browser) -> str:
    """Buy a mug and return the path of the order."""
    browser.put_in_basket("/products/stoneware-mug", "LR-101-INK")
    page = browser.send("/checkout", "/checkout", **ADDRESS)
    assert "is on our list" in page.text
    return page.request.path


@pytest.mark.parametrize(
    ("page", "sku", "line"),
    [
        ("/products/stoneware-mug", "LR-101-INK", "Stoneware mug, Ink"),
        ("/gift-sets/slow-morning", "GS-01", "Gift set: The slow morning"),
        ("/workshops/dip-candles", "WS-03", "Workshop: Dip candles"),
    ],
)
def test_everything_on_sale_can_lie_in_the_basket(
    browser: Browser, page: str, sku: str, line: str
) -> None:
    basket = browser.put_in_basket(page, sku).text
    assert f"In your basket: {line}." in basket
    assert f">{line}</a>" in basket


def test_quantities_add_up_and_change_the_sum_and_the_shipping(browser: Browser) -> None:
    browser.put_in_basket("/products/stoneware-mug", "LR-101-INK")
    basket = browser.put_in_basket("/products/stoneware-mug", "LR-101-INK", quantity="1").text
    assert "<dd>€52.00</dd>" in basket
    assert "<dd>€57.90</dd>" in basket
    assert "€23.00 more and shipping is free" in basket
    basket = browser.send("/basket", "/basket/change", sku="LR-101-INK", quantity="3").text
    assert "<dd>free</dd>" in basket
    basket = browser.send("/basket", "/basket/change", sku="LR-101-INK", quantity="0").text
    assert "Nothing in it yet" in basket


@pytest.mark.parametrize("sku", ["LR-104-SEA", "no such thing", ""])
def test_what_is_sold_out_or_unknown_stays_out_of_the_basket(browser: Browser, sku: str) -> None:
    basket = browser.put_in_basket("/products/bud-vase", sku).text
    assert "sold out" in basket
    assert "Nothing in it yet" in basket


@pytest.mark.parametrize("quantity", ["-3", "0", "many", "99999999999999999999"])
def test_an_odd_quantity_does_no_harm(browser: Browser, quantity: str) -> None:
    basket = browser.put_in_basket("/products/cedar-soap", "LR-503", quantity=quantity)
    assert basket.status_code == 200
    assert "Cedar" in basket.text


def test_an_order_is_stored_at_the_price_of_the_day_and_empties_the_basket(shop: Flask) -> None:
    browser = Browser(shop)
    browser.log_in(NORA)
    order = browser.open(buy(browser)).text
    assert "1 × Stoneware mug, Ink" in order
    assert "<dd>€31.90</dd>" in order
    assert "Lindenstraat 3, 9000 Gent, Belgium" in order
    assert "Nothing in it yet" in browser.open("/basket").text
    account = browser.open("/account").text
    assert "€31.90" in account
    assert ">1 piece<" in account
    browser.put_in_basket("/products/stoneware-mug", "LR-101-INK", quantity="2")
    browser.send("/checkout", "/checkout", **ADDRESS)
    assert ">2 pieces<" in browser.open("/account").text


def test_a_guest_can_buy_and_see_the_order(browser: Browser) -> None:
    assert browser.open(buy(browser)).status_code == 200


def test_nobody_else_sees_an_order(shop: Flask, browser: Browser) -> None:
    order = buy(browser)
    stranger = Browser(shop)
    assert stranger.open(order).status_code == 404
    stranger.log_in(TOMAS)
    assert stranger.open(order).status_code == 404


def test_an_order_without_an_address_is_not_placed(browser: Browser) -> None:
    browser.put_in_basket("/products/cedar-soap", "LR-503")
    page = browser.send(
        "/checkout", "/checkout", **ADDRESS | {"street": " ", "country": "Atlantis"}
    )
    assert "Where to?" in page.text
    assert "Not a valid choice" in page.text


def test_checkout_of_an_empty_basket_leads_to_the_basket(browser: Browser) -> None:
    assert browser.open("/checkout").request.path == "/basket"
