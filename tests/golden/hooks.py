"""The store's own functions, and receivers of signals: none can break a page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from flask import Flask, render_template_string, request

from tests.golden.cases import case
from tests.golden.store import Store
from tests.golden.templates import PAGE, TEA
from topmail_flask import ProductView, product_viewed


def broken(*_: object) -> Any:
    raise LookupError("the store's own")


def renamed(view: ProductView) -> ProductView:
    return dataclasses.replace(view, product=dataclasses.replace(view.product, name="Another tea"))


def hooked(name: str, hook: str, *functions: Callable[..., Any]) -> None:
    @case("hooks", name)
    def visit(store: Store) -> None:
        store.open()
        for function in functions:
            getattr(store.topmail, hook)(function)
        store.page("/tea", lambda: render_template_string(PAGE, product=TEA))
        store.get()
        store.get("/tea?staff=1", headers={"X-Staff": "1"})


hooked("before_send returns the view", "before_send", lambda view: view)
hooked("before_send changes the view", "before_send", renamed)
hooked("before_send returns None", "before_send", lambda view: None)
hooked("before_send returns nonsense", "before_send", lambda view: "junk")
hooked("before_send raises", "before_send", broken)
hooked("before_send of two functions", "before_send", renamed, lambda view: None)
hooked("exclude by a header", "exclude", lambda: "X-Staff" in request.headers)
hooked("exclude by the path", "exclude", lambda: request.path.startswith("/tea"))
hooked("exclude raises", "exclude", broken)
hooked("exclude of two functions", "exclude", lambda: False, lambda: "staff" in request.args)


@case("hooks", "a receiver that raises, and one that tracks")
def visit_receivers(store: Store) -> None:
    app = store.open()

    def nosy(sender: Flask, **_: Any) -> None:
        store.topmail.track({"id": "again", "name": "From a receiver"})

    product_viewed.connect(broken, app, weak=False)
    product_viewed.connect(nosy, app, weak=False)
    store.page("/tea", lambda: render_template_string(PAGE, product=TEA))
    store.get()


@case("hooks", "two stores of one extension object")
def visit_two_stores(store: Store) -> None:
    app = store.open()
    other = Flask("other")
    other.config.update(app.config, TOPMAIL_OUTBOX=str(store.directory / "other"))
    store.topmail.init_app(other)
    for flask in (app, other):
        store.app, store.client = flask, flask.test_client()
        store.page("/tea", lambda: render_template_string(PAGE, product=TEA))
        store.get()
