"""The store while views are delivered: gunicorn, one worker, four threads, one view a request.

``python -m benchmarks.store_load [--quick]``. Every store meets the same closed loop of shoppers in
turn, and each figure is a ratio to the store without tracking of the same round.
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
IN_PROCESS, OUTSIDE = 0.93, 0.97
TOO_NOISY = 0.2
"""Where the untracked store differs from itself by more than this, no ratio to it is judged."""
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
def process(*command: str, **environment: str) -> Iterator[None]:
    started = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
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


def loaded(port: int, seconds: float, cookies: list[str]) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(seconds), *cookies]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[float] = json.loads(ran.stdout)
    return found


def measure(store: Store, sinks: dict[str, str], start: int) -> list[float]:
    """Pages a second, p50, p99, and the calls that the API took for a page."""
    who, api, settings = store
    with ExitStack() as stack:
        outbox = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        told = {"outbox": outbox, "who": who, "sink": sinks[api], "settings": settings}
        port, environment = free_port(), {"BENCH_STORE": json.dumps(told)}
        app = make_store("cookies", tracked=False, outbox=Path(outbox))
        numbers = range(start, start + 2 * SHOPPERS)
        cookies = [session_cookie(app, number) for number in numbers]
        gunicorn = ("gunicorn", "--workers=1", "--threads=4", f"--bind=127.0.0.1:{port}")
        stack.enter_context(process(*gunicorn, "benchmarks.served:app", **environment))
        if settings.get("TOPMAIL_DELIVERY") == "worker":
            drain = ("flask", "--app", "benchmarks.served", "topmail", "drain", "--follow")
            stack.enter_context(process(*drain, **environment))
        until_open(port)
        loaded(port, WARM_UP, cookies[:SHOPPERS])
        before = 0 if api == "dead" else counted(sinks[api])["calls"]
        found = loaded(port, SECONDS, cookies[SHOPPERS:])
        calls = 0 if api == "dead" else counted(sinks[api])["calls"] - before
        return [*found, calls / max(1.0, found[0] * SECONDS)]


def main() -> None:
    asked, taken = stores(), dict[str, list[list[float]]]()
    with running() as quick, running(1.0) as slow:
        sinks = {"healthy": quick, "slow": slow, "dead": f"http://127.0.0.1:{free_port()}"}
        for number in range(ROUNDS):
            names = list(asked) if number % 2 == 0 else list(reversed(asked))
            for at, name in enumerate(names):
                start = (number * 100 + at) * 100
                taken.setdefault(name, []).append(measure(asked[name], sinks, start))
    rows, kept, bars = [], {}, {}
    # Two rounds of the same store differ by so much.
    alike = [
        one[0] / own[0]
        for one, own in zip(taken["untracked again"], taken["untracked"], strict=True)
    ]
    alone = [one[0] for one in taken["untracked"] + taken["untracked again"]]
    noise = max(abs(1 - one) for one in alike)
    noise = max(noise, (max(alone) - min(alone)) / 2 / measuring.middle(alone)[0])
    for name, (who, _, settings) in asked.items():
        pairs = list(zip(taken[name], taken["untracked"], strict=True))
        ratio, spread = measuring.middle([one[0] / bare[0] for one, bare in pairs])
        p50, _ = measuring.middle([one[1] / bare[1] for one, bare in pairs])
        p99, _ = measuring.middle([one[2] / bare[2] for one, bare in pairs])
        rate, _ = measuring.middle([one[0] for one, _ in pairs])
        calls, _ = measuring.middle([one[3] for one, _ in pairs])
        verdict = ""
        if who == "topmail":
            goal = IN_PROCESS if settings["TOPMAIL_DELIVERY"] == "background" else OUTSIDE
            said = f"{name}: pages/s of the untracked store's"
            verdict = measuring.judged(
                ratio, goal, max(spread, noise), said, at_least=True, told_apart=noise < TOO_NOISY
            )
            verdict = f"{goal} {verdict}"
        rows.append((name, rate, ratio, spread, p50, p99, calls, verdict))
        kept[name] = {"per_second": rate, "ratio": ratio, "p50": p50, "p99": p99, "calls": calls}
        if name != "untracked again":
            bars[name.replace("requests.", "")] = ratio
    measuring.note(
        f"Between two runs of the untracked store lie {noise:.3f}. The rate of calls is 50 a second "
        "(`TOPMAIL_RATE`'s default) unless it is said to be lifted; the rest waits in the outbox."
    )
    measuring.table(
        "gunicorn, 1 worker, 4 threads: ratios to the untracked store",
        ["store, API", "pages/s", "x pages/s", "+-", "x p50", "x p99", "calls/page", "goal"],
        rows,
    )
    measuring.plot(
        "Pages a second while views are delivered", "share of untracked", bars, "topmail"
    )
    measuring.write("store_load", kept)


if __name__ == "__main__":
    main()
