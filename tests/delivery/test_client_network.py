"""What one call does when the network, and not the API, misbehaves."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos, chaos_server
from tests.delivery.test_client import KEY, client, view
from topmail_flask.delivery import http_response
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.model.errors import DeliveryError, RetryLater, SendingBlocked

__all__ = ["client"]


def error_of(client: TopMailClient) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        client.track_product_view(view())
    return caught.value


@contextmanager
def listener(backlog: int = 8) -> Iterator[tuple[socket.socket, str]]:
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:
        yield server, f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_closed_port_is_a_passing_fault() -> None:
    """F033"""
    with listener() as (_, url):
        pass
    error = error_of(TopMailClient(KEY, base_url=url))
    assert (type(error), error.code) == (RetryLater, "connection_refused")


def test_a_black_hole_ends_with_the_connect_time_out() -> None:
    """F034"""
    with listener(backlog=0) as (server, url):
        fillers = [socket.socket() for _ in range(6)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        error = error_of(TopMailClient(KEY, base_url=url, timeout=(0.3, 5)))
        assert (type(error), error.code) == (RetryLater, "connect_timeout")
        for filler in fillers:
            filler.close()


def test_a_peer_that_never_answers_ends_with_the_read_time_out(chaos: Chaos) -> None:
    """F035"""
    chaos.answers(acts.hang)
    error = error_of(TopMailClient(KEY, base_url=chaos.base_url, timeout=0.3))
    assert (type(error), error.code) == (RetryLater, "read_timeout")


@pytest.mark.parametrize("drip", [acts.drip, acts.drip_head])
def test_an_answer_that_drips_has_a_deadline(
    chaos: Chaos, monkeypatch: pytest.MonkeyPatch, drip: Callable[[float], acts.Act]
) -> None:
    """F036"""
    monkeypatch.setattr(http_response, "DEADLINE", 0.8)
    chaos.answers(drip(0.1))
    error = error_of(TopMailClient(KEY, base_url=chaos.base_url, timeout=(1, 0.5)))
    assert (type(error), error.code) == (RetryLater, "read_timeout")


@pytest.mark.parametrize("act", [acts.endless, acts.status(200, body=b" " * 5_000_000)])
def test_no_more_than_64_kilobytes_of_an_answer_are_read(chaos: Chaos, act: acts.Act) -> None:
    """F025, F026"""
    chaos.answers(act)
    begin = time.monotonic()
    with TopMailClient(KEY, base_url=chaos.base_url) as client:
        assert error_of(client).code == "suspicious_endpoint"
        assert (
            time.monotonic() - begin < http_response.DEADLINE / 3
        )  # who reads on, reads until then
        client.track_product_view(view())


def test_a_compressed_answer_is_never_unpacked(client: TopMailClient, chaos: Chaos) -> None:
    """F029"""
    import gzip

    bomb = gzip.compress(b"[" * 20_000_000)
    chaos.answers(acts.status(200, ("Content-Encoding", "gzip"), body=bomb[:60_000]))
    assert error_of(client).code == "suspicious_endpoint"


def test_a_reset_connection_is_a_passing_fault(client: TopMailClient, chaos: Chaos) -> None:
    """F037, F027"""
    chaos.answers(acts.reset)
    error = error_of(client)
    assert (type(error), error.code) == (RetryLater, "connection_lost")
    assert len(chaos.calls) == 1


def test_a_kept_connection_that_was_closed_is_replaced_at_once(
    client: TopMailClient, chaos: Chaos
) -> None:
    """F038"""
    client.track_product_view(view())
    chaos.answers(acts.reset)  # the server had closed it, and says so when it is used again
    second = view()
    client.track_product_view(second)
    assert chaos.keys[1:] == [second.key, second.key]
    assert chaos.calls[1].body == chaos.calls[2].body
    chaos.answers(acts.ok_then_close)
    client.track_product_view(view())
    client.track_product_view(view())
    assert len(chaos.calls) == 5


def test_only_one_new_connection_is_tried_at_once(client: TopMailClient, chaos: Chaos) -> None:
    """F038"""
    client.track_product_view(view())
    chaos.answers(acts.reset, acts.reset)
    assert error_of(client).code == "connection_lost"
    assert len(chaos.calls) == 3


def test_a_name_that_nobody_knows_is_a_passing_fault() -> None:
    """F041"""
    error = error_of(TopMailClient(KEY, base_url="https://topmail.invalid/api"))
    assert (type(error), error.code) == (RetryLater, "name_not_resolved")


@pytest.mark.parametrize("fault", ["self-signed", "wrong host", "plain HTTP"])
def test_a_server_that_cannot_prove_itself_gets_no_request(
    chaos: Chaos, tmp_path: Path, fault: str
) -> None:
    """F043"""
    authority, trusted = trustme.CA(), trustme.CA()
    host = "elsewhere.example" if fault == "wrong host" else "127.0.0.1"
    certificate = (trusted if fault == "wrong host" else authority).issue_cert(host)
    ca = tmp_path / "ca.pem"
    trusted.cert_pem.write_to_path(str(ca))
    if fault == "plain HTTP":
        url = chaos.base_url.replace("http://", "https://")
        error = error_of(TopMailClient(KEY, base_url=url, ca=str(ca)))
    else:
        with acts.chaos_server(certificate=certificate) as server:
            error = error_of(TopMailClient(KEY, base_url=server.base_url, ca=str(ca)))
            assert server.calls == []
    assert (type(error), error.code) == (SendingBlocked, "tls")
    assert chaos.calls == []


def test_a_trusted_server_is_spoken_to_over_one_connection(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    with acts.chaos_server(certificate=authority.issue_cert("127.0.0.1")) as server:
        with TopMailClient(KEY, base_url=server.base_url, ca=str(ca)) as client:
            for _ in range(3):
                client.track_product_view(view())
            assert len(server.connections) == 1
            server.answers(acts.ok_then_close)
            client.track_product_view(view())
            client.track_product_view(view())
        assert len(server.views) == 5
        assert len(server.connections) == 2


def test_nothing_of_the_environment_is_used(
    chaos: Chaos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F044"""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password secret\n")
    with chaos_server() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
        with TopMailClient(KEY, base_url=chaos.base_url) as client:
            client.track_product_view(view())
        assert proxy.calls == []
    assert chaos.calls[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_configured_proxy_is_used_and_its_faults_pass(chaos: Chaos) -> None:
    """F045"""
    with chaos_server() as proxy:
        address = proxy.base_url.removesuffix("/api/v1").replace("//", "//me:hidden@")
        with TopMailClient(KEY, base_url=chaos.base_url, proxy=address) as client:
            client.track_product_view(view())
            assert proxy.calls[0].path == f"{chaos.base_url}/track/product-view"
            proxy.answers(407)
            error = error_of(client)
            assert isinstance(error, RetryLater)
            assert "hidden" not in str(error)
    with TopMailClient(KEY, base_url="https://127.0.0.1:9", proxy=address) as client:
        error = error_of(client)
        assert isinstance(error, RetryLater)
        assert "hidden" not in str(error)
    assert chaos.calls == []


def test_the_address_that_answers_is_found(chaos: Chaos, monkeypatch: pytest.MonkeyPatch) -> None:
    """F046"""
    port = int(chaos.base_url.rpartition(":")[2].partition("/")[0])
    known = socket.getaddrinfo

    def both(host: str, *args: object, **kwargs: object) -> list[object]:
        if host != "api.localhost":
            return list(known(host, *args, **kwargs))  # type: ignore[arg-type]
        kind = (socket.SOCK_STREAM, 6, "")
        return [
            (socket.AF_INET6, *kind, ("::1", port, 0, 0)),
            (socket.AF_INET, *kind, ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    url = f"http://api.localhost:{port}/api/v1"
    assert TopMailClient(KEY, base_url=url).track_product_view(view()).contact_id
