"""Messages that are no looks: whatever comes, the answer is the same and nothing is sent."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask, session
from flask_wtf import CSRFProtect
from hypothesis import given
from hypothesis import strategies as some

from tests.beacon.visitor import ADDRESS, HUMAN, SAME_ORIGIN, Tag, beacon_shop, post, show
from tests.shop import Shop
from topmail_flask import Reason
from topmail_flask.beacon.messages import AT_ONCE
from topmail_flask.testing import capture

SILENT = [("Cache-Control", "no-store")]


def cached_tag(shop: Shop) -> Tag:
    return Tag.of(shop.get("/tea").text)


@pytest.mark.parametrize(
    ("headers", "heard"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),  # Referrer-Policy: no-referrer
        ({"Sec-Fetch-Site": "", "Origin": "http://localhost"}, True),
        ({"Sec-Fetch-Site": "", "Origin": "https://localhost"}, True),  # TLS ends at a proxy
        ({"Sec-Fetch-Site": "", "Origin": "https://SHOP.example"}, True),  # TOPMAIL_SITE_URL
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "", "Origin": ""}, False),
        ({"Sec-Fetch-Site": "", "Origin": "null"}, False),
        ({"Sec-Fetch-Site": "", "Origin": "http://evil.example"}, False),
        ({"Sec-Fetch-Site": "", "Origin": "http://localhost.evil.example"}, False),
        ({"Sec-Fetch-Site": "", "Origin": "http://localhost@evil.example"}, False),
        ({"Sec-Fetch-Site": "", "Origin": "http://[localhost"}, False),
    ],
)
def test_only_pages_of_the_store_are_heard(headers: dict[str, str], heard: bool) -> None:  # F171
    shop = beacon_shop(site_url="https://shop.example")
    tag = cached_tag(shop)
    with capture(shop.app) as views:
        answer = post(shop.app, f"copy 1 {tag.token} ", headers)

        assert len(views) == heard
        assert answer.status_code == 204
        assert answer.headers.to_wsgi_list() == SILENT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"copy",
        b"look 1 {token}",
        b"copy -1 {token}",
        b"copy 1e9 {token}",
        b"copy 1 {token}x",
        b"copy 1 x{token}",
        b"copy 1 {token} {token}",
        b"copy 1 {token} \n",
        b"{token}",
        b'{{"token": "{token}"}}',
        b"[" * 2000,
        b"\xff\xfe\x00" * 600,
        b"copy 1 {token} " + b"x" * 2048,
        b"x" * 1_000_000,
    ],
)
def test_a_message_that_is_none_is_refused(body: bytes) -> None:
    shop = beacon_shop()
    token = cached_tag(shop).token.encode()
    with capture(shop.app) as views:
        answer = post(shop.app, body.replace(b"{token}", token))

        assert answer.status_code == 204
        assert answer.headers.to_wsgi_list() == SILENT
        views.assert_not_viewed(reason=Reason.BEACON_REFUSED)


def test_a_token_of_another_store_or_another_key_is_refused() -> None:  # F172
    shop, other = beacon_shop(), beacon_shop()
    other.app.secret_key = "of somebody else"
    with capture(shop.app) as views:
        show(shop.app, cached_tag(other))

        views.assert_not_viewed(reason=Reason.BEACON_REFUSED)


def test_a_token_of_an_older_key_is_accepted_while_keys_change() -> None:  # F172
    before, after = beacon_shop(), beacon_shop()
    after.app.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["of the shop"])
    with capture(after.app) as views:
        show(after.app, cached_tag(before))
        show(after.app, cached_tag(after), variant="")

        views.assert_viewed("tea-1", times=1)
        assert {refusal.reason for refusal in views.refusals} == {Reason.REPEAT}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_another_method_says_nothing_either(method: str) -> None:
    shop = beacon_shop()
    with capture(shop.app) as views:
        answer = shop.app.test_client().open(
            "/_shopfront/product", method=method, headers=SAME_ORIGIN
        )

        assert answer.status_code == 204
        assert answer.headers.to_wsgi_list() == SILENT
        views.assert_not_viewed(reason=Reason.BEACON_REFUSED)


def test_no_more_than_2_kb_of_an_endless_message_are_read() -> None:  # F171
    class Endless(io.RawIOBase):
        taken = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.taken += len(buffer)
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

        def tell(self) -> int:
            return 0

        def seek(self, *_: int) -> int:
            return 0

    endless = Endless()
    shop = beacon_shop()
    answer = shop.app.test_client().post(
        "/_shopfront/product",
        input_stream=endless,
        headers={**SAME_ORIGIN, "User-Agent": HUMAN, "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )

    assert answer.status_code == 204
    assert 0 < endless.taken <= 2049


def test_an_error_of_the_shops_own_functions_costs_the_view_alone() -> None:
    shop = beacon_shop()
    tag = cached_tag(shop)

    @shop.topmail.shopper_loader
    def fails() -> str:
        raise OSError(ADDRESS)

    answer = show(shop.app, tag)

    assert answer.status_code == 204
    assert shop.reasons["hook_failed"] == 1


def test_form_tokens_are_not_asked_for_and_other_posts_still_need_theirs() -> None:
    shop = beacon_shop()
    shop.app.add_url_rule("/basket", "basket", lambda: "in it", methods=["POST"])
    CSRFProtect(shop.app)
    tag = cached_tag(shop)
    with capture(shop.app) as views:
        assert show(shop.app, tag).status_code == 204
        views.assert_viewed("tea-1")
        assert shop.app.test_client().post("/basket").status_code == 400


def test_no_answer_sets_a_cookie_even_where_sessions_are_renewed_each_time() -> None:
    shop = beacon_shop()
    shop.topmail.shopper_loader(lambda: session.get("email"))

    @shop.app.before_request
    def renew() -> None:
        session.permanent = True
        session.setdefault("email", ADDRESS)

    browser = shop.app.test_client()
    page = browser.get("/tea")
    assert "Set-Cookie" in page.headers
    tag = Tag.of(page.text)
    with capture(shop.app) as views:
        answer = show(browser, tag)
        script = browser.get(tag.src)

        views.assert_viewed("tea-1", shopper=ADDRESS)
    assert "Set-Cookie" not in answer.headers
    assert "Set-Cookie" not in script.headers
    assert "Vary" not in script.headers  # or no CDN would keep it


def test_a_flood_is_answered_alike_and_refused() -> None:  # F171
    shop = beacon_shop()
    tag = cached_tag(shop)
    with capture(shop.app) as views:
        answers = {show(shop.app, tag).status_code for _ in range(int(AT_ONCE) + 50)}

        assert answers == {204}
        views.assert_not_viewed("nothing", reason=Reason.BEACON_REFUSED)


HEADERS = ("Origin", "Sec-Fetch-Site", "X-Forwarded-For", "Content-Type", "Cookie")


@pytest.fixture(scope="module")
def app() -> Flask:
    return beacon_shop().app


@given(
    body=some.binary(max_size=3000) | some.text().map(str.encode),
    headers=some.dictionaries(
        some.sampled_from(HEADERS),
        some.text(some.characters(min_codepoint=32, max_codepoint=126), max_size=60),
    ),
)
def test_whatever_comes_the_answer_is_a_204(
    app: Flask, body: bytes, headers: dict[str, str]
) -> None:
    sent = {**SAME_ORIGIN, "User-Agent": HUMAN, **headers}
    answer = app.test_client(use_cookies=False).post("/_shopfront/product", data=body, headers=sent)

    assert answer.status_code == 204
    assert answer.data == b""
