"""The fragment: right on pages that come out of a cache."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from flask import Flask, Response
from jinja2 import DictLoader

from tests.storefront.store import NAMES, Browser, make_store
from topmail_flask import Product, TopMail

SEEN = {"topmail/recently_viewed.html": "{% for one in products %}[{{ one }}]{% endfor %}"}


def fragment_address(page: str) -> str:
    [address] = re.findall(r'data-topmail-fragment="([^"]+)" hidden></div>', page)
    return unescape(address)


def with_ids(**config: Any) -> Flask:
    """A store whose own template prints the ids."""
    app = make_store(**config)
    app.jinja_env.loader = DictLoader(SEEN)
    return app


def with_products() -> tuple[Flask, TopMail]:
    topmail = TopMail()

    @topmail.products_by_id
    def products(ids: list[str]) -> dict[str, Product]:
        sold = [one for one in ids if one in NAMES]
        return {
            one: Product(id=one, name=f"<{NAMES[one]}>", url=f"https://shop.example/p/{one}")
            for one in sold
        }

    return make_store(topmail=topmail), topmail


def test_the_page_is_the_same_for_everybody_and_its_headers_stay_as_they_were() -> None:
    app = with_ids()
    plain = Browser(app).open("/p/tea")
    known = Browser(app, "ann@shop.example")
    known.look("mug", show="fragment")

    pages = [one.open("/p/tea?show=fragment") for one in (known, Browser(app), Browser(app))]

    assert len({page.data for page in pages}) == 1
    for page in pages:
        same = {name: value for name, value in page.headers if name != "Content-Length"}
        assert same == {name: value for name, value in plain.headers if name != "Content-Length"}


def test_the_fragment_of_a_page_out_of_a_cache_counts_its_product_for_the_visitor() -> None:
    app = with_ids()
    cached = {name: Browser(app).open(f"/p/{name}?show=fragment").text for name in ("tea", "mug")}
    browser = Browser(app)

    first = browser.open(fragment_address(cached["tea"]))
    assert (first.status_code, first.data) == (204, b"")
    assert browser.open(fragment_address(cached["mug"])).text == "[tea]"
    home = Browser(app).open("/?show=fragment").text
    assert browser.open(fragment_address(home)).text == "[mug][tea]"


def test_a_look_that_the_server_and_the_fragment_tell_of_is_one() -> None:
    app = with_ids()
    browser = Browser(app)
    browser.open("/_topmail/recently-viewed")
    page = browser.open("/p/tea?show=fragment").text
    browser.open(fragment_address(page))

    assert browser.open("/_topmail/recently-viewed").text == "[tea]"


def test_the_fragment_is_never_cached_never_indexed_and_for_the_store_itself() -> None:
    answer = Browser(with_ids()).open("/_topmail/recently-viewed")

    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Vary"] == "Cookie"


def test_the_cookie_is_a_random_number_that_no_script_reads() -> None:
    app = with_ids(SESSION_COOKIE_SECURE=True)
    [cookie] = Browser(app).open("/_topmail/recently-viewed").headers.getlist("Set-Cookie")
    [other] = Browser(app).open("/_topmail/recently-viewed").headers.getlist("Set-Cookie")

    assert re.fullmatch(
        r"topmail_visitor=[\w-]{22}; Expires=[^;]+; Max-Age=7776000; Secure; HttpOnly; Path=/; "
        r"SameSite=Lax",
        cookie,
    )
    assert cookie.partition(";")[0] != other.partition(";")[0]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_gets_nothing_and_adds_nothing(site: str) -> None:
    app = with_ids()
    browser = Browser(app)
    browser.look("tea")
    address = fragment_address(browser.open("/p/mug?show=fragment").text)
    elsewhere = fragment_address(Browser(app).open("/p/pot?show=fragment").text)

    assert browser.open(address, **{"Sec-Fetch-Site": site}).data == b""
    assert browser.open(elsewhere, **{"Sec-Fetch-Site": site}).data == b""
    assert browser.open("/_topmail/recently-viewed").text == "[mug][tea]"


@pytest.mark.parametrize(
    "seen", ["tea", "tea.forged", "", ".", "%ff", "x" * 5000, "tea.%00", "%F0%9F%8D%B5.x"]
)
def test_only_products_of_the_stores_own_pages_are_added(seen: str) -> None:
    browser = Browser(with_ids())
    browser.open("/_topmail/recently-viewed")

    assert browser.open(f"/_topmail/recently-viewed?seen={seen}").status_code == 204
    assert browser.open("/_topmail/recently-viewed").status_code == 204


@pytest.mark.parametrize("limit", ["0", "-5", "many", "1e9"])
def test_an_odd_limit_does_no_harm(limit: str) -> None:
    browser = Browser(with_ids())
    browser.look("tea")

    assert browser.open(f"/_topmail/recently-viewed?limit={limit}").status_code in (200, 204)


def test_a_post_is_answered_with_nothing() -> None:
    app = with_ids()
    assert app.test_client().post("/_topmail/recently-viewed").status_code == 204


def test_the_usual_template_links_names_and_escapes_them() -> None:
    app, _ = with_products()
    browser = Browser(app)
    browser.look("tea", "gone")

    html = browser.open("/_topmail/recently-viewed").text

    assert '<a href="https://shop.example/p/tea"><span>&lt;Tea&gt;</span></a>' in html
    assert "gone" not in html
    assert html.startswith("<section")
    assert html.endswith("</section>")


def test_a_fragment_that_shows_one_product_is_no_look_at_it() -> None:
    app = with_ids()
    app.jinja_env.loader = DictLoader(
        {
            "topmail/recently_viewed.html": (
                '<div itemscope itemtype="https://schema.org/Product"><b itemprop="name">Tea</b>'
                '<meta itemprop="sku" content="planted"></div>'
            )
        }
    )
    browser = Browser(app, "ann@shop.example")
    browser.look("tea")
    assert "planted" in browser.open("/_topmail/recently-viewed").text

    app.jinja_env.loader = DictLoader(SEEN)
    app.jinja_env.cache.clear()  # type: ignore[union-attr]
    assert browser.open("/_topmail/recently-viewed").text == "[tea]"


def test_the_script_is_named_by_its_content_and_kept_for_good() -> None:
    app = with_ids()
    page = Browser(app).open("/?show=fragment").text
    [address] = re.findall(r'<script type="module" src="([^"]+)"></script>', page)
    script = Browser(app).open(unescape(address))

    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "data-topmail-fragment" in script.text
    assert "Set-Cookie" not in script.headers
    etag = script.headers["ETag"]
    assert Browser(app).open("/_topmail/fragments.js", **{"If-None-Match": etag}).status_code == 304
    stale = Browser(app).open("/_topmail/fragments.js?v=other").headers["Cache-Control"]
    assert stale == "public, max-age=3600"


def test_a_nonce_of_the_page_stands_on_the_script() -> None:
    app = with_ids()

    @app.before_request
    def give_nonce() -> None:
        from flask import g

        g.nonce = 'a"b'

    assert 'nonce="a&#34;b"></script>' in Browser(app).open("/?show=fragment").text


def test_a_store_that_does_not_use_it_answers_nothing_and_makes_no_file(tmp_path: Any) -> None:
    app = make_store(tmp_path)
    assert "Set-Cookie" not in Browser(app).open("/p/tea").headers
    assert list(tmp_path.rglob("looks*")) == []


def test_a_page_with_the_list_in_it_is_private_whatever_it_says_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = make_store()

    @app.after_request
    def everything_is_public(response: Response) -> Response:
        response.headers["Cache-Control"] = "public, s-maxage=600, max-age=60"
        return response

    page = Browser(app).open("/p/tea?show=list")

    assert page.cache_control.private
    assert not page.cache_control.public
    assert page.cache_control.s_maxage is None
    assert page.cache_control.max_age == 60
    assert "Cookie" in page.headers["Vary"]
    assert "topmail_recently_viewed_fragment()" in caplog.text
