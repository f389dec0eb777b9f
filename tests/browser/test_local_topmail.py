"""The page of the local TopMail, as a developer uses it: keyboard, search, resending, copying."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.test_every_page import on_both_screens
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def sandbox(context: BrowserContext) -> Iterator[Sandbox]:
    with Sandbox(contacts=["nora@shop.example"]) as sandbox:
        yield sandbox
        context.close()


def call(sandbox: Sandbox, product: str, key: str, **changes: object) -> None:
    """Post a view as a store does; a fault may keep the response."""
    body = {
        "email": "nora@shop.example",
        "product_id": product,
        "product_name": product.capitalize(),
        "product_url": f"https://shop.example/{product}",
        **changes,
    }
    headers = {"Authorization": f"Bearer {sandbox.api_key}", "Idempotency-Key": key}
    url = f"{sandbox.base_url}/track/product-view"
    try:
        requests.post(url, json=body, headers=headers, timeout=10)
    except requests.ConnectionError:
        pass


def opened(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("status").get_by_text("live", exact=True)).to_be_attached()


def test_what_is_searched_stays_in_the_address_and_live(page: Page, sandbox: Sandbox) -> None:
    call(sandbox, "mug", "k1")
    call(sandbox, "vase", "k2")
    opened(page, sandbox.url)
    rows = page.locator("#feed > li")
    expect(rows).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("mug")
    expect(rows).to_have_count(1)
    expect(page.locator("#range")).to_have_text("1 of 1")
    page.wait_for_url("**/?q=mug")
    call(sandbox, "vase", "k3")
    call(sandbox, "mug", "k4")
    expect(rows).to_have_count(2)
    expect(page.locator("#range")).to_have_text("2 of 2")
    page.reload()
    expect(rows).to_have_count(2)
    page.keyboard.press("Escape")
    expect(rows).to_have_count(4)
    page.get_by_text("Duplicates").click()
    expect(rows).to_have_count(2)
    page.wait_for_url("**/?show=duplicate")


def test_older_calls_are_added_and_counted(page: Page, sandbox: Sandbox) -> None:
    for number in range(203):
        call(sandbox, f"p{number}", f"k{number}")
    opened(page, sandbox.url)
    expect(page.locator("#range")).to_have_text("200 of 203")
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#range")).to_have_text("203 of 203")
    expect(page.get_by_role("link", name="Older")).to_be_hidden()
    assert page.url.rstrip("/") == sandbox.url


def test_a_call_is_opened_copied_and_sent_again_by_the_keyboard(
    page: Page, context: BrowserContext, sandbox: Sandbox
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    call(sandbox, "mug", "k1")
    call(sandbox, "vase", "k2")
    opened(page, sandbox.url)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#call-1")).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page.locator("#call-1 details")).to_have_attribute("open", "")
    page.keyboard.press("c")
    expect(page.locator("#call-1").get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl {sandbox.base_url}/track/product-view")
    page.keyboard.press("r")
    expect(page.locator("#call-3")).to_contain_text("Repeat of call 1, not counted again")
    expect(page.locator("#call-1 details")).to_have_attribute("open", "")
    page.locator("#call-1").get_by_role("button", name="Resend with a new key").click()
    expect(page.locator("#call-4")).to_contain_text("resent from 1")
    assert len(sandbox.views) == 3


def test_faults_are_applied_and_cleared_on_the_page(page: Page, sandbox: Sandbox) -> None:
    opened(page, sandbox.url)
    now = page.locator("#faults-in-force")
    expect(now).to_contain_text("No faults active")
    page.get_by_label("Outage").check()
    page.get_by_role("button", name="Apply").click()
    expect(now).to_contain_text("503 to every call")
    page.get_by_role("button", name="is recorded, then reset").click()
    expect(now).to_contain_text("next call: reset after recording")
    call(sandbox, "mug", "k1")
    expect(page.locator("#call-1")).to_contain_text("Fault: reset after recording")
    call(sandbox, "vase", "k2")
    expect(page.locator("#call-2")).to_contain_text("Fault: answer 503")
    expect(page.locator("#call-2")).to_contain_text("Vase")
    page.get_by_role("button", name="Clear faults").click()
    expect(now).to_contain_text("No faults active")


def test_a_contact_who_is_unknown_is_made_and_has_a_timeline(page: Page, sandbox: Sandbox) -> None:
    opened(page, sandbox.url)
    call(sandbox, "mug", "k1", email="ines@shop.example")
    page.get_by_role("button", name="Create this contact").click()
    expect(page.locator("#contacts")).to_contain_text("ines@shop.example")
    page.reload()
    expect(page.locator("#call-1")).to_contain_text("The contact is there by now")
    call(sandbox, "mug", "k1", email="ines@shop.example")
    call(sandbox, "vase", "k2")
    page.locator("#contacts").get_by_role("link", name="ines@shop.example").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ines@shop.example")
    rows = page.locator("#feed > li")
    expect(rows).to_have_count(2)
    call(sandbox, "plate", "k3", email="ines@shop.example")
    call(sandbox, "plate", "k4")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("Plate")


def test_what_is_shown_is_saved_as_a_file(page: Page, sandbox: Sandbox, tmp_path: Path) -> None:
    call(sandbox, "mug", "k1")
    call(sandbox, "vase", "k2")
    opened(page, f"{sandbox.url}/?q=vase")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    saved = tmp_path / "calls.json"
    download.value.save_as(saved)
    assert [each["number"] for each in json.loads(saved.read_text())] == [2]


@pytest.mark.parametrize("width", [1280, 1120, 900, 390])
def test_no_word_is_torn_in_the_counts_above_the_calls(
    page: Page, sandbox: Sandbox, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(sandbox.url)
    lines = page.evaluate(
        """() => [...document.querySelectorAll(".tiles span")].map((tile) => {
          const words = document.createRange();
          words.selectNode(tile.lastChild);
          return words.getClientRects().length;
        })"""
    )
    assert lines == [1] * 7


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_fit_for_all(page: Page, sandbox: Sandbox, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    call(sandbox, "mug", "k1")
    call(sandbox, "mug", "k1")
    call(sandbox, "mug", "k2")
    call(sandbox, "mug", "k3", email="ines@shop.example")
    sandbox.inject_faults(script=[503], latency_ms=1)
    call(sandbox, "mug", "k4")
    found = []
    for path in ("/", "/?show=rejected", "/calls/1", "/contacts/nora@shop.example", "/facts"):
        page.goto(sandbox.url + path)
        found += on_both_screens(page)
    assert found == []
