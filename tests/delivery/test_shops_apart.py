"""Shops that share a directory, a secret, a broker or a machine never send each other's views."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from tests.delivery.chaos import Chaos
from tests.delivery.entry_making import entry, journal
from tests.delivery.programs import Machine, heard
from tests.delivery.test_processes import products
from topmail_flask import TopMail
from topmail_flask.delivery import segments
from topmail_flask.delivery.files import account_name, app_directory, siblings
from topmail_flask.model.settings import Secret

A, B = Secret("tm_live_aaaaaaaaaaaaaaaa"), Secret("tm_live_bbbbbbbbbbbbbbbb")


def owner(site: str, secret: str = "one secret") -> bytes:
    app = Flask("shop")
    app.secret_key = secret
    TopMail(app)
    app = Flask("shop")
    app.secret_key = secret
    app.config["TOPMAIL_SITE_URL"] = site
    TopMail(app)
    found: bytes = app.extensions["topmail"].core.owner
    return found


def test_two_sites_with_one_secret_take_nothing_of_each_other(tmp_path: Path) -> None:
    a, b = owner("https://a.example"), owner("https://b.example")
    assert a != b
    ours = app_directory(tmp_path, "shop", A, owner=a)
    theirs = app_directory(tmp_path, "shop", B, owner=b)
    ours.mkdir()
    theirs.mkdir()
    assert siblings(ours) == siblings(theirs) == []


def test_a_task_names_the_shop_and_its_key(tmp_path: Path) -> None:
    a, b = owner("https://a.example"), owner("https://b.example")
    app_of_a, _, key_of_a = account_name("shop", A, a).partition("-")
    app_of_b, _, key_of_b = account_name("shop", B, b).partition("-")
    assert app_of_a != app_of_b
    assert key_of_a != key_of_b


def test_the_limit_of_waiting_journals_holds_with_thousands_of_files(tmp_path: Path) -> None:
    line = b"\n" + entry().to_line()
    tmp_path.chmod(0o700)
    for number in range(1500):
        (tmp_path / f"{number:016x}-1-{number:x}{segments.SUFFIX}").write_bytes(line * 10)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert not segments.overflows(tmp_path, size)
    assert segments.overflows(tmp_path, size - 10)
    late = journal(tmp_path, max_bytes=size - 10)
    assert not late.append(entry(1))
    assert "full" in late.degraded
    assert len(segments.listed(tmp_path)) == 1500


NO_MKNOD = """
import errno, os
def mknod(path, *_, **__):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(path))
os.mknod = mknod
"""


def test_a_system_without_nodes_of_plain_files_sends_all_the_same(
    tmp_path: Path, chaos: Chaos
) -> None:
    machine = Machine(tmp_path / "outbox", chaos.base_url)
    try:
        machine.run("look(1); assert delivery.flush(20)", first=NO_MKNOD)
    finally:
        machine.stop()
    assert products(chaos) == [1]


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="root makes namespaces"
)
def test_a_container_beside_the_host_waits_for_its_turn_and_takes_over(
    tmp_path: Path, chaos: Chaos
) -> None:
    """Each sees other ids of processes: the lock decides, and no id."""
    machine = Machine(tmp_path / "outbox", chaos.base_url)
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nexec unshare --pid --fork --kill-child --mount-proc {sys.executable} "$@"\n'
    )
    python.chmod(0o700)
    if subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("no namespaces of processes here")
    lines = "look({}); say('put'); delivery.flush(20); say('sent'); time.sleep(60)"
    try:
        host = machine.start(lines.format(1))
        heard(host, "sent")
        container = machine.start(lines.format(2), python=str(python))
        heard(container, "sent")
        host.kill()
        host.wait(10)
        nested = machine.start(lines.format(3), python=str(python))
        heard(nested, "sent")
    finally:
        machine.stop()
    assert products(chaos) == [1, 2, 3]
    assert len(chaos.keys) == 3
