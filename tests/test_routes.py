"""What the extension answers itself, below ``/_shopfront/``."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, request, session
from werkzeug.test import TestResponse

from tests.conftest import missing
from tests.shop import make_shop
from topmail_flask import TopMail


def shop_with(**config: object) -> Flask:
    app = make_shop(config).app
    app.secret_key = "of the shop"
    return app


def ask(app: Flask, **how: Any) -> TestResponse:
    return app.test_client().get("/_shopfront/nothing", **how)


def test_what_is_not_there_is_the_shops_own_404() -> None:
    app = shop_with()
    app.register_error_handler(404, lambda _: ("Not on our shelves", 404))

    assert ask(app).data == b"Not on our shelves"


def test_a_shop_that_answers_every_path_loses_none_of_them() -> None:
    app = shop_with()
    app.add_url_rule("/<path:path>", "any", lambda path: path)

    assert app.test_client().get("/_shopfront").data == b"_shopfront"
    assert app.test_client().get("/_shopfront/a/b").data == b"_shopfront/a/b"


@pytest.mark.parametrize("limits", ["RATELIMIT_APPLICATION", "RATELIMIT_DEFAULT"])
def test_the_limits_of_a_shop_for_its_visitors_are_not_used_up_by_ours(limits: str) -> None:
    try:
        from flask_limiter import Limiter
    except ImportError:
        missing("flask-limiter")
    app = shop_with(**{limits: "2 per minute"})
    Limiter(lambda: "one visitor", app=app, storage_uri="memory://")
    app.add_url_rule("/tea", "tea", lambda: "tea")
    browser = app.test_client()

    scripts = [browser.get("/_shopfront/product.js").status_code for _ in range(4)]
    assert scripts == [200] * 4
    assert [browser.get("/tea").status_code for _ in range(3)] == [200, 200, 429]


def test_no_answer_of_ours_sets_a_cookie() -> None:
    app = shop_with()
    app.before_request(lambda: session.update(at="the shop's hook"))

    assert "Set-Cookie" not in ask(app).headers
    assert "Set-Cookie" in app.test_client().get("/nothing").headers


def test_a_list_of_the_rules_without_arguments_has_none_of_ours() -> None:  # a sitemap
    app = shop_with()

    listed = [rule.rule for rule in app.url_map.iter_rules() if not rule.arguments]

    assert listed == []
    told = app.test_cli_runner().invoke(args=["topmail", "routes", "--json"])
    assert "_topmail" not in told.output


@pytest.mark.parametrize("matching", ["host_matching", "subdomain_matching"])
@pytest.mark.parametrize("host", ["shop.example", "ann.shop.example"])
def test_they_are_there_on_every_host_of_a_shop_with_many(matching: str, host: str) -> None:
    told: dict[str, Any] = {matching: True}
    if matching == "host_matching":
        told["static_host"] = "static.shop.example"
    app = Flask("shop", **told)
    app.config["SERVER_NAME"] = "shop.example"
    TopMail(app)
    app.before_request(lambda: str(request.endpoint))

    answer = app.test_client().get("/_shopfront/product", base_url=f"http://{host}")

    assert answer.text == "_topmail.own"
