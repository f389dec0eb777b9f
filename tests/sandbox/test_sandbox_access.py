from datetime import datetime

import pytest
import requests

from tests.sandbox.conftest import VIEW, Client
from topmail_flask.sandbox import Options, Sandbox
from topmail_flask.sandbox.api import CONTACTS_ONLY, FULL_ACCESS, READ_ONLY


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer tm_test_unknown"},
        {"Authorization": "Basic dG06dG0="},
        {"Authorization": FULL_ACCESS.secret},
        {"Authorization": "Bearer tm_live_abcdefgh"},
        {"X-API-Key": "tm_test_unknown"},
    ],
)
def test_without_a_known_key_every_call_is_unauthorized(
    sandbox: Sandbox, headers: dict[str, str]
) -> None:
    url = f"{sandbox.base_url}/track/product-view"
    answer = requests.post(url, json=VIEW, headers=headers, timeout=10)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert "tm_live_abcdefgh" not in answer.text
    assert sandbox.views == []


def test_the_legacy_header_lets_in(sandbox: Sandbox) -> None:
    answer = requests.post(
        f"{sandbox.base_url}/track/product-view",
        json=VIEW,
        headers={"X-API-Key": sandbox.api_key},
        timeout=10,
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("key", "method", "path", "status"),
    [
        (CONTACTS_ONLY, "POST", "/track/product-view", 403),
        (CONTACTS_ONLY, "POST", "/conversions", 403),
        (CONTACTS_ONLY, "GET", "/contacts", 200),
        (READ_ONLY, "GET", "/contacts", 200),
        (READ_ONLY, "POST", "/contacts", 403),
        (READ_ONLY, "POST", "/track/product-view", 403),
    ],
)
def test_a_missing_permission_is_forbidden(
    sandbox: Sandbox, key: object, method: str, path: str, status: int
) -> None:
    assert isinstance(key, type(FULL_ACCESS))
    client = Client(sandbox, key.secret)
    answer = client.call(method, path, json=VIEW if method == "POST" else None)
    client.close()
    assert answer.status_code == status
    assert sandbox.views == []


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("POST", "/track/product-views", 404, "not_found"),
        ("GET", "/track/product-view", 405, "method_not_allowed"),
        ("DELETE", "/contacts", 405, "method_not_allowed"),
    ],
)
def test_wrong_paths_and_methods_have_the_error_shape(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    answer = client.call(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "X-RateLimit-Remaining" in answer.headers


def test_a_base_url_without_its_path_meets_a_404_that_is_not_the_apis(sandbox: Sandbox) -> None:
    """F019"""
    answer = requests.post(f"{sandbox.url}/track/product-view", json=VIEW, timeout=10)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_the_rate_limit_slides_and_says_when_to_come_back() -> None:
    now = [1_700_000_000.0]
    with Sandbox(contacts=["ada@example.com"], options=Options(clock=lambda: now[0])) as sandbox:
        sandbox.inject_faults(rate_limit=2, per="minute")
        client = Client(sandbox)
        first = client.view()
        assert first.headers["X-RateLimit-Remaining"] == "1"
        reset = datetime.fromisoformat(first.headers["X-RateLimit-Reset"])
        assert reset.timestamp() == now[0] + 60
        now[0] += 20
        assert client.view().status_code == 201
        refused = client.view()
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limited"
        assert refused.headers["Retry-After"] == "40"
        assert refused.headers["X-RateLimit-Remaining"] == "0"
        other = Client(sandbox, READ_ONLY.secret)
        assert other.call("GET", "/contacts").status_code == 200
        now[0] += 40
        accepted = client.view()
        assert accepted.status_code == 201
        assert "Retry-After" not in accepted.headers
        client.close()
        other.close()


def test_a_stranger_name_for_the_loopback_address_shows_no_page(sandbox: Sandbox) -> None:
    for host, status in (("evil.example", 400), ("shop.localhost", 200)):
        assert requests.get(sandbox.url, headers={"Host": host}, timeout=10).status_code == status
