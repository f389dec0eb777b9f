from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from example_store import create_app
from example_store.database import db
from example_store.demo_shoppers import DEMO_SHOPPERS
from tests.example_store.browser import Browser
from topmail_flask.sandbox import Sandbox

_open: list[Flask] = []


def open_shop(folder: Path, **config: Any) -> Flask:
    """A shop that is closed after the test."""
    _open.append(create_app({"INSTANCE_PATH": str(folder), "TOPMAIL_API_KEY": None, **config}))
    return _open[-1]


def close(shop: Flask) -> None:
    with shop.app_context():
        db.engine.dispose()


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while _open:
        close(_open.pop())


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One shop for all tests that only visit it; it sends nothing anywhere."""
    shop = open_shop(tmp_path_factory.mktemp("shop"))
    _open.remove(shop)
    yield shop
    close(shop)


@pytest.fixture
def browser(shop: Flask) -> Browser:
    return Browser(shop)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    contacts = [shopper.email for shopper in DEMO_SHOPPERS if shopper.is_contact]
    with Sandbox(contacts=contacts) as sandbox:
        yield sandbox


@pytest.fixture
def tracked_shop(tmp_path: Path, sandbox: Sandbox) -> Flask:
    """A shop of its own that sends its views to the sandbox."""
    return open_shop(
        tmp_path,
        TOPMAIL_API_KEY=sandbox.api_key,
        TOPMAIL_BASE_URL=sandbox.base_url,
        TOPMAIL_SITE_URL="http://linden-row.example",
    )
