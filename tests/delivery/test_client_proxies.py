"""Calls through a proxy: who sees what, and what its faults mean."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.delivery.chaos import Chaos, chaos_server
from tests.delivery.test_client import KEY, view
from tests.delivery.test_client_network import error_of
from tests.delivery.tunnels import tunnels
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.model.errors import RetryLater, SendingBlocked

AUTHORITY = trustme.CA()


@pytest.fixture
def secure() -> Iterator[Chaos]:
    with chaos_server(certificate=AUTHORITY.issue_cert("127.0.0.1")) as server:
        yield server


@pytest.fixture
def ca(tmp_path: Path) -> str:
    file = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    return str(file)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_opens_one_tunnel_and_sees_neither_key_nor_shopper(
    secure: Chaos, ca: str, scheme: str
) -> None:
    certificate = AUTHORITY.issue_cert("localhost") if scheme == "https" else None
    with tunnels(certificate) as proxy:
        address = f"{scheme}://me:hid%40den@localhost:{proxy.port}"
        with TopMailClient(KEY, base_url=secure.base_url, ca=ca, proxy=address) as client:
            for _ in range(3):
                client.track_product_view(view())
    assert len(secure.views) == 3
    assert secure.views[0].path == "/api/v1/track/product-view"
    assert "proxy-authorization" not in secure.views[0].headers
    (head,) = proxy.heads
    assert head.startswith("CONNECT 127.0.0.1:")
    assert base64.b64encode(b"me:hid@den").decode() in head
    assert KEY not in head


def test_a_proxy_that_refuses_is_a_passing_fault_and_its_password_is_not_told(
    secure: Chaos, ca: str
) -> None:
    with tunnels() as proxy:
        proxy.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
        address = f"http://me:hidden@localhost:{proxy.port}"
        with TopMailClient(KEY, base_url=secure.base_url, ca=ca, proxy=address) as client:
            error = error_of(client)
    assert (type(error), error.code) == (RetryLater, "proxy_failed")
    assert "hidden" not in str(error)
    assert secure.calls == []


def test_behind_a_proxy_the_server_must_prove_itself_as_well(secure: Chaos, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with tunnels() as proxy:
        address = f"http://localhost:{proxy.port}"
        with TopMailClient(KEY, base_url=secure.base_url, ca=str(other), proxy=address) as client:
            error = error_of(client)
    assert (type(error), error.code) == (SendingBlocked, "tls")
    assert secure.calls == []
