"""A store whose pages show what their visitor saw, and browsers that keep their cookies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, g, render_template_string, request
from werkzeug.test import Client, TestResponse

from topmail_flask import TopMail

HUMAN = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
NAMES = {name: name.capitalize() for name in ("tea", "mug", "pot", "tin", "cup", "jug", "urn")}
LIST = "seen:{% for one in topmail_recently_viewed(limit) %}[{{ one }}]{% endfor %}"
ALSO = "also:{% for one in topmail_also_viewed() %}[{{ one }}]{% endfor %}"
FRAGMENT = "{{ topmail_recently_viewed_fragment(nonce=nonce) }}"
HEAD = "<title>shop</title><h1>{{ product.name if product else 'home' }}</h1>"


def make_store(folder: Path | None = None, topmail: TopMail | None = None, **config: Any) -> Flask:
    """Product pages at ``/p/<id>``, with ``?show=list``, ``also`` or ``fragment``; a front page."""
    app = Flask("store")
    app.secret_key = "a secret of the store"
    app.config.update({"TOPMAIL_OUTBOX": str(folder) if folder else ":memory:", **config})
    topmail = topmail or TopMail()
    topmail.init_app(app)
    # A test's stand-in for a log-in.
    topmail.shopper_loader(lambda: request.headers.get("X-Shopper"))

    @app.get("/p/<name>")
    def product(name: str) -> str:
        shown = {"id": name, "name": NAMES.get(name, name), "price": "9.90", "currency": "EUR"}
        return render_template_string(_text(), product=shown, **_arguments())

    @app.get("/")
    def home() -> str:
        return render_template_string(_text(), product=None, **_arguments())

    return app


def _text() -> str:
    shows = {"list": LIST, "also": ALSO, "fragment": FRAGMENT, "": ""}
    return HEAD + shows[request.args.get("show", "")]


def _arguments() -> Mapping[str, Any]:
    return {"limit": request.args.get("limit", 6, type=int), "nonce": g.get("nonce")}


class Browser:
    """A person's browser: cookies, and perhaps a shopper who is logged in."""

    def __init__(self, app: Flask, shopper: str | None = None, **headers: str) -> None:
        self.client: Client = app.test_client()
        self.shopper = shopper
        self.headers = {"User-Agent": HUMAN, **headers}

    def open(self, path: str, **headers: str) -> TestResponse:
        told = {**self.headers, **headers}
        if self.shopper:
            told["X-Shopper"] = self.shopper
        answer = self.client.get(path, headers=told)
        answer.close()  # as every server does when the answer has been sent
        return answer

    def look(self, *products: str, show: str = "list") -> None:
        for product in products:
            assert self.open(f"/p/{product}?show={show}").status_code == 200

    def seen(self, path: str = "/", **headers: str) -> list[str]:
        """The products that a page shows as seen."""
        return listed(self.open(f"{path}?show=list", **headers).text, "seen:")

    def also(self, product: str) -> list[str]:
        return listed(self.open(f"/p/{product}?show=also").text, "also:")


def listed(text: str, kind: str) -> list[str]:
    _, _, rest = text.partition(kind)
    return rest.strip("[]").split("][") if rest else []
