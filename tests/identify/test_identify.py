"""``topmail.identify`` and ``forget``: who is remembered, by which cookie, and who is not."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from flask import request, session

from tests.identify.scene import ANN, BOB, browser, cookies_set, seen_by, sign_up, store
from tests.shop import Shop
from topmail_flask import Shopper
from topmail_flask.testing import capture


def test_who_has_signed_up_is_known_on_every_page_after_that() -> None:
    shop = store()
    visitor = browser(shop)
    visitor.get("/tea")
    sign_up(visitor)
    visitor.get("/tea")
    browser(shop).get("/tea")
    assert seen_by(shop) == [("tea-1", None), ("tea-1", ANN), ("tea-1", None)]


def test_a_contact_id_will_do() -> None:
    shop = store()
    visitor = browser(shop)
    visitor.post("/sign-up", data={"contact_id": "c-17", "email": ""})
    visitor.get("/tea")
    assert seen_by(shop) == [("tea-1", "c-17")]


def test_the_cookie_is_for_the_server_alone_and_says_nothing_to_a_reader() -> None:
    shop = store()
    answer = sign_up(browser(shop), base_url="https://shop.example")
    cookie = cookies_set(answer)["topmail_shopper"]
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert int(cookie["max-age"]) == timedelta(days=180).total_seconds()
    assert "ann" not in answer.headers["Set-Cookie"]
    assert "Cookie" in answer.headers["Vary"]
    readable = base64.urlsafe_b64decode(cookie.value + "=" * (-len(cookie.value) % 4))
    assert b"ann" not in readable


def test_the_cookie_goes_where_the_session_goes() -> None:
    shop = store(
        {
            "SESSION_COOKIE_PATH": "/shop",
            "SESSION_COOKIE_DOMAIN": "shop.example",
            "SESSION_COOKIE_SECURE": True,
        }
    )
    cookie = cookies_set(sign_up(browser(shop)))["topmail_shopper"]
    assert (cookie["path"], cookie["domain"], cookie["secure"]) == ("/shop", "shop.example", True)


def test_a_store_on_http_gets_a_cookie_too() -> None:
    cookie = cookies_set(sign_up(browser(store())))["topmail_shopper"]
    assert not cookie["secure"]


def test_the_life_of_the_cookie_is_bounded_by_the_setting() -> None:
    shop = store({"TOPMAIL_IDENTITY_AGE": timedelta(days=2)})
    with capture(shop.app) as views:
        visitor = browser(shop)
        cookie = cookies_set(sign_up(visitor))["topmail_shopper"]
        assert cookie["max-age"] == "172800"
        views.clock.advance(timedelta(days=1.9))
        # The browser's own clock has not moved: the cookie is still sent.
        visitor.get("/tea")
        views.clock.advance(timedelta(days=0.2))
        visitor.get("/pot")
        views.assert_viewed("tea-1", shopper=ANN)
        views.assert_not_viewed("pot-1", reason="anonymous")


def test_a_log_out_forgets_and_other_pages_set_no_cookie() -> None:
    shop = store()
    visitor = browser(shop)
    sign_up(visitor)
    pages = [visitor.get(path) for path in ("/", "/tea", "/nothing")]
    assert [page.headers.get("Set-Cookie") for page in pages] == [None] * 3
    assert [page.headers.get("Vary") for page in pages] == [None] * 3
    left = cookies_set(visitor.post("/log-out"))
    assert left["topmail_shopper"]["max-age"] == "0"
    visitor.get("/pot")
    assert seen_by(shop) == [("tea-1", ANN), ("pot-1", None)]


def test_a_log_out_of_a_stranger_sets_nothing() -> None:
    assert "Set-Cookie" not in browser(store()).post("/log-out").headers


def test_who_is_logged_in_comes_before_who_signed_up_here() -> None:
    shop = store()
    logged_in: dict[str, str | None] = {"now": None}
    shop.topmail.shopper_loader(lambda: logged_in["now"])
    visitor = browser(shop)
    sign_up(visitor)
    logged_in["now"] = BOB
    visitor.get("/tea")
    assert "Set-Cookie" not in sign_up(visitor).headers, "Bob's browser does not become Ann's"
    assert "topmail_shopper" in cookies_set(sign_up(visitor, "BOB@shop.example"))
    logged_in["now"] = None
    visitor.get("/pot")
    assert seen_by(shop) == [("tea-1", BOB), ("pot-1", "BOB@shop.example")]


def test_a_second_sign_up_replaces_the_first() -> None:
    shop = store()
    visitor = browser(shop)
    sign_up(visitor)
    sign_up(visitor, BOB)
    visitor.get("/tea")
    assert seen_by(shop) == [("tea-1", BOB)]


def test_staff_in_a_customers_place_are_neither_counted_nor_remembered() -> None:
    shop = store()
    shop.topmail.exclude(lambda: "impersonator_id" in session)
    shop.topmail.shopper_loader(lambda: BOB if "user_id" in session else None)
    visitor = browser(shop)
    with visitor.session_transaction() as kept:
        kept.update(user_id=2, impersonator_id=1)
    assert "topmail_shopper" not in cookies_set(sign_up(visitor, BOB))
    visitor.get("/tea")
    assert "topmail_shopper" not in cookies_set(
        visitor.get(shop.topmail.sign_link("/", ANN, shop.app))
    )
    with visitor.session_transaction() as kept:
        kept.clear()
    visitor.get("/pot")
    assert shop.refusals[0] == ("tea-1", "excluded")
    assert seen_by(shop) == [("pot-1", None)]


@pytest.mark.parametrize("cached", ["public", "max-age=60", "s-maxage=5", "public, max-age=9"])
def test_nobodys_cookie_is_set_on_an_answer_that_caches_keep(
    cached: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop = store()

    @shop.app.get("/confirmed/<kind>")
    def confirmed(kind: str) -> Any:
        shop.topmail.identify(email=ANN)
        return "thanks", {"Cache-Control": kind}

    assert "Set-Cookie" not in browser(shop).get(f"/confirmed/{cached}").headers
    assert "caches may keep confirmed" in caplog.text
    assert "Set-Cookie" in browser(shop).get("/confirmed/private, max-age=60").headers


@pytest.mark.parametrize("email", ["", "no address", "a@b\r\nSet-Cookie: x=1", "x" * 300 + "@b.co"])
def test_what_is_no_address_names_nobody_and_breaks_nothing(email: str) -> None:
    shop = store()
    with capture(shop.app):  # errors of the extension would be raised here
        answer = sign_up(browser(shop), email)
    assert answer.status_code == 302
    assert "Set-Cookie" not in answer.headers


def test_without_a_secret_key_the_sign_up_works_and_the_log_names_the_fix(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = store({"SECRET_KEY": None})
    visitor = browser(shop)
    assert [sign_up(visitor).status_code for _ in range(3)] == [302] * 3
    lines = [
        record.getMessage() for record in caplog.records if "SECRET_KEY" in record.getMessage()
    ]
    assert lines == ["shoppers without log-in need app.config['SECRET_KEY']"]
    with capture(shop.app), pytest.raises(ValueError, match="SECRET_KEY"):
        sign_up(shop_raising(shop))


def shop_raising(shop: Shop) -> Any:
    shop.app.config["PROPAGATE_EXCEPTIONS"] = True
    return browser(shop)


def test_outside_of_a_request_there_is_no_browser_to_remember() -> None:
    shop = store()
    with shop.app.app_context():
        with pytest.raises(RuntimeError):
            shop.topmail.identify(email=ANN)
        with pytest.raises(RuntimeError):
            shop.topmail.forget()


def test_the_same_request_knows_whom_it_named() -> None:
    shop = store()

    @shop.app.get("/gift")
    def gift() -> str:
        assert shop.topmail.identify(email=request.args["to"])
        shop.topmail.track({"id": "gift", "name": "Gift"})
        return "<p>gift"

    browser(shop).get("/gift", query_string={"to": ANN})
    assert seen_by(shop) == [("gift", ANN)]


def test_names_are_not_kept_in_the_browser() -> None:
    shop = store()
    shop.topmail.shopper_loader(lambda: Shopper(ANN, first_name="Ann"))
    visitor = browser(shop)
    sign_up(visitor)
    shop.topmail.shopper_loader(lambda: None)
    visitor.get("/tea")
    [(_, shopper)] = shop.looks
    assert shopper == Shopper(ANN)
