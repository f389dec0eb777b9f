"""Looking at couriers and at the processes of the stores that they work for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from topmail_flask.delivery.lock_holders import Holder, holder
from topmail_flask.sandbox import Sandbox

LIMIT = 20.0


def until(reached: Callable[[], bool], what: str, limit: float = LIMIT) -> float:
    """Wait for a state of the world outside; returns the seconds that it took."""
    begin = time.monotonic()
    while not reached():
        assert time.monotonic() - begin < limit, f"waited {limit} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begin


def leader(place: Path) -> Holder | None:
    """The courier that leads, in the one directory below ``place``."""
    return next(filter(None, map(holder, place.glob("*/leader.lock"))), None)


def leading(place: Path, other_than: int = 0) -> int:
    """The id of the courier, once there is one that has shown life."""

    def there() -> bool:
        found = leader(place)
        return found is not None and found.beat is not None and found.pid != other_than

    until(there, "no courier leads")
    found = leader(place)
    assert found is not None
    return found.pid


def couriers(place: Path) -> list[int]:
    """All processes that run a courier and have a file below ``place`` open."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"topmail_flask.delivery.courier" not in (process / "cmdline").read_bytes():
                continue
            files = [os.readlink(file) for file in (process / "fd").iterdir()]
        except OSError:
            continue
        if any(file.startswith(str(place)) for file in files):
            found.append(int(process.name))
    return found


def state(pid: int) -> str:
    """``R``, ``S``, ``T``, ``Z`` … or "" when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


class StoreProcess:
    """One process of a store."""

    def __init__(self, place: Path, sandbox: Sandbox, **env: str) -> None:
        words = ["-m", "tests.delivery.process_store", str(place), sandbox.base_url]
        self.popen = subprocess.Popen(
            [sys.executable, *words, sandbox.api_key],
            env=os.environ | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, line: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()

    def hear(self, line: str) -> None:
        """Return when it has said so."""
        assert self.popen.stdout is not None
        assert line in iter(lambda: self.popen.stdout.readline().strip(), ""), line  # type: ignore[union-attr]

    def view(self, product: str) -> None:
        self.say(f"view {product}")
        self.hear(f"accepted {product}")

    def end(self) -> None:
        self.popen.communicate(timeout=LIMIT)
        assert self.popen.returncode == 0

    def kill(self) -> None:
        self.popen.kill()
        self.popen.communicate()
