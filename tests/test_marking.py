"""``@product_page`` sets a mark on a view and wraps nothing (house, decision 2; F127)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.views import MethodView

from topmail_flask.marking import Mark, mark_of, product_page


def load_product(slug: str) -> dict[str, str]:
    return {"id": slug, "name": slug.title()}


def test_a_marked_view_is_the_very_function_that_was_written() -> None:
    seen: list[Callable[..., Any]] = []

    def remember(view: Callable[..., Any]) -> Callable[..., Any]:
        seen.append(view)
        return view

    @product_page
    @remember
    def show(slug: str) -> str:
        """The page of a product."""
        return slug

    assert show is seen[0]
    assert show.__name__ == "show"
    assert show.__doc__ == "The page of a product."
    assert list(inspect.signature(show).parameters) == ["slug"]
    assert mark_of(show) == Mark()


def test_a_mark_names_its_variable_fields_or_loader() -> None:
    @product_page("shoe", fields={"id": 0})
    def by_name() -> str:
        return ""

    @product_page(load_product)
    def by_loader(slug: str) -> str:
        return slug

    @product_page(lambda slug: {"id": slug, "name": "Tea"})
    def by_lambda(slug: str) -> str:
        return slug

    @product_page(functools.partial(load_product, "tea"))
    def by_partial() -> str:
        return ""

    assert mark_of(by_name) == Mark(variable="shoe", fields={"id": 0})
    assert mark_of(by_loader) == Mark(loader=load_product)
    assert by_loader("tea") == "tea"
    assert (by_lambda("tea"), by_partial()) == ("tea", "")
    for view in (by_lambda, by_partial):
        mark = mark_of(view)
        assert mark is not None
        assert mark.loader is not None


def test_a_loader_may_live_in_the_same_function_as_the_view() -> None:
    def load(slug: str) -> dict[str, str]:
        return load_product(slug)

    @product_page(load)
    def show(slug: str) -> str:
        return slug

    assert mark_of(show) == Mark(loader=load)


def test_a_loader_may_be_made_by_a_function() -> None:
    def loader_of(name: str) -> Callable[[str], object]:
        def load(slug: str) -> object:
            return {"id": slug, "name": name}

        return load

    @product_page(loader_of("Tea"))
    def show(slug: str) -> str:
        return slug

    mark = mark_of(show)
    assert mark is not None
    assert mark.loader is not None
    assert mark.loader("x") == {"id": "x", "name": "Tea"}


def test_a_named_view_can_be_marked_without_decorator_syntax() -> None:
    app = Flask(__name__)

    def show(slug: str) -> str:
        return f"page of {slug}"

    app.add_url_rule("/<slug>", view_func=product_page(show))
    assert app.test_client().get("/tea").text == "page of tea"
    assert mark_of(app.view_functions["show"]) == Mark()


async def _async_view() -> str:
    return ""


def test_an_async_view_is_a_view_wherever_it_is_marked() -> None:
    assert product_page(_async_view) is _async_view
    assert inspect.iscoroutinefunction(_async_view)
    assert mark_of(_async_view) == Mark()


def test_the_mark_survives_other_decorators_above_and_below() -> None:
    app = Flask(__name__)

    def logged(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def around(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs)

        return around

    @app.get("/a")
    @logged
    @product_page
    def below() -> str:
        return ""

    @product_page
    @app.get("/b")
    @logged
    def above() -> str:
        return ""

    assert mark_of(app.view_functions["below"]) == Mark()
    assert mark_of(app.view_functions["above"]) == Mark()
    assert app.test_client().get("/b").status_code == 200


@pytest.mark.parametrize("fields", [None, {"id": "sku"}])
@pytest.mark.parametrize("kind", ["lambda", "partial", "object"])
def test_whatever_callable_is_marked_where_its_route_is_added_stays_a_view(
    kind: str, fields: dict[str, object] | None
) -> None:
    class Page:
        def __call__(self, slug: str) -> str:
            return f"page of {slug}"

    views: dict[str, Callable[..., str]] = {
        "lambda": lambda slug: f"page of {slug}",
        "partial": functools.partial("page of {slug}".format),
        "object": Page(),
    }
    app = Flask("shop")
    app.add_url_rule("/<slug>", "show", product_page(views[kind], fields=fields))
    assert app.test_client().get("/tea").text == "page of tea"
    assert mark_of(app.view_functions["show"]) == Mark(fields=fields)


def test_a_loader_marks_a_view_that_is_no_plain_function() -> None:
    def load(slug: str) -> dict[str, str]:
        return {"id": slug}

    @product_page(load)
    @functools.lru_cache
    def show(slug: str) -> str:
        return slug

    assert mark_of(show) == Mark(loader=load)


def test_class_based_views_are_marked_on_the_class_or_on_the_method() -> None:
    @product_page("shoe")
    class OnClass(MethodView):
        def get(self) -> str:
            return ""

    class OnMethod(MethodView):
        @product_page
        def get(self) -> str:
            return ""

        def post(self) -> str:
            return ""

    assert mark_of(OnClass.as_view("a")) == Mark(variable="shoe")
    assert mark_of(OnMethod.as_view("b")) == Mark()
    assert mark_of(OnMethod.as_view("b"), "POST") is None


def test_what_is_neither_a_name_nor_callable_is_refused() -> None:
    with pytest.raises(TypeError, match="name of a template variable or a callable"):
        product_page(42)  # type: ignore[call-overload]
