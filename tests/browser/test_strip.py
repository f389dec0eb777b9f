"""The strip "You looked at" of the example store in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.serving import Store

PHONE = {"width": 390, "height": 844}
SHIFTS = """window.moved = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => { window.moved += entry.value }))
  .observe({type: "layout-shift", buffered: true});"""


def names_in_strip(page: Page) -> list[str]:
    return page.locator(".recent .strip a > span").all_inner_texts()


def test_the_front_page_shows_what_this_visitor_looked_at(page: Page, store: Store) -> None:
    store.accept(page)
    for slug in ("bud-vase", "morning-assam", "stoneware-mug"):
        page.goto(f"{store.url}/products/{slug}")
    page.goto(store.url)

    expect(page.locator(".recent .strip li")).to_have_count(3)
    assert names_in_strip(page) == ["Stoneware mug", "Morning Assam", "Bud vase"]
    page.get_by_role("region", name="You looked at").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stoneware mug")


def test_the_strip_fits_a_phone(page: Page, store: Store) -> None:
    store.accept(page)
    for slug in ("bud-vase", "morning-assam", "stoneware-mug", "cedar-soap", "garden-twine"):
        page.goto(f"{store.url}/products/{slug}")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(store.url)

    expect(page.get_by_role("region", name="You looked at")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


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
