"""Pages that caches keep: their beacon tells when they are seen."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Any

from flask import render_template_string

from tests.golden.cases import case
from tests.golden.store import Store
from tests.golden.templates import TEA
from topmail_flask import product_page

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Origin": "https://shop.example"}
PAGE = "<h1>{{ product.name }}</h1>{{ topmail_beacon() }}"


def open_store(store: Store, template: str = PAGE, **how: Any) -> None:
    """A page that is made for each visitor, and one that the store keeps."""
    store.open(**how)

    def tea() -> str:
        return render_template_string(template, product=TEA)

    store.page("/tea", tea)
    store.page("/kept/tea", product_page(lambda: TEA)(cache(tea)))


def token_of(store: Store, path: str = "/tea") -> str:
    """The token of a page that was just made."""
    [found] = re.findall(r'data-topmail-token="([^"]+)"', store.get(path).text)
    return html.unescape(found)


def send(store: Store, message: str, headers: dict[str, str] | None = None) -> None:
    """What the page's script sends."""
    store.post(
        "/_shopfront/product",
        data=message,
        content_type="text/plain;charset=UTF-8",
        headers={**SAME_ORIGIN, **(headers or {})},
    )


@case("beacons", "a page with its script")
def visit_script(store: Store) -> None:
    open_store(store)
    page = store.get().text
    [source] = re.findall(r'src="([^"]+)"', page)
    answer = store.client.get(html.unescape(source))
    store.notes["script"] = [answer.status, answer.mimetype, answer.headers.get("Cache-Control")]


for kind in ("load", "copy", "back", "prerender", "swap", "variant", "look"):

    @case("beacons", f"a page is seen: {kind}")
    def visit_kind(store: Store, kind: str = kind) -> None:
        open_store(store)
        with store.at_any_time() as views:
            token = token_of(store)
            views.clock.advance(3600)
            send(store, f"{kind} 50 {token} ")


def refused(name: str, message: str = "copy 50 {token} ", **headers: str) -> None:
    @case("beacons", name)
    def visit(store: Store) -> None:
        open_store(store)
        token = token_of(store)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        send(store, message.format(token=token), told)


refused("a message right after the page")
refused("a message that is none", "hello")
refused("a token that is not the store's", "copy 50 x{token} ")
refused("a message of a robot", User_Agent="Googlebot/2.1")
refused("a message of another site", Sec_Fetch_Site="cross-site")
refused("a message of somebody who wants privacy", Sec_GPC="1")


@case("beacons", "a page that the store kept")
def visit_kept(store: Store) -> None:
    open_store(store)
    with store.at_any_time() as views:
        store.get("/kept/tea")
        views.clock.advance(120)
        token = token_of(store, "/kept/tea")
        send(store, f"load 500 {token} ")


@case("beacons", "a page that is too old")
def visit_old(store: Store) -> None:
    open_store(store, beacon_max_age=60)
    with store.at_any_time() as views:
        token = token_of(store)
        views.clock.advance(120)
        send(store, f"copy 500 {token} ")


@case("beacons", "a page of no product, and of two")
def visit_none(store: Store) -> None:
    store.open()
    two = (
        "{{ topmail_product({'id': 1, 'name': 'A'}) }}{{ topmail_product({'id': 2, 'name': 'B'}) }}"
    )
    store.page("/none", lambda: render_template_string("<p>{{ topmail_beacon() }}"))
    store.page("/two", lambda: render_template_string(two + "{{ topmail_beacon() }}"))
    store.get("/none")
    store.get("/two")


@case("beacons", "a page with variants and a nonce")
def visit_variants(store: Store) -> None:
    tag = "{{ topmail_beacon(product, nonce='abc', variants=[{'id': 's'}, {'id': 'm'}]) }}"
    open_store(store, tag)
    store.get()


@case("beacons", "a message by another method, and one that is too long")
def visit_methods(store: Store) -> None:
    open_store(store)
    store.get("/_shopfront/product", headers=SAME_ORIGIN)
    send(store, "x" * 5000)
