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
    text = ["# Measured", ""]
    text += [INTRODUCTION.format(**one, date=date, quick="" if size == "full" else f" (--{size})")]
    text += ["## Goals", "", *_markdown(*goals_table(parts)), ""]
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
