from collections.abc import Iterator
from typing import Any

import pytest
import requests

from topmail_flask.sandbox import Sandbox

VIEW: dict[str, Any] = {
    "email": "ada@example.com",
    "product_id": "lamp-1",
    "product_name": "Desk lamp",
    "product_url": "https://shop.example/products/lamp",
    "price": 39.9,
    "currency": "EUR",
}


class Client:
    """A client that a stranger would write: `requests` and nothing of this package."""

    def __init__(self, sandbox: Sandbox, api_key: str | None = None) -> None:
        self._base_url = sandbox.base_url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {api_key or sandbox.api_key}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self._session.request(method, self._base_url + path, timeout=10, **options)

    def view(self, key: str | None = None, **changes: Any) -> requests.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.call("POST", "/track/product-view", json={**VIEW, **changes}, headers=headers)

    def view_stream(self) -> requests.Response:
        return self.call("POST", "/track/product-view", json=VIEW, stream=True)

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=["ada@example.com"]) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    client = Client(sandbox)
    yield client
    client.close()
