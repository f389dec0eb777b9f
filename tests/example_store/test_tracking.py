"""Each corner integrates in its own way; each gives one right view, and nothing else gives any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.example_store.browser import INES, NORA, Browser, eventually
from topmail_flask import Product, Shopper, product_viewed
from topmail_flask.sandbox import Sandbox

SITE = "http://linden-row.example"
MUG = {
    "product_id": "LR-101",
    "product_name": "Stoneware mug",
    "product_url": f"{SITE}/products/stoneware-mug",
    "image_url": f"{SITE}/static/art/stoneware-mug.svg",
    "price": 24,
    "currency": "EUR",
    "category": "Ceramics",
    "brand": "Vesper Pottery",
}
INK_MUG = MUG | {
    "product_url": f"{SITE}/products/stoneware-mug?variant=LR-101-INK",
    "variant_id": "LR-101-INK",
    "sku": "LR-101-INK",
    "price": 26,
}
WORKSHOP = {
    "product_id": "WS-03",
    "product_name": "Dip candles",
    "product_url": f"{SITE}/workshops/dip-candles",
    "image_url": f"{SITE}/static/art/dip-candles.svg",
    "price": 39,
    "currency": "EUR",
    "category": "Workshops",
    "sku": "WS-03",
}
GIFT_SET = {
    "product_id": "GS-02",
    "product_name": "Letters home",
    "product_url": f"{SITE}/gift-sets/letters-home",
    "image_url": f"{SITE}/static/art/letters-home.svg",
    "price": 79,
    "currency": "EUR",
    "category": "Gift sets",
    "sku": "GS-02",
}
CORNERS = {
    "a marked route": ("/products/stoneware-mug", MUG),
    "a marked route with a variant": ("/products/stoneware-mug?variant=LR-101-INK", INK_MUG),
    "a template variable": ("/workshops/dip-candles", WORKSHOP),
    "a call in the template": ("/gift-sets/letters-home", GIFT_SET),
    "an explicit track": ("/products/stoneware-mug/quick", MUG),
    "a JSON endpoint with a callable": ("/api/products/stoneware-mug", MUG),
}
NO_PRODUCT_PAGES = (
    "/",
    "/shop/ceramics",
    "/shop/tea-and-pantry?order=price",
    "/search?q=mug",
    "/search?q=brass",
    "/gift-sets/",
    "/workshops/",
    "/basket",
    "/checkout",
    "/account",
    "/about",
    "/log-in",
    "/register",
    "/products/no-such-thing",
)


@pytest.fixture
def looks(tracked_shop: Flask) -> Iterator[list[tuple[str, Shopper | None]]]:
    """What ``product_viewed`` told: product ids and shoppers."""
    seen: list[tuple[str, Shopper | None]] = []

    def see(_app: Flask, *, product: Product, shopper: Shopper | None, **_: Any) -> None:
        seen.append((product.id, shopper))

    with product_viewed.connected_to(see, tracked_shop):
        yield seen


def sent(view: dict[str, Any]) -> dict[str, Any]:
    """What the sandbox recorded, without what it added itself and without the visit."""
    told = {*MUG, "variant_id", "sku"}
    return {name: value for name, value in view.items() if name in told and value is not None}


@pytest.mark.parametrize(("path", "expected"), CORNERS.values(), ids=CORNERS)
def test_each_corner_sends_exactly_one_right_view(
    tracked_shop: Flask, sandbox: Sandbox, path: str, expected: dict[str, object]
) -> None:
    browser = Browser(tracked_shop)
    browser.log_in(NORA)
    assert browser.open(path).status_code == 200
    # A second, other product proves that nothing else was on its way before it.
    browser.open("/products/garden-twine")
    views = sandbox.wait_for_views(2)
    by_product = {view["product_id"]: view for view in views}
    assert len(views) == len(by_product) == 2
    assert sent(by_product[str(expected["product_id"])]) == expected
    assert sandbox.rejected == []


def test_listings_forms_and_missing_pages_are_no_views(
    tracked_shop: Flask, looks: list[tuple[str, Shopper | None]]
) -> None:
    browser = Browser(tracked_shop)
    browser.log_in(NORA)
    browser.put_in_basket("/products/cedar-soap", "LR-503")
    looks.clear()
    for path in NO_PRODUCT_PAGES:
        browser.open(path)
    browser.send("/basket", "/basket/change", sku="LR-503", quantity="2")
    assert looks == []


def test_an_anonymous_look_is_told_to_the_shop_and_sent_to_nobody(
    tracked_shop: Flask, sandbox: Sandbox, looks: list[tuple[str, Shopper | None]]
) -> None:
    for path, _ in CORNERS.values():
        Browser(tracked_shop, said="yes").open(path)
    assert [shopper for _, shopper in looks] == [None] * len(CORNERS)
    known = Browser(tracked_shop)
    known.log_in(NORA)
    known.open("/products/garden-twine")
    assert [view["product_id"] for view in sandbox.wait_for_views(1)] == ["LR-604"]
    assert len(sandbox.requests) == 1


def test_a_shopper_who_is_no_contact_is_refused_and_the_account_page_tells_so(
    tracked_shop: Flask, sandbox: Sandbox
) -> None:
    browser = Browser(tracked_shop)
    browser.log_in(INES)
    browser.open("/products/bud-vase")
    eventually(lambda: "not sent: contact_not_found" in browser.open("/account").text)
    assert "one click makes one; what you looked at then arrives" in browser.open("/account").text
    assert sandbox.views == []


def test_the_account_page_calls_the_same_page_again_no_failure(tracked_shop: Flask) -> None:
    browser = Browser(tracked_shop)
    browser.log_in(NORA)
    browser.open("/products/bud-vase")
    browser.open("/products/bud-vase")
    page = browser.open("/account").text
    assert '<span class="tag">the same again: counts once</span>' in page
    assert "not sent" not in page


def test_the_account_page_tells_what_was_delivered(tracked_shop: Flask) -> None:
    browser = Browser(tracked_shop)
    browser.log_in(NORA)
    browser.open("/products/bud-vase")
    assert "Bud vase" in browser.open("/account").text
    eventually(lambda: "delivered to TopMail" in browser.open("/account").text)


def strip_of(page: str) -> list[str]:
    """The names in the strip "You looked at"."""
    strip = page.partition('class="recent"')[2].partition("</section>")[0]
    return re.findall(r"<span>([^<]+)</span>", strip)


def test_the_strip_shows_what_an_anonymous_visitor_saw_and_to_nobody_else(
    tracked_shop: Flask,
) -> None:
    browser = Browser(tracked_shop, said="yes")
    for path in ("/products/bud-vase", "/workshops/dip-candles", "/gift-sets/letters-home"):
        browser.open(path)
    for page in ("/", "/basket", "/shop/ceramics", "/search?q=mug"):
        assert strip_of(browser.open(page).text) == ["Letters home", "Dip candles", "Bud vase"]
    assert 'class="recent"' not in Browser(tracked_shop).open("/basket").text


def test_a_product_seen_again_comes_first_and_is_shown_once(tracked_shop: Flask) -> None:
    browser = Browser(tracked_shop, said="yes")
    for path in ("/products/bud-vase", "/workshops/dip-candles", "/products/bud-vase"):
        browser.open(path)
    assert strip_of(browser.open("/").text) == ["Bud vase", "Dip candles"]


def test_a_page_does_not_recommend_itself(tracked_shop: Flask) -> None:
    names = {
        "/products/bud-vase": "Bud vase",
        "/workshops/dip-candles": "Dip candles",
        "/gift-sets/letters-home": "Letters home",
    }
    browser = Browser(tracked_shop, said="yes")
    for path in names:
        browser.open(path)
    for path, name in names.items():
        assert set(strip_of(browser.open(path).text)) == set(names.values()) - {name}


def test_a_customer_finds_the_strip_on_another_device_and_leaves_none_behind(
    tracked_shop: Flask,
) -> None:
    browser = Browser(tracked_shop, said="yes")
    browser.open("/products/bud-vase")
    browser.log_in(NORA)
    browser.open("/products/stoneware-mug")
    assert strip_of(browser.open("/basket").text) == ["Stoneware mug", "Bud vase"]
    elsewhere = Browser(tracked_shop)
    elsewhere.log_in(NORA)
    assert strip_of(elsewhere.open("/basket").text) == ["Stoneware mug"]
    browser.log_out()
    assert 'class="recent"' not in browser.open("/basket").text


def test_the_strip_of_a_forged_cookie_is_empty(tracked_shop: Flask) -> None:
    browser = Browser(tracked_shop)
    browser._client.set_cookie("viewed", "WyJMUi0xMDEiXQ.forged")
    assert 'class="recent"' not in browser.open("/").text


def test_without_a_yes_nothing_is_remembered_and_a_no_forgets(tracked_shop: Flask) -> None:
    browser = Browser(tracked_shop)
    browser.open("/products/bud-vase")
    assert "viewed" not in browser.cookies
    browser.answer("yes")
    browser.open("/products/bud-vase")
    assert "viewed" in browser.cookies
    browser.answer("no")
    assert "viewed" not in browser.cookies
