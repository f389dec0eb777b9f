"""What the parts have measured, as one page with its plots, one JSON, and beside an earlier run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import measuring, plots

Parts = Mapping[str, Mapping[str, Any]]
PAGE = measuring.RESULTS.parent / "RESULTS.md"
INTRODUCTION = """\
Written by `make bench`{quick}: {cores} cores, Python {python}, {date}. Medians with half of the
range in which the middle half of the values lies (`+-`); what is compared ran in turns. CPU time is
judged, wall time is shown beside it. The baseline stands against itself in every table: a
difference below that is none, and a goal counts as missed only beyond the spread. All clients send
to a sink on the same machine, in a process of its own.
"""


FLOORS = """\
Floors below which no goal can be: of what Segment's client adds to a tracked request, appending one line to a file takes 0.39,
the same without the write 0.23, and empty receivers of Flask's signals 0.04 to 0.1 (measured on one slow machine).
"""
TRACKED, FIRST = "tracked: template variable", "tracked: variable, first view of each"
SENT = "topmail_flask, 1 sender, TLS"
BUSY = "topmail background, healthy"
PEERS = {
    "topmail_flask": "on the disk before the request ends",
    "Segment": "in memory; 100 events a call",
    "PostHog": "in memory; 100 events a call",
    "OpenTelemetry": "in memory",
    "requests.post": "nothing waits: the page does",
}
"""Beside what an owner would set it, and where what is not sent yet is kept."""


def for_owners(parts: Parts, date: str) -> list[str]:
    """What an owner wants to know, in milliseconds, before all tables."""
    cases = parts.get("request_cost", {}).get("figures", {}).get("cases", {})
    sent = (
        parts.get("delivering", {}).get("figures", {}).get("costs", {}).get(SENT, {}).get("cpu_us")
    )
    rows = []
    if {TRACKED, FIRST} <= set(cases):
        page, first = cases[TRACKED]["added_us"], cases[FIRST]["added_us"]
        whole = _ms(cases[TRACKED]["bare_us"])
        rows += [["a page with a product, for a known shopper", f"{_ms(page)} ms on {whole} ms"]]
        rows += [["the same, the first time that a worker shows the product", f"{_ms(first)} ms"]]
        others = ("no product: listing", "anonymous", "robot", "static file")
        told = ", ".join(f"{name} {_ms(cases[name]['added_us'])}" for name in others)
        rows += [["every other page", f"{told} ms".replace("no product: ", "")]]
    if sent:
        rows += [["sending one view, in the background", f"{_ms(sent)} ms"]]
    if sent and {TRACKED, FIRST} <= set(cases):
        day = 100_000 * (page + sent) / 1e6
        rows += [["a day of 100,000 such pages and their views", f"{day:.0f} s of CPU"]]
    loads = parts.get("store_load", {}).get("figures", {})
    if all(BUSY in loads.get(load, {}) for load in ("seen", "first")):
        shares = [loads[load][BUSY]["ratio"] for load in ("seen", "first")]
        less = "{:.2f} of the pages a second, {:.2f} where no product is shown twice".format(
            *shares
        )
        rows += [["a store whose CPU is always busy, smallest pages", less]]
    if not rows:
        return []
    text = ["## What an owner wants to know", "", f"CPU time, measured on {date}.", ""]
    text += [*_markdown(["what", "it takes"], rows), ""]
    peers = parts.get("peers", {}).get("figures", {})
    if set(peers) >= set(PEERS):
        table = [[name, f"{_ms(peers[name]['added_us'])} ms", kept] for name, kept in PEERS.items()]
        heads = ["beside", "adds to the request", "what waits is kept"]
        text += [*_markdown(heads, table), ""]
    return text


def _growth(parts: Parts) -> list[str]:
    goals = parts.get("growth", {}).get("goals", ())
    rows = [[goal["name"], _number(goal["value"]), goal["verdict"]] for goal in goals]
    heads = ["TopMail does not answer, a million views wait", "measured", "verdict"]
    return ["## How it grows", "", *_markdown(heads, rows), ""] if rows else []


def _ms(us: float) -> str:
    return f"{us / 1000:.2g}" if us < 10_000 else f"{us / 1000:,.0f}"


def write_report(parts: Parts, failed: Sequence[str], date: str) -> tuple[Path, Path]:
    """Write page, plots and JSON.

    :param failed: parts that gave no result.
    :returns: the page and the JSON.
    """
    one: Mapping[str, Any] = next(iter(parts.values()), {"cores": 0, "python": "?", "size": "full"})
    size = one["size"]
    page = PAGE if size == "full" else measuring.RESULTS / f"{size}.md"
    name = f"{size}-{one['cores']}-cores-python-{'.'.join(one['python'].split('.')[:2])}"
    measuring.RESULTS.mkdir(exist_ok=True)
    text = ["# Measured", "", *for_owners(parts, date), *_growth(parts)]
    text += ["## How it was measured", ""]
    text += [INTRODUCTION.format(**one, date=date, quick="" if size == "full" else f" (--{size})")]
    text += ["## Goals", "", FLOORS, *_markdown(*goals_table(parts)), ""]
    text += [f"**Gave no result:** {', '.join(failed)}", ""] if failed else []
    for part, told in parts.items():
        text += [f"## {part.replace('_', ' ').capitalize()}", ""]
        for note in told["notes"]:
            text += [note, ""]
        for number, plot in enumerate(told["plots"]):
            file = measuring.RESULTS / f"{name}-{part}-{number + 1}.svg"
            drawn = plots.bars(plot["title"], plot["unit"], plot["bars"], plot["ours"])
            file.write_text(drawn, encoding="utf-8")
            text += [f"![{plot['title']}]({file.relative_to(page.parent)})", ""]
        for table in told["tables"]:
            text += [f"**{table['title']}**", "", *_markdown(table["heads"], table["rows"]), ""]
    page.write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")
    kept = measuring.RESULTS / f"{name}.json"
    kept.write_text(json.dumps({"date": date, "parts": parts}, indent=1) + "\n", encoding="utf-8")
    return page, kept


def goals_table(parts: Parts) -> tuple[list[str], list[list[str]]]:
    rows = [
        [part.replace("_", " "), goal["name"], f"{goal['sign']} {_number(goal['goal'])}",
         _number(goal["value"]), _number(goal["spread"]), goal["verdict"]]
        for part, told in parts.items() for goal in told["goals"]
    ]  # fmt: skip
    return ["part", "goal", "at", "measured", "+-", "verdict"], rows


def comparison(parts: Parts, earlier: Path) -> tuple[list[str], list[list[str]]]:
    """Every goal's value beside that of an earlier run, and whether they agree."""
    then = {
        (part, goal["name"]): goal
        for part, told in json.loads(earlier.read_text(encoding="utf-8"))["parts"].items()
        for goal in told["goals"]
    }
    rows = []
    for part, told in parts.items():
        for goal in told["goals"]:
            before = then.get((part, goal["name"]))
            if before is None:
                continue
            spread = goal["spread"] + before["spread"]
            apart = goal["value"] - before["value"]
            says = "agree" if abs(apart) <= spread else "higher" if apart > 0 else "lower"
            rows.append(
                [f"{part}: {goal['name']}", _number(before["value"]), _number(goal["value"]),
                 _number(spread), says]
            )  # fmt: skip
    return ["goal", "then", "now", "spreads", "says"], rows


def _number(value: float) -> str:
    return plots.figure(value) if abs(value) >= 1 else f"{value:.3g}"


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    align = ["---"] + ["---:"] * (len(heads) - 1)
    lines = [list(heads), align, *rows]
    return ["| " + " | ".join(re.sub(r"\|", r"\\|", cell) for cell in row) + " |" for row in lines]
