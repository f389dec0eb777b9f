"""Which answers count, by whom, and what is said when none does."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import (
    Flask,
    Response,
    abort,
    make_response,
    redirect,
    render_template_string,
    request,
)

from tests.shop import TEA, Shop, make_shop
from topmail_flask import ProductView, Shopper, product_page, product_viewed

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
    def show() -> Response:
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
        ({"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, "robot"),
        ({"Sec-GPC": "1"}, "privacy_signal"),
    ],
)
def test_a_request_that_is_no_look_is_refused(headers: dict[str, str], reason: str) -> None:
    shop = tea_shop(shopper="ann@shop.example")
    shop.get("/tea", headers={**HUMAN, **headers})
    assert shop.looks == []
    assert shop.reasons == {reason: 1}


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


@pytest.mark.parametrize(
    ("told", "reason"),
    [("not an address", "invalid_shopper"), (42, "hook_failed"), ("", "anonymous")],
)
def test_whatever_a_shopper_loader_returns_the_page_is_served(told: object, reason: str) -> None:
    shop = tea_shop({"TOPMAIL_API_KEY": "tm_test_0123456789"})
    shop.topmail.shopper_loader(lambda: told)
    assert shop.get("/tea").status_code == 200
    assert shop.reasons == {reason: 1}


def test_a_hook_that_raises_costs_the_view_and_is_named_without_its_message(
    caplog: pytest.LogCaptureFixture,
) -> None:  # F154, F155, F164
    shop = tea_shop(shopper="ann@shop.example")

    @shop.topmail.consent
    def consent() -> bool:
        raise LookupError("ann@shop.example")

    with caplog.at_level(logging.DEBUG):
        assert shop.get("/tea").text == "<h1>Tea</h1>"
        shop.get("/tea")
    assert shop.reasons == {"hook_failed": 2}
    (line,) = [r.getMessage() for r in caplog.records if r.name.startswith("topmail")]
    assert "consents raised LookupError" in line
    assert "ann@" not in caplog.text


def test_staff_and_paths_can_be_excluded() -> None:  # F162
    shop = tea_shop()
    shop.topmail.exclude(lambda: request.args.get("staff") == "1")
    shop.get("/tea?staff=1")
    shop.get("/tea")
    assert shop.refusals == [("tea-1", "excluded"), ("tea-1", "anonymous")]


@pytest.mark.parametrize(
    ("said", "mode", "header", "reason"),
    [
        (True, "opt-in", {}, "disabled"),
        (None, "opt-in", {}, "consent"),
        (False, "opt-out", {}, "consent"),
        (None, "opt-out", {}, "disabled"),
        (True, "opt-out", {"Sec-GPC": "1"}, "disabled"),
        (None, "opt-out", {"DNT": "1"}, "disabled"),
    ],
)
def test_consent_decides_before_anything_is_stored(
    said: bool | None, mode: str, header: dict[str, str], reason: str
) -> None:  # F155, F156
    shop = tea_shop({"TOPMAIL_CONSENT": mode}, shopper="ann@shop.example")
    shop.topmail.consent(lambda shopper: said)
    shop.get("/tea", headers=header)
    assert shop.refusals == [("tea-1", reason)]


def test_before_send_can_change_or_veto_a_view_and_must_return_a_view() -> None:  # F181
    shop = tea_shop({"TOPMAIL_API_KEY": "tm_test_0123456789"}, shopper="ann@shop.example")
    answers: list[object] = [None, "junk", {"product_id": ""}]
    shop.topmail.before_send(lambda view: answers[len(shop.refusals)])
    for _ in answers:
        shop.get("/tea")
    assert [reason for _, reason in shop.refusals] == ["vetoed", "hook_failed", "hook_failed"]


def test_a_receiver_that_raises_harms_neither_the_page_nor_the_others() -> None:  # F179
    shop = tea_shop()

    def broken(sender: Flask, **_: Any) -> None:
        raise RuntimeError

    def nosy(sender: Flask, *, view: ProductView, shopper: Shopper | None, **_: Any) -> None:
        shop.topmail.track({"id": "again", "name": "From a receiver"})

    product_viewed.connect(broken, shop.app)
    product_viewed.connect(nosy, shop.app)
    assert shop.get("/tea").status_code == 200
    assert shop.looked_at == ["tea-1"]


def test_client_data_never_says_who_the_shopper_is() -> None:  # F151
    shop = tea_shop()
    shop.get("/tea?email=eve@evil.example", headers={"X-TopMail-Email": "eve@evil.example"})
    assert shop.looks[0][1] is None


def test_a_forged_host_does_not_get_into_the_products_address() -> None:
    site = tea_shop({"TOPMAIL_SITE_URL": "https://shop.example"})
    named = tea_shop({"SERVER_NAME": "shop.example"})
    for shop in (site, named):
        shop.get("/tea?x=1", headers={"Host": "evil.example"})
    assert [look[0].url for look in site.looks] == ["https://shop.example/tea"]
    assert [look[0].url for look in named.looks] in ([], ["http://shop.example/tea"])
