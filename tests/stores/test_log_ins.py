"""Shoppers are known by what the usual ways to log in leave behind, with no line of the store."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from flask import Flask, Response, g, make_response, render_template_string, session

from tests.conftest import missing
from tests.shop import TEA
from topmail_flask import ProductView, TopMail, product_viewed

ADDRESS = "ann@shop.example"
FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


def known_after(app: Flask, log_in: Any) -> str | None:
    """The address of the shopper who looks at a product after logging in."""
    app.config["TOPMAIL_OUTBOX"] = ":memory:"
    TopMail(app)
    app.add_url_rule("/login", "login", log_in)
    app.add_url_rule("/tea", "tea", lambda: render_template_string("<p>", product=TEA))
    views: list[ProductView] = []

    def note(sender: object, *, view: ProductView, **_: Any) -> None:
        views.append(view)

    product_viewed.connect(note, app, weak=False)
    client = app.test_client()
    client.get("/login", headers=FIREFOX)
    client.get("/tea", headers=FIREFOX)
    (view,) = views
    return view.shopper.email if view.shopper else None


def store() -> Flask:
    app = Flask("store")
    app.secret_key = "k" * 32
    return app


@pytest.mark.parametrize(
    ("left", "is_known"),
    [
        ({"user": {"email": ADDRESS, "name": "Ann"}}, True),
        ({"user": ADDRESS}, True),
        ({"email": ADDRESS}, True),
        ({"user_email": ADDRESS}, True),
        ({"username": ADDRESS}, True),
        ({"username": "ann"}, False),
        ({"user": {"access_token": "x", "userinfo": {"email": ADDRESS, "sub": "auth0|7"}}}, True),
        ({"user": {"access_token": "x", "userinfo": {"sub": "auth0|7"}}}, False),
        ({"userinfo": {"email": ADDRESS}}, True),
        ({"profile": {"user_id": "auth0|7", "email": ADDRESS}}, True),
        ({"oidc_auth_profile": {"email": ADDRESS, "name": "Ann"}}, True),
        ({"customer": {"id": 7, "email": ADDRESS}}, True),
        ({"customer_email": ADDRESS}, True),
        ({"user": 7, "customer": 7}, False),
        ({"cart": ADDRESS}, False),
    ],
)
def test_an_address_in_the_session(left: dict[str, Any], is_known: bool) -> None:
    def log_in() -> str:
        session.update(left)
        return "in"

    assert known_after(store(), log_in) == (ADDRESS if is_known else None)


@pytest.mark.parametrize("attribute", ["email", "mail", "email_address", "username", "id"])
def test_a_user_of_flask_login(attribute: str) -> None:
    try:
        from flask_login import LoginManager, UserMixin, login_user
    except ImportError:
        missing("Flask-Login")
    app = store()

    class User(UserMixin):  # type: ignore[misc]
        id = "7"

    setattr(User, attribute, ADDRESS)
    LoginManager(app).user_loader(lambda _: User())

    def log_in() -> str:
        login_user(User())
        return "in"

    assert known_after(app, log_in) == ADDRESS


def test_a_token_of_flask_jwt_extended() -> None:
    try:
        import flask_jwt_extended as tokens
    except ImportError:
        missing("flask-jwt-extended")
    app = store()
    app.config.update(
        JWT_SECRET_KEY="s" * 40, JWT_TOKEN_LOCATION=["cookies"], JWT_COOKIE_SECURE=False
    )
    tokens.JWTManager(app)

    @app.before_request
    def verify() -> None:
        tokens.verify_jwt_in_request(optional=True)

    def log_in() -> Response:
        response = make_response("in")
        tokens.set_access_cookies(response, tokens.create_access_token(ADDRESS))
        return response

    assert known_after(app, log_in) == ADDRESS


@pytest.mark.parametrize("name", ["user", "current_user", "customer"])
@pytest.mark.parametrize("user", [{"email": ADDRESS}, ADDRESS])
def test_a_user_that_the_store_puts_on_g(name: str, user: object) -> None:
    app = store()
    app.before_request(lambda: setattr(g, name, user))
    assert known_after(app, lambda: "in") == ADDRESS


@pytest.mark.parametrize("columns", ["email", "mail, 'x' as keys", "username"])
def test_a_row_of_a_database_that_the_store_puts_on_g(columns: str) -> None:
    """As Flask's own tutorial does it."""
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    row = database.execute(f"select ? as {columns}", [ADDRESS]).fetchone()
    app = store()
    app.before_request(lambda: setattr(g, "user", row))
    assert known_after(app, lambda: "in") == ADDRESS
    database.close()


def test_the_user_of_a_request_that_flask_httpauth_has_verified() -> None:
    """As its ``login_required`` leaves what ``verify_password`` returned."""
    app = store()
    app.before_request(lambda: setattr(g, "flask_httpauth_user", {"email": ADDRESS}))
    assert known_after(app, lambda: "in") == ADDRESS
