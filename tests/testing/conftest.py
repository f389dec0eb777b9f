"""A store as its own developers test it: a fixture named ``app``, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template_string, request, session

from topmail_flask import TopMail, product_page

PAGE = "<title>Tea</title><h1>{{ product.name }}</h1>"


def make_store(config: dict[str, Any] | None = None) -> Flask:
    """Shoppers log in with the store's own session; each product page is marked."""
    app = Flask("store")
    app.config.update({"SECRET_KEY": "a secret", "TOPMAIL_OUTBOX": ":memory:", **(config or {})})
    topmail = TopMail(app)

    @topmail.shopper_loader
    def shopper() -> str | None:
        return session.get("email")

    @app.post("/login")
    def login() -> str:
        session["email"] = request.form["email"]
        return "welcome"

    @app.get("/products/<number>")
    @product_page
    def show(number: str) -> str:
        tea = {"id": number, "name": "Green tea", "price": "9.90", "currency": "EUR"}
        tea["image_url"] = "https://shop.example/tea.jpg"
        return render_template_string(PAGE, product=tea)

    @app.get("/about")
    def about() -> str:
        return "<title>About us</title>"

    return app


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return make_store({"TESTING": True, "TOPMAIL_OUTBOX": str(tmp_path / "outbox")})
