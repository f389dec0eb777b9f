"""A small store for the doctor, and what the doctor says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from click.testing import Result
from flask import Flask, render_template_string

from tests.shop import TEMPLATE
from topmail_flask import TopMail
from topmail_flask.app import state_of
from topmail_flask.cli.doctor import CHECKS, name_of
from topmail_flask.cli.doctor_store import Finding, Store
from topmail_flask.core import core_of
from topmail_flask.sandbox import Sandbox

SETTINGS = {
    "TOPMAIL_SITE_URL": "https://tea.shop",
    "TOPMAIL_CURRENCY": "USD",
    "TOPMAIL_OUTBOX": ":memory:",
}
HOME = "<title>tea</title>" + "".join(f'<a href="/tea/{slug}">tea</a>' for slug in ("a", "b", "c"))


def bare_app(sandbox: Sandbox | None = None, config: Mapping[str, Any] | None = None) -> Flask:
    """A store in which nothing tells who the shopper is."""
    app = Flask("tea")
    app.secret_key = "s3cret-of-the-shop"
    app.config.update(SETTINGS)
    if sandbox is not None:
        app.config.update(TOPMAIL_API_KEY=sandbox.api_key, TOPMAIL_BASE_URL=sandbox.base_url)
    app.config.update(config or {})
    app.config.update({name: None for name, value in app.config.items() if value == ""})
    TopMail(app)

    @app.get("/")
    def home() -> str:
        return HOME

    @app.get("/tea/<slug>")
    def tea(slug: str) -> str:
        tea = {"id": slug, "name": "Green tea", "price": "9.90"}
        return render_template_string(TEMPLATE, product=tea)

    return app


def tea_app(sandbox: Sandbox | None = None, config: Mapping[str, Any] | None = None) -> Flask:
    """A store with nothing to complain about."""
    app = bare_app(sandbox, config)
    core_of(app).hooks.shopper_loader = lambda: None
    return app


def doctor(app: Flask, *words: str, color: bool = False) -> Result:
    return app.test_cli_runner().invoke(args=["topmail", "doctor", *words], color=color)


def told(app: Flask, *words: str, status: int = 0) -> dict[str, tuple[str, str]]:
    """How bad it is and what the doctor says, with the fix, by the name of the check."""
    result = doctor(app, "--json", *words)
    assert result.exit_code == status, result.output
    return {
        finding["check"]: (
            finding["level"],
            f"{finding['what']} -> {finding['fix']} {finding['details']}",
        )
        for finding in json.loads(result.stdout)["findings"]
    }


def found(app: Flask, check: str, **about: Any) -> Finding:
    """What one check finds in a store with other surroundings."""
    (chosen,) = [each for each in CHECKS if name_of(each) == check]
    store = Store(state_of(app), **about)
    try:
        return chosen(store)
    finally:
        store.close()
