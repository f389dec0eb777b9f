"""``python -m example_store.demo``, as somebody runs it in a terminal."""

from __future__ import annotations

import contextlib
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
import requests

from example_store.demo_shoppers import DEMO_SHOPPERS
from tests.example_store.browser import eventually

ROOT = Path(__file__).parent.parent.parent
LIMIT = 40.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def demo(shop: int | str, sandbox: int | str, instance: Path) -> Iterator[subprocess.Popen[str]]:
    settings = {"PORT": str(shop), "SANDBOX_PORT": str(sandbox), "INSTANCE_PATH": str(instance)}
    running = subprocess.Popen(
        [sys.executable, "-m", "example_store.demo"],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize("stopping", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_starts_both_says_what_to_do_and_stops_both(
    tmp_path: Path, stopping: signal.Signals
) -> None:
    shop, sandbox = free_port(), free_port()
    with demo(shop, sandbox, tmp_path) as running:
        assert running.stdout is not None
        told = ""
        while "Ctrl-C stops both" not in told:
            line = running.stdout.readline()
            assert line, running.communicate()[1]
            told += line
        assert f"http://127.0.0.1:{shop}" in told
        assert f"http://127.0.0.1:{sandbox}" in told
        assert DEMO_SHOPPERS[0].password in told
        look(f"http://127.0.0.1:{shop}")
        views = f"http://127.0.0.1:{sandbox}/_sandbox/views"
        eventually(lambda: "LR-104" in requests.get(views, timeout=5).text)
        running.send_signal(stopping)
        rest, complaints = running.communicate(timeout=LIMIT)
    assert running.returncode == 0
    assert "Both have stopped." in rest
    assert complaints == ""
    assert not is_open(shop)
    assert not is_open(sandbox)


def look(shop: str) -> None:
    browser = requests.Session()
    browser.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"
    page = browser.get(f"{shop}/log-in", timeout=5).text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    known = DEMO_SHOPPERS[0]
    form = {"csrf_token": token[1], "email": known.email, "password": known.password}
    assert "Hello" in browser.post(f"{shop}/log-in", data=form, timeout=5).text
    assert browser.get(f"{shop}/products/bud-vase", timeout=5).status_code == 200
    browser.close()


def test_a_sandbox_that_dies_is_said_with_the_line_that_brings_it_back(tmp_path: Path) -> None:
    shop, sandbox = free_port(), free_port()
    with demo(shop, sandbox, tmp_path) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        line = ""
        while "Ctrl-C stops both" not in line:
            line = running.stdout.readline()
            assert line, running.communicate()[1]
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text("ascii")
        os.kill(int(children.split()[0]), signal.SIGKILL)
        said = ""
        while "--contacts" not in said:
            line = running.stderr.readline()
            assert line, "the demo has ended"
            said += line
        assert "The sandbox has ended (status -9)." in said
        assert f"-m topmail_flask.sandbox --port {sandbox} " in said
        assert is_open(shop)
        running.send_signal(signal.SIGINT)
        assert running.wait(LIMIT) == 0


@pytest.mark.parametrize("taken", [["PORT"], ["SANDBOX_PORT"], ["PORT", "SANDBOX_PORT"]])
def test_taken_ports_are_one_line_with_a_fix_that_works(tmp_path: Path, taken: list[str]) -> None:
    ports = {"PORT": free_port(), "SANDBOX_PORT": free_port()}
    with contextlib.ExitStack() as squatters:
        for variable in taken:
            squatter = squatters.enter_context(socket.socket())
            squatter.bind(("127.0.0.1", ports[variable]))
            squatter.listen()
        with demo(ports["PORT"], ports["SANDBOX_PORT"], tmp_path) as running:
            _, complaint = running.communicate(timeout=LIMIT)
        assert running.returncode == 1
        assert complaint.count("\n") == 1
        for variable in taken:
            assert f"Port {ports[variable]} is taken" in complaint
        fix = re.search(r"PORT=(\d+) SANDBOX_PORT=(\d+) make demo\n$", complaint)
        assert fix is not None
        offered = {"PORT": int(fix[1]), "SANDBOX_PORT": int(fix[2])}
        for variable, port in offered.items():
            assert (port == ports[variable]) is (variable not in taken)
            assert not is_open(port)


def test_one_port_for_both_is_one_line_with_a_fix(tmp_path: Path) -> None:
    port = free_port()
    with demo(port, port, tmp_path) as running:
        _, complaint = running.communicate(timeout=LIMIT)
    assert running.returncode == 1
    assert complaint.count("\n") == 1
    assert re.search(rf"PORT={port} SANDBOX_PORT=(?!{port} )\d+ make demo$", complaint.strip())


@pytest.mark.parametrize("port", ["http", "0", "99999", "-1"])
def test_a_port_that_is_none_is_one_line_too(tmp_path: Path, port: str) -> None:
    with demo(port, free_port(), tmp_path) as running:
        _, complaint = running.communicate(timeout=LIMIT)
    assert running.returncode == 1
    assert complaint == f"PORT must be a number from 1 to 65535, and is {port!r}.\n"
