"""A small store whose pages are kept by caches, behind a cache of its own."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, make_response, render_template_string, request

from topmail_flask import TopMail
from topmail_flask.app import state_of
from topmail_flask.beacon.beacon import Beacon
from topmail_flask.sandbox import Sandbox

ADDRESS = "ann@shop.example"
REST = "default-src 'none'; connect-src 'self'; img-src data:"
STRICT = f"{REST}; script-src 'self' 'inline-speculation-rules'"
NONCE = f"{REST}; script-src 'nonce-abc123'"
HEAD = "<!doctype html><html lang=en><link rel=icon href=data:,><title>{{ title }}</title>"
HOME = HEAD + '<h1>Shop</h1>{{ rules|safe }}<a href="/tea">Tea</a>'
TEA = (
    HEAD
    + """<h1>Green tea</h1><p><a href="/">Home</a></p>
<select aria-label="Size" data-topmail-choice><option>small<option>large<option>none</select>
{{ topmail_beacon(product, variants=variants, nonce=nonce) }}"""
)
VARIANTS = [{"id": "small", "price": "9.90"}, {"id": "large", "price": "19.90"}]


@dataclass
class BeaconStore:
    """The store, what it was asked, and a clock to age its pages by.

    :ivar told: the kind of each message of the beacon.
    """

    app: Flask
    topmail: TopMail
    sandbox: Sandbox
    url: str = ""
    ahead: float = 0.0
    asked: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    rules: str = ""
    kept: dict[str, tuple[str, list[tuple[str, str]], bytes]] = field(default_factory=dict)

    def through_cdn(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """The store behind a cache that keeps its pages (not what is below ``/_shopfront/``)."""
        path = environ["PATH_INFO"]
        self.asked[f"{environ['REQUEST_METHOD']} {path}"] += 1
        if path == "/_shopfront/product":
            message = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(message)
            self.told.append(message.decode().partition(" ")[0])
        if path in self.kept:
            status, headers, body = self.kept[path]
            start(status, headers)
            return [body]
        return self.app.wsgi_app(environ, start)

    def keep(self, path: str, age: float) -> None:
        """Let the cache have had this page for ``age`` seconds, as nobody known got it."""
        self.ahead = -age
        self.topmail.shopper_loader(lambda: None)
        answer = self.app.test_client().get(path)
        self.topmail.shopper_loader(lambda: ADDRESS)
        self.ahead = 0.0
        self.kept[path] = answer.status, answer.headers.to_wsgi_list(), answer.data

    @property
    def views(self) -> list[tuple[str, object]]:
        """Product and variant of each view that TopMail has, when nothing waits any more."""
        assert self.topmail.flush(10, self.app)
        return [(str(view["product_id"]), view.get("variant_id")) for view in self.sandbox.views]

    @property
    def reasons(self) -> dict[str, int]:
        return dict(self.topmail.stats(self.app).reasons)


@contextmanager
def beacon_store(sandbox: Sandbox, serving: Callable[[Any], Any]) -> Iterator[BeaconStore]:
    """A store where every look counts, so that nothing hides a page that is counted twice."""
    app = Flask("beacon_store")
    app.config.update(
        SECRET_KEY="of the store",
        TOPMAIL_API_KEY=sandbox.api_key,
        TOPMAIL_BASE_URL=sandbox.base_url,
        TOPMAIL_OUTBOX=":memory:",
        TOPMAIL_CURRENCY="EUR",
        TOPMAIL_REPEAT_WINDOW=0,
    )
    topmail = TopMail(app)
    topmail.shopper_loader(lambda: ADDRESS)
    store = BeaconStore(app, topmail, sandbox)
    state_of(app).beacon = Beacon(state_of(app).core, lambda: time.time() + store.ahead)

    @app.get("/")
    def home() -> str:
        return render_template_string(HOME, title="Shop", rules=store.rules)

    @app.get("/tea")
    @app.get("/nonce/tea", defaults={"nonce": "abc123"})
    def tea(nonce: str | None = None) -> Response:
        shown = {"id": "tea-1", "name": "Green tea", "price": "9.90"}
        told = {"title": "Tea", "product": shown, "variants": VARIANTS, "nonce": nonce}
        return make_response(render_template_string(TEA, **told))

    @app.after_request
    def strict(response: Response) -> Response:
        policy = NONCE if request.path.startswith("/nonce") else STRICT
        response.headers["Content-Security-Policy"] = policy
        return response

    with serving(store.through_cdn) as store.url:
        yield store
