"""The shop's own functions: who saw it, may it count, what is sent; none can break a page."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask, request

from tests.test_what_counts import tea_shop
from topmail_flask import ProductView, Shopper, product_viewed


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
    assert "consent() raised LookupError" in line
    assert "ann@" not in caplog.text


def test_an_exclude_rule_that_raises_is_named_by_its_own_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = tea_shop(shopper="ann@shop.example")

    def is_preview() -> bool:
        raise LookupError("ann@shop.example")

    shop.topmail.exclude(is_preview)
    assert shop.get("/tea").text == "<h1>Tea</h1>"
    assert shop.reasons == {"hook_failed": 1}
    assert "is_preview() raised LookupError" in caplog.text
    assert "ann@" not in caplog.text


def test_a_rule_that_raises_for_a_shopper_whom_the_store_names_is_named_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = tea_shop()

    def is_preview() -> bool:
        raise LookupError

    shop.topmail.exclude(is_preview)

    @shop.app.post("/quick")
    def quick() -> str:
        product = {"id": "tea-1", "name": "Tea"}
        shop.topmail.track(product, shopper="ann@shop.example", url="/tea")
        return "shown"

    assert shop.app.test_client().post("/quick").text == "shown"
    assert shop.reasons == {"hook_failed": 1}
    assert "is_preview() raised LookupError" in caplog.text


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


@pytest.mark.filterwarnings("ignore:Current server name:UserWarning")  # Flask 2.3
def test_a_forged_host_does_not_get_into_the_products_address() -> None:
    site = tea_shop({"TOPMAIL_SITE_URL": "https://shop.example"})
    named = tea_shop({"SERVER_NAME": "shop.example"})
    for shop in (site, named):
        shop.get("/tea?x=1", headers={"Host": "evil.example"})
    assert [look[0].url for look in site.looks] == ["https://shop.example/tea"]
    assert [look[0].url for look in named.looks] in ([], ["http://shop.example/tea"])
