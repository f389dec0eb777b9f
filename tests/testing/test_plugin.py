"""The pytest plugin, from a store's directory: nothing is imported, nothing is in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.test_documentation import run

CONFTEST = """
import pytest
from flask import Flask, render_template_string
from topmail_flask import TopMail, product_page

@pytest.fixture(scope="session")
def app():
    app = Flask("store")
    app.testing = True
    TopMail(app)

    @app.get("/tea")
    @product_page
    def tea():
        tea = {"id": 1, "name": "Tea", "price": "9.90", "currency": "EUR"}
        return render_template_string("<title>Tea</title>", product=tea)

    return app
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    return tmp_path


def told(store: Path, test: str, *options: str) -> str:
    (store / "test_it.py").write_text(test, encoding="utf-8")
    return run(store, "-m", "pytest", "-p", "no:cacheprovider", *options).stdout


def test_an_app_of_the_whole_session_serves_each_test_anew(store: Path) -> None:
    test = "def test_{0}(topmail_views):\n"
    test += "    topmail_views.browse_as('ann@shop.example').get('/tea')\n"
    test += "    topmail_views.assert_viewed(1)\n"
    assert "2 passed" in told(store, test.format("one") + test.format("two"))


def test_a_failure_shows_the_store_s_line_and_none_of_ours(store: Path) -> None:
    test = "def test_it(topmail_views):\n    topmail_views.assert_viewed('tea')\n"
    shown = told(store, test)
    assert "The app was asked for nothing" in shown
    assert "captured_views.py" not in shown


def test_a_project_without_a_store_pays_and_sees_nothing(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    test = """
import sys

def test_it(request):
    assert request.config.pluginmanager.has_plugin("topmail_flask")
    assert not {"flask", "werkzeug", "requests", "sqlite3"} & set(sys.modules)
"""
    assert "1 passed" in told(tmp_path, test)


def test_a_store_without_an_app_fixture_is_told_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    assert "fixture 'app' not found" in told(tmp_path, "def test_it(topmail_views): pass\n")


def test_the_sandbox_gets_what_the_store_sends_and_leaves_no_thread(store: Path) -> None:
    test = """
import threading

def test_it(app, topmail_views, topmail_sandbox):
    topmail_sandbox.add_contact("ann@shop.example")
    topmail_views.browse_as("ann@shop.example").get("/tea")
    [view] = topmail_sandbox.wait_for_views(1)
    assert (view["product_id"], view["email"]) == ("1", "ann@shop.example")

def test_afterwards(app, topmail_views):
    for thread in set(threading.enumerate()) - {threading.main_thread()}:
        thread.join(5.0)
    assert threading.active_count() == 1
    topmail_views.browse_as("ann@shop.example").get("/tea")
    topmail_views.assert_viewed(1)
    assert threading.active_count() == 1
"""
    assert "2 passed" in told(store, test)
    assert not (store / "instance").exists()


def test_the_plugin_can_be_switched_off(store: Path) -> None:
    shown = told(store, "def test_it(topmail_views): pass\n", "-p", "no:topmail_flask")
    assert "fixture 'topmail_views' not found" in shown
