"""The store while views are delivered: gunicorn, one worker, four threads, one view a request.

``python -m benchmarks.store_load [--quick]``. Every store meets the same closed loop of shoppers in
turn, and each figure is a ratio to the store without tracking of the same round. Two loads: ``first``
shows no product twice, so that every page is the first one of its product, which costs the most;
``seen`` shows 50 products in turn, as a store's visitors do. Judged is the CPU of a page; pages a
second only where the untracked store agrees with itself within 2 %.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.browsers import session_cookie
from benchmarks.sink import counted, running
from benchmarks.store import make_store

ROUNDS = measuring.sized(3, 1, 1)
SECONDS = measuring.sized(1.5, 1.0, 0.3)
WARM_UP = measuring.sized(0.4, 0.3, 0.2)
SHOPPERS = 4
CPU_GOALS = {"seen": 1.07, "first": 1.11}
"""CPU of a page at the most, of the untracked store's, with the sending elsewhere."""
PAGES_GOAL = 0.97
AGREES = 0.02
"""Only where the untracked store differs from itself by no more, pages a second are judged."""
LOADS = ("first", "seen")
FAST = {"TOPMAIL_RATE": 2_000.0, "TOPMAIL_SENDERS": 8}
APIS = ("healthy", "slow", "dead")
HOMES = measuring.sized(("background", "worker"), ("background", "worker"), ("worker",))
Store = tuple[str, str, dict[str, Any]]


def stores() -> dict[str, Store]:
    """By name: who tracks, how the API is, and the settings."""
    found: dict[str, Store] = {
        "untracked": ("nobody", "healthy", {}),
        "untracked again": ("nobody", "healthy", {}),
    }
    for api in measuring.sized(APIS, ("healthy",), ("healthy",)):
        for home in HOMES:
            found[f"topmail {home}, {api}"] = "topmail", api, {"TOPMAIL_DELIVERY": home}
        if api != "slow":
            found[f"Segment, {api}"] = "segment", api, {}
            found[f"requests.Session thread, {api}"] = "session", api, {}
    for home in measuring.sized(HOMES, (), ()):
        settings = {"TOPMAIL_DELIVERY": home, **FAST}
        found[f"topmail {home}, healthy, rate lifted"] = "topmail", "healthy", settings
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextmanager
def process(*command: str, **environment: str) -> Iterator[int]:
    started = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield started.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            started.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def until_open(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise SystemExit("the store did not start")


def cpu_of(group: int) -> float:
    """Seconds of CPU that a group of processes has taken."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def loaded(port: int, seconds: float, load: str, cookies: list[str]) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(seconds), load, *cookies]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[float] = json.loads(ran.stdout)
    return found


def measure(store: Store, load: str, sinks: dict[str, str], start: int) -> list[float]:
    """Pages a second, p50, p99, calls that the API took for a page, and a page's CPU in us."""
    who, api, settings = store
    if load == "seen":
        settings = {**settings, "TOPMAIL_REPEAT_WINDOW": 0}
    with ExitStack() as stack:
        outbox = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        told = {"outbox": outbox, "who": who, "sink": sinks[api], "settings": settings}
        port, environment = free_port(), {"BENCH_STORE": json.dumps(told)}
        app = make_store("cookies", tracked=False, outbox=Path(outbox))
        numbers = range(start, start + 2 * SHOPPERS)
        cookies = [session_cookie(app, number) for number in numbers]
        gunicorn = ("gunicorn", "--workers=1", "--threads=4", f"--bind=127.0.0.1:{port}")
        group = stack.enter_context(process(*gunicorn, "benchmarks.served:app", **environment))
        if settings.get("TOPMAIL_DELIVERY") == "worker":
            drain = ("flask", "--app", "benchmarks.served", "topmail", "drain", "--follow")
            stack.enter_context(process(*drain, **environment))
        until_open(port)
        loaded(port, WARM_UP, load, cookies[:SHOPPERS])
        before = 0 if api == "dead" else counted(sinks[api])["calls"]
        cpu = cpu_of(group)
        found = loaded(port, SECONDS, load, cookies[SHOPPERS:])
        cpu = cpu_of(group) - cpu
        calls = 0 if api == "dead" else counted(sinks[api])["calls"] - before
        pages = max(1.0, found[0] * SECONDS)
        return [*found, calls / pages, cpu * 1e6 / pages]


def main() -> None:
    asked = stores()
    taken: dict[str, dict[str, list[list[float]]]] = {load: {} for load in LOADS}
    with running() as quick, running(1.0) as slow:
        sinks = {"healthy": quick, "slow": slow, "dead": f"http://127.0.0.1:{free_port()}"}
        for number in range(ROUNDS):
            names = list(asked) if number % 2 == 0 else list(reversed(asked))
            for at, name in enumerate(names):
                start = (number * 100 + at) * 100
                for load in LOADS:
                    found = measure(asked[name], load, sinks, start)
                    taken[load].setdefault(name, []).append(found)
    measuring.note(
        "The rate of calls is 50 a second (`TOPMAIL_RATE`'s default) unless it is said to be "
        "lifted; the rest waits in the outbox."
    )
    measuring.write("store_load", {load: tell(load, asked, taken[load]) for load in LOADS})


def tell(
    load: str, asked: dict[str, Store], taken: dict[str, list[list[float]]]
) -> dict[str, dict[str, float]]:
    """Print the table of one load and return its figures."""
    rows, kept, bars = [], {}, {}
    # Two runs of the same store differ by so much.
    pairs_of_untracked = list(zip(taken["untracked again"], taken["untracked"], strict=True))
    noise, cpu_noise = (
        max(abs(1 - again[at] / max(own[at], 1e-9)) for again, own in pairs_of_untracked)
        for at in (0, 4)
    )
    for name, (who, _, settings) in asked.items():
        pairs = list(zip(taken[name], taken["untracked"], strict=True))
        ratio, _ = measuring.middle([one[0] / bare[0] for one, bare in pairs])
        cpu, spread = measuring.middle([one[4] / max(bare[4], 1e-9) for one, bare in pairs])
        p50, p99 = (
            measuring.middle([one[at] / bare[at] for one, bare in pairs])[0] for at in (1, 2)
        )
        rate, calls, own = (measuring.middle([one[at] for one, _ in pairs])[0] for at in (0, 3, 4))
        verdict = ""
        if who == "topmail" and settings["TOPMAIL_DELIVERY"] == "worker":
            goal, margin = CPU_GOALS[load], max(spread, cpu_noise)
            said = f"{name}, products {load}: CPU of a page, of the untracked store's"
            verdict = f"{goal} {measuring.judged(cpu, goal, margin, said)}"
            if noise <= AGREES:
                said = f"{name}, products {load}: pages/s of the untracked store's"
                verdict += f"; {measuring.judged(ratio, PAGES_GOAL, noise, said, at_least=True)}"
        rows.append((name, rate, ratio, own, cpu, spread, p50, p99, calls, verdict))
        kept[name] = {
            "per_second": rate, "ratio": ratio, "cpu_us": own, "cpu_ratio": cpu,
            "p50": p50, "p99": p99, "calls": calls,
        }  # fmt: skip
        if name != "untracked again":
            bars[name.replace("requests.", "")] = cpu
    measuring.note(
        f"Products {load}: between two runs of the untracked store lie {noise:.3f} of its pages a "
        f"second and {cpu_noise:.3f} of its CPU."
    )
    measuring.table(
        f"gunicorn, 1 worker, 4 threads, products {load}: ratios to the untracked store",
        [
            *("store, API", "pages/s", "x pages/s", "CPU us", "x CPU", "+-"),
            *("x p50", "x p99", "calls/page", "goal"),
        ],
        rows,
    )
    measuring.plot(f"CPU of a page, products {load}", "share of untracked", bars, "topmail")
    return kept


if __name__ == "__main__":
    main()
