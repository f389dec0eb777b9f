"""Reading a product from a page, beside extruct, lxml and selectolax.

``python -m benchmarks.extraction [--quick] [words of the kinds]``
"""

from __future__ import annotations

import logging
import math
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
from topmail_flask.extraction import json_ld
from topmail_flask.extraction.document import Document

PAGES = {"20 KB": 20_000, "100 KB": 100_000, "500 KB": 500_000, "2 MB": 2_000_000}
SIZES = dict(list(PAGES.items())[: measuring.sized(4, 3, 1)])
SYNTAXES = {
    "microdata only": ["microdata"],
    "microdata to the end": ["microdata"],
    "OpenGraph only": ["opengraph"],
}
ROUNDS = measuring.sized(
    {"20 KB": 60, "100 KB": 25, "500 KB": 9, "2 MB": 5},
    {"20 KB": 15, "100 KB": 7, "500 KB": 3},
    {"20 KB": 2},
)
OF_JSON_LD = {"20 KB": 0.3, "100 KB": 0.08}
"""The largest share of extruct's time that is good enough for JSON-LD."""
READERS = ("extruct", "lxml", "selectolax")
PLOTTED = ("JSON-LD in the head", "microdata only")
HOSTILE_LIMIT_US = 5_000.0  # for 512 KB
MOST_FOR_TWICE = 2.5
SLOWEST_PEER = 1.0


_unseen = count()


def fresh(html: bytes) -> Callable[[], object]:
    """The page at an address of its own each time: nothing remembered can answer."""
    return lambda: extract(html, f"{URL}?page={next(_unseen)}", currency="EUR")


def blocks(html: bytes) -> Callable[[], object]:
    """Our part of what extruct does for JSON-LD: the documents of the page, nothing chosen."""

    return lambda: json_ld.read(Document(html, URL))


def again(html: bytes) -> Callable[[], object]:
    """The same page again, as it is in a store: most looks are at a few products."""
    return lambda: extract(html, URL, currency="EUR")


def peers(kind: str, html: bytes) -> dict[str, Callable[[], object]]:
    syntaxes = SYNTAXES.get(kind, ["json-ld"])
    asked: dict[str, Any] = {"base_url": URL, "syntaxes": syntaxes, "errors": "log"}
    return {
        "extruct": lambda: extruct.extract(html, **asked),
        "extruct again": lambda: extruct.extract(html, **asked),
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


def measure(kind: str, size: str) -> dict[str, list[float]]:
    """Of each reader: us of CPU, round by round."""
    html = KINDS[kind](SIZES[size])
    calls: dict[str, Callable[[], object]] = {
        "first": fresh(html),
        "again": again(html),
        "blocks": blocks(html),
    }
    calls |= {
        name: call
        for name, call in peers(kind, html).items()
        if not kind.startswith("hostile") or seconds_of(call) < SLOWEST_PEER
    }
    for call in calls.values():
        seconds_of(call)
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(ROUNDS[size]):
        for name, call in sorted(calls.items(), reverse=bool(number % 2)):
            taken[name].append(min(seconds_of(call) for _ in range(2)) * 1e6)
    return taken


def goal_of(kind: str, size: str) -> tuple[str, float] | None:
    """Whom to be compared with, and the largest share of their time that is good enough."""
    if kind.startswith("JSON-LD"):
        return ("extruct", OF_JSON_LD[size]) if size in OF_JSON_LD else None
    if kind in SYNTAXES:
        return "extruct", 1 / 3
    return None


def share_of(taken: dict[str, list[float]], name: str) -> tuple[float, float]:
    """The first reading as a share of another's, and by how much the rounds differ."""
    return measuring.middle(
        [own / other for own, other in zip(taken["first"], taken[name], strict=True)]
    )


def judged(kind: str, size: str, taken: dict[str, list[float]]) -> str:
    html = KINDS[kind](SIZES[size])
    if goal_of(kind, size) and extract(html, URL, currency="EUR").product is None:
        return "given up"  # too costly to be parsed: to read nothing is not to be fast
    if goal := goal_of(kind, size):
        name, most = goal
        share, spread = share_of(taken, name)
        _, noise = share_of({"first": taken["extruct again"], name: taken[name]}, name)
        spread = max(spread, noise * share)
        verdict = measuring.judged(share, most, spread, f"{kind}, {size}, of {name}'s")
        return f"1/{1 / most:.0f} {verdict}"
    if kind.startswith("hostile") and size == "500 KB":
        first, spread = measuring.middle(taken["first"])
        told = measuring.judged(first, HOSTILE_LIMIT_US, spread, f"{kind}, {size}: us")
        return f"5 ms {told}"
    return ""


def main() -> None:
    logging.disable()
    sys.setrecursionlimit(1_000)
    kept: dict[str, Any] = {}
    words = [one for one in sys.argv[1:] if not one.startswith("-")]
    for kind in [one for one in KINDS if not words or any(word in one for word in words)]:
        rows, doublings = [], []
        before: tuple[int, float] | None = None
        for size, length in SIZES.items():
            taken = measure(kind, size)
            middles = {name: measuring.middle(one) for name, one in taken.items()}
            told = [
                "> 1 s" if name not in taken else fraction(share_of(taken, name)[0])
                for name in ("extruct", "extruct again", "lxml", "selectolax")
            ]
            if "extruct" in taken:
                told[1] = middles["extruct again"][0] / middles["extruct"][0]
            growth: float | str = ""
            first, spread = middles["first"]
            if before:
                growth = (first / before[1]) ** (1 / math.log2(length / before[0]))
                doublings.append(growth)
            before = length, first
            verdict = judged(kind, size, taken)
            rows.append(
                (
                    size,
                    first,
                    spread,
                    middles["again"][0],
                    middles["blocks"][0],
                    *told,
                    growth,
                    verdict,
                )
            )
            kept[f"{kind}, {size}"] = {**middles, "verdict": verdict}
        if doublings:
            name = f"{kind}: time for twice the page, at the most"
            measuring.judged(max(doublings), MOST_FOR_TWICE, 0.0, name)
        measuring.table(
            f"{kind}: us of CPU; the first reading as a share of others' time; x time for twice "
            "the page",
            ["page", "first", "+-", "again", "blocks", "of extruct's", "extruct/extruct", "of lxml's",
             "of selectolax's", "x", "goal"],
            rows,
        )  # fmt: skip
        if kind in PLOTTED and "100 KB" in SIZES:
            middles = kept[f"{kind}, 100 KB"]
            bars = {name: middles[name][0] for name in ("first", "again", *READERS)}
            labels = {"first": "topmail_flask", "again": "topmail_flask, page seen before"}
            measuring.plot(
                f"Reading a product from a page of 100 KB, {kind}", "us of CPU",
                {labels.get(name, name): value for name, value in bars.items()}, "topmail",
            )  # fmt: skip
    measuring.note(
        "first and again are the whole of `extract`: the product chosen, its price, addresses and "
        "identifiers checked, and told where each came from. blocks is the JSON-LD found and "
        "parsed, which is all that extruct does; lxml and selectolax only build a tree."
    )
    measuring.write("extraction", {"pages": kept})


def fraction(share: float) -> float | str:
    return f"1/{1 / share:.0f}" if share < 0.4 else share


if __name__ == "__main__":
    main()
