"""Objects that misbehave when they are looked at: the page never feels it."""

from __future__ import annotations

import time
from collections import defaultdict
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import ChainableUndefined, DebugUndefined, StrictUndefined, Undefined
from markupsafe import Markup
from werkzeug.local import LocalProxy

from tests.extraction.objects import PAGE, read
from topmail_flask.extraction.attributes import template_product
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.product import Product

LAMP: dict[str, Any] = {"id": 7, "name": "Lamp", "price": 1}


class LazyText:
    """As flask-babel and speaklater have it: translated when it is printed."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    def __html__(self) -> str:
        return self._text


class Colour(Enum):
    RED = "red"


def unbound() -> object:
    raise RuntimeError("Working outside of request context")


def test_values_of_the_request_become_plain_ones() -> None:
    """F131."""
    product = read(
        {
            "id": LocalProxy(lambda: 7),
            "name": Markup("Tom &amp; <b>Jerry</b>"),
            "price": LazyText("9,90 €"),
            "category": LazyText("Lights"),
            "brand": LocalProxy(lambda: SimpleNamespace(name=LazyText("Lux"))),
            "sku": Undefined(name="sku"),
            "image": Markup("/a.jpg"),
        }
    )
    assert (product.id, product.name, str(product.price)) == ("7", "Tom & Jerry", "9.90")
    assert (product.category, product.brand, product.sku) == ("Lights", "Lux", None)
    assert product.image_url == "https://shop.test/a.jpg"
    assert all(
        type(getattr(product, field)) is str for field in ("id", "name", "category", "brand")
    )


@pytest.mark.parametrize("kind", [Undefined, StrictUndefined, ChainableUndefined, DebugUndefined])
def test_what_jinja_does_not_know_is_missing(kind: type[Undefined]) -> None:
    """F131."""
    assert template_product({"product": kind(name="product")}, ()) is None
    assert read({**LAMP, "brand": kind(name="brand"), "price": kind(name="x")}).brand is None
    with pytest.raises(InvalidValueError):
        read(kind(name="product"))


def test_a_proxy_is_read_through_and_an_unbound_one_is_missing() -> None:
    assert read(LocalProxy(lambda: LAMP)).name == "Lamp"
    assert read({**LAMP, "sku": LocalProxy(unbound)}).sku is None
    with pytest.raises(InvalidValueError):
        read(LocalProxy(unbound))


def test_enumerations_give_their_values_and_methods_nothing() -> None:
    assert read({**LAMP, "category": Colour.RED, "sku": lambda: "S"}) == Product(
        id="7",
        name="Lamp",
        price=Decimal(1),
        currency="EUR",
        category="red",
        url=PAGE,
    )


@pytest.mark.parametrize(
    "error", [ValueError, KeyError, RecursionError, AttributeError, StopIteration]
)
def test_an_attribute_that_raises_costs_its_field_only(error: type[Exception]) -> None:
    """F133."""

    class Shown:
        id, name, price = 7, "Lamp", 1

        @property
        def brand(self) -> str:
            raise error("with a secret")

        @property
        def title(self) -> str:
            raise AssertionError("nobody needs the title")

    rejected: dict[str, str] = {}
    product = read(Shown(), rejected=rejected)
    assert (product.name, product.brand) == ("Lamp", None)
    assert "secret" not in str(rejected)
    if not issubclass(error, (AttributeError, LookupError)):
        assert rejected == {"brand": f"could not be read ({error.__name__})"}


@pytest.mark.parametrize("signal", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_the_end_of_the_process_is_not_swallowed(signal: type[BaseException]) -> None:
    class Ending:
        id, name = 7, "Lamp"

        @property
        def price(self) -> int:
            raise signal

    with pytest.raises(signal):
        read(Ending())


class Endless:
    def __getattr__(self, name: str) -> Any:
        return getattr(self, f"{name}_")


class Hostile:
    """Raises whatever is done with it."""

    def _raise(self, *_: object) -> Any:
        raise ZeroDivisionError

    __str__ = __repr__ = __bool__ = __len__ = __iter__ = __hash__ = __contains__ = _raise
    __eq__ = __lt__ = __int__ = __float__ = __index__ = __mod__ = __html__ = _raise
    __getattribute__ = __getitem__ = __call__ = __format__ = __dir__ = _raise


class HostileMapping(dict[str, object]):
    def get(self, *_: object) -> Any:
        raise ZeroDivisionError

    __getitem__ = __iter__ = __len__ = __contains__ = get


@pytest.mark.parametrize("kind", [Endless, Hostile, HostileMapping])
def test_nothing_that_an_object_does_gets_out(kind: type) -> None:
    """F133."""
    template_product({"product": kind()}, ())
    with pytest.raises(InvalidValueError):
        read(kind(), needs_price=True)
    for field in ("sku", "brand", "category", "image", "url", "price", "sale_price", "currency"):
        assert read({**LAMP, field: kind()}).name == "Lamp"
    for field in ("id", "name"):
        assert read({**LAMP, field: kind(), "slug": "s", "title": "Title"}).id


def test_nothing_about_the_object_changes() -> None:
    """F147."""
    grown = defaultdict(list, LAMP)
    read(grown)
    assert grown == LAMP

    class Counting(dict[str, object]):
        def __iter__(self) -> Any:
            raise AssertionError("iterated")

        keys = values = items = __len__ = __repr__ = __iter__

    assert read(Counting(LAMP)).name == "Lamp"


def test_size_is_looked_at_before_the_value() -> None:
    """F149."""
    long = "x" * 10_000_000
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    cyclic: dict[str, Any] = {**LAMP}
    cyclic["category"] = cyclic["brand"] = cyclic
    started = time.thread_time()
    for value in (long, deep, cyclic, long.encode(), Markup(long), Markup("<" * 1_000_000)):
        for field in ("sku", "brand", "category", "image", "url", "price", "currency", "title"):
            read({**LAMP, field: value})
        read({**LAMP, "name": value, "title": "Lamp"})
    assert time.thread_time() - started < 1
    while deep:  # unwound by hand: the collector would recurse
        deep = deep[0]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=30)
    | st.binary(max_size=10)
    | st.sampled_from(["NaN", "1e999", "\x00", "\ud800", "https://[", "//", "$", "9" * 5000])
    | st.builds(pow, st.just(10), st.just(5000))
    | st.builds(Hostile)
    | st.builds(HostileMapping)
    | st.builds(LazyText, st.text(max_size=5)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = [
    "id",
    "name",
    "title",
    "price",
    "sale_price",
    "currency",
    "image",
    "url",
    "brand",
    "sku",
    "slug",
]


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES), st.booleans())
def test_no_value_breaks_the_reader(changed: dict[str, object], plain: bool) -> None:
    shown = {**LAMP, **changed}
    product, refused = None, ""
    try:
        product = read(shown if plain else SimpleNamespace(**shown), url=f"{PAGE}?id=7")
    except InvalidValueError as error:
        refused = error.field
    if product is None:
        assert refused in {"id", "name"} & set(changed)
    else:
        assert product.price is None or product.price >= 0
        assert (product.url or "").startswith("https://shop.test/")
