"""The doctor sees how the store is served: by what runs beside it, and by what is written down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.examined import found, tea_app
from topmail_flask.cli.doctor_store import Finding
from topmail_flask.sandbox import Sandbox

WSGI = b"""
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"ready"]

def when_ready(server):
    print("ready", flush=True)
"""


@pytest.fixture
def topmail() -> Sandbox:
    """Never started: nobody is asked here."""
    return Sandbox()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("GUNICORN_CMD_ARGS", raising=False)
    (tmp_path / "shop").mkdir()
    return tmp_path / "shop"


def finding_of(
    topmail: Sandbox, place: Path, proc: Path | None = None, **config: object
) -> Finding:
    return found(
        tea_app(topmail, config),
        "server",
        surroundings=place,
        proc=proc or place / "no-proc",
    )


def running(place: Path, *words: str, cwd: Path | None = None) -> Path:
    """A /proc with one process in it."""
    process = place.parent / "proc/812"
    process.mkdir(parents=True)
    (process / "cmdline").write_bytes("\0".join((*words, "")).encode())
    (process / "cwd").symlink_to(cwd or place)
    return process.parent


def test_a_store_whose_server_is_not_seen_is_told_so(topmail: Sandbox, place: Path) -> None:
    finding = finding_of(topmail, place)
    assert (finding.level, "No server is seen" in finding.what) == ("ok", True)


@pytest.mark.parametrize(
    ("name", "text", "level", "said"),
    [
        ("Procfile", "web: gunicorn -w 4 shop:app\n", "ok", "gunicorn (Procfile)"),
        ("Procfile", "web: gunicorn --preload shop:app\n", "ok", "preloading is fine"),
        ("Procfile", "web: gunicorn -k gevent --preload shop:app\n", "warning", "before gevent"),
        ("Procfile", "web: waitress-serve shop:app\n", "ok", "waitress (Procfile)"),
        ("gunicorn.conf.py", "preload_app = False\nworker_class = 'gevent'", "ok", "gunicorn"),
        ("gunicorn.conf.py", "preload_app = True\nworker_class = 'gevent'", "warning", "gevent"),
        (
            "gunicorn.conf.py",
            "import gevent.monkey as m\nm.patch_all()\npreload_app = True\nworker_class = 'gevent'",
            "ok",
            "gunicorn",
        ),
        ("shop.ini", "[uwsgi]\nenable-threads = true\n", "ok", "uwsgi (shop.ini)"),
        ("shop.ini", "[uwsgi]\nenable-threads = true\ngevent = 100\n", "warning", "patching"),
        (
            "shop.ini",
            "[uwsgi]\nthreads = 2\ngevent = 100\ngevent-monkey-patch = true\n",
            "ok",
            "uwsgi",
        ),
        ("alembic.ini", "[alembic]\nscript_location = alembic\n", "ok", "No server is seen"),
    ],
)
def test_what_is_written_down_is_read(
    topmail: Sandbox, place: Path, name: str, text: str, level: str, said: str
) -> None:
    (place / name).write_text(text)
    finding = finding_of(topmail, place)
    assert (finding.level, said in finding.what) == (level, True), finding


def test_uwsgi_without_threads_is_a_warning_unless_it_has_them_by_default(
    topmail: Sandbox, place: Path
) -> None:
    from importlib import metadata

    from packaging.version import Version

    proc = running(place, "uwsgi", "--http", ":8000", "--module", "shop:app")
    finding = finding_of(topmail, place, proc)
    try:
        by_default = Version(metadata.version("uwsgi")) >= Version("2.0.27")
    except metadata.PackageNotFoundError:
        by_default = False
    assert finding.level == ("ok" if by_default else "warning")
    if not by_default:
        assert "drain --follow" in finding.fix


def test_a_server_that_runs_elsewhere_is_another_stores(topmail: Sandbox, place: Path) -> None:
    proc = running(place, "/usr/bin/gunicorn", "other:app", cwd=place.parent)
    assert "No server is seen" in finding_of(topmail, place, proc).what


def test_an_editor_of_the_servers_file_is_no_server(topmail: Sandbox, place: Path) -> None:
    proc = running(place, "vim", "gunicorn.conf.py")
    assert "No server is seen" in finding_of(topmail, place, proc).what


def test_a_real_gunicorn_beside_the_store_is_seen(topmail: Sandbox, place: Path) -> None:
    (place / "served.py").write_bytes(WSGI)
    words = ["-m", "gunicorn", "-c", "served.py", "-k", "gevent", "--preload", "-b", "127.0.0.1:0"]
    words += ["--graceful-timeout", "0"]
    with subprocess.Popen(
        [sys.executable, *words, "served:app"],
        cwd=place,
        env=os.environ | {"GUNICORN_CMD_ARGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            finding = finding_of(topmail, place, Path("/proc"))
        finally:
            server.terminate()
    assert finding.level == "warning"
    assert finding.what.startswith("gunicorn (process ")
    assert "before gevent patches it" in finding.what


@pytest.mark.parametrize(
    ("variable", "platform"),
    [("AWS_LAMBDA_FUNCTION_NAME", "AWS Lambda"), ("K_SERVICE", "Cloud Run"), ("", "Zappa")],
)
def test_a_platform_that_freezes_processes_is_known_and_repaired_by_one_setting(
    topmail: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch, variable: str, platform: str
) -> None:
    if variable:
        monkeypatch.setenv(variable, "store")
    else:
        (place / "zappa_settings.json").write_text("{}")
    finding = finding_of(topmail, place)
    assert (finding.level, platform in finding.what) == ("warning", True)
    assert "TOPMAIL_SEND_BEFORE_ANSWER" in finding.fix
    finding = finding_of(topmail, place, TOPMAIL_SEND_BEFORE_ANSWER=2)
    assert (finding.level, "up to 2 s" in finding.what) == ("ok", True)


@pytest.mark.parametrize(
    ("first", "then", "level"),
    [
        (
            "import requests, topmail_flask",
            "from gevent import monkey; monkey.patch_all()",
            "warning",
        ),
        ("from gevent import monkey; monkey.patch_all()", "import topmail_flask", "ok"),
    ],
)
def test_a_store_that_gevent_patches_late_is_told_so(
    place: Path, first: str, then: str, level: str
) -> None:
    store = (
        f"{first}\n{then}\nfrom flask import Flask\napp = Flask('s')\ntopmail_flask.TopMail(app)"
    )
    (place / "store.py").write_text(store)
    told = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "store", "topmail", "doctor", "--json"],
        cwd=place,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        check=False,
    )
    findings = {finding["check"]: finding for finding in json.loads(told.stdout)["findings"]}
    assert findings["server"]["level"] == level, findings["server"]
