"""``flask topmail inspect`` and ``routes``: why any page does or does not count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import Result
from flask import render_template_string

from tests.shop import TEA, TEMPLATE, Shop, make_shop
from topmail_flask import product_page
from topmail_flask.core import core_of
from topmail_flask.sandbox import Sandbox


def run(shop: Shop, *words: str) -> Result:
    return shop.app.test_cli_runner().invoke(args=["topmail", *words])


def told(shop: Shop, *words: str) -> Any:
    result = run(shop, "inspect", *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def tea_shop() -> Shop:
    shop = make_shop({"TOPMAIL_CURRENCY": "EUR", "TOPMAIL_SITE_URL": "https://shop.example"})

    @shop.app.get("/tea/<slug>")
    def show(slug: str) -> str:
        return render_template_string(TEMPLATE, product=TEA)

    @shop.app.get("/marked")
    @product_page("shoe")
    def marked() -> str:
        return render_template_string("", shoe=TEA)

    @shop.app.get("/loaded/<slug>")
    @product_page(load_tea)
    def loaded(slug: str) -> str:
        return ""

    @shop.app.get("/about")
    def about() -> str:
        return "<p>about us"

    shop.app.add_url_rule("/cart", "cart", lambda: "", methods=["POST"])
    return shop


def load_tea(slug: str) -> dict[str, Any]:
    return {**TEA, "id": slug}


def test_inspect_tells_the_decision_the_fields_and_what_would_be_sent() -> None:
    shop = tea_shop()
    answer = told(shop, "/tea/green", "--as", "ann@shop.example")
    assert answer["decision"] == "view"
    (body,) = answer["would_send"]
    session_id = body.pop("session_id")
    assert session_id
    assert body == {
        "email": "ann@shop.example",
        "product_id": "tea-1",
        "product_name": "Green tea",
        "product_url": "https://shop.example/tea/green",
        "price": 9.9,
        "currency": "EUR",
    }
    fields = {row["field"]: row for row in answer["fields"]}
    assert fields["price"]["value"] == "9.90"
    assert shop.looks == [], "the shop's own hooks stay quiet"
    assert shop.topmail.stats(shop.app).accepted == 0


def test_inspect_takes_a_url_and_tells_a_page_as_if_somebody_known_had_seen_it() -> None:
    output = run(tea_shop(), "inspect", "https://shop.example/tea/green").output
    assert output.startswith("decision: view")
    assert '"product_id": "tea-1"' in output


def test_inspect_says_why_a_page_does_not_count_and_what_to_do() -> None:
    shop = tea_shop()
    for path, reason in (("/about", "no_product"), ("/missing", "status")):
        assert told(shop, path)["reason"] == reason
    output = run(shop, "inspect", "/about").output
    assert "No product was found" in output
    assert "fix:      Mark the view with @product_page" in output


def test_inspect_reads_a_file(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "Product",'
        '"name": "Tea", "sku": "x-1", "offers": {"price": "5.00", "priceCurrency": "EUR"}}</script>'
    )
    shop = tea_shop()
    where = ("--html", str(page), "--url", "https://shop.example/tea")
    answer = told(shop, *where, "--as", "ann@shop.example")
    assert answer["would_send"][0]["price"] == 5
    assert {row["source"] for row in answer["fields"]} >= {"json_ld"}
    assert run(shop, "inspect", "--html", str(page)).exit_code == 2


def test_inspect_leaves_the_app_as_it_was() -> None:
    shop = tea_shop()
    run(shop, "inspect", "/tea/green", "--as", "ann@shop.example")
    shop.get("/tea/green")
    assert shop.looked_at == ["tea-1"]
    assert shop.looks[0][1] is None


def test_inspect_leaves_what_waits_where_it_is(tmp_path: Path) -> None:
    with Sandbox(contacts=["ann@shop.example"]) as sandbox:
        config: dict[str, Any] = {
            "TOPMAIL_API_KEY": sandbox.api_key,
            "TOPMAIL_BASE_URL": sandbox.base_url,
            "TOPMAIL_OUTBOX": str(tmp_path),
        }
        before = make_shop({**config, "TOPMAIL_DELIVERY": "worker"}, shopper="ann@shop.example")
        before.app.add_url_rule("/tea", "tea", product_page(lambda: TEA)(lambda: "<p>tea"))
        before.get("/tea")
        shop = make_shop(config, shopper="ann@shop.example")
        shop.app.add_url_rule("/tea", "tea", product_page(lambda: TEA)(lambda: "<p>tea"))
        assert told(shop, "/tea")["decision"] == "view"
        core_of(shop.app).delivery.close()
        assert sandbox.requests == []
        assert shop.topmail.stats(shop.app).pending == 1


def test_inspect_refuses_an_impossible_shopper_in_words() -> None:
    result = run(tea_shop(), "inspect", "/about", "--as", "nobody")
    assert result.exit_code == 2
    assert "email is not an e-mail address" in result.output


def test_routes_lists_what_would_happen_on_every_route() -> None:
    rows = json.loads(run(tea_shop(), "routes", "--json").output)
    what = {row["route"]: row["views"] for row in rows}
    assert what == {
        "/about": "by structured data only",
        "/cart": "never: no GET",
        "/loaded/<slug>": "marked: load_tea()",
        "/marked": "marked: shoe",
        "/static/<path:filename>": "never: files",
        "/tea/<slug>": "by template: product",
    }
    assert "marked: shoe" in run(tea_shop(), "routes").output
