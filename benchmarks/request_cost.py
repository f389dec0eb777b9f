"""What the extension adds to a request, beside the same store without it and with Segment's client.

``python -m benchmarks.request_cost [--quick] [words of the cases]``
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import segment.analytics.client as segment
from flask import Flask
from flask_login import current_user

from benchmarks import measuring
from benchmarks.browsers import CHROME, GOOGLEBOT, requests_to, serve
from benchmarks.sink import running
from benchmarks.store import Item, make_store

HOMES = ("worker", "background")
# name: path ("N": a product that the process has shown before, "NEW": one that it has not), who
# asks, and the goal: at most this share of what Segment's client adds to a tracked page.
ONLY = [one for one in sys.argv[1:] if not one.startswith("-") and one not in HOMES]
CASES: dict[str, tuple[str, str, float | None]] = {
    "tracked: template variable": ("/p/N", "shopper", 0.5),
    "tracked: variable, JSON-LD beside it": ("/described/N", "shopper", 0.5),
    "tracked: JSON-LD alone": ("/markup/N", "shopper", 0.6),
    "tracked: variable, first view of each": ("/p/NEW", "shopper", 0.9),
    "tracked: JSON-LD, first view of each": ("/markup/NEW", "shopper", 1.4),
    "tracked, nobody else reads the log-in": ("/quiet/N", "shopper", None),
    "repeat of a product": ("/p/7", "shopper", None),
    "no product: listing": ("/c/shoes", "shopper", 0.3),
    "no product: listing with JSON-LD": ("/d/shoes", "shopper", None),
    "anonymous": ("/p/N", "nobody", 0.15),
    "anonymous, JSON-LD alone": ("/markup/N", "nobody", 0.15),
    "robot": ("/p/N", "robot", 0.15),
    "robot, JSON-LD alone": ("/markup/N", "robot", 0.15),
    "static file": ("/static/store.css", "nobody", 0.08),
    "JSON endpoint": ("/json", "shopper", 0.08),
}
if ONLY:
    CASES = {name: case for name, case in CASES.items() if any(one in name for one in ONLY)}
ROUNDS = measuring.sized(200, 60, 5)
BLOCK = 20
PROCESSES = measuring.sized(7, 1, 1)


def once(home: str) -> dict[str, dict[str, list[float]]]:
    """p50 and p99 of each case in this process: bare, bare again, with the extension, Segment's."""
    with tempfile.TemporaryDirectory() as outbox, running() as sink:
        place = Path(outbox)
        client = segment.Client("key", host=sink)

        def track(one: Item) -> None:
            if current_user.is_authenticated:
                client.track(current_user.id, "Product Viewed", as_segment_wants_it(one))

        stores = {
            "bare": make_store("bare", tracked=False, outbox=place),
            "again": make_store("again", tracked=False, outbox=place),
            "with": make_store("tracked", tracked=True, outbox=place, TOPMAIL_DELIVERY=home),
            "segment": make_store("other", tracked=False, outbox=place, peer=track),
        }
        figures = {}
        for case, (path, who, _) in CASES.items():

            def asker(app: Flask, path: str = path, who: str = who) -> Callable[[], object]:
                agent = GOOGLEBOT if who == "robot" else CHROME
                asked = requests_to(app, path, agent, logged_in=who == "shopper")
                return lambda: serve(app, next(asked))

            askers = {name: asker(app) for name, app in stores.items()}
            taken = measuring.in_turns(askers, ROUNDS, block=BLOCK)
            figures[case] = {
                name: [measuring.quantile(one, share) / 1_000 for share in (0.5, 0.99)]
                for name, one in taken.items()
            }
        client.shutdown()
        return figures


def as_segment_wants_it(one: Item) -> dict[str, object]:
    """The product as Segment's e-commerce specification names its properties."""
    return {
        "product_id": str(one.id), "sku": one.sku, "category": one.category, "name": one.name,
        "brand": one.brand, "price": one.price, "currency": "EUR",
        "url": f"https://store.example/p/{one.id}",
        "image_url": f"https://store.example{one.image}",
    }  # fmt: skip


def main() -> None:
    if "--once" in sys.argv:
        print(json.dumps(once(next(home for home in HOMES if home in sys.argv))))
        return
    runs = measuring.in_fresh_processes("benchmarks.request_cost", PROCESSES, *ONLY, "worker")
    rows, kept = [], {}
    whole = 0.0  # what Segment's client adds to a page of a product: where it is not called, too
    for case, (_, _, asked) in CASES.items():
        told = [run[case] for run in runs]

        def over_bare(name: str, told: list[dict[str, list[float]]] = told) -> list[float]:
            return [one[name][0] - one["bare"][0] for one in told]

        bare, _ = measuring.middle([one["bare"][0] for one in told])
        added, spread = measuring.middle(over_bare("with"))
        noise, _ = measuring.middle([abs(one) for one in over_bare("again")])
        p99, _ = measuring.middle([one["with"][1] / one["bare"][1] for one in told])
        segments, _ = measuring.middle(over_bare("segment"))
        is_tracked = case.startswith(("tracked", "repeat"))
        whole = segments if is_tracked else whole or segments
        told_apart = whole > 2 * noise
        share = added / whole
        goal, verdict = asked and asked * whole, ""
        if asked is not None:
            said = f"{case}, of Segment's"
            verdict = measuring.judged_share(added, whole, asked, spread, noise, said)
        shown = (segments if is_tracked else "", share if told_apart else measuring.NOISE)
        rows.append((case, bare, added, spread, noise, *shown, p99, goal or "", verdict))
        kept[case] = {
            "bare_us": bare, "added_us": added, "spread_us": spread, "bare/bare_us": noise,
            "segment_us": segments, "of_segment": share, "ratio_p99": p99, "goal_us": goal,
        }  # fmt: skip
    heads = ["request", "bare", "added", "+-", "bare/bare", "Segment", "share", "x p99", "goal"]
    measuring.table("CPU of a request at p50, us", [*heads, "verdict"], rows)
    added = {case: float(one["added_us"] or 0.0) for case, one in kept.items()}
    measuring.plot("CPU that tracking adds to a request", "us at p50", added, ours="")
    measuring.write("request_cost", {"cases": kept})


if __name__ == "__main__":
    main()
