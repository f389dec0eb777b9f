"""The five ways of a look that the server cannot see, in a real browser."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tests.browser.beacon_store import ADDRESS, BeaconStore, beacon_store
from tests.browser.conftest import ARGUMENTS
from tests.browser.serving import serving
from tests.browser.watching import Watch, until
from tests.servers.server import until as eventually
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def shop() -> Iterator[BeaconStore]:
    with Sandbox(contacts=[ADDRESS]) as sandbox, beacon_store(sandbox, serving) as store:
        yield store


@pytest.fixture(scope="module")
def usual_chromium(playwright: Playwright, chromium_program: str) -> Iterator[Browser]:
    """Chromium with the back/forward cache, which Playwright switches off."""
    browser = playwright.chromium.launch(
        executable_path=chromium_program,
        args=ARGUMENTS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield browser
    browser.close()


@pytest.fixture
def usual_page(usual_chromium: Browser, human: str, watch: Watch) -> Iterator[Page]:
    context = usual_chromium.new_context(user_agent=human)
    context.set_default_timeout(10_000)
    watch.begin(context)
    yield context.new_page()
    context.close()


def heard(page: Page, shop: BeaconStore, *kinds: str) -> None:
    until(page, lambda: len(shop.told) >= len(kinds), f"messages of the beacon: {kinds}")
    assert shop.told == list(kinds)


def ahead(how: str) -> str:
    rule = {how: [{"source": "list", "urls": ["/tea"], "eagerness": "immediate"}]}
    return f'<script type="speculationrules">{json.dumps(rule)}</script>'


def test_a_page_that_the_server_rendered_for_this_load_counts_once(
    page: Page, shop: BeaconStore
) -> None:
    page.goto(f"{shop.url}/tea")
    heard(page, shop, "load")

    assert shop.views == [("tea-1", None)]
    assert shop.reasons == {"counted": 1}
    assert page.context.cookies() == []


@pytest.mark.parametrize("path", ["/tea", "/nonce/tea"])
def test_a_page_from_a_cdn_counts(page: Page, shop: BeaconStore, path: str) -> None:
    shop.keep(path, age=3600)

    page.goto(f"{shop.url}{path}")
    heard(page, shop, "load")

    assert shop.views == [("tea-1", None)]


def test_a_page_that_was_prefetched_counts_when_it_is_opened(
    usual_page: Page, shop: BeaconStore
) -> None:
    page = usual_page
    shop.rules = ahead("prefetch")
    page.goto(shop.url)
    until(page, lambda: shop.asked["GET /tea"], "the browser prefetches")
    until(page, lambda: "prefetch" in shop.reasons, "the server notices")
    assert shop.told == []

    page.get_by_role("link", name="Tea").click()
    heard(page, shop, "copy")

    assert shop.asked["GET /tea"] == 1
    assert shop.views == [("tea-1", None)]


def test_a_page_that_was_prerendered_counts_when_it_is_shown(
    chromium_program: str, human: str, shop: BeaconStore, tmp_path: Path
) -> None:
    # Whoever watches a page of Chromium switches prerendering off: this browser is not watched,
    # and goes to the page by itself.
    shop.rules = ahead("prerender") + '<meta http-equiv="refresh" content="2; url=/tea">'
    command = [chromium_program, *ARGUMENTS, "--headless=new", f"--user-agent={human}"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", shop.url]
    with (tmp_path / "log").open("wb") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        eventually(lambda: shop.asked["GET /_shopfront/product.js"], 10, "the browser prerenders")
        assert shop.told == []
        assert shop.reasons["prefetch"] == 1
        eventually(lambda: shop.told, 10, "the page is shown")
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait(10)

    assert shop.told == ["prerender"]
    assert shop.asked["GET /tea"] == 1
    assert shop.views == [("tea-1", None)]


def test_a_page_restored_by_the_back_button_counts_again(
    usual_page: Page, shop: BeaconStore
) -> None:
    page = usual_page
    page.goto(f"{shop.url}/tea")
    heard(page, shop, "load")
    page.evaluate("window.stayed = true")
    page.get_by_role("link", name="Home").click()
    page.wait_for_url(f"{shop.url}/")

    page.evaluate("history.back()")
    heard(page, shop, "load", "back")

    page.wait_for_function("window.stayed")  # also where the page is on its way still
    assert shop.asked["GET /tea"] == 1
    assert shop.views == [("tea-1", None), ("tea-1", None)]


def test_another_variant_counts_once_for_each_choice(page: Page, shop: BeaconStore) -> None:
    page.goto(f"{shop.url}/tea")
    heard(page, shop, "load")

    page.get_by_label("Size").select_option("large")
    heard(page, shop, "load", "variant")
    page.get_by_label("Size").select_option("none")  # no variant that the page was signed for
    page.evaluate("document.dispatchEvent(new CustomEvent('topmail:variant', {detail: 'large'}))")
    page.evaluate("document.dispatchEvent(new CustomEvent('topmail:variant', {detail: 'small'}))")
    heard(page, shop, "load", "variant", "variant")

    assert shop.views == [("tea-1", None), ("tea-1", "large"), ("tea-1", "small")]
    assert [view["price"] for view in shop.sandbox.views] == [9.9, 19.9, 9.9]


def test_a_tab_in_the_background_counts_when_somebody_looks(
    context: BrowserContext, page: Page, shop: BeaconStore
) -> None:
    shop.keep("/tea", age=3600)
    # A headless browser shows all its pages: this one says that it does not.
    context.add_init_script(
        "let away = true; Object.defineProperty(document, 'hidden', {get: () => away});"
        "addEventListener('shown', () => { away = false;"
        " document.dispatchEvent(new Event('visibilitychange')) });"
    )
    page.goto(f"{shop.url}/tea")
    page.wait_for_timeout(300)
    assert shop.told == []

    page.evaluate("dispatchEvent(new Event('shown'))")
    heard(page, shop, "load")

    assert shop.views == [("tea-1", None)]


def test_a_page_of_another_site_cannot_make_a_shopper_look(page: Page, shop: BeaconStore) -> None:
    shop.keep("/tea", age=3600)
    page.goto(f"{shop.url}/tea")
    token = page.locator("script").get_attribute("data-topmail-token")
    heard(page, shop, "load")
    other = Flask("other")
    other.add_url_rule("/", "home", lambda: "<!doctype html><link rel=icon href=data:,>")
    with serving(other) as address:
        page.goto(address.replace("127.0.0.1", "localhost"))
        page.evaluate(
            "([address, body]) => navigator.sendBeacon(address, body)",
            [f"{shop.url}/_shopfront/product", f"copy 5 {token} "],
        )
        heard(page, shop, "load", "copy")
        until(page, lambda: "beacon_refused" in shop.reasons, "it is refused")

    assert shop.views == [("tea-1", None)]
