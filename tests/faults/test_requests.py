"""One request, one shopper, one page: nothing of one gets into another, or into the HTML."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import flask_login
import pytest
import responses
from flask import Flask, Response, request

from tests.shop import TEA, make_shop
from topmail_flask import ProductView, TopMail, product_page, product_viewed
from topmail_flask.sandbox import Sandbox

SHOPPERS, LOOKS = 50, 100


class User(flask_login.UserMixin):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        self.id = name
        self.email = f"{name}@shop.example"


@pytest.mark.parametrize("end", ["raises", "closed"])
def test_a_stream_that_ends_early_ends_as_it_would_without_the_extension(end: str) -> None:  # F116
    shop = make_shop(shopper="ann@shop.example")
    closed: list[bool] = []

    def chunks() -> Iterator[str]:
        try:
            yield "<p>"
            if end == "raises":
                raise ConnectionError("the shop's own")
            yield "<p>"
        finally:
            closed.append(True)

    @shop.app.get("/tea")
    @product_page(lambda: TEA)
    def stream() -> Response:
        return Response(chunks(), mimetype="text/html")

    response = shop.app.test_client().get("/tea", buffered=False)
    body = response.iter_encoded()
    assert next(body) == b"<p>"
    if end == "raises":
        with pytest.raises(ConnectionError):
            next(body)
    response.close()
    assert closed == [True]
    # The rule: a stream of a marked route counts when it begins; nobody knows how it will end.
    assert shop.looked_at == ["tea-1"]


def test_the_shops_own_mock_of_http_is_left_alone(tmp_path: Path) -> None:  # F137
    shop = make_shop(
        {"TOPMAIL_API_KEY": "tm_test_0123456789", "TOPMAIL_OUTBOX": str(tmp_path)},
        shopper="ann@shop.example",
    )
    shop.app.testing = True
    threads = threading.active_count()
    shop.app.get("/tea")(product_page(lambda: TEA)(lambda: "<p>"))
    with responses.RequestsMock() as mock:
        assert shop.get("/tea").status_code == 200
        assert shop.topmail.flush(1, shop.app)
        assert len(mock.calls) == 0
    assert shop.refusals == [("tea-1", "disabled")]
    assert threading.active_count() == threads
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["query", "form", "json", "header", "cookie"])
def test_a_visitor_cannot_say_who_they_are(how: str) -> None:  # F151
    shop = make_shop(shopper="ann@shop.example")
    shop.app.get("/tea")(product_page(lambda: TEA)(lambda: "<p>"))
    told = {"email": "eve@evil.example", "contact_id": "eve", "user_id": "eve"}
    sent: dict[str, Any] = {
        "query": {"query_string": told},
        "form": {"data": told},
        "json": {"json": told},
        "header": {"headers": {f"X-TopMail-{name}": value for name, value in told.items()}},
        "cookie": {"headers": {"Cookie": "; ".join(f"{n}={v}" for n, v in told.items())}},
    }[how]
    shop.get("/tea", **sent)
    ((product, shopper),) = shop.looks
    assert shopper is not None
    assert shopper.email == "ann@shop.example"
    assert "eve" not in (product.url or "")


def login_shop() -> tuple[Flask, list[str]]:
    """A shop with Flask-Login, and the addresses of those who looked."""
    app = Flask("shop")
    app.secret_key = "a secret of the shop"
    app.config["TOPMAIL_OUTBOX"] = ":memory:"
    TopMail(app)
    flask_login.LoginManager(app).user_loader(User)
    seen: list[str] = []

    def looked(sender: Flask, view: ProductView, **_: Any) -> None:
        seen.append(view.shopper.email or "" if view.shopper else "nobody")

    product_viewed.connect(looked, app, weak=False)

    @app.get("/tea")
    @product_page(lambda: TEA)
    def tea() -> str:
        match request.args.get("do"):
            case "logout":
                flask_login.logout_user()
            case str(name):
                flask_login.login_user(User(name))
        return "<p>"

    return app, seen


def test_the_shopper_is_who_is_logged_in_when_the_request_ends() -> None:  # F152
    app, seen = login_shop()
    client = app.test_client()
    for query in ("", "?do=ann", "", "?do=bob", "", "?do=logout", ""):
        client.get(f"/tea{query}")
    ann, bob = "ann@shop.example", "bob@shop.example"
    assert seen == ["nobody", ann, ann, bob, bob, "nobody", "nobody"]


def test_many_shoppers_at_once_are_never_mixed_up(tmp_path: Path) -> None:  # F153
    names = [f"shopper{number}" for number in range(SHOPPERS)]
    app = Flask("shop")
    with Sandbox() as sandbox:
        app.config |= {"TOPMAIL_API_KEY": sandbox.api_key, "TOPMAIL_OUTBOX": str(tmp_path / "o")}
        app.config |= {"TOPMAIL_BASE_URL": sandbox.base_url, "TOPMAIL_RATE": 10_000}
        app.secret_key = "a secret of the shop"
        topmail = TopMail(app)
        flask_login.LoginManager(app).user_loader(User)
        app.get("/login/<name>")(lambda name: str(flask_login.login_user(User(name))))

        @app.get("/tea/<name>/<int:number>")
        @product_page(lambda name, number: {"id": f"{name}-{number}", "name": "Tea"})
        def tea(name: str, number: int) -> str:
            return "<p>"

        def visit(name: str) -> None:
            client = app.test_client()
            client.get(f"/login/{name}")
            for number in range(LOOKS):
                client.get(f"/tea/{name}/{number}")

        for name in names:
            sandbox.add_contact(f"{name}@shop.example")
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(visit, names))
        assert topmail.flush(60, app)
        app.extensions["topmail"].core.delivery.close()
        views = sandbox.views
    assert len(views) == SHOPPERS * LOOKS
    mixed = [view for view in views if not view["product_id"].startswith(f"{who(view)}-")]
    assert mixed == []


def who(view: dict[str, Any]) -> str:
    return str(view["email"]).partition("@")[0]


def test_a_cached_page_tells_nothing_about_who_made_it() -> None:  # F161
    shop = make_shop({"TOPMAIL_DEBUG_HEADER": True}, shopper="ann@shop.example")

    @shop.app.get("/tea")
    def tea() -> str:
        from flask import render_template_string

        return render_template_string("<p>{{ topmail_product(product) }}", product=TEA)

    response = shop.get("/tea")
    (view,) = shop.views
    told = f"{response.headers}{response.text}"
    for secret in ("ann@", view.key, view.session_id or "?", "digest"):
        assert secret not in told
    assert re.findall(r"X-TopMail: (.*)", told) == ["none; reason=disabled; product=tea-1\r"]
