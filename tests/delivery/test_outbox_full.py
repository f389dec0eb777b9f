"""Disks that take nothing more, and outboxes that somebody else holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.delivery.entry_making import ROOT, Clock, output_of, program
from tests.delivery.programs import Machine

FULL = """
import os, sys
from pathlib import Path
from tests.delivery.chaos import Chaos
from tests.delivery.entry_making import *
place = Path(sys.argv[1])
place.chmod(0o700)
clock = Clock()
written, books = journal(place / "app", clock), outbox(place / "app", clock)

def use_up():
    with open(place / "ballast", "ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 1024)
        except OSError:
            pass

def free():
    (place / "ballast").unlink()
"""
IMPORTING = """
for number in range(50):
    assert written.append(entry(number))
books.import_journals()
kept = 50
use_up()
for number in range(50, 300):
    kept += written.append(entry(number))
report = books.import_journals()
assert kept < 300, kept
assert report.fault == "full" or report.imported == kept - 50, report
assert written.degraded
assert books.stats().accepted == books.stats().pending == kept
rows = books.claim(10)
assert len(rows) == 10, rows
assert books.stats().balanced
free()
clock.now += 100
assert written.append(entry(999))
import_all(books)
assert len(drain(books)) == kept + 1
assert books.stats().delivered == books.stats().accepted == kept + 1
books.close()
print("lost nothing")
"""
SETTLING = """
for number in range(120):
    assert written.append(entry(number))
import_all(books)
books.tidy()
use_up()
sent = []
for _ in range(60):
    with books.batch():
        for row in books.claim(4):
            books.delivered(row)
            sent.append(row.entry.key)
assert books._changes, "the disk took everything"
assert len(sent) == len(set(sent)) == 120, (len(sent), len(set(sent)))
stats = books.stats()
assert stats.balanced and stats.delivered == 120 and stats.pending == 0, stats
free()
clock.now += 100
assert books.claim(4) == []
assert not books._changes
assert books.stats().delivered == 120
books.close()
print("sent each once")
"""

ALONE = """
for number in range(0, 800, 4):
    for one in range(number, number + 4):
        assert written.append(entry(one)), written.degraded
    import_all(books)
    with books.batch():
        for row in books.claim(4):
            books.delivered(row)
assert not books._changes
assert books.stats().delivered == books.stats().accepted == 800
books.close()
print("no room taken from itself")
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system of 440 KB, seen by the program under test only."""
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=440k", "none", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    return tmp_path


def run_on(place: Path, text: str, size: str = "440k") -> str:
    mount = f"mount -t tmpfs -o size={size} none {place} && exec {sys.executable} -W error -c "
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{mount} "$0" {place}', text],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_a_disk_that_is_full_on_import_loses_nothing(small_disk: Path) -> None:
    # F083, F192
    assert run_on(small_disk, FULL + IMPORTING) == "lost nothing"


def test_a_disk_that_is_full_on_settling_sends_nothing_twice(small_disk: Path) -> None:
    # F084
    assert run_on(small_disk, FULL + SETTLING) == "sent each once"


def test_the_log_of_the_outbox_never_fills_a_small_disk(small_disk: Path) -> None:
    # F083, F084: there was no way out, for a log is written back to a file that has to grow
    assert run_on(small_disk, FULL + ALONE, "1500k") == "no room taken from itself"


def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path: Path) -> None:
    # F085
    text = """
import resource, sys
from pathlib import Path
from tests.delivery.chaos import Chaos
from tests.delivery.entry_making import *
books, clock = outbox(Path(sys.argv[1])), Clock()
fill(books, [entry(number) for number in range(100)])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
report = imported(books, [entry(1000 + number) for number in range(1000)])
assert report.fault == "full" and report.imported == 0, report
sent = []
for _ in range(40):
    for row in books.claim(5):
        books.delivered(row)
        sent.append(row.entry.key)
assert len(set(sent)) == len(sent) == 100
assert books.stats().delivered == 100 and books.stats().balanced
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
fill(books, [entry(5000)])
assert drain(books) == ["key-5000"]
books.close()
print("alive")
"""
    assert output_of(text, tmp_path / "box") == "alive"


def test_an_outbox_that_cannot_grow_is_told_with_its_path(machine: Machine) -> None:
    lines = """
import resource
look(1)
assert delivery.flush(20)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
for number in range(60):
    look(number)
end = time.monotonic() + 20
while delivery.health().state == "healthy" and time.monotonic() < end:
    time.sleep(0.05)
health = delivery.health()
say(health.state); say(health.reason); say(health.fix)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
assert delivery.flush(30)
say(delivery.health().state)
"""
    out, _ = machine.start(lines).communicate(timeout=60)
    state, reason, fix, later = out.splitlines()
    assert (state, later) == ("degraded", "healthy")
    assert str(machine.directory) in reason
    assert fix.startswith("Free some space")


def test_an_outbox_that_somebody_holds_delays_no_request_and_loses_nothing(tmp_path: Path) -> None:
    # F089, F090: the request appends; the leader waits a second at the most and comes again
    from tests.delivery.entry_making import drain, entry, fill, import_all, journal, outbox

    books = outbox(tmp_path / "box", Clock())
    fill(books, [entry(0)])
    text = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
held.close()
"""
    holder = program(text, tmp_path / "box" / "outbox.sqlite3", stdin=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    written = journal(tmp_path / "box")
    assert written.append(entry(1))
    assert books.import_journals().fault == "busy"
    assert books.claim(1) == []
    assert books.stats().pending == 2
    holder.communicate(timeout=10)
    import_all(books)
    assert sorted(drain(books)) == ["key-0", "key-1"]
    books.close()
