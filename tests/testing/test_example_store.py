"""The kit on a store with a data base, log-in forms and four ways to show a product."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from example_store import create_app
from example_store.database import db
from topmail_flask.testing import capture, check_product_pages

LINK = re.compile(r'href="(/(?:products|gift-sets|workshops)/[\w-]+)"')
LISTINGS = ("/shop/ceramics", "/search?q=a", "/gift-sets/", "/workshops/")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = create_app({"INSTANCE_PATH": str(tmp_path), "TOPMAIL_API_KEY": None})
    yield app
    with app.app_context():
        db.engine.dispose()


def test_all_its_product_pages_tell_what_topmail_needs(app: Flask) -> None:
    client = app.test_client()
    links = {link for listing in LISTINGS for link in LINK.findall(client.get(listing).text)}
    kinds = {link.split("/")[1] for link in links}
    assert kinds == {"products", "gift-sets", "workshops"}
    check_product_pages(client, sorted(links))


def test_none_of_its_listings_is_a_view(app: Flask) -> None:
    with capture(app) as views:
        shopper = views.browse_as("ann@shop.example")
        for listing in ("/", *LISTINGS):
            assert shopper.get(listing).status_code == 200
        views.assert_not_viewed()
