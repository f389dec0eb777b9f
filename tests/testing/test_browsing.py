"""Who browses is for the test to say, whatever log-in the store has."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.testing.conftest import make_store
from topmail_flask import InvalidValueError, Shopper
from topmail_flask.core import core_of
from topmail_flask.testing import browse_as, capture

ANN, BOB = "ann@shop.example", "bob@shop.example"


def test_a_plain_test_client_is_a_human_whom_the_store_knows_or_not(app: Flask) -> None:
    with capture(app) as views, app.test_client() as client:
        client.get("/products/tea-1")
        client.post("/login", data={"email": ANN})
        client.get("/products/tea-2")
        views.assert_not_viewed("tea-1", reason="anonymous")
        views.assert_viewed("tea-2", shopper=ANN)


def test_a_shopper_is_staged_over_the_store_s_own_log_in(app: Flask) -> None:
    with capture(app) as views, app.test_client() as client:
        client.post("/login", data={"email": ANN})
        browse_as(client, Shopper(contact_id="c-17")).get("/products/tea-1")
        client.get("/products/tea-2")
        views.assert_viewed("tea-1", shopper="c-17")
        views.assert_viewed("tea-2", shopper=ANN)


def test_a_shopper_is_staged_in_a_store_with_no_log_in_at_all() -> None:
    app = make_store()
    core_of(app).hooks.shopper_loader = None
    with capture(app) as views:
        views.browse_as(ANN).get("/products/tea-1")
        views.assert_viewed("tea-1", shopper=ANN)


def test_the_same_browser_keeps_its_cookies_while_it_prefetches(app: Flask) -> None:
    with capture(app) as views, app.test_client() as client:
        client.post("/login", data={"email": ANN})
        browse_as(client, prefetch=True).get("/products/tea-1")
        views.assert_not_viewed("tea-1", reason="prefetch")
        browse_as(client).get("/products/tea-2")
        client.get("/products/tea-1")
        views.assert_viewed("tea-1", shopper=ANN)
        views.assert_viewed("tea-2", shopper=ANN)


def test_what_another_browser_does_leaves_the_client_as_it_is(app: Flask) -> None:
    with capture(app) as views:
        client = app.test_client()
        browse_as(client, BOB, prefetch=True, robot=True, consent=False).get("/products/tea-1")
        client.get("/products/tea-2")
        views.assert_not_viewed("tea-2", reason="anonymous")


@pytest.mark.parametrize("robot", [True, "Mozilla/5.0 (compatible; GPTBot/1.2)"])
def test_robots_are_no_shoppers(app: Flask, robot: bool | str) -> None:
    with capture(app) as views:
        views.browse_as(ANN, robot=robot).get("/products/tea-1")
        views.assert_not_viewed("tea-1", reason="robot")


def test_consent_is_what_the_test_says_it_is() -> None:
    app = make_store({"TOPMAIL_CONSENT": "opt-in"})
    with capture(app) as views:
        views.browse_as(ANN).get("/products/tea-1")
        views.browse_as(ANN, consent=False).get("/products/tea-2")
        views.browse_as(ANN, consent=True).get("/products/tea-3")
        views.assert_not_viewed("tea-1", reason="consent")
        views.assert_not_viewed("tea-2", reason="consent")
        views.assert_viewed("tea-3")


def test_an_impossible_shopper_is_refused_at_once(app: Flask) -> None:
    with pytest.raises(InvalidValueError, match="is not an e-mail address"):
        browse_as(app, "ann at shop")


def test_nobody_can_stage_a_shopper_over_http(app: Flask) -> None:
    headers = {"topmail_flask.testing.shopper": ANN, "Topmail-Flask-Testing-Shopper": ANN}
    with capture(app) as views:
        app.test_client().get("/products/tea-1", headers=headers)
        views.assert_not_viewed(reason="anonymous")
