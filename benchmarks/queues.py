"""Handing a view over, and taking it up again, beside the durable queues that a shop could use.

``python -m benchmarks.queues [--quick]``. Every process hands over 100 views a second, as a store
does, in its own file of this package's journal or in the one queue of the others.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import measuring
from benchmarks.queue_peers import AGAIN, OURS, QUEUES, REDIS, redis_is_here, remove_redis_queue

APPENDS = measuring.sized(100, 30, 5)
ROUNDS = measuring.sized(2, 1, 1)
TAKEN = measuring.sized(640, 160, 32)
BACKLOGS = measuring.sized((0, 10_000, 100_000), (0, 3_000), (0, 200))
PROCESSES = measuring.sized((1, 4, 8), (1, 4), (1,))
AT_BACKLOG = PROCESSES[min(1, len(PROCESSES) - 1)]
PAUSE = 0.01
Figures = list[float]


def append_once(who: str, place: str) -> list[Figures]:
    """Wall and CPU of each append of this process, in us."""
    store = QUEUES[who](Path(place))
    ready, put = store.ready, store.put
    put(ready(0))
    wall, cpu = [], []
    for number in range(1, APPENDS + 1):
        told = ready(number)
        time.sleep(PAUSE)
        began, start = time.perf_counter_ns(), time.thread_time_ns()
        put(told)
        cpu.append((time.thread_time_ns() - start) / 1e3)
        wall.append((time.perf_counter_ns() - began) / 1e3)
    return [wall, cpu]


def take_once(who: str, place: str) -> Figures:
    """Wall and CPU of one view taken up and settled, in us; and of one imported, or 0."""
    store = QUEUES[who](Path(place))
    for number in range(TAKEN):
        store.put(store.ready(number))
    imported = store.bring_in()
    wall, cpu, left = time.perf_counter_ns(), time.thread_time_ns(), TAKEN
    while left > 0:
        taken = store.take(32)
        left -= taken
        if not taken:
            raise SystemExit(f"{who} lost views")
    cpu, wall = time.thread_time_ns() - cpu, time.perf_counter_ns() - wall
    return [wall / TAKEN / 1e3, cpu / TAKEN / 1e3, imported / TAKEN / 1e3]


def at_once(processes: int, who: str, place: str) -> list[list[Figures]]:
    command = [sys.executable, "-m", "benchmarks.queues", "--once", f"--{measuring.SIZE}"]
    started = [
        subprocess.Popen([*command, "append", who, place], stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    told = [one.communicate()[0] for one in started]
    if any(one.returncode for one in started):
        raise SystemExit(f"{who}: an append failed")
    return [json.loads(one) for one in told]


def appends(names: list[str]) -> dict[str, dict[str, list[Figures]]]:
    """By case and queue: p50 and p99 of wall and p50 of CPU, of each round."""
    cases = [(processes, 0) for processes in PROCESSES]
    cases += [(AT_BACKLOG, backlog) for backlog in BACKLOGS[1:]]
    found: dict[str, dict[str, list[Figures]]] = {}
    for processes, backlog in cases:
        case = f"{processes} processes, {backlog:,} waiting"
        for _ in range(ROUNDS):
            for name in names:
                with tempfile.TemporaryDirectory() as place:
                    QUEUES[name](Path(place)).fill(backlog)
                    told = at_once(processes, name, place)
                wall = [one for walls, _ in told for one in walls]
                cpu = [one for _, cpus in told for one in cpus]
                figures = [measuring.quantile(wall, 0.5), measuring.quantile(wall, 0.99)]
                figures.append(measuring.quantile(cpu, 0.5))
                found.setdefault(case, {}).setdefault(name, []).append(figures)
    return found


def report_appends(found: dict[str, dict[str, list[Figures]]]) -> dict[str, object]:
    kept: dict[str, object] = {}
    p50s, again = dict[str, float](), dict[str, float]()
    for case, by_name in found.items():
        rows, middles = [], {}
        for name, rounds in by_name.items():
            middles[name] = [measuring.middle([one[at] for one in rounds]) for at in range(3)]
        for at, what in (0, "p50"), (1, "p99"):
            others = [one for name, one in middles.items() if name not in (OURS, AGAIN, REDIS)]
            best = min(one[at][0] for one in others)
            ours, spread = middles[OURS][at]
            measuring.judged(
                ours / best,
                1.0,
                max(spread, abs(ours - middles[AGAIN][at][0])) / best,
                f"append, {case}: {what} of the fastest other durable queue's",
            )
        for name, (p50, p99, cpu) in middles.items():
            rows.append((name, p50[0], p50[1], p99[0], p99[1], cpu[0]))
        p50s[case], again[case] = middles[OURS][0][0], middles[AGAIN][0][0]
        measuring.table(
            f"Handing over, {case}: us", ["queue", "p50", "+-", "p99", "+-", "CPU p50"], rows
        )
        kept[case] = middles
        if case.startswith(f"{AT_BACKLOG} processes, 0 "):
            bars = {name: one[0][0] for name, one in middles.items()}
            measuring.plot(f"Handing a view over, {case}", "us at p50", bars)
    cases = [case for case in p50s if case.startswith(f"{AT_BACKLOG} ")]
    first, last = p50s[cases[0]], p50s[cases[-1]]
    noise = max(abs(1 - p50s[case] / again[case]) for case in cases)
    measuring.judged(
        last / first, 1.2, noise, "append, p50 at the largest backlog of that at none (flat)"
    )
    return kept


def report_takes(names: list[str]) -> dict[str, object]:
    rows, kept = [], dict[str, object]()
    for backlog in BACKLOGS:
        for name in [one for one in names if one != AGAIN]:
            told = []
            for _ in range(ROUNDS):
                with tempfile.TemporaryDirectory() as place:
                    QUEUES[name](Path(place)).fill(backlog)
                    told.append(
                        measuring.in_fresh_process("benchmarks.queues", "take", name, place)
                    )
            wall, cpu, imported = (measuring.middle([one[at] for one in told]) for at in range(3))
            brought = (imported[0], imported[1]) if imported[0] else ("", "")
            rows.append((f"{name}, {backlog:,} waiting", *wall, *cpu, *brought))
            kept[f"{name}, {backlog}"] = {"wall": wall, "cpu": cpu, "import": imported}
    measuring.table(
        "Taking a view up and settling it, in lots of 32 where the queue has them: us",
        ["queue", "wall", "+-", "CPU", "+-", "import", "+-"],
        rows,
    )
    return kept


def main() -> None:
    if "--once" in sys.argv:
        what, who, place = sys.argv[-3:]
        print(json.dumps({"append": append_once, "take": take_once}[what](who, place)))
        return
    names = [name for name in QUEUES if name != REDIS or redis_is_here()]
    if REDIS not in names:
        measuring.note("No Redis on this machine: Celery was not measured.")
    measuring.note(
        "Only the leader takes up: the others' figures are of one consumer as well. Redis as it is "
        "installed writes to the disk from time to time: it is not durable and stands for itself."
    )
    kept = report_appends(appends(names))
    if REDIS in names:
        remove_redis_queue()
    measuring.write(
        "queues", {"append": kept, "take": report_takes([one for one in names if one != REDIS])}
    )


if __name__ == "__main__":
    main()
