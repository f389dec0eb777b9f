"""A store in Django."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path

from tests.wsgi_stores import listing_html, product_html, wrapped


def know_the_shopper(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    def middleware(request: HttpRequest) -> Any:
        request.META["shop.email"] = request.COOKIES.get("user")
        return get_response(request)

    return middleware


def product(request: HttpRequest, sku: str) -> HttpResponse:
    return HttpResponse(product_html(sku))


def listing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(listing_html())


def stream(request: HttpRequest, sku: str) -> HttpResponseBase:
    def chunks() -> Iterator[str]:
        yield "<!doctype html>"
        yield product_html(sku)

    return StreamingHttpResponse(chunks())


def file(request: HttpRequest) -> HttpResponseBase:
    return FileResponse(io.BytesIO(product_html("lamp-1").encode()), content_type="text/html")


def cached(request: HttpRequest, sku: str) -> HttpResponseBase:
    if request.headers.get("If-None-Match") == '"1"':
        return HttpResponseNotModified(headers={"ETag": '"1"'})
    response = HttpResponse(product_html(sku), headers={"ETag": '"1"'})
    response.set_cookie("seen", sku)
    return response


def as_json(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"sku": "lamp-1"})


def basket(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{len(request.body)} bytes")


def broken(request: HttpRequest) -> HttpResponse:
    raise LookupError("broken")


urlpatterns = [
    path("p/<sku>", product),
    path("all", listing),
    path("stream/<sku>", stream),
    path("file", file),
    path("cached/<sku>", cached),
    path("json", as_json),
    path("basket", basket),
    path("broken", broken),
]

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="a secret of the test",
    USE_TZ=True,
    LOGGING_CONFIG=None,
    MIDDLEWARE=[f"{__name__}.know_the_shopper", "django.middleware.common.CommonMiddleware"],
)
django.setup()
application = wrapped(get_wsgi_application())
