"""A store in Bottle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bottle import Bottle, HTTPResponse, request, response, static_file

from tests.wsgi_stores import listing_html, product_html, wrapped


def know_the_shopper() -> None:
    request.environ["shop.email"] = request.get_cookie("user")


def product(sku: str) -> str:
    return product_html(sku)


def listing() -> str:
    return listing_html()


def stream(sku: str) -> Iterator[str]:
    yield "<!doctype html>"
    yield product_html(sku)


def file() -> Any:
    return static_file(Path(__file__).name, root=str(Path(__file__).parent), mimetype="text/html")


def cached(sku: str) -> Any:
    if request.headers.get("If-None-Match") == '"1"':
        return HTTPResponse(status=304, headers={"ETag": '"1"'})
    response.set_header("ETag", '"1"')
    response.set_cookie("seen", sku)
    return product_html(sku)


def as_json() -> dict[str, str]:
    return {"sku": "lamp-1"}


def basket() -> str:
    return f"{len(request.body.read())} bytes"


def broken() -> str:
    raise LookupError("broken")


store = Bottle()
store.add_hook("before_request", know_the_shopper)
store.get("/p/<sku>", callback=product)
store.get("/all", callback=listing)
store.get("/stream/<sku>", callback=stream)
store.get("/file", callback=file)
store.get("/cached/<sku>", callback=cached)
store.get("/json", callback=as_json)
store.post("/basket", callback=basket)
store.get("/broken", callback=broken)
application = wrapped(store)
