"""What people do in the example store, and what comes of it at TopMail."""

from __future__ import annotations

from playwright.sync_api import Page, Response, expect

from example_store.tracking import topmail
from tests.browser.serving import NORA, Store
from tests.browser.watching import until


def open_product(page: Page, store: Store, slug: str) -> Response:
    answer = page.goto(f"{store.url}/products/{slug}")
    assert answer is not None
    return answer


def cookies(page: Page) -> set[str]:
    return {str(cookie.get("name")) for cookie in page.context.cookies()}


def test_what_a_shopper_looks_at_appears_on_the_open_page_of_the_local_topmail(
    page: Page, store: Store
) -> None:
    watching = page.context.new_page()
    watching.goto(store.sandbox.url)
    expect(watching.locator("#link")).to_have_attribute("data-state", "live")
    page.goto(f"{store.url}/log-in")
    page.get_by_role("button", name="Nora Lindqvist").click()
    page.get_by_role("main").get_by_role("button", name="Log in", exact=True).click()

    page.get_by_role("link", name="Ceramics").first.click()
    page.get_by_role("link", name="Bud vase", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bud vase")

    entry = watching.locator("#feed .entry.view").first
    expect(entry.get_by_role("link", name="Bud vase")).to_be_visible()
    for told in (NORA.email, "29 EUR", "LR-104", "Ceramics", "Studio Hale", "Abandoned browse"):
        expect(entry).to_contain_text(told)
    expect(watching.locator("[data-counter=views]")).to_have_text("1")
    page.get_by_role("link", name="Nora").click()
    expect(page.get_by_text("delivered to TopMail")).to_be_visible()


def test_a_look_of_nobody_known_sends_nothing(page: Page, store: Store) -> None:
    store.accept(page)
    answer = open_product(page, store, "bud-vase")

    assert answer.headers["x-topmail"] == "none; reason=anonymous; product=LR-104"
    store.log_in(page)
    open_product(page, store, "garden-twine")
    store.sandbox.wait_for_views(1)
    assert store.arrived == ["LR-604"]


def test_the_banner_is_answered_by_one_click_and_not_shown_again(page: Page, store: Store) -> None:
    assert "consent" in open_product(page, store, "bud-vase").headers["x-topmail"]
    banner = page.get_by_role("region", name="May we remember what you look at?")
    banner.get_by_role("button", name="Accept").click()

    expect(page.get_by_role("status").first).to_contain_text("Thank you")
    assert page.url == f"{store.url}/products/bud-vase"
    expect(banner).to_have_count(0)
    page.goto(store.url)
    expect(banner).to_have_count(0)


def test_a_refusal_ends_what_the_letters_began(page: Page, store: Store) -> None:
    store.accept(page)
    page.goto(f"{store.url}/letters")
    page.get_by_label("E-mail").fill(NORA.email)
    page.get_by_role("button", name="Send me the letters").click()
    page.get_by_text("Thank you. The next letter").wait_for()
    open_product(page, store, "bud-vase")
    [view] = store.sandbox.wait_for_views(1)
    assert (view["email"], view["product_id"]) == (NORA.email, "LR-104")
    assert "topmail_shopper" in cookies(page)

    page.get_by_role("link", name="Cookies").click()
    page.get_by_role("button", name="No, thank you").click()
    page.get_by_text("You said no.").wait_for()
    assert cookies(page) == {"session", "remember_looks"}
    answer = open_product(page, store, "stoneware-mug")

    assert "consent" in answer.headers["x-topmail"]
    assert store.arrived == ["LR-104"]


def test_before_an_answer_the_browser_gets_no_cookie_but_its_session(
    page: Page, store: Store
) -> None:
    open_product(page, store, "bud-vase")
    page.goto(store.url)
    page.wait_for_load_state("networkidle")

    assert cookies(page) <= {"session"}


def test_a_link_from_a_mail_lands_on_the_clean_address_and_counts(page: Page, store: Store) -> None:
    link = topmail.sign_link("/products/bud-vase", NORA.email, store.app)
    assert "?tm=" in link

    page.goto(link)

    assert page.url == f"{store.url}/products/bud-vase"
    [view] = store.sandbox.wait_for_views(1)
    assert (view["email"], view["product_id"]) == (NORA.email, "LR-104")
    assert "tm=" not in str(page.evaluate("performance.getEntriesByType('resource')"))


def test_an_order_ends_the_mails_about_what_was_seen(page: Page, store: Store) -> None:
    store.log_in(page)
    open_product(page, store, "bud-vase")
    page.get_by_role("button", name="Put in the basket").click()
    page.get_by_role("link", name="To the checkout").click()
    for label, text in (
        ("Street and number", "Lime Street 1"),
        ("Postcode", "1010"),
        ("Town", "Vienna"),
    ):
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Place the order").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Thank you")

    until(page, lambda: store.sandbox.conversions, "the order is told")
    [order] = store.sandbox.conversions
    assert (order["email"], order["type"], order["currency"]) == (NORA.email, "purchase", "EUR")
    page.goto(store.sandbox.url)
    expect(page.locator("#feed")).to_contain_text("Purchase")
