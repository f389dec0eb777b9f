"""A small store for real servers. ``STORE_…`` variables hold its configuration as JSON."""

from __future__ import annotations

import itertools
import os
import threading
from typing import Any

from flask import Flask, jsonify, render_template_string, request

from topmail_flask import ProductView, TopMail, product_page, product_viewed, view_delivered

PAGE = "<title>{{ product.name }}</title><h1>{{ product.name }}</h1><p>{{ product.price }} EUR</p>"
topmail = TopMail()


@topmail.shopper_loader
def shopper() -> str | None:
    return request.cookies.get("user")


def note(event: str, key: str = "") -> None:
    """Tell the test which process did what."""
    if "STORE_MARKS" in os.environ:
        line = f"{event} {os.getpid()} {key}\n".encode()
        marks = os.open(os.environ["STORE_MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(marks, line)
        os.close(marks)


def create_app() -> Flask:
    app = Flask("store")
    app.config.from_prefixed_env("STORE")
    topmail.init_app(app)

    @app.get("/products/<product_id>")
    @product_page
    def product(product_id: str) -> str:
        shown = {"id": product_id, "name": f"Lamp {product_id}", "price": "9.90", "currency": "EUR"}
        return render_template_string(PAGE, product=shown)

    @app.get("/about")
    def about() -> str:
        return "<title>About us</title>"

    @app.get("/frozen")
    def frozen() -> str:
        note("frozen")
        return str(sum(itertools.repeat(0)))  # C code that no signal handler interrupts

    @app.get("/books")
    def books() -> Any:
        stats, health = topmail.stats(), topmail.health()
        counts = {name: getattr(stats, name) for name in stats.__slots__}
        return jsonify(**counts, balanced=stats.balanced, health=health.state, pid=os.getpid())

    @app.get("/threads")
    def threads() -> Any:
        return jsonify([thread.name for thread in threading.enumerate()])

    def viewed(_app: Flask, view: ProductView, **_: Any) -> None:
        note("viewed", view.key)

    def delivered(_app: Flask, view: ProductView, **_: Any) -> None:
        note("delivered", view.key)

    product_viewed.connect(viewed, app, weak=False)
    view_delivered.connect(delivered, app, weak=False)
    note("loaded")
    return app
