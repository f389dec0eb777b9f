"""An error of our own costs no page, and whoever looks is told what it costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string
from werkzeug.test import Client

from tests.cli.examined import told
from tests.faults.injection import failing
from tests.shop import TEA, Shop, make_shop
from topmail_flask import TopMail, TopMailMiddleware
from topmail_flask.extraction.objects import ProductReader
from topmail_flask.rules.robots import robot_kind
from topmail_flask.tracker import Tracker

ADDRESS = "ann@shop.example"
BROWSER = {"User-Agent": "Firefox/140.0"}
KEY = "tm_test_internal_errors_0123"


@pytest.fixture
def shop() -> Shop:
    shop = make_shop({"TOPMAIL_API_KEY": KEY, "TOPMAIL_DEBUG_HEADER": True}, shopper=ADDRESS)

    @shop.app.get("/tea")
    def tea() -> str:
        return render_template_string("<p>{{ product.name }}", product={**TEA, "id": [7]})

    @shop.app.get("/cup")
    def cup() -> str:
        return render_template_string("<p>{{ product.name }}", product=TEA)

    return shop


@pytest.mark.parametrize(
    "place",
    [robot_kind, ProductReader.guess, Tracker.decide, Tracker.ask],
    ids=lambda function: function.__name__,
)
def test_a_view_that_our_error_lost_has_a_reason_everywhere(
    shop: Shop, caplog: pytest.LogCaptureFixture, place: Callable[..., object]
) -> None:
    with failing(place):
        answers = [shop.get("/cup") for _ in range(3)]
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "<p>Green tea")] * 3
    assert {answer.headers["X-TopMail"] for answer in answers} == {"none; reason=internal_error"}
    assert shop.reasons == {"internal_error": 3}
    assert shop.refusals == [(None, "internal_error")] * 3
    health = shop.topmail.health(shop.app)
    assert (health.ok, health.state) == (False, "degraded")
    assert "internal_error" in health.reason
    assert "Update topmail-flask" in health.fix
    lines = [line for line in caplog.messages if "an error of topmail_flask itself" in line]
    assert 1 <= len(lines) <= 2, "once for each place: when the template is done, and at the end"
    assert all("views of products are lost" in line for line in lines)
    assert all("ZeroDivisionError" in line for line in lines)


def test_a_page_without_a_product_is_no_internal_error(shop: Shop) -> None:
    shop.app.add_url_rule("/about", "about", lambda: "<p>About us")
    assert shop.get("/about").headers["X-TopMail"] == "none; reason=no_product"
    assert shop.topmail.health(shop.app).state == "degraded"  # in memory only, as configured
    assert "internal" not in shop.topmail.health(shop.app).reason


def test_a_robot_is_a_robot_although_its_product_could_not_be_read(shop: Shop) -> None:
    with failing(ProductReader.guess):
        answer = shop.get("/cup", headers={"User-Agent": "Googlebot/2.1"})
    assert answer.headers["X-TopMail"] == "none; reason=robot"


def test_the_doctor_tells_of_an_error_of_ours(tmp_path: Path) -> None:
    app = Flask("shop")
    app.config |= {
        "TOPMAIL_API_KEY": KEY,
        "TOPMAIL_BASE_URL": "http://127.0.0.1:1/",
        "TOPMAIL_OUTBOX": str(tmp_path),
    }
    TopMail(app)
    app.add_url_rule("/", "home", lambda: "<a href='/cup'>")
    app.add_url_rule("/cup", "cup", lambda: render_template_string("x", product=TEA))
    with failing(Tracker.decide):
        level, what = told(app, status=1)["errors"]
    assert level == "error"
    assert "raised ZeroDivisionError" in what
    assert "Update topmail-flask" in what


def test_every_process_of_the_machine_knows_of_an_error_of_ours(tmp_path: Path) -> None:
    config = {"TOPMAIL_API_KEY": KEY, "TOPMAIL_OUTBOX": str(tmp_path), "TOPMAIL_DELIVERY": "worker"}
    failed, other = make_shop(config, shopper=ADDRESS), make_shop(config, shopper=ADDRESS)
    failed.app.add_url_rule("/cup", "cup", lambda: render_template_string("x", product=TEA))
    assert other.topmail.health(other.app).ok
    with failing(Tracker.decide):
        failed.get("/cup")
    health = other.topmail.health(other.app)
    assert health.state == "degraded"
    assert "internal_error" in health.reason
    assert other.reasons == {}


def test_behind_the_middleware_it_is_told_as_well() -> None:
    page = (
        b'<script type="application/ld+json">{"@context": "https://schema.org", '
        b'"@type": "Product", "name": "Tea", "sku": "t-1"}</script>'
    )

    def application(_environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [page]

    middleware = TopMailMiddleware(
        application, api_key=KEY, shopper=lambda _: ADDRESS, outbox=":memory:", delivery="worker"
    )
    for place in (robot_kind, Tracker.observe):
        with failing(place):
            answer = Client(middleware).get("/tea", headers=BROWSER, buffered=True)
            assert (answer.status_code, answer.data) == (200, page)
    assert middleware.stats().reasons == {"internal_error": 2}
    assert "internal_error" in middleware.health().reason
