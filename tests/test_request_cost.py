"""A tracked view takes one short way, whatever kind of page shows it: few files, few calls.

Each function of ours that is met once a request costs a store several microseconds, because its
caches are cold by then, whatever it does. (How long it takes is measured in ``benchmarks``.)
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from flask import Flask, Response, jsonify, render_template_string, stream_template_string
from flask_login import LoginManager, UserMixin

import topmail_flask
from topmail_flask import TopMail, product_page
from topmail_flask.core import core_of

PACKAGE = str(Path(topmail_flask.__file__).parent)
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36",
    "Accept": "text/html",
}
JSON_LD = """<head><script type="application/ld+json">{"@context": "https://schema.org", "@type":
"Product", "name": "Tea", "sku": "t-9", "url": "https://shop.example/json-ld",
"offers": {"price": 5, "priceCurrency": "EUR"}}</script>
</head><body><h1>Tea</h1></body>"""
SHOWN = "<title>Tea</title>{{ product.name }}"


class Customer(UserMixin):  # type: ignore[misc]
    id = "7"
    email = "ann@shop.example"


class Tea:
    def __init__(self, number: int) -> None:
        self.id, self.name, self.price = f"t-{number}", "Tea", 5


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.delitem(sys.modules, "peewee", raising=False)  # where it is, more is asked
    app = Flask("shop")
    app.config |= {
        "SECRET_KEY": "a secret of some length",
        "TOPMAIL_API_KEY": "tm_test_request_cost_0123",
        "TOPMAIL_OUTBOX": str(tmp_path / "outbox"),
        "TOPMAIL_DELIVERY": "worker",
        "TOPMAIL_SITE_URL": "https://shop.example",
        "TOPMAIL_CURRENCY": "EUR",
        "TOPMAIL_REPEAT_WINDOW": 0,
        "TOPMAIL_PRODUCT_URL": "https://shop.example/teas/{id}",
    }
    topmail = TopMail(app)
    LoginManager(app).user_loader(lambda _: Customer())

    def variable() -> str:
        return render_template_string(SHOWN, product=Tea(1))

    def marked() -> str:
        return render_template_string("{{ tea.name }}", tea=Tea(2))

    def named() -> str:
        return render_template_string("{{ topmail_product(tea) }}", tea=Tea(3))

    def tracked() -> Response:
        topmail.track(Tea(4))
        return jsonify(ok=True)

    def streamed() -> Any:
        return stream_template_string(SHOWN, product=Tea(5))

    async def awaited() -> str:
        return render_template_string(SHOWN, product=Tea(6))

    views = {
        "variable": variable,
        "marked": product_page("tea")(marked),
        "named": named,
        "tracked": tracked,
        "loaded": product_page(lambda: Tea(8))(lambda: "<p>"),
        "streamed": streamed,
        "awaited": awaited,
        "json-ld": lambda: JSON_LD,
    }
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view)
    return app


TWICE_A_SECOND = ("delivery/files.py", "delivery/segments.py", "delivery/journal.py:Journal._")


def calls_of_ours(app: Flask, path: str) -> tuple[list[str], int]:
    """Our functions that a view of a page calls which this process has seen before.

    Without those that look, twice a second, whether the file of views is in place.
    """
    browser = app.test_client()
    with browser.session_transaction() as session:
        session["_user_id"] = "7"
    for _ in range(2):
        browser.get(path, headers=BROWSER).close()
    calls: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            call = f"{code.co_filename[len(PACKAGE) + 1 :]}:{code.co_qualname}"
            if not call.startswith(TWICE_A_SECOND):
                calls.append(call)

    before = core_of(app).stats().accepted
    gc.collect()  # the apps of other tests end now and not in the page
    sys.setprofile(note)
    try:
        browser.get(path, headers=BROWSER).close()
    finally:
        sys.setprofile(None)
    return calls, core_of(app).stats().accepted - before


@pytest.mark.parametrize(
    ("kind", "most_calls"),
    [
        ("variable", 70),
        ("marked", 81),
        ("named", 87),
        ("tracked", 93),
        ("loaded", 86),
        ("streamed", 66),
        ("json-ld", 116),
    ],
)
def test_a_tracked_view_calls_few_functions_of_few_files(
    app: Flask, kind: str, most_calls: int
) -> None:
    calls, accepted = calls_of_ours(app, f"/{kind}")
    files = {call.partition(":")[0] for call in calls}
    files.discard("signals.py")  # where another store of this process listens, it is asked
    assert accepted == 1
    assert "tracker.py:Tracker.decide" in calls, "the one way of a view"
    assert len(calls) <= most_calls, calls
    assert len(files) <= 25, "\n".join(sorted(files))


@pytest.mark.parametrize("kind", ["awaited"])
def test_an_async_view_takes_the_same_way(app: Flask, kind: str) -> None:
    _, accepted = calls_of_ours(app, f"/{kind}")
    assert accepted == 1
