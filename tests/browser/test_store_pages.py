"""The example store, as a person's browser shows it."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.serving import Store, serving
from tests.browser.watching import Watch, until


def test_a_look_at_a_product_page_arrives_at_topmail(page: Page, store: Store) -> None:
    store.log_in(page)

    page.goto(f"{store.url}/products/morning-assam")

    expect(page.get_by_role("heading", level=1)).to_have_text("Morning Assam")
    [view] = store.sandbox.wait_for_views(1)
    assert view["product_id"] == store.arrived[0]
    assert view["product_url"] == f"{store.url}/products/morning-assam"


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("console.error('oh no')", "console: oh no"),
        ("setTimeout(() => { throw new Error('thrown') })", "uncaught: thrown"),
        ("fetch('/nowhere')", "status 404: "),
        ("fetch('http://shop.invalid/a').catch(() => 0)", "third party: http://shop.invalid/a"),
    ],
)
def test_the_watch_notes_what_a_shop_must_not_do(
    page: Page, watch: Watch, script: str, complaint: str
) -> None:
    app = Flask("careless")
    app.add_url_rule("/", "home", lambda: "<link rel=icon href=data:,><title>shop</title>")
    with serving(app) as url:
        page.goto(url)
        page.evaluate(f"() => {{ {script} }}")

        until(page, lambda: any(complaint in note for note in watch.noted), complaint)

    assert watch.complaints
    watch.allowed = [".*"]


def test_choosing_a_size_on_a_product_page_is_a_look_at_it(page: Page, store: Store) -> None:
    store.log_in(page)
    page.goto(f"{store.url}/products/morning-assam")

    page.locator("fieldset label").last.click()

    views = store.sandbox.wait_for_views(2)
    chosen = page.locator("input[name=sku]:checked").get_attribute("value")
    assert [view.get("variant_id") for view in views] == [None, chosen]


def test_the_headline_has_the_price_of_the_chosen_variant(page: Page, store: Store) -> None:
    page.goto(f"{store.url}/products/stoneware-mug")
    headline = page.locator("#headline-price")
    expect(headline).to_have_text("from €24.00")

    page.locator("fieldset label", has_text="Ink").click()
    expect(headline).to_have_text("€26.00")
    page.locator("fieldset label", has_text="Sand").click()
    expect(headline).to_have_text("€24.00")
    page.locator("fieldset label", has_text="Ink").click()
    page.goto(f"{store.url}/about")
    page.go_back()
    expect(page.get_by_label("Ink")).to_be_checked()
    expect(headline).to_have_text("€26.00")


def test_a_quick_view_on_a_phone_shows_the_whole_picture(page: Page, store: Store) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{store.url}/shop/ceramics")
    page.get_by_role("link", name="Quick view of Bud vase").click()
    picture = page.get_by_role("dialog").locator("img")
    expect(picture).to_be_in_viewport(ratio=1)
    assert picture.evaluate("it => getComputedStyle(it).objectFit") == "contain"
    expect(page.get_by_role("link", name="See the whole page")).to_be_in_viewport(ratio=1)


def test_a_message_keeps_its_distance_from_what_follows(page: Page, store: Store) -> None:
    store.log_in(page)
    message = page.get_by_role("status").locator(".notice").bounding_box()
    hero = page.locator(".hero").bounding_box()
    assert message is not None
    assert hero is not None
    assert hero["y"] - (message["y"] + message["height"]) >= 12
