"""Browsing, searching, and what every page must have."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from flask import Flask, abort

from example_store.stocktaking import STOCK
from tests.example_store.browser import Browser
from tests.example_store.conftest import open_shop

CATEGORIES = [
    shelf
    for path in sorted(STOCK.glob("*.toml"))
    if "slug" in (shelf := tomllib.loads(path.read_text()))
]
PRODUCTS = [product for category in CATEGORIES for product in category["products"]]
ART = STOCK.parent / "static" / "art"


def json_ld(page: str) -> list[dict[str, object]]:
    blocks = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    return [json.loads(block) for block in blocks]


def test_the_shop_has_at_least_24_products_in_5_categories() -> None:
    assert len(CATEGORIES) >= 5
    assert len({product["id"] for product in PRODUCTS}) == len(PRODUCTS) >= 24


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category["slug"])
def test_a_category_lists_its_products(browser: Browser, category: dict[str, object]) -> None:
    page = browser.open(f"/shop/{category['slug']}")
    assert page.status_code == 200
    for product in category["products"]:  # type: ignore[attr-defined]
        assert f'href="/products/{product["slug"]}"' in page.text


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product["slug"])
def test_a_product_has_a_page_and_a_picture_of_its_own(
    browser: Browser, product: dict[str, str]
) -> None:
    page = browser.open(f"/products/{product['slug']}")
    assert page.status_code == 200
    assert f"<h1>{product['name'].replace('&', '&amp;')}</h1>" in page.text
    assert f"/static/art/{product['slug']}.svg" in page.text
    drawing = (ART / f"{product['slug']}.svg").read_bytes()
    others = [path.read_bytes() for path in ART.glob("*.svg") if path.stem != product["slug"]]
    assert drawing not in others


def test_products_can_be_sorted_by_price(browser: Browser) -> None:
    page = browser.open("/shop/ceramics", order="price").text
    listed = re.findall(r'class="card-link" href="/products/([\w-]+)"', page)
    assert listed[0] == "stoneware-mug"
    assert listed[-1] == "fluted-teapot"


def test_search_finds_by_words_in_any_order_and_case(browser: Browser) -> None:
    page = browser.open("/search", q="SEWN linen").text
    assert re.findall(r'class="card-link" href="([^"]+)"', page) == ["/products/linen-notebook"]


@pytest.mark.parametrize("words", ["%", "_", "no such thing", "<script>alert(1)</script>", ""])
def test_search_for_nothing_sensible_finds_nothing(browser: Browser, words: str) -> None:
    page = browser.open("/search", q=words)
    assert page.status_code == 200
    assert 'class="card-link"' not in page.text
    assert "<script>alert" not in page.text


def test_a_variant_has_an_address_and_its_own_price(browser: Browser) -> None:
    assert "€26.00</p>" in browser.open("/products/stoneware-mug", variant="LR-101-INK").text
    assert "from</span> €24.00</p>" in browser.open("/products/stoneware-mug").text


def test_a_sold_out_variant_cannot_be_chosen(browser: Browser) -> None:
    page = browser.open("/products/bud-vase").text
    [sold_out] = re.findall(r'<input type="radio"[^>]*value="LR-104-SEA"[^>]*>', page)
    assert "disabled" in sold_out


def test_a_product_page_carries_structured_data_of_its_variants_and_its_way_home(
    browser: Browser,
) -> None:
    group, way = json_ld(browser.open("/products/stoneware-mug").text)
    assert (group["@type"], group["productGroupID"]) == ("ProductGroup", "LR-101")
    variants = group["hasVariant"]
    assert isinstance(variants, list)
    assert [(variant["sku"], variant["offers"]["price"]) for variant in variants] == [
        ("LR-101-SND", "24.00"),
        ("LR-101-MSS", "24.00"),
        ("LR-101-INK", "26.00"),
    ]
    crumbs = way["itemListElement"]
    assert isinstance(crumbs, list)
    assert [crumb["name"] for crumb in crumbs] == ["Home", "Ceramics", "Stoneware mug"]


def test_a_product_without_variants_is_one_product_with_one_offer(browser: Browser) -> None:
    product, _ = json_ld(browser.open("/products/cedar-soap").text)
    assert (product["@type"], product["sku"]) == ("Product", "LR-503")
    assert isinstance(product["offers"], dict)
    assert product["offers"]["price"] == "9.50"


def test_the_quick_view_tells_what_the_dialog_shows(browser: Browser) -> None:
    summary = browser.open("/products/merino-throw/quick").json
    assert summary is not None
    assert (summary["name"], summary["path"]) == ("Merino throw", "/products/merino-throw")
    assert [variant["price"] for variant in summary["variants"]] == ["139.00", "139.00", "149.00"]


def test_quick_view_links_lead_to_the_product_page_without_a_script(browser: Browser) -> None:
    page = browser.open("/shop/garden").text
    assert 'class="peek" href="/products/garden-twine"' in page


@pytest.mark.parametrize(
    "path", ["/products/no-such-thing", "/shop/nowhere", "/gift-sets/none", "/orders/LR-1", "/x"]
)
def test_what_is_not_there_is_a_404_page_of_the_shop(browser: Browser, path: str) -> None:
    page = browser.open(path)
    assert page.status_code == 404
    assert "Not on our shelves" in page.text


def test_a_fault_of_the_shop_is_a_500_page_that_tells_nothing(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    shop.logger.disabled = True
    shop.add_url_rule("/fault", "fault", view_func=lambda: str(1 / 0))
    shop.add_url_rule("/teapot", "teapot", view_func=lambda: abort(418))
    page = Browser(shop).open("/fault")
    assert page.status_code == 500
    assert "Something broke" in page.text
    assert "ZeroDivisionError" not in page.text
    assert Browser(shop).open("/teapot").status_code == 418


PAGES = ["/", "/shop/garden", "/products/bud-vase", "/search?q=tea", "/log-in", "/basket", "/about"]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_keeps_the_rules_of_the_house(browser: Browser, path: str) -> None:
    page = browser.open(path)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.text.count("<h1") == 1
    assert '<a class="skip-link" href="#content">' in page.text
    own = r'(?! type="application| defer src="/static| (?:defer|type="module") src="/_shopfront/)'
    assert not re.search(rf'\son\w+="|\sstyle="|<script{own}', page.text)
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//(?!localhost/)', page.text)
    for image in re.findall(r"<img[^>]*>", page.text):
        assert " alt=" in image


def test_nothing_the_pages_load_is_missing(browser: Browser) -> None:
    loaded = {
        address
        for path in PAGES
        for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', browser.open(path).text)
    }
    styles = "".join(path.read_text() for path in (STOCK.parent / "static" / "css").glob("*.css"))
    fonts = {f"/static/fonts/{name}" for name in re.findall(r"\.\./fonts/([^\"]+)", styles)}
    assert fonts
    for address in loaded | fonts:
        with browser.open(address) as file:
            assert file.status_code == 200, address


def test_the_secret_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    assert open_shop(tmp_path).secret_key == open_shop(tmp_path).secret_key
    key = tmp_path / "secret_key"
    assert len(key.read_text()) == 64
    assert key.stat().st_mode & 0o777 == 0o600


def test_restarting_the_shop_keeps_the_catalogue_as_it_is(tmp_path: Path) -> None:
    def products(shop: Flask) -> int:
        return Browser(shop).open("/shop/garden").text.count('class="card-link"')

    assert products(open_shop(tmp_path)) == products(open_shop(tmp_path)) == 4
