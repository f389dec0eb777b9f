"""Green threads: patched before our import, and after it (the store is loaded by the master)."""

from __future__ import annotations

import pytest
import trustme

from tests.delivery.chaos import chaos_server
from tests.servers.server import until
from tests.servers.shop import Shop, products

PATCHED = pytest.mark.parametrize("options", [(), ("--preload",)], ids=["before", "after"])


@PATCHED
def test_green_workers_deliver_and_never_stall(shop: Shop, options: tuple[str, ...]) -> None:
    """F067: a call that TopMail does not answer holds no greenlet up."""
    shop.sandbox.inject_faults(script=["hang"] * 100)
    with shop.gunicorn("gevent", *options, workers=1, TOPMAIL_TIMEOUT=60) as server:
        looked = server.look_at(products(1, "first"))
        shop.sandbox.wait_for_requests(1, timeout=20)
        looked += server.look_at(products(200))
        assert len(looked) == 201
        assert shop.sandbox.views == []  # the calls are still open
        shop.sandbox.inject_faults()
        shop.expect_each_once(looked)
        shop.expect_settled(server)


@PATCHED
def test_green_workers_deliver_over_tls(shop: Shop, options: tuple[str, ...]) -> None:
    """F067: a patched ssl module is where late patching breaks other libraries."""
    authority = trustme.CA()
    with (
        chaos_server(certificate=authority.issue_cert("127.0.0.1")) as topmail,
        authority.cert_pem.tempfile() as ca,
        shop.gunicorn(
            "gevent", *options, TOPMAIL_BASE_URL=topmail.base_url, TOPMAIL_CA=ca
        ) as server,
    ):
        looked = server.look_at(products(40))
        until(lambda: len(set(topmail.keys)) == len(looked), 15, "all views arrive")
        assert len(topmail.keys) == 40


@pytest.mark.parametrize("patch", ["--gevent-monkey-patch", "--gevent-early-monkey-patch"])
def test_green_uwsgi_workers_deliver(shop: Shop, patch: str) -> None:
    """F067, F064: uWSGI's own loop of greenlets."""
    shop.sandbox.inject_faults(latency_ms=50)
    with shop.uwsgi("--gevent=50", patch, threads=False) as server:
        looked = server.look_at(products(60))
        shop.expect_each_once(looked)
        shop.expect_settled(server)
