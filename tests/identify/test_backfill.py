"""``TOPMAIL_BACKFILL``: what was seen in this visit is sent once its shopper is known."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.identify.scene import ANN, PRODUCTS, browser, cookies_set, seen_by, sign_up, store
from tests.shop import Shop
from topmail_flask import Product, view_dropped
from topmail_flask.identify.cookies import PendingView, opened_views, sealed_views
from topmail_flask.identify.sealing import Sealer
from topmail_flask.testing import capture


def consenting(config: Mapping[str, Any] | None = None) -> Shop:
    shop = store({"TOPMAIL_BACKFILL": 3, **(config or {})})
    shop.topmail.consent(lambda: True)
    return shop


def look_at(visitor: FlaskClient, *names: str) -> None:
    for name in names:
        assert visitor.get(f"/{name}").status_code == 200


def test_the_last_products_of_the_visit_are_sent_in_their_order_when_the_shopper_is_known() -> None:
    shop = consenting()
    with capture(shop.app) as views:
        visitor = browser(shop)
        look_at(visitor, "jar", "tea", "pot", "tea", "cup")
        assert len(views) == 0
        answer = sign_up(visitor)
        assert [view.product.id for view in views] == ["pot-1", "tea-1", "cup-1"]
        assert {view.shopper and view.shopper.email for view in views} == {ANN}
        assert [str(view.product.price) for view in views] == ["9.90"] * 3
        assert len({view.key for view in views}) == 3
        assert len({view.session_id for view in views}) == 1
        assert cookies_set(answer)["topmail_looks"]["max-age"] == "0"
        sign_up(visitor)
        assert len(views) == 3, "once"
    assert len(seen_by(shop)) == 5, "product_viewed told of each look when it happened"


def test_a_log_in_does_it_too_and_before_the_page_that_follows() -> None:
    shop = consenting()
    logged_in: dict[str, str | None] = {"now": None}
    shop.topmail.shopper_loader(lambda: logged_in["now"])
    with capture(shop.app) as views:
        visitor = browser(shop)
        look_at(visitor, "tea", "pot")
        logged_in["now"] = ANN
        look_at(visitor, "tea")
        assert [view.product.id for view in views] == ["pot-1", "tea-1"]


def test_a_link_in_a_mail_does_it_too() -> None:
    shop = consenting()
    with capture(shop.app) as views:
        visitor = browser(shop)
        look_at(visitor, "tea")
        visitor.get(shop.topmail.sign_link("/", ANN, shop.app))
        views.assert_viewed("tea-1", shopper=ANN)


def test_it_is_off_by_default() -> None:
    shop = store()
    shop.topmail.consent(lambda: True)
    with capture(shop.app) as views:
        visitor = browser(shop)
        assert "Set-Cookie" not in visitor.get("/tea").headers
        sign_up(visitor)
        assert len(views) == 0


@pytest.mark.parametrize("said", [None, False])
def test_nothing_is_kept_of_a_visitor_who_has_not_consented(said: bool | None) -> None:
    shop = consenting()
    shop.topmail.consent(lambda: said)
    assert "Set-Cookie" not in browser(shop).get("/tea").headers


@pytest.mark.parametrize("said", [None, False])
def test_nothing_is_sent_without_consent_at_that_time(said: bool | None) -> None:
    shop = consenting()
    agreed: dict[str, bool | None] = {"now": True}
    shop.topmail.consent(lambda: agreed["now"])
    with capture(shop.app) as views:
        visitor = browser(shop)
        look_at(visitor, "tea")
        agreed["now"] = said
        sign_up(visitor)
        visitor.get("/pot")
        assert all(view.product.id != "tea-1" for view in views)


def test_a_refusal_deletes_what_the_browser_kept() -> None:
    shop = consenting()
    agreed = {"now": True}
    shop.topmail.consent(lambda: agreed["now"])
    visitor = browser(shop)
    look_at(visitor, "tea")
    agreed["now"] = False
    assert cookies_set(visitor.get("/pot"))["topmail_looks"]["max-age"] == "0"


def test_a_visit_ends_after_half_an_hour_without_a_look() -> None:
    shop = consenting()
    with capture(shop.app) as views:
        visitor = browser(shop)
        look_at(visitor, "tea")
        views.clock.advance(timedelta(minutes=29))
        look_at(visitor, "pot")
        views.clock.advance(timedelta(minutes=29))
        look_at(visitor, "cup")
        sign_up(visitor)
        assert [view.product.id for view in views] == ["tea-1", "pot-1", "cup-1"]
        views.clear()
        visitor.post("/log-out")
        look_at(visitor, "jar")
        views.clock.advance(timedelta(minutes=31))
        sign_up(visitor)
        assert len(views) == 0


def test_a_log_out_forgets_the_looks_as_well() -> None:
    shop = consenting()
    with capture(shop.app) as views:
        visitor = browser(shop)
        look_at(visitor, "tea")
        visitor.post("/log-out")
        sign_up(visitor)
        assert len(views) == 0


def test_a_page_that_caches_keep_is_left_as_it_is() -> None:
    plain, shop = store(), consenting()
    address = "/tea?cached=public, max-age=60"
    for visitor in (browser(shop), bearing_a_visit(shop)):
        answer = visitor.get(address)
        assert answer.headers == browser(plain).get(address).headers


def bearing_a_visit(shop: Shop) -> FlaskClient:
    visitor = browser(shop)
    look_at(visitor, "pot")
    return visitor


def test_the_cookie_is_unreadable_lives_as_long_as_the_browser_and_is_bounded() -> None:
    shop = consenting({"TOPMAIL_BACKFILL": 20})
    for number in range(30):
        long = {"name": f"{number} " + "n" * 190, "category": "c" * 90, "id": f"p{number}"}
        PRODUCTS[f"long{number}"] = {**long, "image_url": f"https://shop.example/{number * 99}"}
    visitor = browser(shop)
    for number in range(30):
        cookie = cookies_set(visitor.get(f"/long{number}"))["topmail_looks"]
        assert len(cookie.value) <= 3500
        assert not cookie["max-age"]
        assert cookie["httponly"]
    with capture(shop.app) as views:
        sign_up(visitor)
        kept = [view.product.id for view in views]
        assert kept == [f"p{number}" for number in range(30 - len(kept), 30)]
        assert len(kept) >= 5


def test_who_looks_and_signs_up_in_two_tabs_at_once_is_told_of_under_the_same_keys() -> None:
    shop = consenting({"TOPMAIL_REPEAT_WINDOW": 0})
    with capture(shop.app) as views:
        first = browser(shop)
        look_at(first, "tea", "pot")
        kept = first.get_cookie("topmail_looks")
        assert kept is not None
        sign_up(first)
        second = browser(shop)
        second.set_cookie("topmail_looks", kept.value)
        sign_up(second)
        keys = [view.key for view in views]
        assert keys[:2] == keys[2:]


def test_the_rules_of_a_view_hold_for_an_earlier_one(caplog: pytest.LogCaptureFixture) -> None:
    shop = consenting()
    told = []

    def dropped(_app: object, *, product: Product, reason: str, **_: object) -> None:
        told.append((product.id, str(reason)))

    with capture(shop.app) as views, view_dropped.connected_to(dropped, shop.app):
        visitor = browser(shop)
        shop.topmail.before_send(lambda view: None if view.product.id == "tea-1" else view)
        look_at(visitor, "tea", "pot")
        told.clear()
        sign_up(visitor)
        assert [view.product.id for view in views] == ["pot-1"]
        assert told == [("tea-1", "vetoed")]


@pytest.mark.parametrize("content", [b"", b"x", b"[]", b"[[1]]", b'[[true,"a","b"]]', b"{}", b"9"])
def test_a_sealed_text_of_another_shape_holds_no_looks(content: bytes) -> None:
    sealer = Sealer([b"s3cret"], "visit cookie")
    assert opened_views(sealer.seal(content), sealer, 0) == ()
    assert opened_views(sealer.seal(zlib.compress(content)), sealer, 0) == ()


def test_a_product_comes_out_of_the_cookie_as_it_went_in() -> None:
    sealer = Sealer([b"s3cret"], "visit cookie")
    product = Product(
        *("p", "Name ✓", "https://shop.example/p", "v", "https://shop.example/p.png"),
        *("9.90", "EUR", "Tea", "Linden", "sku-1"),  # type: ignore[arg-type]
    )
    looks = (PendingView(product, 1000.0),)
    assert opened_views(sealed_views(looks, sealer), sealer, 1000.0) == looks
