"""What an earlier process left behind is sent from the first request on, whatever it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, Response, render_template_string
from werkzeug.test import Client

from tests.servers.server import BROWSER, SHOPPER
from topmail_flask import TopMail, TopMailMiddleware
from topmail_flask.sandbox import Sandbox

PRODUCT = {"id": "tea-1", "name": "Green tea", "price": "9.90", "currency": "EUR"}
MARKUP = """<html><head><title>Green tea</title><script type="application/ld+json">
{"@context": "https://schema.org", "@type": "Product", "name": "Green tea", "sku": "tea-1",
"offers": {"@type": "Offer", "price": "9.90", "priceCurrency": "EUR"}}
</script></head><body><h1>Green tea</h1></body></html>"""


def flask_store(sandbox: Sandbox, outbox: Path, delivery: str) -> Flask:
    app = Flask("store")
    app.config |= {
        "TOPMAIL_API_KEY": sandbox.api_key,
        "TOPMAIL_BASE_URL": sandbox.base_url,
        "TOPMAIL_OUTBOX": str(outbox),
        "TOPMAIL_DELIVERY": delivery,
        "SECRET_KEY": "of the store",
    }
    TopMail(app).shopper_loader(lambda: SHOPPER)
    app.add_url_rule("/tea", "tea", lambda: render_template_string("tea", product=PRODUCT))
    return app


def wsgi_store(sandbox: Sandbox, outbox: Path, delivery: str) -> TopMailMiddleware:
    def pages(environ: Any, start_response: Any) -> Any:
        page = MARKUP if environ["PATH_INFO"] == "/tea" else "<title>About us</title>"
        return Response(page)(environ, start_response)

    return TopMailMiddleware(
        pages,
        api_key=sandbox.api_key,
        base_url=sandbox.base_url,
        outbox=str(outbox),
        delivery=delivery,
        shopper=lambda _: SHOPPER,
    )


def ask(app: Any, path: str) -> None:
    Client(app).get(path, headers={"User-Agent": BROWSER}, buffered=True)


def test_a_flask_store_goes_on(tmp_path: Path) -> None:
    with Sandbox(contacts=[SHOPPER]) as sandbox:
        ask(flask_store(sandbox, tmp_path / "outbox", "worker"), "/tea")
        ask(flask_store(sandbox, tmp_path / "outbox", "background"), "/no-such-page")
        (view,) = sandbox.wait_for_views(1, timeout=10)
        assert view["product_id"] == "tea-1"


def test_another_wsgi_store_goes_on(tmp_path: Path) -> None:
    with Sandbox(contacts=[SHOPPER]) as sandbox:
        ask(wsgi_store(sandbox, tmp_path / "outbox", "worker"), "/tea")
        store = wsgi_store(sandbox, tmp_path / "outbox", "background")
        ask(store, "/about")
        (view,) = sandbox.wait_for_views(1, timeout=10)
        assert view["product_id"] == "tea-1"
        store.close()


def test_a_first_request_with_nothing_left_behind_opens_nothing(tmp_path: Path) -> None:
    with Sandbox(contacts=[SHOPPER]) as sandbox:
        ask(flask_store(sandbox, tmp_path / "outbox", "background"), "/no-such-page")
        ask(wsgi_store(sandbox, tmp_path / "outbox", "background"), "/about")
        assert not (tmp_path / "outbox").exists()
