"""Flask-Login knows better than a cookie, also when it knows no address."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, redirect, request
from flask_login import LoginManager, UserMixin, login_user, logout_user

from tests.identify.scene import ANN, BOB, KEY
from topmail_flask import TopMail, product_page
from topmail_flask.testing import CapturedViews, capture


class User(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    def __init__(self, email: str) -> None:
        self.id = email or "by telephone"
        self.email = email or None


@pytest.fixture
def app() -> Flask:
    app = Flask("shop")
    app.config.update(SECRET_KEY="s3cret", TOPMAIL_API_KEY=KEY, TOPMAIL_OUTBOX=":memory:")
    app.config.update(TOPMAIL_BACKFILL=5, TOPMAIL_SITE_URL="http://localhost")
    topmail = TopMail(app)
    topmail.consent(lambda: True)
    login = LoginManager(app)
    login.user_loader(lambda key: User(key if "@" in key else ""))

    @app.get("/<name>")
    @product_page(lambda name: {"id": name, "name": name.title()})
    def show(name: str) -> str:
        return f"<h1>{name}</h1>"

    @app.post("/log-in")
    def log_in() -> Any:
        login_user(User(request.form["email"]))
        return redirect("/account")

    @app.post("/log-out")
    def log_out() -> Any:
        logout_user()
        return redirect("/")

    @app.post("/sign-up")
    def sign_up() -> Any:
        topmail.identify(email=request.form["email"])
        return redirect("/")

    return app


@pytest.fixture
def views(app: Flask) -> Any:
    with capture(app) as views:
        yield views


def seen(views: CapturedViews) -> list[tuple[str, str | None]]:
    return [(view.product.id, view.shopper.email if view.shopper else None) for view in views]


def test_the_user_who_is_logged_in_comes_first(app: Flask, views: CapturedViews) -> None:
    visitor = app.test_client()
    visitor.post("/sign-up", data={"email": ANN})
    visitor.get("/tea")
    visitor.post("/log-in", data={"email": BOB})
    visitor.get("/tea")
    visitor.post("/log-out")
    visitor.get("/pot")
    assert seen(views) == [("tea", ANN), ("tea", BOB), ("pot", ANN)]


def test_a_user_without_an_address_is_not_taken_for_somebody_else(
    app: Flask, views: CapturedViews
) -> None:
    visitor = app.test_client()
    visitor.post("/sign-up", data={"email": ANN})
    visitor.post("/log-in", data={"email": ""})
    visitor.get("/tea")
    views.assert_not_viewed("tea", reason="anonymous")
    answer = visitor.post("/sign-up", data={"email": BOB})
    assert "topmail_shopper" not in str(answer.headers)


def test_a_log_in_sends_what_was_seen_just_before(app: Flask, views: CapturedViews) -> None:
    visitor = app.test_client()
    visitor.get("/tea")
    visitor.get("/pot")
    visitor.post("/log-in", data={"email": BOB})
    assert seen(views) == [("tea", BOB), ("pot", BOB)]
