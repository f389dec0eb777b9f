"""The doctor looks at the store's own pages: unchanged, readable, and of which product?"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from importlib import metadata

import pytest
from flask import Flask, Response, g, render_template_string, request

from tests.cli.examined import HOME, found, tea_app
from topmail_flask import product_page
from topmail_flask.core import core_of
from topmail_flask.sandbox import Sandbox

JSON_LD = (
    '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "Product",'
    '"name": "Green tea", %s "offers": {"price": "5.00", "priceCurrency": "USD"}}</script>'
)


@pytest.fixture
def topmail() -> Sandbox:
    """Never started: nobody is asked here."""
    return Sandbox()


def compressed(app: Flask, pack: Callable[[bytes], bytes], coding: str) -> None:
    """As a compressing extension does it."""

    @app.after_request
    def compress(response: Response) -> Response:
        if coding in request.headers.get("Accept-Encoding", ""):
            response.set_data(pack(response.get_data()))
            response.headers["Content-Encoding"] = coding
        return response


def test_a_cacheable_home_page_stays_as_it_is(topmail: Sandbox) -> None:
    app = tea_app(topmail)

    @app.after_request
    def cache(response: Response) -> Response:
        response.headers["Cache-Control"] = "public, max-age=60"
        return response

    finding = found(app, "cacheability")
    assert (finding.level, "stays public, max-age=60" in finding.what) == ("ok", True)


def test_what_a_page_changes_by_itself_is_not_laid_at_our_door(topmail: Sandbox) -> None:
    app, numbers = tea_app(topmail), itertools.count()

    @app.after_request
    def number(response: Response) -> Response:
        response.headers["X-Request-Id"] = str(next(numbers))
        response.set_cookie("seen", str(next(numbers)))
        return response

    app.view_functions["home"] = lambda: f"{HOME}{next(numbers)}"
    assert found(app, "cacheability").level == "ok"


def test_a_page_that_changes_at_some_time_is_not_laid_at_our_door(topmail: Sandbox) -> None:
    app, offers = tea_app(topmail), iter(["tea", "tea", "coffee", "coffee", "coffee"])
    app.view_functions["home"] = lambda: next(offers)
    assert found(app, "cacheability").level == "ok"


def test_a_store_that_lets_only_its_own_hosts_in_is_looked_at_all_the_same(
    topmail: Sandbox,
) -> None:
    for config in ({"TRUSTED_HOSTS": [".tea.shop"]}, {"SERVER_NAME": "tea.shop"}):
        app = tea_app(topmail, {"TOPMAIL_SITE_URL": "", **config})
        assert found(app, "cacheability").level == "ok"
        assert found(app, "pages").details == ("/tea/a: a, 9.90 USD", "/tea/b: b, 9.90 USD")


def test_a_header_that_comes_with_the_extension_is_an_error(topmail: Sandbox) -> None:
    app = tea_app(topmail)

    @app.after_request
    def keep(response: Response) -> Response:
        g.response = response
        return response

    def staff() -> bool:
        g.response.headers["Vary"] = "Cookie"
        return False

    core_of(app).hooks.exclude.append(staff)
    app.view_functions["home"] = product_page(lambda: {"id": "a", "name": "Tea"})(lambda: HOME)
    finding = found(app, "cacheability")
    assert (finding.level, "is not the same: vary" in finding.what) == ("error", True), finding


@pytest.mark.parametrize(
    ("config", "level"),
    [
        ({"TOPMAIL_DEBUG_HEADER": True}, "warning"),
        ({"TOPMAIL_DEBUG_HEADER": True, "DEBUG": True}, "ok"),
        ({"DEBUG": True}, "ok"),
    ],
)
def test_the_debug_header_belongs_to_debugging(
    topmail: Sandbox, config: dict[str, bool], level: str
) -> None:
    assert found(tea_app(topmail, config), "cacheability").level == level


def test_a_home_page_elsewhere_can_be_named(topmail: Sandbox) -> None:
    app = tea_app(topmail)
    finding = found(app, "cacheability", home="/nowhere")
    assert (finding.level, "--home" in finding.fix) == ("warning", True)
    assert found(app, "cacheability", home="/tea/a").level == "ok"


def test_pages_that_the_extension_can_unpack_are_no_matter(topmail: Sandbox) -> None:
    assert "does not compress" in found(tea_app(topmail), "compression").what
    app = tea_app(topmail)
    compressed(app, gzip.compress, "gzip")
    finding = found(app, "compression")
    assert (finding.level, "compressed as gzip" in finding.what) == ("ok", True)
    assert found(app, "pages").level == "ok", "and links are found on a compressed home page"


def test_pages_that_the_extension_cannot_unpack_are_a_warning_with_the_fix(
    topmail: Sandbox,
) -> None:
    app = tea_app(topmail)
    compressed(app, lambda body: body[::-1], "br")
    finding = found(app, "compression")
    assert (finding.level, "compressed as br by " in finding.what) == ("warning", True)
    assert "COMPRESS_ALGORITHM" in finding.fix


def test_product_pages_are_found_by_the_links_of_the_home_page(topmail: Sandbox) -> None:
    finding = found(tea_app(topmail), "pages")
    assert finding.level == "ok"
    assert finding.details == ("/tea/a: a, 9.90 USD", "/tea/b: b, 9.90 USD")


def test_a_marked_route_without_a_product_is_found(topmail: Sandbox) -> None:
    app = tea_app(topmail)
    app.view_functions["tea"] = product_page("tea")(lambda slug: "<h1>Tea</h1>")
    finding = found(app, "pages")
    assert finding.level == "error"
    assert "No product on 2 of 2 product pages looked at (no_product)" in finding.what
    assert "hand the mark a function: @product_page(load_product)" in finding.fix


@pytest.mark.parametrize("beacon", ["", "{{ topmail_beacon() }}"])
def test_a_page_out_of_the_store_s_cache_needs_a_beacon(topmail: Sandbox, beacon: str) -> None:
    app = tea_app(topmail)
    copies: dict[str, str] = {}

    @product_page("tea")
    def show(slug: str) -> str:
        if slug not in copies:
            tea = {"id": slug, "name": "Green tea", "price": "9.90"}
            copies[slug] = render_template_string("<h1>{{ tea.name }}</h1>" + beacon, tea=tea)
        return copies[slug]

    app.view_functions["tea"] = show
    finding = found(app, "pages")
    assert finding.level == ("ok" if beacon else "error")
    assert finding.fix == ("" if beacon else "Put {{ topmail_beacon() }} into its template.")


def test_named_pages_are_looked_at_instead(topmail: Sandbox) -> None:
    finding = found(tea_app(topmail), "pages", named=("/tea/z", "https://tea.shop/missing"))
    assert finding.level == "warning"
    missing = "https://tea.shop/missing: status: /missing answered 404 NOT FOUND."
    assert finding.details == ("/tea/z: z, 9.90 USD", missing)


def test_a_store_under_a_path_of_its_site_is_found_there(topmail: Sandbox) -> None:
    app = tea_app(topmail, {"TOPMAIL_SITE_URL": "https://tea.shop/shop"})
    app.view_functions["home"] = lambda: '<a href="/shop/tea/a">tea</a><a href="/tea/b">not ours'
    assert found(app, "pages").details == ("/tea/a: a, 9.90 USD",)


def test_a_home_page_that_links_to_no_product_asks_for_a_sample(topmail: Sandbox) -> None:
    app = tea_app(topmail)
    app.view_functions["home"] = lambda: '<a href="//[">?</a><a href="https://else.where/tea/a">'
    finding = found(app, "pages")
    assert (finding.level, "--sample" in finding.fix) == ("warning", True)


@pytest.mark.parametrize(
    ("other", "level", "said"),
    [
        ('"sku": "T-2",', "ok", "in one way: sku"),
        ('"mpn": "T-2", "brand": "Tea & Co",', "warning", "(mpn and sku)"),
        ("", "warning", "(sku and url)"),
    ],
)
def test_ids_of_different_kinds_are_a_warning(  # R34
    topmail: Sandbox, other: str, level: str, said: str
) -> None:
    app = tea_app(topmail)
    pages = {"a": JSON_LD % '"sku": "T-1",', "b": JSON_LD % other}
    app.view_functions["tea"] = lambda slug: pages[slug]
    finding = found(app, "ids", named=("/tea/a", "/tea/b"))
    assert (finding.level, said in finding.what) == (level, True), finding


def test_ids_that_the_shop_itself_names_are_not_compared(topmail: Sandbox) -> None:
    assert "Fewer than two pages" in found(tea_app(topmail), "ids").what


def test_ways_to_find_products_are_counted(topmail: Sandbox) -> None:
    assert "0 marked, 1 by template, 1 by structured" in found(tea_app(topmail), "routes").what


def test_the_versions_that_run_together_are_told(topmail: Sandbox) -> None:
    finding = found(tea_app(topmail), "versions")
    assert finding.level == "ok"
    assert f"werkzeug {metadata.version('werkzeug')}" in finding.what


def test_an_id_that_two_products_share_is_told_with_their_pages(topmail: Sandbox) -> None:
    app = tea_app(topmail)
    app.view_functions["tea"] = lambda slug: (
        JSON_LD.replace("Green tea", f"Tea {slug}") % '"sku": "tea",'
    )
    finding = found(app, "ids", named=("/tea/a", "/tea/b"))
    assert (finding.level, "have the id tea" in finding.what) == ("warning", True), finding
    assert finding.details == ("/tea/a: Tea a", "/tea/b: Tea b")
    assert 'fields={"id": ...}' in finding.fix


def test_product_pages_are_found_behind_the_pages_that_the_home_page_links_to(
    topmail: Sandbox,
) -> None:
    app = tea_app(topmail)
    app.view_functions["home"] = lambda: '<a href="/static/tea.css"></a><a href="/kinds/green"></a>'
    app.add_url_rule("/kinds/<kind>", "kinds", lambda kind: '<a href="/tea/sencha">Sencha</a>')
    finding = found(app, "pages")
    assert finding.what == "1 looked at; each shows a product."
    assert finding.details == ("/tea/sencha: sencha, 9.90 USD",)


def test_where_no_product_page_is_found_the_likeliest_route_is_named(topmail: Sandbox) -> None:
    app = tea_app(topmail)
    app.view_functions["home"] = lambda: "Welcome"
    app.add_url_rule("/checkout/<order>", "checkout", lambda order: "")
    finding = found(app, "pages")
    assert finding.fix == "Name some: flask topmail doctor --sample /tea/…"
