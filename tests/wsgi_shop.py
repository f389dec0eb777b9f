"""A shop in plain WSGI behind the middleware, and the sandbox that its views go to."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from topmail_flask.middleware import TopMailMiddleware
from topmail_flask.sandbox import Sandbox

ANN = "ann@example.com"
PAGE = """<!doctype html><html><head><title>Café lamp</title>
<script type="application/ld+json">{"@context": "https://schema.org", "@type": "Product",
"name": "Café lamp", "sku": "lamp-1", "brand": "Lumière", "image": "/img/lamp.jpg",
"offers": {"@type": "Offer", "price": "39.90", "priceCurrency": "EUR"}}</script></head>
<body><h1>Café lamp</h1></body></html>"""
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"}


class Shop:
    """A shop in plain WSGI; what it answers can be changed."""

    def __init__(self) -> None:
        self.status = "200 OK"
        self.body = PAGE.encode()
        self.headers = [("Content-Type", "text/html; charset=utf-8")]
        self.shifts = False

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        environ["shop.email"] = ANN if "user=ann" in environ.get("HTTP_COOKIE", "") else None
        if self.shifts:
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/elsewhere", "/"
        start_response(self.status, self.headers)
        return [self.body]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=[ANN, "ben@example.com"]) as sandbox:
        yield sandbox


Wrap = Callable[..., TopMailMiddleware]


@pytest.fixture
def wrap(sandbox: Sandbox, tmp_path: Path) -> Iterator[Wrap]:
    made: list[TopMailMiddleware] = []

    def wrapped(app: Any, **settings: Any) -> TopMailMiddleware:
        middleware = TopMailMiddleware(
            app,
            **{
                "api_key": sandbox.api_key,
                "base_url": sandbox.base_url,
                "outbox": str(tmp_path / f"outbox-{len(made)}"),
                "site_url": "https://shop.example",
                "shopper": lambda environ: environ.get("shop.email"),
                **settings,
            },
        )
        made.append(middleware)
        return middleware

    yield wrapped
    for middleware in made:
        assert middleware.stats().balanced
        middleware.close()


def get(middleware: TopMailMiddleware, path: str = "/p/lamp", **headers: str) -> None:
    """Ann looks at a page; ``Klaro`` is her cookie of that name, no header."""
    client = Client(middleware)
    client.set_cookie("user", "ann")
    if "Klaro" in headers:
        client.set_cookie("klaro", headers.pop("Klaro"))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    client.get(path, headers={**BROWSER, **named}, buffered=True).close()


def only_reason(middleware: TopMailMiddleware) -> str:
    [reason] = middleware.stats().reasons
    return reason
