"""How all benchmarks measure: interleaved, in fresh processes, by CPU time, in medians.

The machine is never quiet. What is compared runs in turns in one process, so that both sides meet
the same noise; whoever comes first changes from turn to turn. Several fresh processes are asked,
because the layout of memory alone moves a figure by some microseconds. The baseline is measured
twice, against itself: a difference below that spread is none.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
QUICK = "--quick" in sys.argv
Row = Sequence[object]


def in_turns(
    variants: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 60
) -> dict[str, list[int]]:
    """Nanoseconds of this thread's CPU that each call of each variant took."""
    turns = list(variants.items())
    taken: dict[str, list[int]] = {name: [] for name in variants}
    shuffle = random.Random(1).shuffle
    cpu = time.thread_time_ns
    for number in range(-warm_up, rounds):
        if number == 0:
            gc.collect()
            gc.freeze()
        shuffle(turns)
        for name, call in turns:
            start = cpu()
            call()
            end = cpu()
            if number >= 0:
                taken[name].append(end - start)
    return taken


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def in_fresh_processes(module: str, times: int, *arguments: str) -> list[Any]:
    """What ``python -m module --once`` prints as JSON on its last line, ``times`` times."""
    command = [sys.executable, "-m", module, "--once", *arguments]
    command += ["--quick"] if QUICK else []
    told = []
    for _ in range(times):
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SystemExit(f"{module} failed:\n{ran.stderr}")
        told.append(json.loads(ran.stdout.splitlines()[-1]))
    return told


def middle(values: Sequence[float]) -> tuple[float, float]:
    """The median, and half of the range in which the middle half of the values lies."""
    if len(values) < 2:
        return values[0], 0.0
    quarters = statistics.quantiles(values, n=4, method="inclusive")
    return quarters[1], (quarters[2] - quarters[0]) / 2


def table(title: str, heads: Sequence[str], rows: Sequence[Row]) -> None:
    """Print aligned columns; numbers are set to the right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in [list(heads), *texts]) for at in range(len(heads))]
    print(f"\n{title}")
    for row in [list(heads), ["-" * width for width in widths], *texts]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join(cells).rstrip())
    print(flush=True)


def _text(cell: object) -> str:
    return f"{cell:,.2f}" if isinstance(cell, float) else str(cell)


def met(value: float, goal: float, spread: float = 0.0) -> str:
    """A goal counts as missed only beyond the spread of the measurement."""
    return "met" if value - spread <= goal else "MISSED"


def write(name: str, figures: Mapping[str, Any]) -> None:
    """Keep the figures as JSON, to compare the next run with."""
    RESULTS.mkdir(exist_ok=True)
    told = {"python": sys.version.split()[0], "quick": QUICK, **figures}
    (RESULTS / f"{name}.json").write_text(json.dumps(told, indent=2) + "\n")
