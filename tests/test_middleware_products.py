"""The middleware is told the product by the application, and says what it decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from topmail_flask import ProductView, TopMailMiddleware, product_viewed

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
TEA = {"id": "7", "name": "Assam", "price": "9.90"}
HTML = [("Content-Type", "text/html; charset=utf-8")]


def shop(
    body: Iterable[bytes] = (b"<h1>Assam</h1>",),
    *,
    product: object = TEA,
    headers: list[tuple[str, str]] = HTML,
    **settings: Any,
) -> TopMailMiddleware:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["shop.product"] = product
        start_response("200 OK", headers)
        return body

    chosen: dict[str, Any] = {
        "outbox": ":memory:",
        "currency": "EUR",
        "site_url": "https://tea.example",
        "shopper": lambda _: "ann@tea.example",
        "product": lambda environ: environ.get("shop.product"),
    }
    return TopMailMiddleware(application, **{**chosen, **settings})


def get(middleware: TopMailMiddleware, **how: Any) -> TestResponse:
    headers = {"User-Agent": FIREFOX, **how.pop("headers", {})}
    response = Client(middleware).get("/teas/7", headers=headers, **how)
    response.get_data()
    response.close()
    return response


@pytest.fixture
def views() -> Iterator[list[ProductView]]:
    seen: list[ProductView] = []

    def note(_sender: object, *, view: ProductView, **_: object) -> None:
        seen.append(view)

    with product_viewed.connected_to(note):
        yield seen


def test_the_application_names_the_product_of_a_page_without_structured_data(
    views: list[ProductView],
) -> None:
    get(shop())
    (view,) = views
    assert (view.product.id, view.product.name, str(view.product.price)) == ("7", "Assam", "9.90")
    assert view.product.url == "https://tea.example/teas/7"


def test_none_leaves_it_to_the_page(views: list[ProductView]) -> None:
    told = b'{"@type":"Product","sku":"x-1","name":"Tea"}'
    page = b'<script type="application/ld+json">' + told + b"</script>"
    get(shop([page], product=None))
    assert [view.product.id for view in views] == ["x-1"]
    get(shop(product=None))
    assert len(views) == 1


def test_a_function_that_raises_costs_the_view_and_not_the_page() -> None:

    def raises(_: object) -> object:
        raise ZeroDivisionError

    response = get(
        TopMailMiddleware(
            shop().wsgi_app,
            outbox=":memory:",
            product=raises,
            debug_header=True,
            shopper=lambda _: "ann@tea.example",
        )
    )
    assert response.data == b"<h1>Assam</h1>"
    assert response.headers["X-TopMail"] == "none; reason=hook_failed"


@pytest.mark.parametrize("product", [{"name": "no id"}, [1, 2], "tea", 7])
def test_what_is_no_product_says_so(product: object) -> None:
    said = get(shop(product=product, debug_header=True)).headers["X-TopMail"]
    assert said == "none; reason=incomplete"


def test_the_header_says_what_was_decided_and_the_page_stays_as_it_was() -> None:
    def chunks() -> Iterator[bytes]:
        yield b"<h1>"
        yield b"Assam</h1>"

    plain, told = get(shop()), get(shop(chunks(), debug_header=True))
    assert told.data == plain.data == b"<h1>Assam</h1>"
    assert told.headers.pop("X-TopMail") == "none; reason=disabled; product=7"
    assert "X-TopMail" not in plain.headers


@pytest.mark.parametrize(
    ("headers", "agent", "reason"),
    [
        ([("Content-Type", "application/json")], FIREFOX, "not_html"),
        (HTML, "curl/8.0", "robot"),
        ([*HTML, ("Content-Disposition", "attachment")], FIREFOX, "attachment"),
    ],
)
def test_what_is_no_page_is_not_held_back(
    headers: list[tuple[str, str]], agent: str, reason: str
) -> None:
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        for count in range(1_000_000):
            taken.append(count)
            yield b"x"

    middleware = shop(endless(), headers=headers, debug_header=True)
    response = Client(middleware).get("/", headers={"User-Agent": agent}, buffered=False)
    assert response.headers["X-TopMail"] == f"none; reason={reason}"
    assert len(taken) < 10
    response.close()


def test_an_excluded_request_is_left_out() -> None:
    middleware = shop(exclude=lambda environ: environ["PATH_INFO"] == "/teas/7", debug_header=True)
    assert get(middleware).headers["X-TopMail"] == "none; reason=excluded; product=7"
