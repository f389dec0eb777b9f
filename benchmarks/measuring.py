"""How all benchmarks measure: interleaved, in fresh processes, by CPU time, in medians.

The machine is never quiet. What is compared runs in turns in one process, so that both sides meet
the same noise; whoever comes first changes from turn to turn. Several fresh processes are asked,
because the layout of memory alone moves a figure by some microseconds. The baseline is measured
twice, against itself: a difference below that spread is none.
"""

from __future__ import annotations

import gc
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

RESULTS = Path(os.environ.get("BENCHMARK_RESULTS", Path(__file__).parent / "results"))
PARTS = RESULTS / "parts"
SIZES = ("full", "quick", "smallest")
SIZE = next((one for one in SIZES if f"--{one}" in sys.argv), "full")
QUICK = SIZE != "full"
Row = Sequence[object]
T = TypeVar("T")
_kept: dict[str, list[Any]] = {"tables": [], "goals": [], "plots": [], "notes": []}


def sized(full: T, quick: T, smallest: T) -> T:
    """The one for this run: ``smallest`` only shows that a measurement works."""
    return {"full": full, "quick": quick, "smallest": smallest}[SIZE]


def in_turns(
    variants: Mapping[str, Callable[[], object]],
    rounds: int,
    warm_up: int = 60,
    block: int = 1,
    clock: Callable[[], int] = time.thread_time_ns,
) -> dict[str, list[int]]:
    """Nanoseconds of ``clock``, this thread's CPU, that each call of each variant took.

    :param block: calls of one variant in a row. More than one where a process runs one variant in
        real life: its code then stays in the caches of the CPU.
    """
    if SIZE == "smallest":
        warm_up = block = 1
    turns = list(variants.items())
    taken: dict[str, list[int]] = {name: [] for name in variants}
    shuffle = random.Random(1).shuffle
    for number in range(-block * -(-warm_up // block), rounds, block):
        if number == 0:
            gc.collect()
            gc.freeze()
        shuffle(turns)
        for name, call in turns:
            for _ in range(block):
                start = clock()
                call()
                end = clock()
                if number >= 0:
                    taken[name].append(end - start)
    return taken


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def in_fresh_processes(module: str, times: int, *arguments: str) -> list[Any]:
    """What ``python -m module --once`` prints as JSON on its last line, ``times`` times."""
    return [in_fresh_process(module, *arguments) for _ in range(times)]


def in_fresh_process(module: str, *arguments: str) -> Any:
    command = [sys.executable, "-m", module, "--once", f"--{SIZE}", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{module} failed:\n{ran.stderr}")
    return json.loads(ran.stdout.splitlines()[-1])


def middle(values: Sequence[float]) -> tuple[float, float]:
    """The median, and half of the range in which the middle half of the values lies."""
    if len(values) < 2:
        return values[0], 0.0
    quarters = statistics.quantiles(values, n=4, method="inclusive")
    return quarters[1], (quarters[2] - quarters[0]) / 2


def table(title: str, heads: Sequence[str], rows: Sequence[Row]) -> None:
    """Keep a table for the report, and print it; numbers are set to the right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    _kept["tables"].append({"title": title, "heads": list(heads), "rows": texts})
    widths = [max(len(row[at]) for row in [list(heads), *texts]) for at in range(len(heads))]
    print(f"\n{title}")
    for row in [list(heads), ["-" * width for width in widths], *texts]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())
    print(flush=True)


def _text(cell: object) -> str:
    return f"{cell:,.2f}" if isinstance(cell, float) else str(cell)


MET, NOISE, NOT_MET = "met", "within the noise", "not met"


def judged(
    value: float,
    goal: float,
    spread: float = 0.0,
    name: str = "",
    *,
    at_least: bool = False,
    told_apart: bool = True,
) -> str:
    """A goal counts as missed only beyond the spread, its own or the baseline's against itself.

    :param name: under which the goal stands in the report; "" for none of the goals.
    :param told_apart: whether what ``value`` is a share of stands out of the noise itself; if not,
        the share says nothing.
    """
    beyond = goal - value if at_least else value - goal
    verdict = MET if beyond <= 0 else NOT_MET if beyond > spread else NOISE
    verdict = verdict if told_apart else NOISE
    if name:
        _kept["goals"].append(
            {"name": name, "value": value, "spread": spread, "goal": goal, "verdict": verdict,
             "sign": "≥" if at_least else "≤"}
        )  # fmt: skip
    return verdict


def judged_share(
    added: float, peer: float, goal: float, spread: float, noise: float, name: str
) -> str:
    """A goal for what ``added`` is a share of what a peer adds, all in us.

    Where the peer does not stand out of the noise the share says nothing, unless it would miss the
    goal even if the noise had hidden as much of the peer as it can.
    """
    margin = max(spread, noise)
    return judged(
        added / peer, goal, margin / abs(peer), name,
        told_apart=peer > 2 * noise or added - margin > goal * (peer + noise),
    )  # fmt: skip


def plot(title: str, unit: str, bars: Mapping[str, float], ours: str = "topmail") -> None:
    """Keep bars for the report; those whose names hold ``ours`` stand out."""
    _kept["plots"].append({"title": title, "unit": unit, "bars": dict(bars), "ours": ours})


def note(text: str) -> None:
    """Keep a sentence for the report, and print it."""
    _kept["notes"].append(text)
    print(text, flush=True)


def write(name: str, figures: Mapping[str, Any]) -> None:
    """Keep the figures as JSON, for the report and to compare the next run with."""
    PARTS.mkdir(parents=True, exist_ok=True)
    told = {"python": sys.version.split()[0], "cores": os.cpu_count(), "size": SIZE}
    path = PARTS / f"{name}.json"
    path.write_text(json.dumps({**told, **_kept, "figures": figures}, indent=1) + "\n")
