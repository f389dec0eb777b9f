"""Health: the same answer in every process of the machine, in the state that matters most."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.delivery.entry_making import NOW, entry, fill, journal, outbox
from topmail_flask.delivery.held_files import hold
from topmail_flask.delivery.lock_holders import silent_for
from topmail_flask.delivery.reports import Standing
from topmail_flask.delivery.standing import health_of
from topmail_flask.domain.ledger import Health

HOLDER = """
import os, sys
from pathlib import Path
from topmail_flask.delivery.held_files import hold
lock = hold(Path(sys.argv[1]))
os.utime(lock.fd, (int(sys.argv[2]),) * 2)
print("held", flush=True)
sys.stdin.read()
"""


def health(
    *, stuck_for: float = 0.0, degraded: str = "", pending: int = 1, **told: object
) -> Health:
    standing = Standing(**told)  # type: ignore[arg-type]
    return health_of(standing, degraded=degraded, stuck_for=stuck_for, pending=pending, now=NOW)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("healthy", {}),
        ("healthy", {"oldest_pending": NOW - 299}),
        ("healthy", {"oldest_pending": NOW - 999, "last_success": NOW - 9}),
        ("healthy", {"oldest_pending": NOW - 999, "pending": 0}),
        ("blackout", {"oldest_pending": NOW - 301}),
        ("blackout", {"oldest_pending": NOW - 999, "last_success": NOW - 301}),
        ("paused", {"pause_reason": "rate_limited", "paused_until": NOW + 60}),
        ("paused", {"pause_reason": "unauthorized", "paused_until": NOW - 9}),
        ("healthy", {"pause_reason": "unauthorized", "paused_until": NOW - 61}),
        ("blackout", {"pause_reason": "unauthorized", "oldest_pending": NOW - 301}),
        ("degraded", {"degraded": "No space left on device"}),
        ("paused", {"degraded": "x", "pause_reason": "tls", "paused_until": NOW + 9}),
        ("stuck", {"stuck_for": 31.0, "pause_reason": "tls", "paused_until": NOW + 9}),
    ],
)
def test_the_state_that_matters_most_is_told(state: str, told: dict[str, object]) -> None:
    """F183, F184"""
    one = health(**told)  # type: ignore[arg-type]
    assert one.state == state
    assert one.ok is (state == "healthy")
    assert bool(one.reason) is (state != "healthy")


def test_a_pause_is_told_with_its_end_and_its_cure_also_when_it_is_a_blackout() -> None:
    one = health(pause_reason="forbidden", paused_until=NOW + 99, oldest_pending=NOW - 900)
    assert (one.state, one.reason, one.until) == ("blackout", "forbidden", NOW + 99)
    assert "permission" in one.cure
    assert one.oldest_pending == 900


def test_what_nobody_has_brought_into_the_books_waits_all_the_same(tmp_path: Path) -> None:
    """F184: a store whose sender was never started."""
    directory = tmp_path / "box"
    books, written = outbox(directory), journal(directory)
    assert written.append(entry(1, at=NOW - 400))
    assert written.append(entry(2))
    assert books.standing().oldest_pending == NOW - 400
    fill(books, [entry(3, at=NOW - 100)])
    assert books.standing().oldest_pending == NOW - 400
    while books.import_journals().more:
        pass
    assert books.standing().oldest_pending is not None
    written.close()
    books.close()


def test_a_silent_holder_of_the_lock_is_seen_by_others_and_a_dead_one_is_none(
    tmp_path: Path,
) -> None:
    """F199: nothing is opened, so that no lock of the asking process falls."""
    lock = tmp_path / "leader.lock"
    assert silent_for(lock) is None
    command = [sys.executable, "-c", HOLDER, str(lock), str(int(time.time()) - 90)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        silent = silent_for(lock)
        assert silent is not None
        assert 89 <= silent < 120
        other.kill()
    assert silent_for(lock) is None
    ours = hold(lock)
    assert ours is not None
    ours.touch()
    assert (silent_for(lock) or 0.0) < 30
    assert ours.in_place
    probe = "from topmail_flask.delivery.held_files import hold\nfrom pathlib import Path\n"
    probe += f"print(hold(Path({str(lock)!r})))"
    assert subprocess.check_output([sys.executable, "-c", probe]) == b"None\n", "still ours"
    ours.release()


def test_a_machine_that_does_not_tell_its_locks_is_no_reason_to_worry(tmp_path: Path) -> None:
    lock = hold(tmp_path / "leader.lock")
    assert lock is not None
    assert silent_for(tmp_path / "leader.lock", tmp_path / "no-locks") is None
    lock.release()
