"""Whatever comes from outside is believed under the shop's own seal alone, and harms nobody."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from tests.identify.scene import ANN, browser, cookies_set, seen_by, store
from tests.shop import Shop
from topmail_flask.identify.cookies import Identity
from topmail_flask.identify.links import own_location, split_token
from topmail_flask.identify.sealing import Sealer


def cookie_of(shop: Shop) -> str:
    answer = browser(shop).post("/sign-up", data={"email": ANN})
    return cookies_set(answer)["topmail_shopper"].value


def token_of(shop: Shop) -> str:
    return urlsplit(shop.topmail.sign_link("/tea", ANN, shop.app)).query.partition("=")[2]


def bearing(shop: Shop, cookie: str) -> Any:
    visitor = browser(shop)
    visitor.set_cookie("topmail_shopper", cookie)
    return visitor


def forgeries(sealed: str) -> dict[str, str]:
    middle = len(sealed) // 2
    other = "A" if sealed[middle] != "A" else "B"
    told = json.dumps([1e9, False, ANN, None]).encode()
    return {
        "empty": "",
        "the address": ANN,
        "its base64": urlsafe_b64encode(told).decode().rstrip("="),
        "a session": str(URLSafeTimedSerializer("s3cret").dumps(ANN)),
        "changed": sealed[:middle] + other + sealed[middle + 1 :],
        "cut": sealed[:-4],
        "longer": sealed + "AAAA",
        "overlong": sealed + "A" * 5000,
        "the beginning": "tm1-",
        "not ascii": sealed[:-1] + "é",
    }


@pytest.mark.parametrize("kind", forgeries("tm1-" + "x" * 20))
def test_a_forged_cookie_is_nobodys(kind: str) -> None:
    shop = store()
    forged = forgeries(cookie_of(shop))[kind]
    answer = browser(shop).get("/tea", headers={"Cookie": f"topmail_shopper={forged}"})
    assert answer.status_code == 200
    assert seen_by(shop) == [("tea-1", None)]


@pytest.mark.parametrize("kind", forgeries("tm1-" + "x" * 20))
def test_a_forged_link_names_nobody(kind: str) -> None:
    shop = store()
    answer = browser(shop).get("/tea", query_string={"tm": forgeries(token_of(shop))[kind]})
    assert answer.status_code in (200, 302)
    assert "Set-Cookie" not in answer.headers


def test_a_cookie_is_no_link_and_a_link_is_no_cookie() -> None:
    shop = store()
    cookie, token = cookie_of(shop), token_of(shop)
    answer = browser(shop).get("/tea", query_string={"tm": cookie})
    assert (answer.headers["Location"], "Set-Cookie" in answer.headers) == ("/tea", False)
    bearing(shop, token).get("/tea")
    assert seen_by(shop) == [("tea-1", None)]
    bearing(shop, cookie).get("/pot")
    assert seen_by(shop)[1:] == [("pot-1", ANN)], "the right one does work"


def test_another_apps_seal_is_nothing_here() -> None:
    shop, other = store(), store({"SECRET_KEY": "another"})
    bearing(shop, cookie_of(other)).get("/tea")
    answer = browser(shop).get("/tea", query_string={"tm": token_of(other)})
    assert "Set-Cookie" not in answer.headers
    assert seen_by(shop) == [("tea-1", None)]


def test_a_key_may_be_rotated_as_the_sessions_is() -> None:
    cookie, token = cookie_of(old := store({"SECRET_KEY": "old"})), token_of(old)
    shop = store({"SECRET_KEY": "new", "SECRET_KEY_FALLBACKS": ["older", "old"]})
    bearing(shop, cookie).get("/tea")
    assert seen_by(shop) == [("tea-1", ANN)]
    assert "topmail_shopper" in cookies_set(browser(shop).get("/", query_string={"tm": token}))


@pytest.mark.parametrize(
    "told",
    [None, [], {}, [1, 2], ["x", False, ANN, None], [1e9, False, "no address", None], [1e400] * 4],
)
def test_a_sealed_text_of_another_shape_is_nobody(told: object) -> None:
    sealer = Sealer([b"s3cret"], "shopper cookie")
    assert Identity.opened(sealer.seal(json.dumps(told).encode()), sealer) is None


def test_a_cookie_from_the_future_is_nobodys() -> None:
    shop = store()
    future = Identity(shopper=identity_of(cookie_of(shop)), at=4e9)
    bearing(shop, future.sealed(Sealer([b"s3cret"], "shopper cookie"))).get("/tea")
    assert seen_by(shop) == [("tea-1", None)]


def identity_of(cookie: str) -> Any:
    identity = Identity.opened(cookie, Sealer([b"s3cret"], "shopper cookie"))
    assert identity is not None
    return identity.shopper


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/tea",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "//evil.example@localhost/",
        "/tea\r\nSet-Cookie: x=1",
        "/\t/evil.example",
        "https://evil.example/",
    ],
)
def test_the_redirect_stays_on_the_shops_host(path: str) -> None:
    shop = store()
    environ = {"PATH_INFO": path, "QUERY_STRING": f"next=//evil.example&tm={token_of(shop)}"}
    answer = browser(shop).get("/", environ_overrides=environ)
    location = answer.headers["Location"]
    assert location.startswith("/")
    assert location[1:2] not in ("/", "\\")
    assert location.endswith("?next=//evil.example")
    assert not set(location) & set("\r\n\t\\ ")
    assert set(cookies_set(answer)) == {"topmail_shopper"}


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_whatever_the_path_and_query_the_location_is_one_of_this_host(
    path: str, query: str
) -> None:
    location = own_location({"PATH_INFO": path, "SCRIPT_NAME": ""}, query)
    parts = urlsplit(location)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert location[:1] == "/"
    assert location[1:2] != "/"
    assert location.isascii()
    assert location.isprintable()


@given(st.text())
def test_a_query_without_a_token_stays_as_it_is(query: str) -> None:
    assert split_token(query) == (None, query)
