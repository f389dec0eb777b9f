"""What a real browser sends when a page is fetched, framed or shown, and what counts of it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask, Response, render_template_string
from playwright.sync_api import Page

from tests.browser.serving import serving
from tests.browser.watching import Watch, until
from tests.shop import Shop, make_shop
from topmail_flask import product_page

PAGE = (
    "<!doctype html><html lang=en><link rel=icon href=data:,><title>Shop</title>"
    "<h1>{{ product.name if product else 'Shop' }}</h1><a href=/marked/link>A tea</a>"
)
WORKER = """
self.addEventListener("install", (event) => event.waitUntil(
  caches.open("pages").then((cache) => cache.addAll(["/tea/kept", "/marked/kept"]))));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => event.respondWith(fetch(event.request)));
"""
# As quicklink 3.0 where a browser has no <link rel=prefetch> (Safari), other preloaders, jQuery's
# and axios' ways of asking, and a link that is prefetched.
NOT_SHOWN = (
    "fetch(path, {headers: {accept: '*/*'}, mode: 'no-cors', credentials: 'include'})",
    "fetch(path, {headers: {accept: '*/*'}, credentials: 'include', priority: 'low'})",
    "fetch(path)",
    "fetch(path, {headers: {'X-Prefetch': '1', Accept: 'text/html'}})",
    (
        "new Promise((done) => { const asked = new XMLHttpRequest(); asked.open('GET', path);"
        " asked.onload = done; asked.send(); })"
    ),
    (
        "new Promise((done) => { const link = document.createElement('link');"
        " link.rel = 'prefetch'; link.href = path; link.onload = link.onerror = done;"
        " document.head.append(link); })"
    ),
    (
        "new Promise((done) => { const image = new Image(); image.onload = image.onerror = done;"
        " image.src = path; })"
    ),
)
# As Turbo 8, htmx 2 and 4 for a boosted link, swup 4.
SHOWN = (
    "fetch(path, {headers: {Accept: 'text/html, application/xhtml+xml', 'X-Turbo-Request-Id': 1}})",
    "fetch(path, {headers: {'HX-Request': 'true', 'HX-Boosted': 'true', Accept: '*/*'}})",
    (
        "fetch(path, {headers: {'HX-Request': 'true', 'HX-Request-Type': 'full',"
        " Accept: 'text/html'}, mode: 'same-origin'})"
    ),
    "fetch(path, {headers: {'X-Requested-With': 'swup', Accept: 'text/html'}})",
)
FRAMES = ("iframe", "frame", "object", "embed")
FRAME = """([tag, path]) => new Promise((done) => {
  const frame = document.createElement(tag);
  frame.onload = frame.onerror = done;
  if (tag === "object") { frame.type = "text/html"; frame.data = path; } else frame.src = path;
  document.body.append(frame);
})"""


@pytest.fixture
def shop() -> Shop:
    shop = make_shop({"TOPMAIL_CURRENCY": "EUR"}, shopper="ann@shop.example")
    app: Flask = shop.app

    def tea(name: str) -> str:
        return render_template_string(PAGE, product={"id": name, "name": "Tea", "price": 9})

    app.add_url_rule("/tea/<name>", "tea", tea)
    app.add_url_rule("/marked/<name>", "marked", product_page(tea))
    app.add_url_rule("/", "home", lambda: render_template_string(PAGE))
    app.add_url_rule("/worker.js", "worker", lambda: Response(WORKER, mimetype="text/javascript"))
    return shop


@pytest.fixture
def url(shop: Shop) -> Iterator[str]:
    with serving(shop.app.wsgi_app) as address:
        yield address


@pytest.mark.parametrize("route", ["/tea/", "/marked/"])
def test_pages_that_a_script_fetches_count_only_if_it_shows_them(
    page: Page, shop: Shop, url: str, route: str
) -> None:
    page.goto(url)
    for number, script in enumerate(NOT_SHOWN):
        page.evaluate(f"(path) => {script}.then(() => true)", f"{route}{number}")
    until(page, lambda: shop.reasons.get("prefetch") == len(NOT_SHOWN), "all were fetched")
    assert shop.looked_at == []

    for number, script in enumerate(SHOWN):
        page.evaluate(f"(path) => {script}.then(() => true)", f"{route}shown-{number}")
    assert shop.looked_at == [f"shown-{number}" for number in range(len(SHOWN))]


def test_what_a_service_worker_keeps_counts_not_and_what_it_hands_on_counts_once(
    page: Page, shop: Shop, url: str
) -> None:
    page.goto(url)
    page.evaluate(
        "navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready)"
    )
    until(page, lambda: shop.reasons.get("prefetch") == 2, "both pages are in the cache")
    assert shop.looked_at == []

    page.goto(f"{url}/tea/handed-on")
    page.goto(f"{url}/marked/handed-on")
    assert shop.looked_at == ["handed-on", "handed-on"]


@pytest.mark.parametrize("route", ["/tea/", "/marked/"])
def test_another_site_that_frames_or_fetches_a_page_makes_no_view_and_its_link_does(
    page: Page, watch: Watch, shop: Shop, url: str, route: str
) -> None:
    watch.allowed = ["CORS policy", "failed: .*/marked/|failed: .*/tea/"]
    shop_site = f"http://localhost:{urlsplit(url).port}"
    page.goto(url)  # 127.0.0.1 is another site than localhost
    for script in NOT_SHOWN[:3]:
        path = f"{shop_site}{route}fetched"
        page.evaluate(f"(path) => {script}.then(() => 1, () => 0)", path)
    for tag in FRAMES:
        page.evaluate(FRAME, [tag, f"{shop_site}{route}{tag}"])
    expected = 3 + len(FRAMES)
    until(page, lambda: shop.reasons.get("cross_site") == expected, "all were asked for")
    assert shop.looked_at == []

    page.evaluate("(path) => { document.querySelector('a').href = path; }", f"{shop_site}{route}go")
    page.get_by_role("link", name="A tea").click()
    page.wait_for_url(f"{shop_site}{route}go")
    assert shop.looked_at == ["go"]


def test_a_frame_of_the_shop_s_own_page_counts(page: Page, shop: Shop, url: str) -> None:
    page.goto(url)
    page.evaluate(FRAME, ["iframe", "/tea/quick-view"])
    assert shop.looked_at == ["quick-view"]
