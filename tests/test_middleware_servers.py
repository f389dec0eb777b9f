"""Django and Bottle under gunicorn: tracked, and their bytes as without the middleware."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from topmail_flask.sandbox import Sandbox

ROOT = Path(__file__).parent.parent
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"
REQUESTS = [
    ("GET", "/p/lamp-1", ""),
    ("HEAD", "/p/lamp-1", ""),
    ("GET", "/all", ""),
    ("GET", "/stream/lamp-2", ""),
    ("GET", "/file", ""),
    ("GET", "/file", "Range: bytes=0-9\r\n"),
    ("GET", "/cached/lamp-1", ""),
    ("GET", "/cached/lamp-1", 'If-None-Match: "1"\r\n'),
    ("GET", "/json", ""),
    ("POST", "/basket", ""),
    ("GET", "/broken", ""),
    ("GET", "/nowhere", ""),
    ("GET", "/p/caf%C3%A9?q=%E2%82%AC", ""),
]


@contextmanager
def gunicorn(store: str, worker: str, environment: dict[str, str]) -> Iterator[int]:
    """Serves ``tests.wsgi_stores.<store>`` with two processes; gives the port."""
    pytest.importorskip("gunicorn")
    pytest.importorskip(store.partition("_")[0])
    command = [sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:0", "--workers=2"]
    command += ["--threads=2"] if worker == "gthread" else []
    command += [f"--worker-class={worker}", f"tests.wsgi_stores.{store}:application"]
    server = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    try:
        told: list[str] = []
        for line in server.stderr:
            told.append(line)
            found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line)
            if found:
                break
        else:
            pytest.fail("gunicorn did not start:\n" + "".join(told))
        yield int(found[1])
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)


def ask(port: int, method: str, path: str, headers: str = "") -> bytes:
    """The whole answer as it came over the wire, but for its date."""
    body = "a=1" if method == "POST" else ""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n"
            f"User-Agent: {BROWSER}\r\nCookie: user=ann@example.com\r\n{length}{headers}\r\n{body}"
            "".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return re.sub(rb"(?im)^(date|last-modified): .*\r\n", b"", answer)


@pytest.mark.parametrize("worker", ["sync", "gthread"])
@pytest.mark.parametrize("store", ["django_store", "bottle_store"])
def test_a_store_is_tracked_and_its_bytes_are_unchanged(
    store: str, worker: str, tmp_path: Path
) -> None:
    """F115, F117, F128: HEAD, ranges, streams, files, 304, errors and all."""
    with Sandbox(contacts=["ann@example.com"]) as sandbox:
        environment = {
            "SANDBOX": sandbox.base_url,
            "SANDBOX_KEY": sandbox.api_key,
            "OUTBOX": str(tmp_path / "outbox"),
        }
        with gunicorn(store, worker, {}) as bare, gunicorn(store, worker, environment) as tracked:
            for method, path, headers in REQUESTS:
                with_us = ask(tracked, method, path, headers)
                assert with_us == ask(bare, method, path, headers), (method, path)
                assert with_us.startswith(b"HTTP/1.1 ")
            sandbox.wait_for_views(2, timeout=15)
        views = sandbox.views  # all processes have ended: whatever they had to send is here
        # lamp-1 was looked at twice and lamp-2 was streamed; lists, parts, 304s are no views.
        assert sorted(view["product_id"] for view in views) == ["lamp-1", "lamp-2"]
        assert {view["email"] for view in views} == {"ann@example.com"}
        assert views[0]["product_url"].startswith("https://shop.example/")
        assert sandbox.rejected == []


@pytest.mark.parametrize("store", ["django_store", "bottle_store"])
def test_a_store_is_whole_while_topmail_is_away(store: str, tmp_path: Path) -> None:
    """F135: nobody listens where the views should go."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    environment = {
        "SANDBOX": f"http://127.0.0.1:{port}/api/v1",
        "SANDBOX_KEY": "tm_test_" + "a" * 32,
        "OUTBOX": str(tmp_path / "outbox"),
    }
    with gunicorn(store, "sync", environment) as tracked:
        ask(tracked, "GET", "/p/lamp-1")
        for _ in range(20):
            assert b"200 OK" in ask(tracked, "GET", "/p/lamp-1")
