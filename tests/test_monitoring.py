"""Health and metrics over HTTP: right in every process, quiet about people, not there unasked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from flask import Flask

from tests.cli import conftest
from tests.cli.drain_store import create_app
from tests.cli.operated import ANN, BOB, OperatedStore
from topmail_flask import TopMail
from topmail_flask.monitoring import monitoring
from topmail_flask.sandbox import Sandbox

operated, topmail = conftest.operated, conftest.topmail
ASK = """
import sys
from tests.test_monitoring import monitored
for path in ("/topmail/healthz", "/topmail/metrics"):
    print(monitored().test_client().get(path).get_data(as_text=True), end="")
"""


def monitored() -> Flask:
    app = create_app()
    app.register_blueprint(monitoring, url_prefix="/topmail")
    return app


def asked(app: Flask, path: str = "/topmail/healthz") -> tuple[int, Any]:
    answer = app.test_client().get(path)
    return answer.status_code, answer.get_json()


def metrics(app: Flask, **headers: str) -> dict[str, float]:
    answer = app.test_client().get("/topmail/metrics", headers=headers)
    assert answer.status_code == 200
    lines = [line for line in answer.get_data(as_text=True).splitlines() if line[:1] != "#"]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def busy(operated: OperatedStore) -> None:
    """Two delivered, three dead letters, one that waits."""
    operated.looks(1, 2)
    operated.looks(3, 4, 5, shopper=BOB)
    operated.run("drain")
    operated.looks(6)


def test_there_are_no_such_pages_unless_the_store_registers_them(operated: OperatedStore) -> None:
    """F173"""
    client = operated.app.test_client()
    for path in ("/healthz", "/metrics", "/topmail/healthz", "/topmail/metrics"):
        assert client.get(path).status_code == 404


def test_a_healthy_store_answers_200_with_its_counts(operated: OperatedStore) -> None:
    busy(operated)
    status, told = asked(monitored())
    assert status == 200
    assert (told["ok"], told["state"], told["reason"]) == (True, "healthy", "")
    assert [told[name] for name in ("accepted", "delivered", "dead", "pending")] == [6, 2, 3, 1]
    assert told["oldest_pending"] >= 0
    assert told["last_success"] > 0


def test_a_store_under_test_is_not_called_healthy(operated: OperatedStore) -> None:
    operated.looks(1)
    app = Flask("store under test")
    app.config.update(TESTING=True, TOPMAIL_API_KEY=operated.env["TOPMAIL_API_KEY"])
    app.config["TOPMAIL_OUTBOX"] = str(operated.place)
    topmail = TopMail(app)
    app.register_blueprint(monitoring, url_prefix="/topmail")
    said = app.test_cli_runner().invoke(args=["topmail", "outbox", "status"])
    assert said.output.startswith("status:        disabled"), said.output
    assert topmail.health(app).state == asked(app)[1]["state"] == "disabled"


def test_a_paused_delivery_answers_503_with_the_reason_the_fix_and_the_end(
    operated: OperatedStore, topmail: Sandbox
) -> None:
    operated.looks(1)
    topmail.inject_faults(script=[403] * 9)
    operated.run("drain", "--timeout", "1", status=1)
    app = monitored()
    status, told = asked(app)
    assert status == 503
    assert (told["ok"], told["state"], told["reason"]) == (False, "paused", "forbidden")
    assert told["fix"]
    values = metrics(app)
    assert values["topmail_ok"] == 0
    assert values['topmail_state{state="paused"}'] == 1
    assert values["topmail_paused_until_timestamp_seconds"] == told["until"]


def test_the_metrics_are_the_books(operated: OperatedStore) -> None:
    busy(operated)
    values = metrics(monitored())
    assert values["topmail_views_accepted_total"] == 6
    ends = {
        end: values[f'topmail_views{{end="{end}"}}'] for end in ("delivered", "dead", "pending")
    }
    assert ends == {"delivered": 2, "dead": 3, "pending": 1}
    assert values['topmail_views_not_sent{reason="contact_not_found"}'] == 3
    assert values["topmail_ok"] == 1
    assert values["topmail_oldest_pending_seconds"] >= 0
    wanted = metrics(monitored(), Accept="application/openmetrics-text; version=1.0.0")
    assert wanted["topmail_views_accepted_total"] == 6


def test_all_processes_of_the_store_tell_the_same(operated: OperatedStore) -> None:
    """Whatever each of them has seen itself: refusals of its own are not among the reasons."""
    busy(operated)
    operated.app.test_client().get("/no-such-page")
    others = [
        subprocess.Popen([sys.executable, "-c", ASK], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [other.communicate(timeout=60)[0] for other in others]
    plain = [line for line in told[0].splitlines() if "oldest_pending" not in line]
    assert len(plain) > 10
    for answer in told[1:]:
        assert [line for line in answer.splitlines() if "oldest_pending" not in line] == plain
    app = monitored()
    app.test_client().get("/no-such-page")
    here = app.test_client().get("/topmail/metrics").get_data(as_text=True)
    assert [line for line in here.splitlines() if "oldest_pending" not in line] == plain


def test_neither_page_tells_anything_about_a_shopper(operated: OperatedStore) -> None:
    """F173"""
    busy(operated)
    client = monitored().test_client()
    for path in ("/topmail/healthz", "/topmail/metrics"):
        text = client.get(path).get_data(as_text=True)
        assert not {word for word in (ANN, BOB, "shop.example", "tea") if word in text}


def test_asking_makes_no_outbox_and_counts_no_view(operated: OperatedStore) -> None:
    app = monitored()
    assert asked(app)[0] == 200
    assert metrics(app)["topmail_views_accepted_total"] == 0
    assert not operated.place.exists()


def test_without_the_library_the_metrics_say_what_to_install(
    operated: OperatedStore, tmp_path: Path
) -> None:
    (tmp_path / "prometheus_client.py").write_text("raise ImportError\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True
    ).stdout
    health, _, rest = told.partition("}")
    assert json.loads(health + "}")["state"] == "healthy"
    assert "pip install topmail-flask[prometheus]" in rest
