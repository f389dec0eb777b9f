"""One object, many apps: nothing crosses or leaks, nothing is opened before the first view."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask, render_template_string

import topmail_flask
from tests.shop import TEA, make_shop
from topmail_flask import ConfigurationError, TopMail, product_viewed
from topmail_flask.core import core_of
from topmail_flask.sandbox import ApiKey, Sandbox

ADDRESS = "ann@shop.example"


def tea_page() -> str:
    return render_template_string("{{ product.name }}", product=TEA)


def open_files() -> set[tuple[int, int]]:
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            told = os.fstat(int(descriptor))
            found.add((told.st_dev, told.st_ino))
    return found


def test_a_relative_outbox_is_the_same_for_the_server_and_for_a_command_of_another_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    roots = []
    for given in (None, "kept/views", "~/views", str(tmp_path / "own")):
        app = Flask("shop", instance_path=str(tmp_path / "instance"))
        app.config["TOPMAIL_OUTBOX"] = given
        TopMail(app)
        roots.append(core_of(app).outbox_root)
    assert roots == [
        tmp_path / "instance" / "topmail",
        tmp_path / "instance" / "kept" / "views",
        tmp_path / "home" / "views",
        tmp_path / "own",
    ]


def test_two_apps_with_one_object_and_two_keys_never_cross(tmp_path: Path) -> None:  # F073, F074
    topmail = TopMail()
    topmail.shopper_loader(lambda: ADDRESS)
    keys = {name: ApiKey(f"tm_test_of_the_shop_{name}", name) for name in "ab"}
    with Sandbox(keys=[keys["a"]]) as first, Sandbox(keys=[keys["b"]]) as second:
        for sandbox in (first, second):
            sandbox.add_contact(ADDRESS)
        apps = []
        for name, sandbox in (("a", first), ("b", second)):
            app = Flask(name)
            app.config["TOPMAIL_API_KEY"] = keys[name].secret
            app.config["TOPMAIL_BASE_URL"] = sandbox.base_url
            app.config["TOPMAIL_OUTBOX"] = str(tmp_path)
            topmail.init_app(app)
            app.add_url_rule("/tea", "tea", tea_page)
            apps.append(app)
        apps[0].test_client().get("/tea")
        for app in apps:
            with app.app_context():
                assert topmail.flush(10)
        assert len(first.views) == 1
        assert second.requests == []
        apps[1].test_client().get("/tea")
        second.wait_for_views(1)
        assert len(first.requests) == 1


def test_a_thousand_apps_leak_no_thread_file_or_handle() -> None:  # F072
    def create_app() -> Flask:
        app = Flask("shop")
        app.config["TOPMAIL_API_KEY"] = "tm_test_0123456789"
        TopMail(app)
        app.add_url_rule("/tea", "tea", tea_page)
        return app

    create_app().test_client().get("/tea")
    gc.collect()
    threads, files = set(threading.enumerate()), open_files()
    receivers = len(product_viewed.receivers)
    alive = [weakref.ref(create_app()) for _ in range(1000)]
    gc.collect()
    assert sum(app() is not None for app in alive) <= 1
    assert set(threading.enumerate()) <= threads
    assert open_files() <= files
    assert len(product_viewed.receivers) == receivers


def test_init_app_alone_opens_nothing(tmp_path: Path) -> None:  # F071, F176
    script = f"""
import os, threading
from flask import Flask
before = set(os.listdir("/proc/self/fd"))
from topmail_flask import TopMail
app = Flask("shop", instance_path={str(tmp_path / "instance")!r})
app.config["TOPMAIL_API_KEY"] = "tm_test_0123456789"
TopMail(app)
app.add_url_rule("/", "front", lambda: "<p>front")
app.test_client().get("/")
print(threading.active_count(), set(os.listdir("/proc/self/fd")) - before)
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr) == ("1 set()\n", "")
    assert list(tmp_path.iterdir()) == []


def test_init_app_twice_is_one_extension_and_two_objects_are_an_error() -> None:  # F075
    shop = make_shop()
    shop.topmail.init_app(shop.app)
    shop.app.add_url_rule("/tea", "tea", tea_page)
    with pytest.raises(ConfigurationError, match="already"):
        TopMail(shop.app)
    shop.get("/tea")
    assert shop.looked_at == ["tea-1"]
    late = Flask("late")
    late.add_url_rule("/", "front", lambda: "")
    late.test_client().get("/")
    with pytest.raises(ConfigurationError, match="before the first request"):
        TopMail(late)


def test_a_wrong_setting_stops_the_start_of_the_app() -> None:
    app = Flask("shop")
    app.config["TOPMAIL_CURENCY"] = "EUR"
    with pytest.raises(ConfigurationError, match=r"TOPMAIL_CURENCY.*TOPMAIL_CURRENCY"):
        TopMail(app)


def test_without_an_extension_the_error_says_so() -> None:
    topmail = TopMail()
    with pytest.raises(ConfigurationError, match="init_app"):
        topmail.stats(Flask("shop"))
    with pytest.raises(RuntimeError, match="outside of a request"):
        topmail.track(TEA)


@pytest.mark.parametrize(
    ("config", "testing", "sent"),
    [
        ({}, False, 1),
        ({}, True, 0),
        ({"TOPMAIL_ENABLED": True}, True, 1),
        ({"TOPMAIL_ENABLED": False}, False, 0),
        ({"TOPMAIL_API_KEY": None}, False, 0),
        ({"TOPMAIL_API_KEY": ""}, False, 0),
    ],
)
def test_nothing_is_sent_under_test_unless_asked(  # F136
    config: dict[str, object], testing: bool, sent: int
) -> None:
    with Sandbox() as sandbox:
        sandbox.add_contact(ADDRESS)
        base = {"TOPMAIL_API_KEY": sandbox.api_key, "TOPMAIL_BASE_URL": sandbox.base_url}
        shop = make_shop({**base, **config}, shopper=ADDRESS)
        shop.app.testing = testing
        shop.app.add_url_rule("/tea", "tea", tea_page)
        shop.get("/tea")
        with shop.app.app_context():
            assert shop.topmail.flush(10)
        assert len(sandbox.requests) == sent
        assert len(shop.looks) == 1


def test_the_package_and_its_pytest_plugin_load_nothing_before_it_is_used() -> None:  # F176
    script = (
        "import sys, topmail_flask.pytest_plugin\n"
        "assert not {'flask', 'requests', 'sqlite3', 'selectolax'} & set(sys.modules)\n"
        "from topmail_flask import *\n"
        "assert TopMail.__module__ == 'topmail_flask.extension'\n"
        "assert set(topmail_flask.__all__) <= set(dir(topmail_flask))\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
    with pytest.raises(AttributeError, match="no attribute 'TopMial'"):
        topmail_flask.TopMial  # noqa: B018


@pytest.mark.parametrize(
    "call",
    [
        "topmail_recently_viewed(6)",
        "topmail_also_viewed(product)",
        "topmail_recently_viewed_fragment()",
    ],
)
def test_a_template_call_that_is_gone_says_what_to_do(call: str) -> None:
    app = Flask("shop")
    TopMail(app)
    with app.test_request_context(), pytest.raises(ConfigurationError, match="product_viewed"):
        render_template_string("{{ " + call + " }}", product=None)


@pytest.mark.parametrize("name", ["products_by_id", "keep_looks_in"])
def test_a_decorator_that_is_gone_says_what_to_do(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"topmail\.{name} is gone.*product_viewed"):
        getattr(TopMail(), name)
