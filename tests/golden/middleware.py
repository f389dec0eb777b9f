"""Stores of any kind behind the WSGI middleware."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

from flask import Flask, render_template_string

from tests.golden.cases import case
from tests.golden.store import ANN, SETTINGS, Store
from tests.golden.templates import PAGE as TEMPLATE
from tests.golden.templates import TEA
from tests.wsgi_applications import BROKEN_OR_ODD, WELL_BEHAVED
from topmail_flask import TopMail

LAMP = """<!doctype html><html><head><title>Café lamp</title>
<script type="application/ld+json">{"@context": "https://schema.org", "@type": "Product",
"name": "Café lamp", "sku": "lamp-1", "brand": "Lumière", "image": "/img/lamp.jpg",
"offers": {"@type": "Offer", "price": "39.90", "priceCurrency": "EUR"}}</script></head>
<body><h1>Café lamp</h1></body></html>"""
HTML = ("Content-Type", "text/html; charset=utf-8")


def answering(
    body: bytes | str = LAMP,
    *headers: tuple[str, str],
    status: str = "200 OK",
) -> Callable[..., list[bytes]]:
    """A WSGI application that always says this."""
    content = body.encode() if isinstance(body, str) else body

    def application(_: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response(status, list(headers or (HTML,)))
        return [content]

    return application


def passed(
    name: str,
    application: Callable[..., Any] = answering(),  # noqa: B008  it holds no state
    path: str = "/p/lamp",
    **how: Any,
) -> None:
    @case("middleware", name)
    def visit(store: Store) -> None:
        asked = {name: how[name] for name in ("headers", "method") if name in how}
        store.wrap(application, **{key: value for key, value in how.items() if key not in asked})
        store.get(path, **asked)


passed("a page")
passed("a page with a query", path="/p/lamp?utm_source=mail&variant=RED")
passed(
    "a page in gzip", answering(gzip.compress(LAMP.encode()), HTML, ("Content-Encoding", "gzip"))
)
passed("a page in a coding that it is not", answering(b"\x01", HTML, ("Content-Encoding", "br")))
passed("no product", answering("<h1>About us</h1>"))
passed("JSON", answering("{}", ("Content-Type", "application/json")))
passed("an attachment", answering(LAMP, HTML, ("Content-Disposition", "attachment")))
passed("404", answering(status="404 Not Found"))
passed("206", answering(status="206 Partial Content"))
passed("a POST", method="POST")
passed("a HEAD", method="HEAD")
passed("a script's request", headers={"X-Requested-With": "XMLHttpRequest"})
passed("a prefetch", headers={"Sec-Purpose": "prefetch"})
passed("a robot", headers={"User-Agent": "Googlebot/2.1"})
passed("a wish for privacy", headers={"Sec-GPC": "1"})
passed("a refusal to a banner", headers={"Cookie": 'klaro={"topmail":false}'})
passed("no consent where it is needed", consent="opt-in")
passed("a consent function", consent=lambda environ: True)
passed("a consent function that refuses", consent=lambda environ: False)
passed("an excluded path", exclude=lambda environ: environ["PATH_INFO"] == "/p/lamp")
passed("nobody", shopper=None)
passed("a shopper of no address", shopper=lambda environ: "no address")
passed("a shopper function that raises", shopper=lambda environ: environ["no such"])
passed("before_send vetoes", before_send=lambda view: None)
passed("before_send passes it on", before_send=lambda view: view)
passed("switched off", enabled=False)
passed("no key", api_key=None)
passed("a page that is too large", max_page_bytes=100)
passed("no site address", site_url=None)
passed("no debug header", debug_header=False)

for application in WELL_BEHAVED:
    if application.__name__ in {"started_anew", "a_file"}:  # they need more than Werkzeug's client
        continue
    passed(f"an application: {application.__name__}", application)
for application in BROKEN_OR_ODD:
    if application.__name__ in {"nothing", "too_long", "odd_headers"}:
        passed(f"an odd application: {application.__name__}", application, max_page_bytes=1000)


@case("middleware", "repeats")
def visit_repeats(store: Store) -> None:
    store.wrap(answering())
    for _ in range(3):
        store.get("/p/lamp")
    store.shopper = "bob@shop.example"
    store.get("/p/lamp")


@case("middleware", "a Flask app that has the extension as well")
def visit_both(store: Store) -> None:
    app = Flask("inner")
    app.config.update({f"TOPMAIL_{name.upper()}": value for name, value in SETTINGS.items()})
    app.config["TOPMAIL_OUTBOX"] = str(store.directory / "inner")
    TopMail(app).shopper_loader(lambda: ANN)
    app.add_url_rule("/tea", "tea", lambda: render_template_string(TEMPLATE, product=TEA))
    app.add_url_rule("/p/lamp", "lamp", lambda: LAMP)
    store.wrap(app)
    store.get("/tea")
    store.get("/p/lamp")
