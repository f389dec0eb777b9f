"""Which answers count, by whom, and what is said when none does."""

from __future__ import annotations

from typing import Any

import pytest
from flask import (
    Response,
    abort,
    make_response,
    redirect,
    render_template_string,
    request,
)

from tests.shop import TEA, Shop, make_shop
from topmail_flask import product_page
from topmail_flask.model.settings import ROBOT_KINDS
from topmail_flask.rules.robots import RobotKind

HUMAN = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


def tea_shop(config: dict[str, Any] | None = None, shopper: str | None = None) -> Shop:
    shop = make_shop(config, shopper=shopper)

    @shop.app.route("/tea", methods=["GET", "POST", "PUT"])
    @product_page(lambda: TEA)
    def show() -> Any:
        answer = request.args.get("answer", "")
        if answer == "redirect":
            return redirect("/elsewhere")
        if answer == "download":
            return Response("x", headers={"Content-Disposition": "attachment; filename=x.html"})
        if answer == "csv":
            return Response("x", mimetype="text/csv")
        if answer:
            abort(int(answer))
        return "<h1>Tea</h1>"

    return shop


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/tea?answer=404", "status"),
        ("/tea?answer=500", "status"),
        ("/tea?answer=redirect", "status"),
        ("/tea?answer=download", "attachment"),
        ("/tea?answer=csv", "not_html"),
        ("/missing", "status"),
    ],
)
def test_only_a_page_that_was_really_shown_counts(path: str, reason: str) -> None:  # F112, F114
    shop = tea_shop()
    shop.get(path)
    assert shop.looks == []
    assert shop.reasons == {reason: 1}


def test_a_page_that_the_browser_had_already_counts_and_its_answer_stays_empty() -> None:  # F114
    shop = make_shop({"TOPMAIL_CURRENCY": "EUR"})

    @shop.app.get("/tea")
    def show() -> Any:
        response = make_response(render_template_string("{{ product.name }}", product=TEA))
        response.add_etag()
        return response.make_conditional(request)

    etag = shop.get("/tea").headers["ETag"]
    again = shop.get("/tea", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert shop.looked_at == ["tea-1", "tea-1"]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT"])
def test_only_get_counts(method: str) -> None:  # F113
    shop = tea_shop()
    shop.app.test_client().open("/tea", method=method)
    assert shop.looks == []
    assert shop.reasons == {"method": 1}


def test_a_status_changed_at_the_last_moment_is_the_one_that_counts() -> None:  # F112
    shop = tea_shop()

    @shop.app.after_request
    def fail(response: Response) -> Response:
        response.status_code = 503
        return response

    shop.get("/tea")
    assert shop.looks == []


def test_a_view_that_raises_after_track_sends_nothing() -> None:  # F111
    shop = make_shop()

    @shop.app.get("/")
    def broken() -> str:
        shop.topmail.track(TEA)
        raise ValueError("the shop's own bug")

    assert shop.get("/").status_code == 500
    assert shop.looks == []


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Sec-Purpose": "prefetch;prerender"}, "prefetch"),
        ({"Purpose": "prefetch"}, "prefetch"),
        ({"X-Moz": "prefetch"}, "prefetch"),
        ({"Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors", "Accept": "*/*"}, "prefetch"),
        ({"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "cross-site"}, "cross_site"),
        ({"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, "robot"),
        ({"Sec-GPC": "1"}, "privacy_signal"),
    ],
)
def test_a_request_that_is_no_look_is_refused(headers: dict[str, str], reason: str) -> None:
    shop = tea_shop(shopper="ann@shop.example")
    shop.get("/tea", headers={**HUMAN, **headers})
    assert shop.looks == []
    assert shop.reasons == {reason: 1}


def test_a_store_under_test_by_automated_browsers_can_let_them_count() -> None:
    agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/142.0.0.0 Safari/537.36"}
    strict = tea_shop()
    tested = tea_shop({"TOPMAIL_ROBOTS": "search ai preview monitor"})
    for shop in (strict, tested):
        shop.get("/tea", headers=agent)
        shop.get("/tea", headers={"User-Agent": "Googlebot/2.1"})
    assert (strict.looked_at, tested.looked_at) == ([], ["tea-1"])
    assert {kind.value for kind in RobotKind} == set(ROBOT_KINDS)


def test_a_refusal_to_a_common_cookie_banner_is_obeyed_unasked() -> None:
    shop = tea_shop(shopper="ann@shop.example")
    client = shop.app.test_client()
    client.set_cookie("CookieConsent", "{stamp:'x'%2Cmarketing:false%2Cmethod:'explicit'}")
    client.get("/tea")
    assert shop.refusals == [("tea-1", "consent")]


def test_the_reasons_for_a_known_product_are_told_by_a_signal() -> None:
    shop = tea_shop()
    shop.get("/tea", headers={"Sec-GPC": "1"})
    shop.get("/tea")
    assert shop.refusals == [("tea-1", "privacy_signal"), ("tea-1", "anonymous")]


def test_an_anonymous_look_is_told_but_not_sent() -> None:
    shop = tea_shop({"TOPMAIL_API_KEY": "tm_test_0123456789"})
    shop.get("/tea")
    assert shop.looks[0][1] is None
    assert shop.topmail.stats(shop.app).accepted == 0
    assert shop.reasons == {"anonymous": 1}
