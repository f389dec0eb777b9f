"""``flask topmail doctor``: one line a check, with the fix; and it changes nothing anywhere."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import pytest

from tests.cli.examined import doctor, tea_app, told
from tests.cli.operated import ANN, OperatedStore
from topmail_flask.cli.doctor import CHECKS, name_of
from topmail_flask.sandbox import Sandbox


def on_disk(tmp_path: Path) -> dict[str, str]:
    return {"TOPMAIL_OUTBOX": str(tmp_path / "outbox")}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory where no other server runs."""
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path


def test_a_store_that_is_well_is_told_so(topmail: Sandbox, place: Path) -> None:
    findings = told(tea_app(topmail, on_disk(place)))
    assert {name: level for name, (level, _) in findings.items() if level != "ok"} == {}
    assert list(findings) == [
        *(
            "key",
            "reach",
            "access",
            "tracking",
            "purchases",
            "contacts",
            "automations",
            "clock",
            "shoppers",
            "identify",
        ),
        *(
            "consent",
            "site url",
            "currency",
            "outbox",
            "delivery",
            "server",
            "cacheability",
            "compression",
        ),
        *("routes", "pages", "prices", "ids", "errors", "versions"),
    ]


def test_a_warning_is_no_error_and_an_error_is_one(topmail: Sandbox) -> None:
    assert doctor(tea_app(topmail)).exit_code == 0  # the outbox in memory is a warning
    result = doctor(tea_app())
    assert result.exit_code == 1
    assert "ERROR    key" in result.output


def test_the_doctor_writes_nothing_at_topmail_and_nothing_here(
    topmail: Sandbox, tmp_path: Path
) -> None:
    before = topmail.contacts
    app = tea_app(topmail, on_disk(tmp_path) | {"TOPMAIL_UNKNOWN_CONTACTS": "create"})
    assert doctor(app, "--sample", "/tea/x").exit_code == 0
    assert (topmail.views, topmail.conversions, topmail.contacts) == ([], [], before)
    assert [(call.method, call.path, call.status) for call in topmail.requests] == [
        ("GET", "/contacts", 200),
        ("POST", "/track/product-view", 400),
        ("POST", "/conversions", 400),
        ("POST", "/contacts", 400),
    ]
    assert list(tmp_path.iterdir()) == []
    assert "topmail-leader" not in {thread.name for thread in threading.enumerate()}


def test_what_waits_is_left_waiting(operated: OperatedStore, topmail: Sandbox) -> None:
    operated.looks(1, 2, shopper=ANN)
    findings = operated.told("doctor", "--sample", "/tea/1", TOPMAIL_DELIVERY="background")
    (delivery,) = [finding for finding in findings["findings"] if finding["check"] == "delivery"]
    assert delivery["what"].startswith("2 waiting, 0 delivered")
    assert topmail.views == []


def test_the_shops_receivers_hear_of_no_look(topmail: Sandbox) -> None:
    from topmail_flask import product_viewed

    app, heard = tea_app(topmail), list[object]()

    @product_viewed.connect_via(app)
    def looked(sender: object, **_: object) -> None:
        heard.append(sender)

    told(app, "--sample", "/tea/a")
    assert heard == []
    app.test_client().get("/tea/a")
    assert len(heard) == 1, "and afterwards the extension looks again"


def test_a_check_that_the_shops_own_code_breaks_is_a_warning_and_the_others_go_on(
    topmail: Sandbox,
) -> None:
    app = tea_app(topmail, {"PROPAGATE_EXCEPTIONS": True})

    def broken() -> str:
        raise RuntimeError("ann@shop.example is at fault")

    app.view_functions["home"] = broken
    findings = told(app)
    level, what = findings["cacheability"]
    assert (level, "RuntimeError was raised" in what) == ("warning", True)
    assert "ann@" not in what
    assert findings["versions"][0] == "ok"


def test_lines_fit_a_terminal_and_say_the_fix(
    topmail: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    app = tea_app(topmail, {"TOPMAIL_SITE_URL": "", "TOPMAIL_CURRENCY": ""})
    output = doctor(app).output
    assert max(map(len, output.splitlines())) <= 80
    assert "WARNING  site url" in output
    assert "-> Set TOPMAIL_SITE_URL to the shop's public address" in output
    assert "ok, 3 warnings, 0 errors" in output


def test_colour_is_left_out_where_it_is_not_wanted(
    topmail: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = tea_app(topmail)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in doctor(app, color=True).output
    assert "\x1b[" not in doctor(app).output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in doctor(app, color=True).output


def test_programs_get_the_same_as_json(topmail: Sandbox) -> None:
    answer = json.loads(doctor(tea_app(), "--json").stdout)
    assert answer["ok"] is False
    assert answer["findings"][0] == {
        "check": "key",
        "level": "error",
        "what": "There is no API key: nothing is sent.",
        "fix": "Set TOPMAIL_API_KEY, or try: flask topmail sandbox",
        "details": [],
    }
    assert json.loads(doctor(tea_app(topmail), "--json").stdout)["ok"] is True


def test_the_page_of_the_doctor_names_every_check() -> None:
    page = Path(__file__).parents[2] / "docs/how-to/checking.md"
    named = re.findall(r"^\| `([a-z ]+)` \| [A-Z].*\?", page.read_text(), re.MULTILINE)
    assert named == [name_of(check) for check in CHECKS]
