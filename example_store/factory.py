"""Makes the shop's Flask application."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask_wtf import CSRFProtect
from sqlalchemy import NullPool

from example_store import accounts, consent, pages, security, tracking, viewed
from example_store.basket import basket_in_session
from example_store.blueprints import (
    account,
    basket,
    catalogue,
    cookies,
    gift_sets,
    letters,
    storefront,
    workshops,
)
from example_store.database import db
from example_store.money import euros
from example_store.stocktaking import only_one_process, open_shop

csrf = CSRFProtect()
AUTOMATIONS = {"basket_left": "flow-basket-left", "back_in_stock": "flow-back-in-stock"}
DEMO_API_KEY = "tm_test_sandbox_full_access"  # the sandbox's: it opens nothing else
BLUEPRINTS = (
    storefront.blueprint,
    catalogue.blueprint,
    gift_sets.blueprint,
    workshops.blueprint,
    basket.blueprint,
    letters.blueprint,
    cookies.blueprint,
    account.blueprint,
)


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The shop, ready to serve.

    Configuration comes from this module's defaults, then from ``TOPMAIL_…`` variables and
    ``SANDBOX_PORT`` of the environment, then from ``config``.

    :param config: Flask's, the extensions' and TopMail's settings; ``INSTANCE_PATH`` is the folder
        for the database, the outbox and the secret key (default: Flask's instance folder).
    """
    given = dict(config or {})
    app = Flask("example_store", instance_path=given.pop("INSTANCE_PATH", None))
    instance = Path(app.instance_path)
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    app.config.from_mapping(_defaults(instance))
    app.config.from_mapping(_environment())
    app.config.from_mapping(given)
    app.secret_key = app.secret_key or _secret_key(instance)

    db.init_app(app)
    csrf.init_app(app)
    accounts.init_app(app)
    consent.init_app(app)
    security.init_app(app)
    pages.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.add_template_filter(euros)
    app.add_template_global(basket_in_session)
    tracking.init_app(app)
    viewed.init_app(app)
    with app.app_context():
        open_shop(instance)
    return app


def _defaults(instance: Path) -> dict[str, Any]:
    sandbox = os.environ.get("SANDBOX_PORT", "8025")
    return {
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{instance / 'shop.sqlite3'}",
        # A fresh connection each time is cheap with SQLite, and none crosses a fork of the server.
        "SQLALCHEMY_ENGINE_OPTIONS": {"poolclass": NullPool},
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        "TOPMAIL_API_KEY": DEMO_API_KEY,
        "TOPMAIL_BASE_URL": f"http://127.0.0.1:{sandbox}/api/v1",
        "TOPMAIL_CURRENCY": "EUR",
        "TOPMAIL_AUTOMATIONS": AUTOMATIONS,
        "BASKET_LEFT_AFTER": timedelta(hours=1),
        "TOPMAIL_CONSENT": "opt-in",
        "TOPMAIL_OUTBOX": str(instance / "topmail"),
        # Automated browsers try this shop out as people do: their looks count here.
        "TOPMAIL_ROBOTS": ["search", "ai", "preview", "monitor"],
    }


def _environment() -> dict[str, Any]:
    return {name: _value(text) for name, text in os.environ.items() if name.startswith("TOPMAIL_")}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _secret_key(instance: Path) -> str:
    path = instance / "secret_key"
    with only_one_process(instance):
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32), "utf-8")
        return path.read_text("utf-8")
