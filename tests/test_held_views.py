"""A shopper whom TopMail does not know yet: the page and the status say that the views are held."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, render_template_string

from tests.delivery.waiting import until
from topmail_flask import TopMail
from topmail_flask.sandbox import Sandbox

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"
)


def test_the_header_and_the_status_say_that_views_are_held(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        app = Flask("shop", instance_path=str(tmp_path))
        app.secret_key = "secret"
        app.config.update(
            TOPMAIL_API_KEY=sandbox.api_key,
            TOPMAIL_BASE_URL=sandbox.base_url,
            TOPMAIL_OUTBOX=str(tmp_path / "outbox"),
            TOPMAIL_DEBUG_HEADER=True,
            TOPMAIL_SITE_URL="https://shop.example",
            TOPMAIL_CURRENCY="EUR",
        )
        topmail = TopMail(app)
        topmail.shopper_loader(lambda: "new@shop.example")

        @app.get("/p/<name>")
        def page(name: str) -> str:
            product = {"id": name, "name": "Tea", "price": 5}
            return render_template_string("<h1>{{ product.name }}</h1>5 EUR", product=product)

        def seen(name: str) -> str:
            answer = app.test_client().get(f"/p/{name}", headers={"User-Agent": CHROME})
            return str(answer.headers["X-TopMail"])

        assert seen("a") == "view; product=a"
        until(lambda: topmail.stats(app).dead == 1, "TopMail does not know the contact")
        told = seen("b")
        assert told.startswith("view; product=b; held=contact_not_found; asked_again_in=")
        until(lambda: topmail.stats(app).dead == 2, "it is held as well")
        status = app.test_cli_runner().invoke(args=["topmail", "outbox", "status"]).output
        assert "held:          2 for contacts that TopMail does not know" in status
        app.extensions["topmail"].core.delivery.close()
