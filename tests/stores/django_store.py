"""A store of Django models behind the middleware; run as a program it prints what was seen."""

from __future__ import annotations

import json
import sys
from typing import Any

import django
from django.conf import settings

PAGE = (
    "{% load topmail %}<!doctype html><title>{{ product.name }}</title><h1>{{ product.name }}</h1>"
    "<b>{{ product.price }} EUR</b> {{ product.shelf.name }}{% topmail_product product %}"
)
CARDS = "{% for product in products %}<h2>{{ product.name }}</h2>{{ product.price }}{% endfor %}"
FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
TEMPLATES = "django.template.backends.django.DjangoTemplates"

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="k" * 50,
    USE_TZ=True,
    LOGGING_CONFIG=None,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    TEMPLATES=[
        {
            "BACKEND": TEMPLATES,
            "OPTIONS": {
                "libraries": {"topmail": __name__},
                "context_processors": ["django.template.context_processors.request"],
            },
        }
    ],
)
django.setup()

from django import template  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.db.models.signals import pre_save  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.urls import path  # noqa: E402
from werkzeug.test import Client  # noqa: E402

from topmail_flask import ProductView, TopMailMiddleware, product_viewed  # noqa: E402

register = template.Library()


@register.simple_tag(takes_context=True)
def topmail_product(context: Any, product: Any) -> str:
    context["request"].META["shop.product"] = product
    return ""


class Shelf(models.Model):
    name = models.CharField(max_length=80)

    class Meta:
        app_label = "shop"


class Tea(models.Model):
    name = models.CharField(max_length=80)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    brand = models.ForeignKey(Shelf, models.CASCADE, related_name="brands")
    category = models.ForeignKey(Shelf, models.CASCADE, related_name="categories")

    class Meta:
        app_label = "shop"

    @property
    def shelf(self) -> Shelf:
        return self.category


def rendered(request: HttpRequest, text: str, **context: Any) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(text).render(context, request))


def tea(request: HttpRequest, number: int) -> HttpResponse:
    return rendered(request, PAGE, product=Tea.objects.get(pk=number))


def edit(request: HttpRequest, number: int) -> HttpResponse:
    found = Tea.objects.get(pk=number)
    return rendered(request, "<input name=name value='{{ product.name }}'>", product=found)


def listing(request: HttpRequest) -> HttpResponse:
    return rendered(request, CARDS, products=Tea.objects.all(), product=Tea.objects.first())


urlpatterns = [
    path("tea/<int:number>", tea),
    path("admin/tea/<int:number>", edit),
    path("", listing),
]


def main() -> None:
    with connection.schema_editor() as schema:
        schema.create_model(Shelf)
        schema.create_model(Tea)
    shelf = Shelf.objects.create(name="Greens")
    Tea.objects.create(name="Sencha", price="9.50", brand=shelf, category=shelf)
    saved: list[object] = []
    pre_save.connect(lambda sender, **_: saved.append(sender), weak=False)
    plain = get_wsgi_application()
    watched = TopMailMiddleware(
        plain,
        api_key="tm_test_" + "a" * 24,
        enabled=False,
        outbox=":memory:",
        currency="EUR",
        site_url="https://shop.example",
        shopper=lambda _: "ann@shop.example",
        product=lambda environ: environ.get("shop.product"),
    )
    views: list[ProductView] = []
    product_viewed.connect(lambda _, view, **__: views.append(view), weak=False)
    pages = {}
    for where in ("/tea/1", "/admin/tea/1", "/"):
        answers = []
        for application in (plain, watched):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                answer = Client(application).get(where, headers=FIREFOX, buffered=True)
            answers.append([answer.status_code, answer.text, sorted(answer.headers), len(queries)])
        pages[where] = answers
    fields = ("id", "name", "price", "category", "brand", "url")
    seen = [{name: str(getattr(view.product, name)) for name in fields} for view in views]
    json.dump({"pages": pages, "views": seen, "saved": len(saved)}, sys.stdout)


if __name__ == "__main__":
    main()
