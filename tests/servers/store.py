"""A small store for real servers. ``STORE_…`` variables hold its configuration as JSON."""

from __future__ import annotations

import itertools
import os
import threading
import time
from pathlib import Path
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


class GreenClock:
    """Beats in a greenlet of its own, and notes how late each beat came.

    What the machine kept the whole thread waiting for a processor is not counted.
    """

    def __init__(self) -> None:
        import gevent

        self.stalls: list[float] = []
        self._sleep = gevent.sleep
        self._greenlet = gevent.spawn(self._beat)

    def _beat(self) -> None:
        while True:
            begin, waited = time.monotonic(), self._waited()
            self._sleep(0.005)
            late = time.monotonic() - begin - 0.005 - (self._waited() - waited)
            self.stalls.append(late)

    @staticmethod
    def _waited() -> float:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


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

    @app.get("/stalls")
    def stalls() -> Any:
        """How long greenlets of this worker were held up since the last time, in seconds."""
        clock = app.extensions.setdefault("clock", GreenClock())
        late, clock.stalls = sorted(clock.stalls), []
        return jsonify(late)

    def viewed(_app: Flask, view: ProductView, **_: Any) -> None:
        note("viewed", view.key)

    def delivered(_app: Flask, view: ProductView, **_: Any) -> None:
        note("delivered", view.key)

    product_viewed.connect(viewed, app, weak=False)
    view_delivered.connect(delivered, app, weak=False)
    note("loaded")
    return app
