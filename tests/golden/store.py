"""A store whose every answer, journal line, signal and count is written down."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import Client, TestResponse

from topmail_flask import (
    Product,
    Shopper,
    TopMail,
    TopMailMiddleware,
    product_viewed,
    view_dropped,
)
from topmail_flask.testing import CapturedViews, capture

ANN, BOB = "ann@shop.example", "bob@shop.example"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SETTINGS: dict[str, Any] = {
    "api_key": "tm_test_0123456789abcdef",
    "base_url": "http://127.0.0.1:9",
    "site_url": "https://shop.example",
    "delivery": "worker",  # nobody sends: what was accepted stays in the journal
    "debug_header": True,
}


@dataclass
class Store:
    """One store, the requests that it got, and what became of them.

    :ivar app: the Flask app, once it is made.
    :ivar client: the browser in use.
    """

    directory: Path
    shopper: str | Shopper | None = ANN
    requests: list[dict[str, Any]] = field(default_factory=list)
    signals: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    app: Flask = field(init=False)
    topmail: TopMail = field(init=False)
    client: FlaskClient | Client = field(init=False)
    middleware: TopMailMiddleware | None = None

    def open(self, *, loader: bool = True, config: dict[str, Any] | None = None, **how: Any) -> Any:
        """Make the Flask app. ``how``: settings without their prefix."""
        self.app = Flask("shop")
        self.app.logger.disabled = True  # its pages crash, and that is meant
        self.app.secret_key = "a secret of the store"
        chosen = {**SETTINGS, "outbox": str(self.directory / "outbox"), **how}
        self.app.config.update({f"TOPMAIL_{name.upper()}": value for name, value in chosen.items()})
        self.app.config.update(config or {})
        self.topmail = TopMail(self.app)
        if loader:
            self.topmail.shopper_loader(lambda: self.shopper)
        self._listen(self.app)
        self.client = self.app.test_client()
        return self.app

    def wrap(self, wsgi: Any, **how: Any) -> TopMailMiddleware:
        """Put the middleware around a WSGI application. ``how``: its settings."""
        chosen = {**SETTINGS, "outbox": str(self.directory / "outbox"), **how}
        chosen.setdefault("shopper", lambda environ: self.shopper)
        self.middleware = TopMailMiddleware(wsgi, **chosen)
        self._listen(self.middleware)
        self.client = Client(self.middleware)
        return self.middleware

    def page(self, path: str, view: Callable[..., Any] | str, **how: Any) -> None:
        """Let a path show what ``view`` returns, or is."""
        shown = view if callable(view) else lambda **_: view
        self.app.add_url_rule(path, f"page{len(self.app.view_functions)}", shown, **how)

    def get(self, path: str = "/tea", *, method: str = "GET", **how: Any) -> TestResponse:
        """Ask for a page and write the answer down."""
        headers = {"User-Agent": FIREFOX, **how.pop("headers", {})}
        told = {name: text for name, text in headers.items() if text is not None}
        answer = self.client.open(path, method=method, headers=told, buffered=True, **how)
        self.requests.append(written(f"{method} {path}", answer))
        return answer

    def post(self, path: str, **how: Any) -> TestResponse:
        return self.get(path, method="POST", **how)

    @contextmanager
    def at_any_time(self) -> Iterator[CapturedViews]:
        """Capture views with a clock that can be put forward; nothing goes to the journal."""
        with capture(self.app) as views:
            yield views
            self.notes["captured"] = [described(view.product, view.shopper) for view in views]
            self.notes["refused"] = [str(refusal.reason) for refusal in views.refusals]

    def record(self) -> dict[str, Any]:
        """Everything that can be seen from outside."""
        if self.middleware is not None:
            reasons = dict(self.middleware.stats().reasons)
            self.middleware.close()
        else:
            with self.app.app_context():
                reasons = dict(self.topmail.stats().reasons)
        found = {
            "requests": self.requests,
            "journal": journal(self.directory),
            "signals": self.signals,
            "reasons": {str(name): count for name, count in sorted(reasons.items())},
            **self.notes,
        }
        recorded: dict[str, Any] = json.loads(steady(json.dumps(found, ensure_ascii=False)))
        return recorded

    def _listen(self, sender: object) -> None:
        def viewed(_: object, *, product: Product, shopper: Shopper | None, **__: Any) -> None:
            self.signals.append({"viewed": described(product, shopper)})

        def dropped(_: object, *, product: Product | None, reason: str, **__: Any) -> None:
            self.signals.append({"dropped": product and product.id, "reason": str(reason)})

        product_viewed.connect(viewed, sender, weak=False)
        view_dropped.connect(dropped, sender, weak=False)


FIELDS = (
    *("id", "name", "url", "variant_id", "image_url", "price", "currency", "category"),
    *("brand", "sku"),
)


def described(product: Product, shopper: Shopper | None) -> dict[str, str]:
    """A view in plain words."""
    values = {name: getattr(product, name) for name in FIELDS}
    if shopper is not None:
        values["shopper"] = shopper.email or shopper.contact_id
    return {name: str(value) for name, value in values.items() if value is not None}


def written(asked: str, answer: TestResponse) -> dict[str, Any]:
    """An answer as a server would write it, but for the date."""
    body = answer.get_data()
    headers = [f"{name}: {value}" for name, value in answer.headers if name != "Date"]
    topmail = answer.headers.get("X-TopMail")
    headers = [
        f"Allow: {', '.join(sorted(line[7:].split(', ')))}" if line.startswith("Allow: ") else line
        for line in headers
        if not line.startswith(("X-TopMail:", "Set-Cookie: topmail_visitor="))
    ]
    if answer.headers.get("Content-Encoding") == "gzip":  # its bytes are the zlib's of the machine
        body = gzip.decompress(body)
        headers = [line for line in headers if not line.startswith("Content-Length:")]
    return {
        "asked": asked,
        "status": answer.status,
        "topmail": topmail,
        "headers": headers,
        "body": body.decode("utf-8", "backslashreplace"),
    }


def journal(directory: Path) -> list[dict[str, Any]]:
    """What the journals hold, without keys, times and digests, and the body's own bytes.

    A line is a JSON object that ends in its body and a checksum.
    """
    lines = []
    for path in sorted(directory.rglob("*.journal")):
        for line in path.read_text("utf-8").split("\n"):
            if not line.startswith("{"):
                continue
            entry = json.loads(line)
            found = re.search(r',"body":(.*),"sum":"[0-9a-f]{8}"\}', line)
            assert found is not None, line
            kept = {name: entry[name] for name in ("first_name", "last_name") if name in entry}
            lines.append({"kind": entry["kind"], **kept, "body": found[1]})
    return lines


_DRAWN = re.compile(r'\\"session_id\\":\\"(.+?)\\"')
_UNSTEADY = (
    (re.compile(r"(topmail_\w+|session)=(?!;)[^;\s\"]+;"), r"\1=<sealed>;"),
    (re.compile(r"(topmail_\w+|session)=;"), r"\1=<nothing>;"),
    (re.compile(r"Expires=\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT"), "Expires=<date>"),
    (re.compile(r'(data-topmail-token=\\")[^"\\]+'), r"\1<token>"),
    (re.compile(r"(data-topmail-variants=\\\")[^\"\\]+"), r"\1<tokens>"),
    (re.compile(r"(beacon\.js\?v=)[\w.-]+"), r"\1<version>"),
)


def steady(text: str) -> str:
    """Without what is drawn by lot or depends on the time."""
    seen: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        name = seen.setdefault(found[1], f"<session {len(seen) + 1}>")
        return rf"\"session_id\":\"{name}\""

    text = _DRAWN.sub(named, text)
    for pattern, instead in _UNSTEADY:
        text = pattern.sub(instead, text)
    return text
