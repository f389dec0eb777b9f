"""The strips of the example store in a real browser: printed at once, or filled by a fragment."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import Store

PHONE = {"width": 390, "height": 844}
SHIFTS = """window.moved = 0;
new PerformanceObserver(list => list.getEntries().forEach(one => { window.moved += one.value }))
  .observe({type: "layout-shift", buffered: true});"""


def strip_of(page: Page) -> list[str]:
    return page.locator(".recent .strip a > span").all_inner_texts()


def test_the_front_page_shows_what_this_visitor_looked_at(page: Page, store: Store) -> None:
    store.accept(page)
    page.goto(store.url)
    expect(page.locator("[data-topmail-fragment]")).to_be_hidden()
    for slug in ("bud-vase", "morning-assam", "stoneware-mug"):
        page.goto(f"{store.url}/products/{slug}")
    page.goto(store.url)

    expect(page.locator(".recent .strip li")).to_have_count(3)
    assert strip_of(page) == ["Stoneware mug", "Morning Assam", "Bud vase"]
    page.get_by_role("region", name="You looked at").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stoneware mug")


def test_coming_back_to_the_front_page_shows_what_was_seen_meanwhile(
    page: Page, store: Store
) -> None:
    store.accept(page)
    page.goto(store.url)
    page.goto(f"{store.url}/products/bud-vase")
    page.go_back()

    expect(page.locator(".recent .strip li")).to_have_count(1)


def test_a_product_page_shows_what_others_looked_at_on_a_phone_too(
    chromium: Browser, human: str, page: Page, store: Store
) -> None:
    for _ in range(2):
        with chromium.new_context(user_agent=human) as other:
            tab = other.new_page()
            store.accept(tab)
            for slug in ("bud-vase", "stoneware-mug"):
                tab.goto(f"{store.url}/products/{slug}")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(f"{store.url}/products/bud-vase")

    others = page.get_by_role("region", name="Others also looked at")
    expect(others.get_by_role("link")).to_have_count(1)
    expect(others).to_contain_text("Stoneware mug")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


@pytest.mark.parametrize("path", ["/", "/products/bud-vase", "/basket"])
def test_nothing_moves_when_fonts_and_the_strip_arrive(page: Page, store: Store, path: str) -> None:
    store.accept(page)
    page.goto(f"{store.url}/products/bud-vase")
    page.goto(f"{store.url}/products/stoneware-mug")
    page.context.add_init_script(SHIFTS)

    page.goto(f"{store.url}{path}")
    expect(page.get_by_role("region", name="You looked at")).to_have_count(1)
    page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")

    # https://web.dev/articles/cls calls 0.1 good
    assert page.evaluate("moved") < 0.01
