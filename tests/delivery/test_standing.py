"""Health: the same answer in every process of the machine, in the state that matters most."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.delivery.entry_making import NOW, entry, fill, journal, outbox
from tests.delivery.programs import Machine, heard
from topmail_flask.delivery.files import hold, seconds_since_heartbeat
from topmail_flask.delivery.health import DeliveryState, health_of
from topmail_flask.model.ledger import Health

HOLDER = """
import os, sys
from pathlib import Path
from topmail_flask.delivery.files import hold
lock = hold(Path(sys.argv[1]))
os.utime(lock.fd, (int(sys.argv[2]),) * 2)
print("held", flush=True)
sys.stdin.read()
"""


def health(
    *, stuck_for: float = 0.0, degraded: str = "", pending: int = 1, **told: object
) -> Health:
    standing = DeliveryState(**told)  # type: ignore[arg-type]
    return health_of(standing, degraded=degraded, stuck_for=stuck_for, pending=pending, now=NOW)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("healthy", {}),
        ("healthy", {"oldest_pending": NOW - 299}),
        ("healthy", {"oldest_pending": NOW - 999, "last_success": NOW - 9}),
        ("healthy", {"oldest_pending": NOW - 999, "pending": 0}),
        ("not_delivering", {"oldest_pending": NOW - 301}),
        ("not_delivering", {"oldest_pending": NOW - 999, "last_success": NOW - 301}),
        ("paused", {"pause_reason": "rate_limited", "paused_until": NOW + 60}),
        ("paused", {"pause_reason": "unauthorized", "paused_until": NOW - 9}),
        ("healthy", {"pause_reason": "unauthorized", "paused_until": NOW - 61}),
        ("paused", {"pause_reason": "x", "paused_until": NOW - 61, "oldest_pending": NOW - 299}),
        ("not_delivering", {"pause_reason": "unauthorized", "oldest_pending": NOW - 301}),
        ("degraded", {"degraded": "No space left on device"}),
        ("paused", {"degraded": "x", "pause_reason": "tls", "paused_until": NOW + 9}),
        ("stuck", {"stuck_for": 31.0, "pause_reason": "tls", "paused_until": NOW + 9}),
    ],
)
def test_the_state_that_matters_most_is_told(state: str, told: dict[str, object]) -> None:
    """F183, F184"""
    answer = health(**told)  # type: ignore[arg-type]
    assert answer.state == state
    assert answer.ok is (state == "healthy")
    assert bool(answer.reason) is (state != "healthy")


def test_a_pause_is_told_with_its_end_and_its_fix_also_when_nothing_is_delivered() -> None:
    answer = health(pause_reason="forbidden", paused_until=NOW + 99, oldest_pending=NOW - 900)
    assert (answer.state, answer.reason, answer.until) == ("not_delivering", "forbidden", NOW + 99)
    assert "permission" in answer.fix
    assert answer.oldest_pending == 900


def test_what_nobody_has_brought_into_the_books_waits_all_the_same(tmp_path: Path) -> None:
    """F184: a store whose sender was never started."""
    directory = tmp_path / "box"
    books, written = outbox(directory), journal(directory)
    assert written.append(entry(1, at=NOW - 400))
    assert written.append(entry(2))
    assert books.state().oldest_pending == NOW - 400
    fill(books, [entry(3, at=NOW - 100)])
    assert books.state().oldest_pending == NOW - 400
    while books.import_journals().more:
        pass
    assert books.state().oldest_pending is not None
    written.close()
    books.close()


UNTHREADED = """
import sys, types
sys.modules["uwsgi"] = types.SimpleNamespace(opt={"master": True}, version_info=(2, 0, 21, 0, b""))
"""
LATER = """
look(1)
now = Delivery(
    Settings(**json.loads(os.environ["SETTINGS"])), Shop("shop", b"secret"),
    Path(os.environ["OUTBOX"]), clock=lambda: time.time() + AHEAD,
)
print(now.health().state, now.health().reason)
"""
LEADING = """
look(0)
while not delivery.health().reason:
    time.sleep(0.01)
say("leads")
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("first", "ahead", "delivery", "told"),
    [
        (UNTHREADED, 31, "background", "stuck the server runs no threads, and nobody else sends"),
        (UNTHREADED, 31, "worker", "healthy "),
        (UNTHREADED, 9, "background", "healthy "),
    ],
)
def test_a_server_without_threads_is_stuck_once_a_view_waits_too_long(
    tmp_path: Path, first: str, ahead: int, delivery: str, told: str
) -> None:
    """F065"""
    machine = Machine(tmp_path / "box", "http://127.0.0.1:9")
    lines = LATER.replace("AHEAD", str(ahead))
    process = machine.start(lines, first=first, delivery=delivery, shutdown_timeout=0.1)
    out, _ = process.communicate(timeout=60)
    assert out == told + "\n"


def test_where_somebody_else_sends_a_process_without_threads_is_well(tmp_path: Path) -> None:
    """F065: beside flask topmail drain --follow"""
    machine = Machine(tmp_path / "box", "http://127.0.0.1:9")
    machine.start(LEADING)
    try:
        heard(machine.started[0], "leads")
        process = machine.start(LATER.replace("AHEAD", "31"), first=UNTHREADED)
        out, _ = process.communicate(timeout=60)
        assert "threads" not in out
    finally:
        machine.stop()


def test_a_silent_holder_of_the_lock_is_seen_by_others_and_a_dead_one_is_none(
    tmp_path: Path,
) -> None:
    """F199: nothing is opened, so that no lock of the asking process falls."""
    lock = tmp_path / "leader.lock"
    assert seconds_since_heartbeat(lock) is None
    command = [sys.executable, "-c", HOLDER, str(lock), str(int(time.time()) - 90)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        silent = seconds_since_heartbeat(lock)
        assert silent is not None
        assert 89 <= silent < 120
        other.kill()
    assert seconds_since_heartbeat(lock) is None
    ours = hold(lock)
    assert ours is not None
    ours.touch()
    assert (seconds_since_heartbeat(lock) or 0.0) < 30
    assert ours.in_place
    probe = "from topmail_flask.delivery.files import hold\nfrom pathlib import Path\n"
    probe += f"print(hold(Path({str(lock)!r})))"
    assert subprocess.check_output([sys.executable, "-c", probe]) == b"None\n", "still ours"
    ours.release()


def test_a_machine_that_does_not_tell_its_locks_is_no_reason_to_worry(tmp_path: Path) -> None:
    lock = hold(tmp_path / "leader.lock")
    assert lock is not None
    assert seconds_since_heartbeat(tmp_path / "leader.lock", tmp_path / "no-locks") is None
    lock.release()
