"""Each page of the store and of the sandbox: readable, reachable and as wide as its screen."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.serving import INES, Store
from tests.browser.watching import Watch

PHONE = {"width": 390, "height": 844}
FOR_ALL = [
    "/",
    "/shop/ceramics",
    "/products/morning-assam",
    "/gift-sets/",
    "/gift-sets/letters-home",
    "/workshops/",
    "/workshops/dip-candles",
    "/search?q=mug",
    "/search",
    "/about",
    "/basket",
    "/log-in",
    "/register",
    "/letters",
    "/cookies/",
    "/not-on-our-shelves",
]
FOR_A_SHOPPER = ["/", "/account", "/basket", "/checkout"]


def problems(page: Page) -> list[str]:
    """What axe-core finds wrong with the page, and whether it is wider than the screen."""
    found = [
        f"{page.url}: {rule['impact']} {rule['id']}: {[each['target'] for each in rule['nodes']]}"
        for rule in Axe().run(page).response["violations"]
        if rule["impact"] in ("serious", "critical")
    ]
    wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return found + ([f"{page.url}: {wide} px on {room}"] if wide > room else [])


def on_both_screens(page: Page) -> list[str]:
    found = problems(page)
    usual = page.viewport_size
    assert usual is not None
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    found += problems(page)
    page.set_viewport_size(usual)
    return found


def test_the_check_finds_what_is_wrong(page: Page) -> None:
    page.set_content("<title>shop</title><img src='data:,'><p style='width: 9000px'>wide</p>")

    image, width = problems(page)[-2:]

    assert "image-alt" in " ".join(problems(page)), image
    assert "px on" in width


def test_every_page_for_visitors_is_fit_for_all(page: Page, store: Store, watch: Watch) -> None:
    watch.allowed = ["status 404: .*/not-on-our-shelves"]
    found = []
    for path in FOR_ALL:
        page.goto(f"{store.url}{path}")
        found += on_both_screens(page)

    assert found == []


def test_every_page_for_shoppers_and_the_local_topmail_are_fit_for_all(
    page: Page, store: Store
) -> None:
    found = []
    page.goto(store.sandbox.url)
    found += on_both_screens(page)
    store.log_in(page)
    page.goto(f"{store.url}/products/bud-vase")
    page.get_by_role("button", name="Put in the basket").click()
    for path in FOR_A_SHOPPER:
        page.goto(f"{store.url}{path}")
        found += on_both_screens(page)
    page.get_by_role("button", name="Place the order").click()
    found += on_both_screens(page)  # with what is missing
    page.goto(f"{store.url}/account")
    page.get_by_role("button", name="Log out").click()
    store.log_in(page, INES)
    page.goto(f"{store.url}/products/bud-vase")
    page.goto(store.sandbox.url)
    expect(page.get_by_text("contact_not_found").first).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += on_both_screens(page)

    assert found == []


def test_the_quick_view_is_fit_for_all(page: Page, store: Store) -> None:
    page.goto(f"{store.url}/shop/ceramics")
    page.get_by_role("link", name="Quick view of Bud vase").click()
    expect(page.get_by_role("dialog")).to_contain_text("Bud vase")

    assert on_both_screens(page) == []

    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def reach(page: Page, name: str, most: int = 60) -> None:
    """Press the tabulator until what has the focus is called ``name``; it must be visible."""
    for _ in range(most):
        page.keyboard.press("Tab")
        called, shown = page.evaluate(
            """() => {
              const one = document.activeElement;
              const label = one.labels?.length ? one.labels[0].innerText : "";
              const seen = [one, one.nextElementSibling, one.closest(".card")].filter(Boolean);
              return [one.getAttribute("aria-label") || label || one.innerText || "",
                seen.some((it) => getComputedStyle(it).outlineStyle !== "none")];
            }"""
        )
        assert shown, f"the focus on {called!r} cannot be seen"
        if called.strip().startswith(name):
            return
    pytest.fail(f"{name!r} is not reached with the tabulator")


def test_a_shopper_buys_with_the_keyboard_alone(page: Page, store: Store) -> None:
    page.goto(f"{store.url}/shop/ceramics")
    reach(page, "Skip to the content", most=1)
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    reach(page, "Stoneware mug")
    page.keyboard.press("Enter")
    page.wait_for_url("**/products/stoneware-mug")
    reach(page, "Accept")
    page.keyboard.press("Enter")
    page.get_by_text("Thank you. We remember").wait_for()
    chosen = page.locator("input[name=sku]:checked")
    before = chosen.get_attribute("value")

    page.keyboard.press("Tab")
    while not page.evaluate("document.activeElement.matches('input[name=sku]')"):
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert chosen.get_attribute("value") != before
    reach(page, "Pieces", most=2)
    reach(page, "Put in the basket", most=2)
    page.keyboard.press("Enter")

    page.wait_for_url("**/basket")
    expect(page.get_by_role("status")).to_contain_text("In your basket: Stoneware mug")
    reach(page, "To the checkout")
