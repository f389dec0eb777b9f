"""``topmail.sign_link``: links in mails that name who follows them, once, here, and for a while."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask, g, url_for

from tests.identify.scene import ANN, BOB, HOME, browser, cookies_set, seen_by, store
from tests.shop import Shop
from topmail_flask import ConfigurationError, InvalidValueError, Shopper, TopMail
from topmail_flask.testing import capture

SCANNER = "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))"


def link(shop: Shop, url: str = "/tea", contact: Shopper | str = ANN) -> str:
    return shop.topmail.sign_link(url, contact, shop.app)


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def test_who_follows_the_link_is_known_and_sees_the_page_without_the_token() -> None:
    shop = store()
    visitor = browser(shop)
    answer = visitor.get(link(shop, "/tea?size=l#reviews"))
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/tea?size=l"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert visitor.get(answer.headers["Location"]).text == "<h1>tea</h1>"
    assert seen_by(shop) == [("tea-1", ANN)]


def test_the_link_is_the_address_with_one_more_argument_that_nobody_can_read() -> None:
    shop = store()
    signed = link(shop, "http://localhost/tea?a=1&b=%20x#top")
    assert signed.startswith("http://localhost/tea?a=1&b=%20x&tm=tm1-")
    assert signed.endswith("#top")
    assert "ann" not in signed
    assert link(shop, "/tea") != link(shop, "/tea"), "not even that two links are of one shopper"
    assert link(shop, signed).count("tm=") == 1


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("{tm}", ""),
        ("a=1&{tm}", "?a=1"),
        ("{tm}&a=1", "?a=1"),
        ("b=%2F&&a=+%C3%A9&{tm}&=&tm=own&c", "?b=%2F&&a=+%C3%A9&=&tm=own&c"),
        ("{tm}%3D%3D&utm_source=x", "?utm_source=x"),
        ("a={{x}}&{tm}", "?a=%7Bx%7D"),  # what no URL may hold is escaped
    ],
)
def test_all_other_arguments_stay_byte_for_byte(query: str, rest: str) -> None:
    shop = store()
    token = path_of(link(shop)).partition("?")[2]
    environ = {"PATH_INFO": "/tea", "QUERY_STRING": query.format(tm=token)}
    answer = browser(shop).get("/tea", environ_overrides=environ)
    assert answer.headers["Location"] == f"/tea{rest}"
    assert "topmail_shopper" in cookies_set(answer)


def test_an_argument_of_the_shops_own_that_has_the_name_is_left_alone() -> None:
    shop = store()
    assert browser(shop).get("/tea?tm=2024&atm=1").status_code == 200


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=30)])
def test_a_link_expires_and_so_does_what_it_told_the_browser(age: timedelta) -> None:
    shop = store({"TOPMAIL_LINK_AGE": age})
    with capture(shop.app) as views:
        signed, visitor, late = link(shop), browser(shop), browser(shop)
        views.clock.advance(age * 0.9)
        clicked = visitor.get(signed)
        assert cookies_set(clicked)["topmail_shopper"]["max-age"] == str(int(age.total_seconds()))
        views.clock.advance(age * 0.2)
        assert "Set-Cookie" not in late.get(signed, follow_redirects=True).headers
        visitor.get("/pot")
        views.assert_viewed("pot-1", shopper=ANN)
        views.clock.advance(age * 0.9)
        visitor.get("/cup")
        views.assert_not_viewed("cup-1", reason="anonymous")


def test_a_link_never_replaces_somebody_who_is_known_here() -> None:
    shop = store()
    logged_in: dict[str, str | None] = {"now": None}
    shop.topmail.shopper_loader(lambda: logged_in["now"])
    signed_up, followed = browser(shop), browser(shop)
    signed_up.post("/sign-up", data={"email": BOB})
    followed.get(link(shop, contact=BOB))
    for visitor in (signed_up, followed):
        answer = visitor.get(link(shop))
        assert answer.headers["Location"] == "/tea"
        assert "Set-Cookie" not in answer.headers
        visitor.get("/tea")
    logged_in["now"] = BOB
    third = browser(shop)
    assert "Set-Cookie" not in third.get(link(shop)).headers
    logged_in["now"] = None
    third.get("/tea")
    assert seen_by(shop) == [("tea-1", BOB), ("tea-1", BOB), ("tea-1", None)]


def test_a_sign_up_replaces_whom_a_link_named() -> None:
    shop = store()
    visitor = browser(shop)
    visitor.get(link(shop))
    visitor.post("/sign-up", data={"email": BOB})
    visitor.get("/tea")
    assert seen_by(shop) == [("tea-1", BOB)]


@pytest.mark.parametrize(
    "how",
    [
        {"method": "HEAD"},
        {"headers": {"Sec-Purpose": "prefetch;prerender"}},
        {"headers": {"User-Agent": SCANNER}},
        {"headers": {"User-Agent": "curl/8.5"}},
        {"headers": {"Sec-Fetch-Mode": "no-cors"}},
        {"headers": {"Sec-Fetch-Mode": "cors"}},
        {"headers": {"X-Requested-With": "XMLHttpRequest"}},
    ],
    ids=str,
)
def test_what_no_person_followed_names_nobody(how: dict[str, Any]) -> None:
    answer = browser(shop := store()).open(link(shop), **{"method": "GET", **how})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/tea")
    assert "Set-Cookie" not in answer.headers


def test_a_form_that_is_posted_keeps_its_address() -> None:
    shop = store()
    shop.app.add_url_rule("/buy", "buy", lambda: "bought", methods=["POST"])
    answer = browser(shop).post(link(shop, "/buy"))
    assert answer.text == "bought"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("said", [False, None])
def test_without_consent_the_link_is_a_plain_link(said: bool | None) -> None:
    shop = store({"TOPMAIL_CONSENT": "opt-in"})
    shop.topmail.consent(lambda: said)
    answer = browser(shop).get(link(shop))
    assert answer.headers["Location"] == "/tea"
    assert "Set-Cookie" not in answer.headers


def test_a_loader_may_rely_on_what_runs_before_each_request() -> None:
    shop = store()
    shop.app.before_request(lambda: setattr(g, "user", None))  # registered after the extension
    shop.topmail.shopper_loader(lambda: g.user)
    assert "topmail_shopper" in cookies_set(browser(shop).get(link(shop)))


def test_a_wrong_address_is_told_to_be_wrong_without_the_token() -> None:
    shop = store()
    answer = browser(shop).get(link(shop, "/no/such/page"))
    assert answer.headers["Location"] == "/no/such/page"
    assert browser(shop).get("/no/such/page").status_code == 404


def test_a_store_below_a_path_stays_there() -> None:
    shop = store({"TOPMAIL_SITE_URL": "http://localhost/shop"})
    with shop.app.test_request_context("/", base_url="http://localhost/shop"):
        signed = shop.topmail.sign_link(url_for("show", name="tea"), ANN)
    assert signed.startswith("http://localhost/shop/tea?tm=")
    query = urlsplit(signed).query
    answer = browser(shop).get(f"/tea?{query}", base_url="http://localhost/shop")
    assert answer.headers["Location"] == "/shop/tea"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/tea",
        "//evil.example/tea",
        "\\\\evil.example",
        "/\\evil.example",
        "https://localhost/tea",
        "http://localhost:8080/tea",
        "http://localhost@evil.example/",
        "http://evil.example@localhost/",
        "http://localhost.evil.example/",
        "javascript:alert(1)",
        "/tea\r\nSet-Cookie: x=1",
        "ftp://localhost/tea",
        17,
    ],
)
def test_only_addresses_of_the_shop_are_signed(url: Any) -> None:
    with pytest.raises(InvalidValueError, match="url"):
        link(store(), url)


def test_the_shops_address_is_not_taken_from_a_request() -> None:
    shop = store({"TOPMAIL_SITE_URL": None})
    with (
        shop.app.test_request_context("/", base_url="https://evil.example"),
        pytest.raises(ConfigurationError, match="TOPMAIL_SITE_URL"),
    ):
        shop.topmail.sign_link("/tea", ANN)
    shop.app.config["SERVER_NAME"] = "shop.example"
    assert link(shop).startswith("http://shop.example/tea?tm=")


@pytest.mark.parametrize("contact", ["", "nobody", None])
def test_only_a_contact_gets_a_link(contact: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"contact|email"):
        link(store(), contact=contact)


def test_a_link_may_be_made_of_a_contact_id() -> None:
    shop = store()
    visitor = browser(shop)
    visitor.get(link(shop, contact=Shopper(contact_id="c-17")), follow_redirects=True)
    assert seen_by(shop) == [("tea-1", "c-17")]


def test_without_a_secret_key_there_are_no_links() -> None:
    app = Flask("shop")
    topmail = TopMail(app)
    app.config["SERVER_NAME"] = HOME.partition("//")[2]
    with pytest.raises(ConfigurationError, match="SECRET_KEY"):
        topmail.sign_link("/", ANN, app)


def test_neither_logs_nor_headers_hold_the_address(caplog: pytest.LogCaptureFixture) -> None:
    shop = store({"TOPMAIL_DEBUG_HEADER": True})
    visitor = browser(shop)
    with caplog.at_level(logging.DEBUG):
        answers = [
            visitor.get(link(shop)),
            visitor.get("/tea"),
            visitor.post("/log-out"),
            visitor.post("/sign-up", data={"email": "no address"}),
        ]
    assert "ann" not in caplog.text
    assert "ann@" not in "".join(str(answer.headers) for answer in answers)
    assert "ann" not in repr(shop.looks[0][1])
