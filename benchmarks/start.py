"""What the package adds to the start of a store: time and memory, in fresh processes.

``python -m benchmarks.start [--quick]``
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from benchmarks import measuring

PROCESSES = measuring.sized(15, 5, 1)
# Flask-Login and Flask-SQLAlchemy are the shop's; topmail_flask imports neither.
PROGRAM = """
import resource, sys, time
def now(): return time.process_time_ns(), time.perf_counter_ns()
def memory():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * resource.getpagesize()
import flask, requests
before, size = now(), memory()
{between}
after = now()
{then}
print(after[0] - before[0], after[1] - before[1], now()[0] - after[0], memory() - size)
"""
IMPORT = PROGRAM.format(between="import topmail_flask", then="")
NOTHING = PROGRAM.format(between="pass", then="")
INIT = PROGRAM.format(
    between="import topmail_flask\napp = flask.Flask('store')",
    then="app.config['TOPMAIL_API_KEY'] = 'tm_test_' + '0' * 32\ntopmail_flask.TopMail(app)",
)
GOALS = {"import: CPU, ms": 15.0, "import: memory, MB": 3.0, "init_app: CPU, ms": None}


def run(program: str, bytecode: str) -> list[float]:
    # An installed package is compiled once; a process that may not write would do it every time.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    cpu, wall, then, size = map(int, ran.stdout.split())
    return [cpu / 1e6, wall / 1e6, then / 1e6, size / 1e6]


def main() -> None:
    told: dict[str, list[list[float]]] = {"nothing": [], "import": [], "init": []}
    programs = {"nothing": NOTHING, "import": IMPORT, "init": INIT}
    with tempfile.TemporaryDirectory() as bytecode:
        run(INIT, bytecode)
        for _ in range(PROCESSES):
            for name, program in programs.items():
                told[name].append(run(program, bytecode))

    def at(name: str, place: int) -> tuple[float, float]:
        return measuring.middle([one[place] for one in told[name]])

    figures = {
        "import: CPU, ms": at("import", 0),
        "import: wall, ms": at("import", 1),
        "import: memory, MB": at("import", 3),
        "init_app: CPU, ms": at("init", 2),
        "import and init_app: memory, MB": at("init", 3),
        "nothing against itself: CPU, ms": at("nothing", 0),
    }
    rows = []
    for name, (value, spread) in figures.items():
        goal = GOALS.get(name)
        verdict = measuring.judged(value, goal, spread, name) if goal else ""
        rows.append((name, value, spread, goal or "", verdict))
    measuring.table(
        "Start, over a process that has imported flask and requests",
        ["figure", "median", "+-", "goal", "verdict"],
        rows,
    )
    measuring.write("start", {name: list(value) for name, value in figures.items()})


if __name__ == "__main__":
    main()
