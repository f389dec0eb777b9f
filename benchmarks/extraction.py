"""Reading a product from a page, beside extruct, lxml and selectolax.

``python -m benchmarks.extraction [--quick] [words of the kinds]``
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import extruct
import lxml.html
from selectolax.lexbor import LexborHTMLParser

from benchmarks import measuring
from benchmarks.pages import KINDS, URL
from topmail_flask import extract

SIZES = {"20 KB": 20_000, "100 KB": 100_000, "500 KB": 500_000, "2 MB": 2_000_000}
SYNTAXES = {
    "microdata only": ["microdata"],
    "OpenGraph only": ["opengraph"],
}
ROUNDS = {"20 KB": 40, "100 KB": 15, "500 KB": 5, "2 MB": 3}
HOSTILE_LIMIT_US = 5_000.0  # for 512 KB
SLOWEST_PEER = 1.0


_unseen = count()


def fresh(html: bytes) -> Callable[[], object]:
    """The page at an address of its own each time: nothing remembered can answer."""
    return lambda: extract(html, f"{URL}?page={next(_unseen)}", currency="EUR")


def again(html: bytes) -> Callable[[], object]:
    """The same page again, as it is in a store: most looks are at a few products."""
    return lambda: extract(html, URL, currency="EUR")


def peers(kind: str, html: bytes) -> dict[str, Callable[[], object]]:
    syntaxes = SYNTAXES.get(kind, ["json-ld"])
    return {
        "extruct": lambda: extruct.extract(html, base_url=URL, syntaxes=syntaxes, errors="log"),
        "lxml": lambda: lxml.html.fromstring(html),
        "selectolax": lambda: LexborHTMLParser(html),
    }


def seconds_of(call: Callable[[], object]) -> float:
    start = time.thread_time()
    try:
        call()
    except Exception:  # noqa: BLE001  a peer that fails on a hostile page has its time counted
        pass
    return time.thread_time() - start


def measure(kind: str, size: str) -> dict[str, float]:
    html = KINDS[kind](SIZES[size])
    calls: dict[str, Callable[[], object]] = {"first": fresh(html), "again": again(html)}
    calls |= {
        name: call
        for name, call in peers(kind, html).items()
        if not kind.startswith("hostile") or seconds_of(call) < SLOWEST_PEER
    }
    for call in calls.values():
        seconds_of(call)
    rounds = ROUNDS[size] if measuring.QUICK else ROUNDS[size] * 4
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name, call in sorted(calls.items(), reverse=bool(number % 2)):
            taken[name].append(min(seconds_of(call) for _ in range(3)) * 1e6)
    return {name: measuring.middle(one)[0] for name, one in taken.items()}


def goal_of(kind: str, size: str) -> tuple[str, float] | None:
    """Whom to be compared with, and the largest share of their time that is good enough."""
    if kind.startswith("JSON-LD") and size in ("20 KB", "100 KB", "500 KB"):
        return "extruct", 1 / 60 if size == "500 KB" else 1 / 20
    if kind == "microdata only":
        return "extruct", 1 / 3
    return None


def main() -> None:
    logging.disable()
    sys.setrecursionlimit(1_000)
    kept: dict[str, Any] = {}
    words = [one for one in sys.argv[1:] if not one.startswith("-")]
    for kind in [one for one in KINDS if not words or any(word in one for word in words)]:
        rows, before = [], 0.0
        for size in SIZES:
            took = measure(kind, size)
            shares = {
                name: took["first"] / took[name] if name in took else "> 1 s"
                for name in ("extruct", "lxml", "selectolax")
            }
            goal = goal_of(kind, size)
            verdict = ""
            if goal:
                share = shares[goal[0]]
                assert isinstance(share, float)
                verdict = f"1/{1 / goal[1]:.0f} {measuring.met(share, goal[1])}"
                repeated = took["again"] / took[goal[0]]
                verdict += f", again {measuring.met(repeated, goal[1])}"
            elif kind.startswith("hostile") and size == "500 KB":
                verdict = f"5 ms {measuring.met(took['first'], HOSTILE_LIMIT_US)}"
            growth = took["first"] / before if before else ""
            before = took["first"]
            told = [
                f"1/{1 / share:.0f}" if isinstance(share, float) and share < 0.4
                else share for share in shares.values()
            ]  # fmt: skip
            rows.append((size, took["first"], took["again"], *told, growth, verdict))
            kept[f"{kind}, {size}"] = {**took, "verdict": verdict}
        measuring.table(
            f"{kind}: us of CPU; the first reading as a share of others' time; x its time at the "
            "size before",
            ["page", "first", "again", "extruct", "lxml", "selectolax", "x", "goal"],
            rows,
        )
    measuring.write("extraction", {"pages": kept})


if __name__ == "__main__":
    main()
