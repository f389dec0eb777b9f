"""All benchmarks, or the named parts: ``python -m benchmarks [--quick] [--compare OLD.json] [parts]``

Each part runs in a session of its own and keeps its figures when it is done: one that fails, or an
interruption, costs no other part, and leaves no process behind.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks import measuring, report

PARTS = (
    "request_cost",
    "peers",
    "delivering",
    "store_load",
    "extraction",
    "queues",
    "brokers",
    "growth",
    "start",
    "exits",
    "scale",
)
LONGEST = {"full": 900.0, "quick": 300.0, "smallest": 300.0}
"""Seconds after which a part is given up."""


def run(part: str, size: str, scratch: str) -> bool:
    """Run one part to its end; whether it kept figures."""
    kept = measuring.PARTS / f"{part}.json"
    with suppress(OSError):
        kept.unlink()
    command = [sys.executable, "-m", f"benchmarks.{part}", f"--{size}"]
    environment = {**os.environ, "TMPDIR": scratch}
    process = subprocess.Popen(command, start_new_session=True, env=environment)
    try:
        process.wait(LONGEST[size])
    except subprocess.TimeoutExpired:
        print(f"{part}: given up after {LONGEST[size]:.0f} s", file=sys.stderr)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode == 0 and kept.is_file()


def main() -> int:
    told = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    told.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="part")
    size = told.add_mutually_exclusive_group()
    for name, sense in ("quick", "in two minutes"), ("smallest", "only to see that it works"):
        size.add_argument(f"--{name}", dest="size", action="store_const", const=name, help=sense)
    told.add_argument("--compare", type=Path, metavar="OLD.json", help="an earlier run's JSON")
    asked = told.parse_args()
    asked.size = asked.size or "full"
    wanted, failed = asked.parts or list(PARTS), list[str]()
    took: dict[str, float] = {}
    try:
        with tempfile.TemporaryDirectory(
            prefix="topmail-bench-", ignore_cleanup_errors=True
        ) as scratch:
            for part in wanted:
                start = time.monotonic()
                print(f"== {part}", flush=True)
                if not run(part, asked.size, scratch):
                    failed.append(part)
                took[part] = time.monotonic() - start
                print(f"-- {part}: {took[part]:.0f} s", flush=True)
    except KeyboardInterrupt:
        print("interrupted: the report holds what was done", file=sys.stderr)
        failed.append("what came after the interruption")
    parts = {}
    for part in PARTS:
        kept = measuring.PARTS / f"{part}.json"
        if part not in failed and kept.is_file():
            figures = json.loads(kept.read_text())
            if figures["size"] == asked.size:
                parts[part] = figures
    measuring.table("Wall time", ["part", "s"], [*took.items(), ("all", sum(took.values()))])
    measuring.table("Goals", *report.goals_table(parts))
    if asked.compare:
        measuring.table(f"Beside {asked.compare.name}", *report.comparison(parts, asked.compare))
    page, kept = report.write_report(parts, failed, time.strftime("%Y-%m-%d"))
    print(f"{page}\n{kept}")
    if failed:
        print(f"Gave no result: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
