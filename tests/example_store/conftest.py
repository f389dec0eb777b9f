from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from example_store import create_app
from example_store.database import db
from example_store.demo_shoppers import DEMO_SHOPPERS
from tests.example_store.browser import Browser
from topmail_flask.sandbox import Sandbox

OpenShop = Callable[..., Flask]


@contextmanager
def open_shop(folder: Path, **config: Any) -> Iterator[Flask]:
    shop = create_app({"INSTANCE_PATH": str(folder), "TOPMAIL_API_KEY": None, **config})
    try:
        yield shop
    finally:
        with shop.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One shop for all tests that only visit it; it sends nothing anywhere."""
    with open_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
def browser(shop: Flask) -> Browser:
    return Browser(shop)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    contacts = [shopper.email for shopper in DEMO_SHOPPERS if shopper.is_contact]
    with Sandbox(contacts=contacts) as sandbox:
        yield sandbox


@pytest.fixture
def tracked_shop(tmp_path: Path, sandbox: Sandbox) -> Iterator[Flask]:
    """A shop of its own that sends its views to the sandbox."""
    with open_shop(
        tmp_path,
        TOPMAIL_API_KEY=sandbox.api_key,
        TOPMAIL_BASE_URL=sandbox.base_url,
        TOPMAIL_SITE_URL="http://linden-row.example",
    ) as shop:
        yield shop
