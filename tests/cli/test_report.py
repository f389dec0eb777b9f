"""``flask topmail report``: all that helps, and nothing that must not leave the shop."""

from __future__ import annotations

import configparser
import json
import re
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.examined import tea_app
from tests.cli.operated import ANN, BOB, OperatedStore
from tests.servers.server import ROOT
from topmail_flask.core import core_of
from topmail_flask.sandbox import Sandbox

PARTS = {"versions", "settings", "hooks", "doctor", "stats", "health", "routes"}


def parts(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as bundle:
        return {
            name.removesuffix(".json"): json.loads(bundle.read(name)) for name in bundle.namelist()
        }


def everything(path: Path) -> str:
    with zipfile.ZipFile(path) as bundle:
        return "\n".join(bundle.read(name).decode() for name in bundle.namelist())


def test_the_report_tells_what_a_helper_asks_for(operated: OperatedStore, tmp_path: Path) -> None:
    operated.looks(1, 2)
    path = tmp_path / "report.zip"
    said = operated.run("report", "--output", str(path))
    assert str(path) in said
    told = parts(path)
    assert set(told) == PARTS
    assert told["versions"]["topmail-flask"]
    assert told["settings"]["TOPMAIL_DELIVERY"] == "worker"
    assert told["hooks"]["shopper_loader"].endswith("<lambda>")
    assert told["stats"]["pending"] == 2
    assert told["stats"]["balanced"] is True
    assert told["health"]["state"] == "healthy"
    assert {finding["check"] for finding in told["doctor"]["findings"]} >= {
        "key",
        "reach",
        "outbox",
    }
    assert {"route": "/tea/<slug>", "endpoint": "tea", "views": "by template: product"} in told[
        "routes"
    ]


def test_no_secret_no_address_and_no_product_is_in_it(
    operated: OperatedStore, topmail: Sandbox, tmp_path: Path
) -> None:
    operated.looks(71_001, 71_002, shopper=ANN)
    operated.run("drain")
    operated.looks(71_003, shopper=BOB)
    operated.run("drain")
    proxy = "http://proxyuser:proxypass@127.0.0.1:9"
    for setting in ("TOPMAIL_PROXY", "UNUSED"):
        path = tmp_path / f"{setting}.zip"
        operated.run("report", "--output", str(path), **{setting: proxy})  # type: ignore[arg-type]
        text = everything(path)
        assert len(text) > 2000
        for secret in (topmail.api_key, "sandbox_full", "proxyuser", "proxypass", ANN, BOB):
            assert secret not in text
        assert not re.search(r"7100\d|Green tea", text), "products"
        assert not re.search(r"[\w.]+@[\w.]+", text), "anybody's address"
        for view in topmail.views:
            assert view["contact_id"] not in text
    assert parts(tmp_path / "TOPMAIL_PROXY.zip")["settings"]["TOPMAIL_PROXY"] == "****"


def test_pages_that_were_looked_at_are_counted_and_not_named(
    topmail: Sandbox, tmp_path: Path
) -> None:
    app = tea_app(topmail, {"SERVER_NAME": "tea.shop", "SECRET_KEY": "s3cret-of-the-shop"})
    path = tmp_path / "report.zip"
    result = app.test_cli_runner().invoke(args=["topmail", "report", "--output", str(path)])
    assert result.exit_code == 0, result.output
    text = everything(path)
    assert "2 looked at; each shows a product." in text
    assert "/tea/a" not in text
    assert "s3cret" not in text


def test_the_users_name_in_a_path_is_left_out(
    topmail: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    app = tea_app(topmail, {"TOPMAIL_OUTBOX": str(tmp_path / "shop/outbox")})
    core_of(app).hooks.exclude.append(lambda: False)
    path = tmp_path / "report.zip"
    app.test_cli_runner().invoke(args=["topmail", "report", "--output", str(path)])
    assert parts(path)["settings"]["TOPMAIL_OUTBOX"] == "~/shop/outbox"
    assert str(tmp_path) not in everything(path)


def test_only_its_owner_may_read_it_and_no_file_is_written_over(
    topmail: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tea_app(topmail).test_cli_runner().invoke
    assert run(args=["topmail", "report"]).exit_code == 0
    (path,) = tmp_path.glob("topmail-report-*.zip")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    again = run(args=["topmail", "report", "--output", str(path)])
    assert (again.exit_code, "exists already" in again.output) == (1, True)
    assert path.read_bytes() == before
    nowhere = run(args=["topmail", "report", "--output", str(tmp_path / "no/where.zip")])
    assert (nowhere.exit_code, "cannot be written" in nowhere.output) == (1, True)


def test_a_store_without_a_key_can_be_reported_as_well(tmp_path: Path) -> None:
    path = tmp_path / "report.zip"
    result = tea_app().test_cli_runner().invoke(args=["topmail", "report", "--output", str(path)])
    assert result.exit_code == 0, result.output
    assert parts(path)["doctor"]["ok"] is False


def test_who_ran_it_is_told_whom_to_send_it_to(operated: OperatedStore, tmp_path: Path) -> None:
    written = configparser.ConfigParser()
    written.read(ROOT / "setup.cfg", encoding="utf-8")
    said = operated.run("report", "--output", str(tmp_path / "report.zip")).split()
    assert written["metadata"]["url"] + "/issues" in said
