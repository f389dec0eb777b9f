"""What a newcomer gets wrong is answered by the first command, in a few lines."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, redirect, render_template_string, session
from flask_login import LoginManager, UserMixin, current_user

from tests.cli.examined import bare_app, doctor, found, told
from tests.servers.server import ROOT
from topmail_flask import TopMail
from topmail_flask.core import core_of
from topmail_flask.sandbox import Sandbox

STORE = """
import os
from flask import Flask
from topmail_flask import TopMail

app = Flask(__name__)
{config}
TopMail(app)
"""


def run(place: Path, store: str, *words: str) -> subprocess.CompletedProcess[str]:
    """``flask topmail …`` beside a store, as it is when the package is installed."""
    written = configparser.ConfigParser()
    written.read(ROOT / "setup.cfg", encoding="utf-8")
    installed = place / "as_installed-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: as-installed\nVersion: 1\n")
    points = written["options.entry_points"]["flask.commands"]
    (installed / "entry_points.txt").write_text(f"[flask.commands]\n{points}\n")
    (place / "store.py").write_text(store)
    environment = {name: text for name, text in os.environ.items() if "TOPMAIL" not in name}
    environment["PYTHONPATH"] = os.pathsep.join([str(place), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "store", "topmail", *words],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('app.config["TOPMAIL_API_KEY"] = "sk_live_123"', "must be a TopMail API key"),
        ('app.config["TOPMAIL_SITEURL"] = "x"', "Did you mean TOPMAIL_SITE_URL?"),
        ('app.config["TOPMAIL_CURRENCY"] = "€"', "ISO 4217 code, e.g. 'EUR'.\n"),
        ('app.config["TOPMAIL_SITE_URL"] = "shop.example"', "-> Write https://shop.example"),
        ("TopMail(app)", "-> Use that one"),
        ('key = os.environ["TOPMAIL_API_KEY"]', "asks for TOPMAIL_API_KEY, which is not set"),
    ],
)
@pytest.mark.parametrize("command", ["doctor", "routes"])
def test_a_wrong_configuration_is_two_lines_and_no_traceback(
    tmp_path: Path, config: str, said: str, command: str
) -> None:
    ended = run(tmp_path, STORE.format(config=config), command)
    assert ended.returncode == 2
    problem, fix = ended.stderr.strip().splitlines()
    assert problem.startswith("Error: ")
    assert fix.startswith("-> ")
    assert said in ended.stderr


def test_an_error_of_the_store_itself_stays_what_it_is(tmp_path: Path) -> None:
    ended = run(tmp_path, STORE.format(config='raise KeyError("DATABASE_URL")'), "doctor")
    assert "KeyError: 'DATABASE_URL'" in ended.stderr
    assert "Traceback" in ended.stderr


def test_the_sandbox_starts_and_help_is_shown_while_the_store_cannot(tmp_path: Path) -> None:
    broken = STORE.format(config='key = os.environ["TOPMAIL_API_KEY"]')
    ended = run(tmp_path, broken, "sandbox", "--help")
    assert ended.returncode == 0, ended.stderr


def test_settings_that_came_too_late_are_named(topmail: Sandbox) -> None:
    app = Flask("tea")
    TopMail(app)
    app.config.update(TOPMAIL_API_KEY=topmail.api_key, TOPMAIL_CURRENCY="EUR")
    level, text = told(app, status=1)["key"]
    assert level == "error"
    assert "Set after topmail.init_app(app), so not read: TOPMAIL_API_KEY, TOPMAIL_CURRENCY" in text
    assert "Call topmail.init_app(app) when the configuration is complete" in text


def test_a_store_that_nobody_tells_who_is_logged_in_is_an_error(
    topmail: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = bare_app(topmail, {"SECRET_KEY": None})
    level, text = told(app, status=1)["shoppers"]
    assert level == "error"
    assert "Every visitor is anonymous" in text
    assert "@topmail.shopper_loader" in text


def test_a_user_whose_address_has_another_name_is_an_error_with_the_line_to_write(
    topmail: Sandbox,
) -> None:
    class Member(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
        def __init__(self, mail: str) -> None:
            self.work_mail = mail

    def load(key: str) -> Member:
        return Member(key)

    app = bare_app(topmail)
    LoginManager(app).user_loader(load)
    level, text = told(app, status=1)["shoppers"]
    assert level == "error"
    assert "current_user.work_mail if current_user.is_authenticated else None" in text


class Account:
    email = "ann@shop.example"


def who() -> Account | None:
    return None


def test_a_loader_that_returns_a_user_is_an_error(topmail: Sandbox) -> None:
    app = bare_app(topmail)
    core_of(app).hooks.shopper_loader = who
    level, text = told(app, status=1)["shoppers"]
    assert level == "error"
    assert "returns a Account" not in text
    assert "Account" in text
    assert "Return an e-mail address" in text


def a_user() -> object:
    return Account()


def nobody_there() -> object:
    raise KeyError("user")


def test_a_loader_that_returns_a_user_is_named_wherever_somebody_looks(
    topmail: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    app = bare_app(topmail)
    core_of(app).hooks.shopper_loader = a_user
    level, text = told(app, status=1)["shoppers"]
    assert level == "error"
    assert "returned Account. -> Return an e-mail address" in text
    caplog.clear()
    app.test_client().get("/tea/a")
    assert "a_user() returned Account. Return an e-mail address" in caplog.text


def current() -> object:
    return current_user if current_user.is_authenticated else None


def from_query() -> object:
    return session.get("id") and Account.query.get(session["id"])  # type: ignore[attr-defined]


def from_session() -> object:
    return db.session.get(Account, session["id"]) if "id" in session else None  # type: ignore[name-defined]  # noqa: F821


def address() -> object:
    return session.get("email") or session.get("guest")


@pytest.mark.parametrize(
    ("loader", "user"),
    [
        (current, "current_user"),
        (from_query, "Account.query.get(session['id'])"),
        (from_session, "db.session.get(Account, session['id'])"),
        (address, ""),
    ],
)
def test_a_loader_whose_source_returns_a_user_is_an_error(
    topmail: Sandbox, loader: Any, user: str
) -> None:
    app = bare_app(topmail, {"SECRET_KEY": "of-this-store"})
    LoginManager(app)
    core_of(app).hooks.shopper_loader = loader
    finding = found(app, "shoppers")
    assert (finding.level, f"returns {user}, which is a user" in finding.what) == (
        ("error", True) if user else ("ok", False)
    )


def test_a_loader_that_fails_for_a_visitor_is_a_warning(topmail: Sandbox) -> None:
    app = bare_app(topmail)
    core_of(app).hooks.shopper_loader = nobody_there
    level, text = told(app)["shoppers"]
    assert level == "warning"
    assert "raises KeyError for a visitor who is not logged in" in text


def test_a_product_under_an_unknown_name_is_an_error_with_the_line_to_write(
    topmail: Sandbox,
) -> None:
    app = bare_app(topmail)

    def mug(slug: str) -> str:
        shown = {"id": slug, "name": "Mug", "price": "9.90"}
        return render_template_string("<h1>{{ mug.name }}</h1> 9.90 USD", mug=shown)

    app.view_functions["tea"] = mug
    level, text = told(app, status=1)["pages"]
    assert level == "error"
    assert '-> @product_page("mug") right below the view\'s route, or TOPMAIL_TEMPLATE' in text


def test_a_product_of_a_very_small_store_has_a_page_without_a_value_in_its_address(
    topmail: Sandbox,
) -> None:
    app = bare_app(topmail)
    links = '<a href="/">Home</a> <a href="/mug">Mug</a> <a href="/about">About us</a>'
    app.view_functions["home"] = lambda: links
    app.add_url_rule("/about", "about", lambda: render_template_string("<h1>Us</h1>", year=2026))
    app.add_url_rule("/mug", "mug", lambda: render_template_string("<h1>Mug</h1>", mug=TEA))
    level, text = told(app, status=1)["pages"]
    assert level == "error"
    assert "No product on 1 of 1 product page looked at" in text
    assert '-> @product_page("mug") right below the view\'s route' in text


TEA = {"id": 7, "name": "Green tea", "price": "9.90"}


@pytest.mark.parametrize(
    ("given", "why", "fix"),
    [
        ({"data": {"product": TEA}}, "(data.product looks like", "topmail_product(data.product)"),
        ({"page": SimpleNamespace(tea=TEA)}, "(page.tea looks", "topmail_product(page.tea)"),
        ({"row": (7, "Green tea", 9.9)}, "was given: row", '@product_page("row", fields={"id": 0,'),
        ({"product": [7, "Green tea", 9.9]}, "product: is a list", '"product", fields={"id": 0,'),
        ({"product": [TEA]}, "product: is a list or tuple", "topmail_product({"),
        ({"product": "green-tea"}, "product: is a text", "topmail_product({"),
        ({"price": "9.90"}, "it was given: price", "topmail_product({"),
    ],
)
def test_a_product_in_another_form_is_seen_with_the_line_to_write(
    topmail: Sandbox, given: dict[str, Any], why: str, fix: str
) -> None:
    app = bare_app(topmail)
    core_of(app).hooks.shopper_loader = nobody
    app.view_functions["tea"] = lambda slug: render_template_string("<h1>Green tea</h1>", **given)
    output = app.test_cli_runner().invoke(args=["topmail", "inspect", "/tea/a"]).output
    assert why in output
    assert fix in next(line for line in output.splitlines() if line.startswith("fix:"))


def test_without_a_key_the_last_line_says_what_to_do(topmail: Sandbox) -> None:
    lines = doctor(bare_app(config={"TOPMAIL_SITE_URL": None})).stdout.splitlines()
    assert not any(line.startswith("WARNING  reach") for line in lines)
    assert lines[-2] == "Not asked, for what is wrong: reach, access, tracking, purchases, clock"
    assert lines[-1] == "First: key. Set TOPMAIL_API_KEY, or try: flask topmail sandbox"


def test_who_looks_for_product_page_on_the_object_is_told_where_it_is() -> None:
    with pytest.raises(AttributeError, match="from topmail_flask import product_page"):
        TopMail().product_page  # noqa: B018


@pytest.mark.parametrize(
    ("address", "status"),
    [("https://evil.example/tea/a", 2), ("https://tea.shop/tea/a", 0), ("/tea/a", 0)],
)
def test_only_pages_of_the_store_are_inspected(topmail: Sandbox, address: str, status: int) -> None:
    app = bare_app(topmail)
    result = app.test_cli_runner().invoke(args=["topmail", "inspect", address])
    assert result.exit_code == status
    if status:
        assert "evil.example is not this store, which is tea.shop" in result.output


def test_a_page_that_is_none_says_how_the_store_answered(topmail: Sandbox) -> None:
    app = bare_app(topmail)
    app.add_url_rule("/mine", view_func=lambda: redirect("/log-in"))
    answers = {
        path: app.test_cli_runner().invoke(args=["topmail", "inspect", path]).output
        for path in ("/nope", "/mine")
    }
    assert "rejected: /nope: answered 404 NOT FOUND" in answers["/nope"]
    assert "rejected: /mine: answered 302 FOUND, to /log-in" in answers["/mine"]


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"TOPMAIL_SITE_URL": "https://shop.example"}, "product views of https://shop.example"),
        ({}, "product views of tea are sent"),
        ({"TOPMAIL_API_KEY": None}, "no views are sent: TOPMAIL_API_KEY is not set. Set it to"),
        ({"TOPMAIL_API_KEY": ""}, "no views are sent: TOPMAIL_API_KEY is empty. Set it to"),
        ({"TOPMAIL_ENABLED": False}, "no views are sent: TOPMAIL_ENABLED is False"),
    ],
)
def test_one_line_at_the_start_says_whether_tracking_is_on(
    caplog: pytest.LogCaptureFixture, config: dict[str, Any], line: str
) -> None:
    app = Flask("tea")
    app.config.update({"TOPMAIL_API_KEY": "tm_test_0123456789wxyz", **config})
    with caplog.at_level("INFO"):
        TopMail(app)
    (record,) = [record for record in caplog.records if "TopMail: " in record.getMessage()]
    assert line in record.getMessage()
    assert ("key …wxyz" in record.getMessage()) == ("are sent to" in record.getMessage())
    assert "0123456789" not in caplog.text


@pytest.mark.parametrize(
    ("config", "level"),
    [({}, "WARNING"), ({"TESTING": True}, "INFO"), ({"TOPMAIL_ENABLED": False}, "INFO")],
)
def test_a_missing_key_is_a_warning_where_nobody_says_that_none_is_meant(
    caplog: pytest.LogCaptureFixture, config: dict[str, Any], level: str
) -> None:
    app = Flask("tea")
    app.config.update(config)
    with caplog.at_level("INFO"):
        TopMail(app)
    assert [record.levelname for record in caplog.records] == [level]


def test_a_server_ends_with_the_plain_sentence_and_no_error_behind_it(tmp_path: Path) -> None:
    wrong = STORE.format(config='app.config["TOPMAIL_SITEURL"] = "https://shop.example"')
    (tmp_path / "store.py").write_text(wrong)
    ended = subprocess.run(
        [sys.executable, "-c", "import store"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    last = ended.stderr.splitlines()[-1].partition("ConfigurationError: ")[2]
    assert last == "TOPMAIL_SITEURL is no setting of topmail_flask. Did you mean TOPMAIL_SITE_URL?"
    assert ended.stderr.count("Traceback") == 1


def test_a_store_that_forgot_init_app_is_told_what_to_write(tmp_path: Path) -> None:
    ended = run(tmp_path, STORE.replace("TopMail(app)", "TopMail()").format(config=""), "doctor")
    assert ended.stderr.splitlines() == [
        "Error: this app has no TopMail.",
        "-> Call topmail.init_app(app) in its factory",
    ]


@pytest.mark.parametrize("words", [(), ("--as", "ann@shop.example")])
def test_inspect_says_that_nobody_will_ever_be_known(
    topmail: Sandbox, words: tuple[str, ...]
) -> None:
    app = bare_app(topmail)
    result = app.test_cli_runner().invoke(args=["topmail", "inspect", "/tea/a", *words])
    assert result.output.startswith("decision: view\n")
    assert "warning:  Nothing tells who is logged in" in result.output
    assert "fix:      With topmail = TopMail(app), write: @topmail.shopper_loader" in result.output
    core_of(app).hooks.shopper_loader = nobody
    result = app.test_cli_runner().invoke(args=["topmail", "inspect", "/tea/a", *words])
    assert "warning:" not in result.output


def nobody() -> None:
    return None


def test_a_store_that_names_its_visitors_itself_needs_no_log_in(tmp_path: Path) -> None:
    config = 'app.config["SECRET_KEY"] = "of-this-store"'
    for call, level in (("", "error"), ("topmail.identify(email)", "ok")):
        sign_up = f"""
topmail = app.extensions["topmail"]
@app.post("/sign-up/<email>")
def sign_up(email):
    {call or "pass"}
    return ""
"""
        place = tmp_path / level
        place.mkdir()
        ended = run(place, STORE.format(config=config) + sign_up, "doctor", "--json")
        found = {each["check"]: each for each in json.loads(ended.stdout)["findings"]}
        assert found["shoppers"]["level"] == level


def test_a_store_without_a_page_at_its_root_is_told_another(topmail: Sandbox) -> None:
    app = bare_app(topmail)
    app.add_url_rule("/shop/", "shop.index", view_func=lambda: "")
    app.add_url_rule("/faq", view_func=lambda: "")
    app.view_functions["home"] = lambda: ("", 404)
    level, text = told(app, status=1)["cacheability"]
    assert (level, "flask topmail doctor --home /shop/" in text) == ("warning", True)
