"""An app that nobody can reach any more: its thread and its files end with it, and no view does."""

from __future__ import annotations

import gc
import inspect
import logging
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest
from flask import Flask

from tests.delivery.chaos import chaos_server, status
from tests.delivery.programs import ROOT
from tests.delivery.waiting import until
from tests.shop import TEA
from topmail_flask import TopMail, product_page
from topmail_flask.sandbox import Sandbox

KNOWN: set[threading.Thread] = set()


def look(app: Flask) -> threading.Thread:
    """Somebody looks at a product; returns the thread that sends it."""
    app.test_client().get("/tea", headers={"User-Agent": "Mozilla/5.0 (X11) Firefox/130.0"})
    (thread,) = {each for each in threading.enumerate() if each.name == "topmail-leader"} - KNOWN
    KNOWN.add(thread)
    return thread


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    # Sentry, which another test has begun, has each thread keep the request that started it.
    monkeypatch.setattr(threading.Thread, "start", inspect.unwrap(threading.Thread.start))
    gc.collect()
    KNOWN.update(threading.enumerate())


def open_files() -> set[str]:
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    return {path for path in found if "/outbox-" in path}


def app_of(place: Path | str, base_url: str, key: str = "tm_test_0123456789abcdef") -> Flask:
    app = Flask("shop")
    app.secret_key = "a secret of the store"
    app.config.update(
        TOPMAIL_API_KEY=key, TOPMAIL_BASE_URL=base_url, TOPMAIL_OUTBOX=str(place), TESTING=False
    )
    topmail = TopMail(app)
    topmail.shopper_loader(lambda: "ann@shop.example")
    app.add_url_rule("/tea", "tea", product_page(lambda: TEA)(lambda: "<p>Tea"))
    return app


@pytest.mark.parametrize("kept", ["disk", "memory"])
def test_fifty_apps_that_are_let_go_leave_no_thread_and_no_file(tmp_path: Path, kept: str) -> None:
    with Sandbox(contacts=["ann@shop.example"]) as sandbox:
        alive, threads = [], []
        for number in range(50):
            place = tmp_path / f"outbox-{number}" if kept == "disk" else ":memory:"
            app = app_of(place, sandbox.base_url, sandbox.api_key)
            threads.append(look(app))
            assert app.extensions["topmail"].core.delivery.flush(20)
            alive.append(weakref.ref(app))
        del app
        gc.collect()
        assert not any(app() for app in alive)
        until(lambda: not any(map(threading.Thread.is_alive, threads)), "their threads end")
        assert len(sandbox.views) == 50
    assert not gc.collect() or open_files() == set()


def test_what_an_app_that_is_let_go_could_not_send_is_sent_by_the_next_one(tmp_path: Path) -> None:
    with chaos_server() as chaos, Sandbox(contacts=["ann@shop.example"]) as sandbox:
        chaos.otherwise = status(503)
        app = app_of(tmp_path / "outbox", chaos.base_url, sandbox.api_key)
        thread = look(app)
        del app
        gc.collect()
        until(lambda: not thread.is_alive(), "its thread ends")
        app = app_of(tmp_path / "outbox", sandbox.base_url, sandbox.api_key)
        app.test_client().get("/")
        sandbox.wait_for_views(1)
        app.extensions["topmail"].core.delivery.close()


def test_what_was_in_memory_only_is_told_when_its_app_is_let_go(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with chaos_server() as chaos, caplog.at_level(logging.WARNING, "topmail_flask"):
        chaos.otherwise = status(503)
        app = app_of(":memory:", chaos.base_url)
        thread = look(app)
        del app
        gc.collect()
        until(lambda: not thread.is_alive(), "its thread ends")
    assert "1 views were in memory only and are lost" in caplog.text


def test_a_script_whose_function_made_the_app_sends_before_it_ends(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from tests.test_apps_let_go import app_of

def main():
    app = app_of(sys.argv[1], sys.argv[2], sys.argv[3])
    app.test_client().get("/tea", headers={"User-Agent": "Mozilla/5.0 (X11) Firefox/130.0"})

main()
"""
    with Sandbox(contacts=["ann@shop.example"]) as sandbox:
        subprocess.run(
            [sys.executable, "-c", script, tmp_path / "outbox", sandbox.base_url, sandbox.api_key],
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert len(sandbox.views) == 1
