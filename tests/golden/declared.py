"""Products that the store names itself: marks, calls in templates, ``track``, adapters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, jsonify, render_template_string
from flask.views import MethodView

from tests.golden.cases import case
from tests.golden.store import Store
from tests.golden.templates import PAGE, TEA
from topmail_flask import Product, product_page

TEAS = {"green": TEA, "black": {**TEA, "id": "tea-2", "name": "Black tea"}}
JSON_LD = """<script type="application/ld+json">{"@type": "Product", "@context":
"https://schema.org", "name": "Green tea", "sku": "tea-1", "brand": "Leaf",
"offers": {"price": 5, "priceCurrency": "EUR"}}</script>"""


@product_page
def plainly_marked() -> str:
    return render_template_string("x", product={"id": 1, "name": "Tea"})


@product_page("row", fields={"id": 0, "name": 1, "price": 2})
def mapped_row() -> str:
    return render_template_string("x", row=(2, "Tea", "4.50"))


@product_page("shoe")
def named_variable() -> str:
    return render_template_string("x", shoe=TEA, product={**TEA, "id": "other"})


@product_page("shoe")
def missing_variable() -> str:
    return render_template_string("x", product=TEA)


@product_page(TEAS.get)
def unrendered(slug: str) -> str:
    return f"<h1>{slug}</h1>"


@product_page(lambda slug: TEAS[slug])
def failing_loader(slug: str) -> str:
    return f"<h1>{slug}</h1>"


@product_page(lambda: {"id": "1"})
def incomplete() -> str:
    return "<p>"


@product_page(lambda: {"id": "1\n2", "name": "Tea"})
def invalid() -> str:
    return "<p>"


@product_page(lambda: {"id": "1" * 101, "name": "Tea"})
def too_long() -> str:
    return "<p>"


@product_page(lambda: None)
def nothing_loaded() -> str:
    return "<p>"


@product_page(lambda response: response.get_json())
def from_the_answer() -> Response:
    return jsonify(id=9, name="Tea")


@product_page(lambda: TEA)
def as_json() -> Response:
    return jsonify(id="tea-1")


@product_page(lambda: TEA)
def as_csv() -> Response:
    return Response("id,name", mimetype="text/csv")


@product_page(lambda: TEA)
async def asynchronous() -> str:
    return "<h1>Tea</h1>"


@product_page
class Marked(MethodView):
    def get(self) -> str:
        return render_template_string("x", product=TEA)


@product_page(lambda: TEA)
def with_structured_data() -> str:
    return JSON_LD


MARKED: dict[str, tuple[str, Callable[..., Any], str]] = {
    "a mark alone": ("/p", plainly_marked, "/p"),
    "a mark that maps a row": ("/p", mapped_row, "/p"),
    "a mark that names a variable": ("/p", named_variable, "/p"),
    "a mark that names a variable that is not there": ("/p", missing_variable, "/p"),
    "a mark with a loader": ("/p/<slug>", unrendered, "/p/black"),
    "a loader that finds nothing": ("/p/<slug>", unrendered, "/p/white"),
    "a loader that raises": ("/p/<slug>", failing_loader, "/p/white"),
    "a loader that returns None": ("/p", nothing_loaded, "/p"),
    "a loader that gets the response": ("/p", from_the_answer, "/p"),
    "a product without a name": ("/p", incomplete, "/p"),
    "a product that cannot be one": ("/p", invalid, "/p"),
    "an id that is too long": ("/p", too_long, "/p"),
    "a JSON endpoint with a mark": ("/p", as_json, "/p"),
    "a table with a mark": ("/p", as_csv, "/p"),
    "an asynchronous view with a mark": ("/p", asynchronous, "/p"),
    "a class with a mark": ("/p", Marked.as_view("marked"), "/p"),
    "a mark beside structured data": ("/p", with_structured_data, "/p"),
    "a mark on the front page": ("/", plainly_marked, "/"),
    "a mark on a basket": ("/cart", plainly_marked, "/cart"),
    "a mark and a query": ("/p/<slug>", unrendered, "/p/green?variant=XL&utm_source=mail"),
}

for marked_name, (rule, view, path) in MARKED.items():

    @case("declared", marked_name)
    def visit_marked(
        store: Store, rule: str = rule, view: Callable[..., Any] = view, path: str = path
    ) -> None:
        store.open(currency="EUR")
        store.page(rule, view)
        store.get(path)


@case("declared", "a call in a template")
def visit_call(store: Store) -> None:
    store.open()
    store.page("/a", lambda: render_template_string("[{{ topmail_product(tea) }}]", tea=TEA))
    store.page("/b", lambda: render_template_string("{{ topmail_product({'name': 'Tea'}) }}"))
    text = "{{ topmail_product(row, id=0, name=1) }}"
    store.page("/c", lambda: render_template_string(text, row=(3, "Tea")))
    for path in ("/a", "/b", "/c"):
        store.get(path)


def tracked(name: str, *products: object, page: str | None = "<p>", **how: Any) -> None:
    @case("declared", name)
    def visit(store: Store) -> None:
        store.open(currency="EUR")

        def show() -> Any:
            for product in products:
                store.topmail.track(product, **how)
            return jsonify(ok=True) if page is None else page

        store.page("/p", show)
        store.get("/p")
        store.get("/p", headers={"X-Requested-With": "XMLHttpRequest"})


tracked("track in a JSON endpoint", TEA, page=None)
tracked("track on a page", TEA)
tracked("track of a Product", Product("tea", "Green tea"))
tracked("track of two products", {"id": 1, "name": "Tea"}, {"id": 2, "name": "Pot"})
tracked("track of one product twice", TEA, TEA)
tracked("track of one product in two ways", TEA, {**TEA, "price": "5.00"})
tracked("track with fields", (7, "Tea"), fields={"id": 0, "name": 1})
tracked("track of nothing", None)
tracked("track of what is no product", 17)
tracked("track beside structured data", TEA, page=JSON_LD)
tracked("track of another product than the page's", {"id": "x", "name": "X"}, page=JSON_LD)


@case("declared", "however many ways name a product")
def visit_all_ways(store: Store) -> None:
    store.open()

    @product_page
    def show() -> str:
        store.topmail.track(TEA)
        return render_template_string(JSON_LD + "{{ topmail_product(product) }}", product=TEA)

    store.page("/tea", show)
    store.get()


@case("declared", "a view that raises after track")
def visit_raising(store: Store) -> None:
    store.open()

    def show() -> str:
        store.topmail.track(TEA)
        raise ValueError("the store's own")

    store.page("/tea", show)
    store.get()


@case("declared", "an adapter for a model and its subclasses")
def visit_adapter(store: Store) -> None:
    class Model:
        code = "m-1"

    class Special(Model):
        code = "m-2"

    class Broken(Model):
        @property
        def code(self) -> str:  # type: ignore[override]
            raise LookupError("the database went away")

    store.open()
    store.topmail.product_adapter(Model)(lambda model: Product(model.code, "Tea"))
    rows = {"a": Model(), "b": Special(), "c": Broken()}
    store.page("/p/<name>", lambda name: render_template_string("x", product=rows[name]))
    for name in rows:
        store.get(f"/p/{name}")


@case("declared", "a mark below and above other decorators, and a POST to it")
def visit_methods(store: Store) -> None:
    store.open()
    marked = product_page(lambda: TEA)(lambda: PAGE)
    store.page("/tea", marked, methods=["GET", "POST"])
    store.get()
    store.post("/tea")
    store.get(method="HEAD")
