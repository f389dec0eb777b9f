"""A shop with a sign-up, a log-out and two products; its visitors are browsers with cookies."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import Morsel, SimpleCookie
from typing import Any

from flask import Response, redirect, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.shop import Shop, make_shop
from topmail_flask import product_page

ANN, BOB = "ann@shop.example", "bob@shop.example"
HOME = "http://localhost"
PRODUCTS: dict[str, dict[str, Any]] = {
    name: {"id": f"{name}-1", "name": name.title(), "price": "9.90", "currency": "EUR"}
    for name in ("tea", "pot", "cup", "jar")
}
KEY = "tm_test_0123456789"


def store(config: Mapping[str, Any] | None = None) -> Shop:
    """A shop that knows nobody by a log-in; without network, but as if it sent."""
    chosen = {"SECRET_KEY": "s3cret", "TOPMAIL_API_KEY": KEY, "TOPMAIL_SITE_URL": HOME}
    shop = make_shop({**chosen, "TOPMAIL_DELIVERY": "worker", **(config or {})})

    @shop.app.get("/<name>")
    @product_page(PRODUCTS.get)
    def show(name: str) -> Response:
        answer = Response(f"<h1>{name}</h1>")
        if "cached" in request.args:
            answer.headers["Cache-Control"] = request.args["cached"]
        return answer

    @shop.app.post("/sign-up")
    def sign_up() -> Any:
        shop.topmail.identify(**request.form.to_dict())
        return redirect("/")

    @shop.app.post("/log-out")
    def log_out() -> Any:
        shop.topmail.forget()
        return redirect("/")

    @shop.app.get("/")
    def home() -> str:
        return "<h1>shop</h1>"

    return shop


def cookies_set(response: TestResponse) -> dict[str, Morsel[str]]:
    """The cookies that an answer sets or deletes, by name."""
    found: SimpleCookie = SimpleCookie()
    for header in response.headers.getlist("Set-Cookie"):
        found.load(header)
    return dict(found)


def browser(shop: Shop) -> FlaskClient:
    """A browser of somebody who has not been in the shop."""
    return shop.app.test_client()


def sign_up(visitor: FlaskClient, email: str = ANN, **how: Any) -> TestResponse:
    """The browser's owner asks for the newsletter."""
    return visitor.post("/sign-up", data={"email": email}, **how)


def seen_by(shop: Shop) -> list[tuple[str, str | None]]:
    """Every look at a product so far, and by whom."""
    known = [(product.id, who) for product, who in shop.looks]
    return [(product, who.email or who.contact_id if who else None) for product, who in known]
