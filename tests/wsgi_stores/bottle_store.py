"""A store in Bottle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bottle import Bottle, HTTPResponse, request, response, static_file

from tests.wsgi_stores import listing_html, product_html, wrapped

store = Bottle()


@store.hook("before_request")
def know_the_shopper() -> None:
    request.environ["shop.email"] = request.get_cookie("user")


@store.get("/p/<sku>")
def product(sku: str) -> str:
    return product_html(sku)


@store.get("/all")
def listing() -> str:
    return listing_html()


@store.get("/stream/<sku>")
def stream(sku: str) -> Iterator[str]:
    yield "<!doctype html>"
    yield product_html(sku)


@store.get("/file")
def file() -> Any:
    return static_file(Path(__file__).name, root=str(Path(__file__).parent), mimetype="text/html")


@store.get("/cached/<sku>")
def cached(sku: str) -> Any:
    if request.headers.get("If-None-Match") == '"1"':
        return HTTPResponse(status=304, headers={"ETag": '"1"'})
    response.set_header("ETag", '"1"')
    response.set_cookie("seen", sku)
    return product_html(sku)


@store.get("/json")
def as_json() -> dict[str, str]:
    return {"sku": "lamp-1"}


@store.post("/basket")
def basket() -> str:
    return f"{len(request.body.read())} bytes"


@store.get("/broken")
def broken() -> str:
    raise LookupError("broken")


application = wrapped(store)
