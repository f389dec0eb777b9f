"""Where a product's fields came from is put together for who asks, and for nobody else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, SimpleNamespace

import pytest
from flask import render_template_string

from tests.extraction.markup import PAGE, block, mug, page
from tests.shop import make_shop
from topmail_flask.extraction.extract import extract

MUG = SimpleNamespace(id="mug-1", name="Blue Mug", price=12.5)
PLAIN = page(block(mug(url="/p/mug", brand="Kiln", image="/mug.png")))
ODD = page(block({"@graph": [mug(url="/p/mug", brand="Kiln")]}))
SHOWN = "<h1>{{ product.name }}</h1><p class='price'>12.50 EUR</p>"


def traces_made(visit: Callable[[], object]) -> int:
    """How often the fields of a trace were made meanwhile."""
    made = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal made
        made += event == "call" and frame.f_code.co_qualname == "Trace.__getattr__"

    sys.setprofile(note)
    try:
        visit()
    finally:
        sys.setprofile(None)
    return made


@pytest.mark.parametrize(
    ("html", "holds_variable"),
    [(SHOWN, True), (PLAIN, False), (SHOWN + PLAIN, True), (ODD, False), (SHOWN + ODD, True)],
)
def test_no_trace_is_made_of_a_view_that_nobody_asks_about(
    html: str, *, holds_variable: bool
) -> None:
    shop = make_shop({"TOPMAIL_CURRENCY": "EUR"}, shopper="ann@shop.example")
    shown = {"product": MUG} if holds_variable else {}
    shop.app.add_url_rule("/p/mug", "mug", lambda: render_template_string(html, **shown))
    assert traces_made(lambda: shop.get("/p/mug")) == 0
    assert len(shop.views) == 1


@pytest.mark.parametrize("html", [PLAIN, ODD])
def test_a_trace_is_made_once_when_somebody_asks_for_it(html: str) -> None:
    trace = extract(html, PAGE).trace
    assert traces_made(lambda: (trace.fields, trace.fields)) == 1
    sources = {field.field: (field.source, field.raw) for field in trace.fields}
    assert sources["brand"] == ("json_ld", "Kiln")
    assert set(sources) >= {"id", "name", "price", "currency", "url"}
