"""Cases of pages, addresses, consent and cookies, from where the shop stands."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, request, session
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from tests.shop import TEA, Shop, make_shop
from topmail_flask import TopMail, product_page

ADDRESS = "ann@shop.example"
GPC, DNT = {"Sec-GPC": "1"}, {"DNT": "1"}


def tea_shop(**config: Any) -> Shop:
    chosen = {f"TOPMAIL_{name.upper()}": value for name, value in config.items()}
    shop = make_shop(chosen, shopper=ADDRESS)
    shop.app.get("/tea")(product_page(lambda: TEA)(lambda: "<p>tea"))
    return shop


@pytest.mark.parametrize(
    ("status", "headers", "looks"),
    [
        (200, {}, 1),
        (200, {"If-None-Match": '"tea"'}, 1),  # the shopper sees the page, from their own cache
        (200, {"Range": "bytes=0-1"}, 0),
        (201, {}, 0),
        (204, {}, 0),
        (302, {}, 0),
        (404, {}, 0),
        (503, {}, 0),
    ],
)
def test_the_final_status_decides(status: int, headers: dict[str, str], looks: int) -> None:
    """F112, F114"""
    shop = make_shop(shopper=ADDRESS)

    @shop.app.get("/tea")
    @product_page(lambda: TEA)
    def tea() -> Response:
        response = Response("<p>tea", status)
        if status != 200:
            return response
        response.set_etag("tea")
        response.make_conditional(request, accept_ranges=True, complete_length=6)
        return response

    told = shop.get("/tea", headers=headers)
    assert told.status_code == {'"tea"': 304, "bytes=0-1": 206}.get(
        next(iter(headers.values()), ""), status
    )
    assert len(shop.looks) == looks


def test_an_app_below_another_and_one_on_a_subdomain_are_tracked() -> None:  # F126
    shop = tea_shop(site_url="https://shop.example")
    outer = DispatcherMiddleware(Flask("outer"), {"/store": shop.app})
    browser = {"User-Agent": "Mozilla/5.0 Firefox/140.0"}
    assert Client(outer).get("/store/tea", headers=browser).status_code == 200
    other = make_shop({"SERVER_NAME": "shop.example"}, shopper=ADDRESS)
    view = product_page(lambda who: {"id": who, "name": "Tea"})(lambda who: "<p>")
    other.app.subdomain_matching = True
    other.app.url_map.host_matching = False
    other.app.add_url_rule("/tea", "tea", view, subdomain="<who>")
    other.get("/tea", base_url="http://leaf.shop.example")
    assert [product.url for product, _ in shop.looks] == ["https://shop.example/store/tea"]
    assert [(look.id, look.url) for look, _ in other.looks] == [
        ("leaf", "http://leaf.shop.example/tea")
    ]


def test_the_body_of_a_request_is_not_read() -> None:  # F130
    shop = tea_shop()
    body = io.BytesIO(b'{"email": "eve@evil.example"}')
    shop.get("/tea", input_stream=body, headers={"Content-Length": "29"})
    assert shop.looked_at == ["tea-1"]
    assert body.tell() == 0


@pytest.mark.parametrize(
    ("config", "forged"),
    [
        ({"TOPMAIL_SITE_URL": "https://shop.example"}, {"Host": "evil.example"}),
        ({"TOPMAIL_SITE_URL": "https://shop.example"}, {"Host": "shop.example:1@evil.example"}),
        ({"SERVER_NAME": "shop.example"}, {"Host": "evil.example"}),
        ({"TRUSTED_HOSTS": ["shop.example"]}, {"Host": "evil.example"}),
        ({"TRUSTED_HOSTS": ["shop.example"]}, {"X-Forwarded-Host": "evil.example"}),
        ({"TRUSTED_HOSTS": ["shop.example"]}, {"Forwarded": "host=evil.example"}),
    ],
)
def test_no_forged_host_gets_into_an_address(
    config: dict[str, Any], forged: dict[str, str]
) -> None:
    """Issue 4, F; F143."""
    shop = make_shop(config, shopper=ADDRESS)
    shop.app.get("/tea")(product_page(lambda: {**TEA, "image_url": "/a.png"})(lambda: "<p>"))
    shop.get("/tea", headers={"Host": "shop.example", **forged})
    told = [(product.url or "") + (product.image_url or "") for product, _ in shop.looks]
    assert "evil" not in "".join(told)


def test_what_was_tracked_is_a_snapshot() -> None:  # F147
    shop = make_shop(shopper=ADDRESS)

    @shop.app.get("/tea")
    def tea() -> str:
        product = dict(TEA)
        shop.topmail.track(product)
        product.update(id="other", name="Changed")
        return "<p>"

    shop.get("/tea")
    assert [(product.id, product.name) for product, _ in shop.looks] == [("tea-1", "Green tea")]


def test_a_session_id_is_no_cookie_and_stays_for_a_visit() -> None:  # F150
    shop = make_shop(shopper=ADDRESS)
    shop.app.secret_key = "a secret of the shop"

    @shop.app.get("/tea")
    @product_page(lambda: TEA)
    def tea() -> str:
        session["cart"] = [1]
        return "<p>"

    client = shop.app.test_client()
    set_cookies = [client.get("/tea").headers["Set-Cookie"] for _ in range(2)]
    first, second = (view.session_id for view in shop.views)
    assert first is not None
    assert first == second
    assert first not in "".join(set_cookies)
    other = tea_shop()
    other.app.secret_key = "a secret of another shop"
    other.get("/tea")
    assert other.views[0].session_id != first


@pytest.mark.parametrize(
    ("hook", "answer"),
    [("consent", False), ("consent", "raises"), ("exclude", True), ("exclude", "raises")],
)
def test_what_must_not_be_counted_is_not_stored_either(
    tmp_path: Path, hook: str, answer: object
) -> None:  # F155, F162
    def told() -> object:
        if answer == "raises":
            raise LookupError
        return answer

    shop = tea_shop(
        api_key="tm_test_0123456789", outbox=str(tmp_path / "outbox"), delivery="worker"
    )
    getattr(shop.topmail, hook)(told)
    shop.get("/tea")
    assert shop.topmail.stats(shop.app).accepted == 0
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"tea-1" not in files
    assert ADDRESS.encode() not in files


@pytest.mark.parametrize(
    ("config", "headers", "reason"),
    [
        ({}, GPC, "privacy_signal"),
        ({"honor_gpc": False}, GPC, "disabled"),
        ({}, DNT, "disabled"),
        ({"honor_dnt": True}, DNT, "privacy_signal"),
        ({"honor_dnt": True}, {"DNT": "0"}, "disabled"),
    ],
)
def test_the_browsers_wishes_are_honoured_as_configured(
    config: dict[str, Any], headers: dict[str, str], reason: str
) -> None:  # F156
    shop = tea_shop(**config)
    shop.get("/tea", headers=headers)
    assert shop.refusals == [("tea-1", reason)]


def test_an_app_without_its_own_secret_still_has_visits() -> None:  # F150
    app = Flask("shop")
    app.config |= {"TOPMAIL_API_KEY": "tm_test_0123456789", "TOPMAIL_OUTBOX": ":memory:"}
    topmail = TopMail(app)
    topmail.shopper_loader(lambda: ADDRESS)
    ids: list[str | None] = []
    topmail.before_send(lambda view: ids.append(view.session_id))
    app.get("/tea")(product_page(lambda: TEA)(lambda: "<p>"))
    for _ in range(2):
        app.test_client().get("/tea")
    assert ids[0] == ids[1] is not None
