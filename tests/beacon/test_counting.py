"""Server and beacon of one page count once; what the server cannot see is counted."""

from __future__ import annotations

import pytest
from flask import Response, make_response, render_template_string, request

from tests.beacon.visitor import ADDRESS, HUMAN, Tag, beacon_shop, post, show
from tests.shop import TEA, make_shop
from topmail_flask import Reason, product_page
from topmail_flask.testing import capture


@pytest.mark.parametrize("window", [0, 60])
def test_a_page_rendered_for_this_load_was_decided_about_by_the_server(window: int) -> None:
    shop = beacon_shop(repeat_window=window)
    with capture(shop.app) as views:
        tag = Tag.of(shop.get("/tea").text)
        show(shop.app, tag, "load", age=300)
        views.clock.advance(900)  # a tab in the background, looked at later
        show(shop.app, tag, "load", age=900_300)

        views.assert_viewed("tea-1", times=1)
        views.assert_not_viewed("tea-2", reason=Reason.COUNTED)


@pytest.mark.parametrize("kind", ["load", "copy", "prerender", "back", "swap"])
def test_a_page_that_was_kept_somewhere_counts_when_it_is_shown(kind: str) -> None:
    shop = beacon_shop(shopper=None)
    tag = Tag.of(shop.get("/tea").text)  # somebody whom nobody knows filled the cache
    shop.topmail.shopper_loader(lambda: ADDRESS)
    with capture(shop.app) as views:
        views.clock.advance(3600)
        show(shop.app, tag, kind)

        views.assert_viewed("tea-1", shopper=ADDRESS, price="9.90", url="http://localhost/tea")


@pytest.mark.parametrize("window", [0, 60])
def test_a_page_out_of_the_shops_own_cache_is_counted_by_its_beacon_alone(window: int) -> None:
    shop = beacon_shop(repeat_window=window)
    shop.app.view_functions["kept"] = product_page(lambda: TEA)(shop.app.view_functions["kept"])
    with capture(shop.app) as views:
        shop.get("/kept/tea")
        views.clear()
        views.clock.advance(120)

        tag = Tag.of(shop.get("/kept/tea").text)
        views.assert_not_viewed("tea-1", reason=Reason.BEACON)
        show(shop.app, tag, "load", age=500)
        views.assert_viewed("tea-1")


def test_a_cached_page_whose_token_is_no_good_any_more_is_counted_by_the_server() -> None:
    shop = beacon_shop(beacon_max_age=60, shopper=ADDRESS)
    shop.app.view_functions["kept"] = product_page(lambda: TEA)(shop.app.view_functions["kept"])
    with capture(shop.app) as views:
        shop.get("/kept/tea")
        views.clear()
        views.clock.advance(120)
        tag = Tag.of(shop.get("/kept/tea").text)
        show(shop.app, tag)

        views.assert_viewed("tea-1", times=1)
        assert [refusal.reason for refusal in views.refusals] == [Reason.BEACON_EXPIRED]


def test_a_browser_that_shows_its_own_copy_after_a_304_is_counted_once() -> None:
    shop = make_shop({"SECRET_KEY": "x", "TOPMAIL_REPEAT_WINDOW": 0}, shopper=ADDRESS)

    @product_page
    def tea() -> Response:
        page = "{{ product.name }}{{ topmail_beacon() }}"
        answer = make_response(render_template_string(page, product=TEA))
        answer.set_etag("of the product")
        answer.make_conditional(request)
        return answer

    shop.app.add_url_rule("/tea", "tea", tea)
    with capture(shop.app) as views:
        tag = Tag.of(shop.get("/tea").text)
        views.clock.advance(600)
        again = shop.get("/tea", headers={"If-None-Match": '"of the product"'})
        assert again.status_code == 304
        show(shop.app, tag, "load")

        views.assert_viewed("tea-1", times=2)


def test_any_worker_hears_of_a_page_that_another_one_made() -> None:
    first, other = beacon_shop(), beacon_shop()
    tag = Tag.of(first.get("/tea").text)
    with capture(other.app) as views:
        show(other.app, tag)

        views.assert_viewed("tea-1")


def test_looks_within_the_repeat_window_count_once() -> None:
    shop = beacon_shop()
    with capture(shop.app) as views:
        tag = Tag.of(shop.get("/tea").text)
        show(shop.app, tag, "back", age=0)
        assert [refusal.reason for refusal in views.refusals] == [Reason.REPEAT]
        views.clock.advance(61)
        show(shop.app, tag, "back", age=0)

        views.assert_viewed("tea-1", times=2)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, Reason.ROBOT),
        ({"Sec-GPC": "1"}, Reason.PRIVACY_SIGNAL),
        ({"Sec-Purpose": "prefetch;prerender"}, Reason.PREFETCH),
        ({"Cookie": "CookieConsent={marketing:false,method:'explicit'}"}, Reason.CONSENT),
        ({"X-Staff": "yes"}, Reason.EXCLUDED),
    ],
)
def test_the_rules_of_a_page_hold_for_its_beacon(headers: dict[str, str], reason: Reason) -> None:
    shop = beacon_shop()
    shop.topmail.exclude(lambda: "X-Staff" in request.headers)
    with capture(shop.app) as views:
        tag = Tag.of(shop.get("/tea", headers={"User-Agent": HUMAN, "X-Staff": "yes"}).text)
        views.clear()

        answer = post(shop.app, f"copy 5 {tag.token}", headers)

        views.assert_not_viewed("tea-1", reason=reason)
        assert answer.status_code == 204


def test_who_the_visitor_is_says_the_shop_alone() -> None:
    shop = beacon_shop(shopper=None)
    with capture(shop.app) as views:
        tag = Tag.of(shop.get("/tea").text)
        views.clear()
        post(shop.app, f"copy 5 {tag.token} ", {"X-Email": ADDRESS, "Cookie": f"email={ADDRESS}"})

        views.assert_not_viewed("tea-1", reason=Reason.ANONYMOUS)


def test_the_debug_header_tells_what_a_beacon_came_to() -> None:
    shop = beacon_shop(debug_header=True)
    with capture(shop.app):
        tag = Tag.of(shop.get("/tea").text)

        assert show(shop.app, tag, "load").headers["X-TopMail"] == "none; reason=counted"
        assert post(shop.app, "x").headers["X-TopMail"] == "none; reason=beacon_refused"
