"""Who never logs in is known all the same: by the letters, or by a guest's order."""

from __future__ import annotations

from flask import Flask

from example_store.tracking import topmail
from tests.example_store.browser import NORA, TOMAS, Browser
from topmail_flask.sandbox import Sandbox

MUG = "/products/stoneware-mug"


def test_who_asked_for_the_letters_is_known_and_forgotten_at_a_log_out(
    tracked_shop: Flask, sandbox: Sandbox
) -> None:
    browser = Browser(tracked_shop, said="yes")
    browser.open(MUG)
    welcome = browser.send("/letters", "/letters", email="Nora@Example.com")
    assert "Thank you." in welcome.text
    browser.open(MUG)
    [view] = sandbox.wait_for_views(1)
    assert (view["email"], view["product_id"]) == (NORA.email, "LR-101")
    browser.log_in(TOMAS)
    browser.open(MUG)
    assert [view["email"] for view in sandbox.wait_for_views(2)] == [NORA.email, TOMAS.email]
    browser.log_out()
    browser.open(MUG)
    assert topmail.stats(tracked_shop).reasons["anonymous"] == 2, "before the letters, and now"


def test_an_address_that_is_none_is_asked_for_again(tracked_shop: Flask) -> None:
    again = Browser(tracked_shop).send("/letters", "/letters", email="nora")
    assert "This is not an e-mail address." in again.text


def test_a_guest_who_ordered_is_known_afterwards(tracked_shop: Flask, sandbox: Sandbox) -> None:
    browser = Browser(tracked_shop)
    browser.put_in_basket(MUG, "LR-101-INK")
    home = {"name": "Nora", "street": "Row 1", "postcode": "1010", "city": "Vienna"}
    thanks = browser.send("/checkout", "/checkout", email=NORA.email, country="Austria", **home)
    assert "Thank you, Nora." in thanks.text
    browser.open(MUG)
    [view] = sandbox.wait_for_views(1)
    assert view["email"] == NORA.email
