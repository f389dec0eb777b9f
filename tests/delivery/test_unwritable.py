"""A directory that takes nothing: every process tells it, with its path and the fix."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.delivery.chaos import Chaos
from tests.delivery.entry_making import give_to_nobody, output_of
from tests.delivery.programs import Machine

TELLING = """
health = delivery.health()
say(health.state); say(health.reason); say(health.fix)
"""


def linked(outbox: Path) -> None:
    outbox.with_name("elsewhere").mkdir()
    outbox.symlink_to(outbox.with_name("elsewhere"))


def a_file(outbox: Path) -> None:
    outbox.write_text("in the way")


def of_everybody(outbox: Path) -> None:
    outbox.mkdir()
    outbox.chmod(0o777)


@pytest.mark.parametrize("harm", [linked, a_file, of_everybody])
@pytest.mark.parametrize("first", ["", "look(1)\ntime.sleep(0.2)\n"])
def test_health_tells_of_it_also_where_no_view_was_accepted(
    tmp_path: Path, chaos: Chaos, harm: Callable[[Path], None], first: str
) -> None:
    outbox = tmp_path / "outbox"
    harm(outbox)
    machine = Machine(outbox, chaos.base_url)
    process = machine.start(first + TELLING, delivery="worker")
    out, log = process.communicate(timeout=40)
    state, reason, fix = out.splitlines()
    assert state == "degraded"
    assert str(outbox) in reason
    assert fix.endswith(".")
    if first:
        assert str(outbox) in log


def test_a_read_only_file_system_is_told_with_its_path(tmp_path: Path, chaos: Chaos) -> None:
    """F082: root may write anywhere but there."""
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "ro", "none", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("root mounts a read-only file system")
    outbox = tmp_path / "outbox"
    outbox.mkdir(mode=0o700)
    machine = Machine(outbox, chaos.base_url)
    mounted = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None)\n"
        "assert libc.unshare(0x20000) == 0\n"
        "assert libc.mount(b'none', b'/', None, 0x44000, None) == 0\n"
        f"assert libc.mount(b'none', {str(outbox).encode()!r}, b'tmpfs', 1, b'mode=700') == 0\n"
    )
    try:
        state, reason, fix = machine.run(mounted + TELLING, delivery="worker").splitlines()
    finally:
        machine.stop()
    assert (state, str(outbox) in reason) == ("degraded", True)
    assert "TOPMAIL_OUTBOX" in fix


@pytest.mark.parametrize("name", ["leader.lock", "outbox.sqlite3", "outbox.sqlite3-wal"])
def test_a_file_that_the_store_may_not_read_any_more_is_told(
    tmp_path: Path, chaos: Chaos, name: str
) -> None:
    give_to_nobody(tmp_path)
    machine = Machine(tmp_path / "outbox", chaos.base_url)
    lines = f"""
from topmail_flask.delivery import outbox, runners
runners._load()
os.setgroups([]), os.setgid(65534), os.setuid(65534)
look(1)
assert delivery.flush(20)
path = delivery._directory / {name!r}
path.chmod(0)
health = delivery.health()
say(health.state); say(health.reason == f"{{path}} cannot be read and written")
say(health.fix == f"chmod 600 {{path}}.")
path.chmod(0o600)
say(delivery.health().state)
"""
    process = machine.start(lines)
    out, log = process.communicate(timeout=40)
    assert out.split() == ["degraded", "True", "True", "healthy"], log


def test_an_outbox_file_that_can_only_be_read_is_told_and_memory_sends(tmp_path: Path) -> None:
    give_to_nobody(tmp_path)
    text = """
import os, sys
from pathlib import Path
from tests.delivery.entry_making import *
os.setgroups([]), os.setgid(65534), os.setuid(65534)
place, clock = Path(sys.argv[1]), Clock()
before = outbox(place, clock)
fill(before, [entry(1)])
before.close()
(place / "outbox.sqlite3").chmod(0o400)
books = outbox(place, clock)
imported(books, [entry(2)])
print(drain(books), books.file.degraded)
for file in place.glob("outbox.sqlite3*"):
    file.chmod(0o600)
clock.now += 60
imported(books, [entry(3)])
print(sorted(drain(books)), repr(books.file.degraded))
books.close()
"""
    told, mended = output_of(text, tmp_path / "outbox").splitlines()
    assert told.startswith("['key-2']")
    assert "outbox.sqlite3 is read-only. Let its user write it" in told
    assert mended == "['key-1', 'key-3'] ''"
