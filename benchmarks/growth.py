"""What grows while TopMail cannot be reached, and how fast a backlog leaves when it can again.

``python -m benchmarks.growth [--quick]``. One process, the leader in a thread of it.
"""

from __future__ import annotations

import json
import logging
import resource
import sqlite3
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from benchmarks import measuring
from benchmarks.callers import KEY, delivery, view
from benchmarks.sink import running
from topmail_flask import Settings
from topmail_flask.delivery.delivery import Delivery, Shop

VIEWS = measuring.sized(1_000_000, 10_000, 500)
BACKLOG = measuring.sized(100_000, 2_000, 200)
STEPS = 10
DEAD = "http://127.0.0.1:9"
MOST_RSS, MOST_BYTES, MOST_AFTER = 32.0, 70.0, 1.0
UNREAD = 2_500
"""Views from which on the shoppers wait for the leader: no store has 20,000 a second."""


def megabytes(place: Path) -> float:
    total = 0
    for one in place.rglob("*"):
        with suppress(OSError):
            status = one.stat()
            total += status.st_blocks * 512  # an imported part of a journal is a hole or zeros
    return total / 1e6


def imported(place: Path) -> int:
    """Views that the leader has taken over from the journals."""
    try:
        file = next(place.rglob("outbox.sqlite3"))
        with closing(sqlite3.connect(file)) as outbox:
            (found,) = outbox.execute("SELECT n FROM counts WHERE name = 'accepted'").fetchone()
            return int(found)
    except (StopIteration, TypeError, sqlite3.Error):
        return 0  # not begun yet


def resident() -> float:
    """Megabytes of memory of this process."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize() / 1e6


def outage() -> list[list[float]]:
    """After each tenth: p50 and p99 of the request's CPU in us, RSS and files in MB."""
    found = []
    with tempfile.TemporaryDirectory() as outbox:
        place = Path(outbox)
        settings = Settings(api_key=KEY, base_url=DEAD)  # type: ignore[arg-type]
        made = Delivery(settings, Shop("g", b"growth" * 8), place)
        number = 0
        for _ in range(STEPS):
            taken = []
            for _ in range(VIEWS // STEPS):
                one = view(number)
                number += 1
                start = time.thread_time_ns()
                made.accept(one)
                taken.append((time.thread_time_ns() - start) / 1e3)
                if number % 500 == 0:
                    while number - imported(place) > UNREAD:
                        time.sleep(0.05)
            p50, p99 = (measuring.quantile(taken, share) for share in (0.5, 0.99))
            found.append([p50, p99, resident(), megabytes(place)])
        made.close()
    return found


def drain() -> list[float]:
    """Views a second of a backlog that leaves, CPU of each in us, and MB of the files after it."""
    with running() as sink, delivery(sink, senders=8) as made:
        cpu, mine, start = time.process_time(), time.thread_time(), time.perf_counter()
        for number in range(BACKLOG):
            made.accept(view(number))
        mine = time.thread_time() - mine
        if not made.flush(300):
            raise SystemExit(f"not drained: {made.health()}")
        took = time.perf_counter() - start
        used = time.process_time() - cpu - mine
        assert made._directory is not None
        end = time.monotonic() + 10
        while megabytes(made._directory) > MOST_AFTER and time.monotonic() < end:
            time.sleep(0.2)
        return [BACKLOG / took, used / BACKLOG * 1e6, megabytes(made._directory)]


def main() -> None:
    logging.disable()
    if "--once" in sys.argv:
        print(json.dumps(drain() if "drain" in sys.argv else outage()))
        return
    steps = measuring.in_fresh_process("benchmarks.growth", "outage")
    rate, used, left = measuring.in_fresh_process("benchmarks.growth", "drain")
    rows = [((at + 1) * VIEWS // STEPS, *step) for at, step in enumerate(steps)]
    measuring.table(
        f"{VIEWS:,} views, TopMail dead",
        ["views", "CPU of a view p50, us", "p99, us", "RSS, MB", "files, MB"],
        rows,
    )
    first, last = steps[0], steps[-1]
    spread = measuring.middle([step[0] for step in steps])[1] / first[0]
    verdicts = [
        ("RSS grows after the first tenth, MB", last[2] - first[2], MOST_RSS, 0.0),
        ("files at the most, MB", max(step[3] for step in steps), MOST_BYTES, 0.0),
        ("files after a drain, MB", left, MOST_AFTER, 0.0),
        ("CPU of a view, last tenth of the first's", last[0] / first[0], 1.2, spread),
    ]
    told = [
        (name, value, goal, measuring.judged(value, goal, margin, name))
        for name, value, goal, margin in verdicts
    ]
    told += [
        (f"drain of {BACKLOG:,}: views/s", rate, "", ""),
        ("drain: us of CPU a view", used, "", ""),
    ]
    measuring.table("Growth", ["what", "measured", "goal", "verdict"], told)
    bars = {f"{(at + 1) * VIEWS // STEPS:,} views": step[3] for at, step in enumerate(steps)}
    measuring.plot("Files of the outbox while TopMail is dead", "MB", bars, "")
    measuring.write("growth", {"steps": steps, "drain": [rate, used, left]})


if __name__ == "__main__":
    main()
