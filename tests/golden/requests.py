"""Requests that are no look of a person at a page."""

from __future__ import annotations

from typing import Any

from flask import render_template_string

from tests.golden.cases import case
from tests.golden.store import FIREFOX, Store
from tests.golden.structured import MUG, block, page
from tests.golden.templates import PAGE, TEA
from topmail_flask import product_page

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
HEADERS: dict[str, dict[str, str | None]] = {
    "Firefox": {},
    "Chrome": {"User-Agent": CHROME + "Chrome/142.0.0.0 Safari/537.36"},
    "no user agent": {"User-Agent": ""},
    "Googlebot": {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
    "GPTBot": {"User-Agent": "Mozilla/5.0; compatible; GPTBot/1.2"},
    "a preview of a link": {"User-Agent": "facebookexternalhit/1.1"},
    "a monitor": {"User-Agent": "UptimeRobot/2.0"},
    "curl": {"User-Agent": "curl/8.5"},
    "a browser without a head": {"User-Agent": CHROME + "HeadlessChrome/142.0.0.0 Safari/537.36"},
    "a phone named like a robot": {
        "User-Agent": "Mozilla/5.0 (Linux; Android 14; CUBOT X70) AppleWebKit/537.36"
    },
    "prefetch": {"Sec-Purpose": "prefetch"},
    "prerender": {"Sec-Purpose": "prefetch;prerender"},
    "an older prefetch": {"Purpose": "prefetch"},
    "a prefetch of Firefox": {"X-Moz": "prefetch"},
    "a part of a page for htmx": {"HX-Request": "true"},
    "a boosted page of htmx": {"HX-Request": "true", "HX-Boosted": "true"},
    "history of htmx": {"HX-Request": "true", "HX-History-Restore-Request": "true"},
    "a frame of Turbo": {"Turbo-Frame": "details"},
    "a script's request": {"X-Requested-With": "XMLHttpRequest"},
    "a page inside of a page": {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"},
    "a fetch by a script": {"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors"},
    "a request of the app's users": {"X-Requested-With": "com.example.app"},
    "a wish not to be tracked": {"DNT": "1"},
    "a wish for privacy": {"Sec-GPC": "1"},
    "an answer to a range": {"Range": "bytes=0-1"},
    "a forged host": {"Host": "evil.example"},
    "headers that claim a shopper": {"X-TopMail-Email": "eve@evil.example", "X-Email": "e@e.ee"},
}

for headers_name, told in HEADERS.items():

    @case("requests", headers_name)
    def visit_headers(store: Store, told: dict[str, Any] = told) -> None:
        store.open(repeat_window=0)
        store.page("/variable", lambda: render_template_string(PAGE, product=TEA))
        store.page("/marked", product_page(lambda: TEA)(lambda: "<p>"))
        store.page("/structured", page(block(MUG)))
        for path in ("/variable", "/marked", "/structured"):
            store.get(path, headers=told)


def configured(name: str, headers: dict[str, str] | None = None, **how: Any) -> None:
    @case("requests", name)
    def visit(store: Store) -> None:
        store.open(**how)
        store.page("/tea", lambda: render_template_string(PAGE, product=TEA))
        store.page("/about", "<p>About us")
        for path in ("/tea", "/about", "/missing"):
            store.get(path, headers={"User-Agent": FIREFOX, **(headers or {})})


configured("robots that may look", {"User-Agent": "curl/8.5"}, robots="search ai preview monitor")
configured("no robots are known", {"User-Agent": "Googlebot/2.1"}, robots=[])
configured("not to be tracked, honoured", {"DNT": "1"}, honor_dnt=True)
configured("privacy, not honoured", {"Sec-GPC": "1"}, honor_gpc=False)
configured("switched off", enabled=False)
configured("no key", api_key=None)
configured("an empty key", api_key="")
configured("under test", config={"TESTING": True})
configured("under test and switched on", config={"TESTING": True}, enabled=True)
configured("nobody in the sample", sample_rate=0)
configured("a currency that nobody needs", currency="USD")
configured("kept in memory alone", outbox=":memory:")


@case("requests", "half of the shoppers in the sample")
def visit_sample(store: Store) -> None:
    store.open(sample_rate=0.5)
    store.page("/tea", lambda: render_template_string(PAGE, product=TEA))
    for number in range(10):
        store.shopper = f"shopper{number}@shop.example"
        store.get()


@case("requests", "no window for repeats")
def visit_no_window(store: Store) -> None:
    store.open(repeat_window=0)
    store.page("/tea", lambda: render_template_string(PAGE, product=TEA))
    store.get()
    store.get()


@case("requests", "repeats as the time goes by")
def visit_repeats(store: Store) -> None:
    store.open()
    store.page("/tea", lambda: render_template_string(PAGE, product=TEA))
    with store.at_any_time() as views:
        for seconds in (0, 30, 31, 61):
            views.clock.advance(seconds)
            store.get()


@case("requests", "repeats of variants")
def visit_variants(store: Store) -> None:
    store.open()
    rows = {size: {**TEA, "price": price} for size, price in (("s", 1), ("m", 2))}
    store.page("/tea/<variant>", lambda variant: render_template_string("x", product=rows[variant]))
    for size in ("s", "m", "s"):
        store.get(f"/tea/{size}")
    store.get("/tea/s?variant=XL")
