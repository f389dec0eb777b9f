"""Small real stores, each on another database library, tracked with no line or one."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.conftest import missing
from tests.stores.built import Built
from topmail_flask import ProductView, TopMail, product_viewed

LIBRARIES = {
    "peewee": ["peewee"],
    "sqlalchemy": ["sqlalchemy"],
    "sqlmodel": ["sqlmodel"],
    "mongoengine": ["mongoengine", "mongomock"],
    "pony": ["pony.orm"],
    "sqlite": [],
    "cached": ["flask_caching", "flask_sqlalchemy", "flask_login"],
}
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html",
}
Build = Callable[[str], Built]
EACH_STORE = pytest.mark.parametrize("library", LIBRARIES)


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Build]:
    """Builds the store on a library, without the extension."""
    stores: list[Built] = []

    def build(library: str) -> Built:
        for needed in LIBRARIES[library]:
            try:
                importlib.import_module(needed)
            except ImportError:
                missing(needed)
        place = tmp_path / str(len(stores))
        place.mkdir()
        stores.append(importlib.import_module(f"tests.stores.{library}_store").store(place))
        return stores[-1]

    yield build
    for store in stores:
        store.close()


def tracked(store: Built) -> tuple[list[ProductView], TopMail]:
    """The views of a store that has the extension now."""
    app = store.app
    app.config.update(
        TOPMAIL_OUTBOX=":memory:", TOPMAIL_CURRENCY="EUR", TOPMAIL_SITE_URL="https://shop.example"
    )
    if store.app.name == "boots":
        app.config["TOPMAIL_CURRENCY"] = "USD"
    app.config.update(store.setting)
    topmail = TopMail(app)
    views: list[ProductView] = []

    def note(sender: object, *, view: ProductView, **_: Any) -> None:
        views.append(view)

    product_viewed.connect(note, app, weak=False)
    return views, topmail


def shopper_of(store: Built) -> FlaskClient:
    client = store.app.test_client()
    client.get("/login" if store.app.name != "tienda" else "/entrar", headers=BROWSER)
    return client


@EACH_STORE
def test_each_product_page_says_what_it_shows(library: str, built: Build) -> None:
    store = built(library)
    views, _ = tracked(store)
    client = shopper_of(store)
    for _ in range(2):
        for path, expected in store.shows.items():
            views.clear()
            assert client.get(path, headers=BROWSER, buffered=True).status_code == 200
            assert len(views) == 1, path
            for name, value in expected.items():
                found = getattr(views[0].product, name)
                assert (Decimal(str(value)) if name == "price" else value) == found, (path, name)
            assert views[0].product.url == "https://shop.example" + path
            shopper = views[0].shopper
            assert shopper is not None
            assert shopper.email in ("ann@shop.example", "ana@shop.example")


@EACH_STORE
def test_no_other_page_is_a_view(library: str, built: Build) -> None:
    store = built(library)
    views, _ = tracked(store)
    client = shopper_of(store)
    for path in store.quiet:
        assert client.get(path, headers=BROWSER, buffered=True).status_code == 200
        assert views == [], path


@EACH_STORE
def test_no_page_costs_a_query_or_changes_or_leaves_anything_open(
    library: str, built: Build
) -> None:
    answers = []
    for is_tracked in (False, True):
        store = built(library)
        if is_tracked:
            tracked(store)
        answers.append(pages_of(store))
    for plain, watched in zip(*answers, strict=True):
        assert watched == plain


def pages_of(store: Built) -> list[Any]:
    """What each page of a store answers, to a shopper and to a stranger, and what it queries."""
    found: list[Any] = []
    paths = [*store.shows, *store.quiet] if store.app.name != "laden" else ["/", "/suche"]
    if store.app.name == "laden":  # its ids are other ones each time
        paths += ["/" + "/".join(path.split("/")[1:]) for path in store.shows]
    for client in (shopper_of(store), store.app.test_client()):
        for at, path in enumerate(paths):
            store.queries.clear()
            answer = client.get(path, headers=BROWSER, buffered=True)
            headers = list(answer.headers)
            answer.close()
            assert not store.is_open(), path
            if path in store.loads:
                assert len(store.queries) < 3, "the view's, unless it is cached, and the loader's"
                store.queries.clear()
            body = answer.data if store.app.name != "laden" else len(answer.data)
            found.append((at, answer.status_code, body, headers, list(store.queries)))
    return found


def test_a_quick_view_is_none_and_a_page_from_the_cache_is_one(built: Build) -> None:
    store = built("cached")
    views, _ = tracked(store)
    client = shopper_of(store)
    client.get("/product/1/quick", headers={**BROWSER, "HX-Request": "true"})
    assert views == []
    for _ in range(2):
        client.get("/product/1", headers=BROWSER)
    assert [view.product.id for view in views] == ["1", "1"]


def test_an_administrator_is_no_shopper(built: Build) -> None:
    store = built("cached")
    views, topmail = tracked(store)
    client = store.app.test_client()
    client.get("/login?user=2", headers=BROWSER)
    client.get("/product/1", headers=BROWSER)
    assert views == []
    assert topmail.stats(store.app).reasons["staff"] == 1
