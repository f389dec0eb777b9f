"""A basket that is left, and what is back in stock: each starts an automation when it should."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from example_store.factory import AUTOMATIONS
from tests.example_store.browser import NORA, TOMAS, Browser
from tests.example_store.test_buying import buy
from topmail_flask.sandbox import Sandbox
from topmail_flask.testing import capture

HOUR = timedelta(hours=1)
VASE, SEA = "/products/bud-vase", "LR-104-SEA"


def test_a_basket_that_is_left_is_mailed_about_once_with_what_lies_in_it(shop: Flask) -> None:
    browser = Browser(shop)
    browser.log_in(NORA)
    with capture(shop) as views:
        browser.put_in_basket("/products/cedar-soap", "LR-503")
        browser.send("/basket", "/basket/change", sku="LR-503", quantity="2")
        items = {"items": [{"sku": "LR-503", "quantity": 2}]}
        views.assert_triggered("basket_left", shopper=NORA.email, data=items, after=HOUR, times=1)
        views.assert_triggered("basket_left", times=1)


def test_a_basket_that_is_bought_or_emptied_is_not_mailed_about(shop: Flask) -> None:
    browser = Browser(shop)
    browser.log_in(NORA)
    with capture(shop) as views:
        buy(browser)
        views.assert_triggered("basket_left", times=0)
        browser.put_in_basket("/products/cedar-soap", "LR-503")
        browser.send("/basket", "/basket/change", sku="LR-503", quantity="0")
        views.assert_triggered("basket_left", times=0)
        browser.put_in_basket("/products/cedar-soap", "LR-503")
        views.assert_triggered("basket_left", times=1)


def test_who_asked_for_a_variant_is_told_once_when_it_is_back(
    tracked_shop: Flask, sandbox: Sandbox
) -> None:
    for shopper in (NORA, TOMAS):
        browser = Browser(tracked_shop)
        browser.log_in(shopper)
        page = browser.send(VASE, f"{VASE}/tell-me", sku=SEA)
        assert "We tell you when it is back: Bud vase, Sea." in page.text
    browser.answer("no")
    restock = tracked_shop.test_cli_runner()
    assert "Bud vase, Sea is back" in restock.invoke(args=["restock", SEA]).output
    restock.invoke(args=["restock", SEA])
    (run,) = sandbox.wait_for_automation_runs(1)
    assert (run["email"], run["automation_id"]) == (NORA.email, AUTOMATIONS["back_in_stock"])
    assert run["body"]["trigger_data"] == {"sku": SEA, "title": "Bud vase, Sea"}
    assert f'value="{SEA}" data-price="€32.00" required disabled' not in browser.open(VASE).text
