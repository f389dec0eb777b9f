"""What the extension adds to a request, beside the same store without it.

``python -m benchmarks.request_cost [--quick] [words of the cases]``
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from flask import Flask

from benchmarks import measuring
from benchmarks.store import CHROME, GOOGLEBOT, make_store, requests_to, serve

HOMES = ("worker", "background")
# name: path ("N": a product not yet seen), who asks, and the goal in us of CPU at p50.
ONLY = [one for one in sys.argv[1:] if not one.startswith("-") and one not in HOMES]
CASES: dict[str, tuple[str, str, float | None]] = {
    "tracked: template variable": ("/p/N", "shopper", 30.0),
    "tracked: variable, JSON-LD beside it": ("/described/N", "shopper", 30.0),
    "tracked: JSON-LD alone": ("/markup/N", "shopper", None),
    "tracked: variable, first look at each": ("/p/NEW", "shopper", None),
    "tracked: JSON-LD, first look at each": ("/markup/NEW", "shopper", None),
    "tracked, nobody else reads the log-in": ("/quiet/N", "shopper", None),
    "repeat of a product": ("/p/7", "shopper", None),
    "no product: listing": ("/c/shoes", "shopper", 10.0),
    "no product: listing with JSON-LD": ("/d/shoes", "shopper", None),
    "anonymous": ("/p/N", "nobody", 10.0),
    "anonymous, JSON-LD alone": ("/markup/N", "nobody", 10.0),
    "robot": ("/p/N", "robot", 10.0),
    "robot, JSON-LD alone": ("/markup/N", "robot", 10.0),
    "static file": ("/static/store.css", "nobody", 10.0),
    "JSON endpoint": ("/json", "shopper", 10.0),
}
if ONLY:
    CASES = {name: case for name, case in CASES.items() if any(one in name for one in ONLY)}
ROUNDS = 100 if measuring.QUICK else 600
PROCESSES = 2 if measuring.QUICK else 9


def once(home: str) -> dict[str, dict[str, list[float]]]:
    """p50 and p99 of each case in this process: bare, bare again, with the extension."""
    with tempfile.TemporaryDirectory() as outbox:
        place = Path(outbox)
        bare = make_store("bare", tracked=False, outbox=place)
        again = make_store("again", tracked=False, outbox=place)
        tracked = make_store("tracked", tracked=True, outbox=place, TOPMAIL_DELIVERY=home)
        figures = {}
        for case, (path, who, _) in CASES.items():

            def asker(app: Flask, path: str = path, who: str = who) -> Callable[[], object]:
                agent = GOOGLEBOT if who == "robot" else CHROME
                asked = requests_to(app, path, agent, logged_in=who == "shopper")
                return lambda: serve(app, next(asked))

            taken = measuring.in_turns(
                {"bare": asker(bare), "again": asker(again), "with": asker(tracked)}, ROUNDS
            )
            figures[case] = {
                name: [measuring.quantile(one, share) / 1_000 for share in (0.5, 0.99)]
                for name, one in taken.items()
            }
        return figures


def main() -> None:
    if "--once" in sys.argv:
        print(json.dumps(once(next(home for home in HOMES if home in sys.argv))))
        return
    runs = measuring.in_fresh_processes("benchmarks.request_cost", PROCESSES, *ONLY, "worker")
    rows, kept = [], {}
    for case, (_, _, goal) in CASES.items():
        told = [run[case] for run in runs]
        bare, _ = measuring.middle([one["bare"][0] for one in told])
        added, spread = measuring.middle([one["with"][0] - one["bare"][0] for one in told])
        noise, _ = measuring.middle([abs(one["again"][0] - one["bare"][0]) for one in told])
        p99, _ = measuring.middle([one["with"][1] / one["bare"][1] for one in told])
        verdict = measuring.met(added, goal, max(spread, noise)) if goal else ""
        rows.append((case, bare, added, spread, noise, 1 + added / bare, p99, goal or "", verdict))
        kept[case] = {
            "bare_us": bare, "added_us": added, "spread_us": spread, "bare/bare_us": noise,
            "ratio_p50": 1 + added / bare, "ratio_p99": p99, "goal_us": goal,
        }  # fmt: skip
    heads = ["request", "bare", "added", "+-", "bare/bare", "x p50", "x p99", "goal", "verdict"]
    measuring.table("CPU of a request at p50, us", heads, rows)
    measuring.write("request_cost", {"cases": kept})


if __name__ == "__main__":
    main()
