"""What one delivered view costs the machine, beside what others need for one call or one event.

``python -m benchmarks.delivering [--quick]``. Blocks of calls run in turns in one process, and the
CPU of the whole process is counted. Segment and PostHog put a hundred events into one call, which
TopMail's API does not offer: they stand here with one event a call, as it, and as they come.
"""

from __future__ import annotations

import logging
import random
import ssl
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import trustme

from benchmarks import measuring
from benchmarks.callers import Block, blocks, delivery, ours, view
from benchmarks.sink import ceiling, counted, running

VIEWS = measuring.sized(500, 100, 20)
ROUNDS = measuring.sized(7, 3, 1)
MANY = measuring.sized(10_000, 1_500, 40)
LOAD_SECONDS = measuring.sized(10.0, 4.0, 0.5)
LOAD, LATENCY = 300, 0.05
BY_CONFIGURATION: dict[str, Any] = {"senders": 32, "rate": 1_000.0}
OF_SESSION, OF_SESSION_TLS, IN_TIME = 0.35, 0.4, 0.95
SESSION = "requests.Session"
Taken = dict[str, list[tuple[float, float]]]


def cost(calls: dict[str, Block]) -> Taken:
    """Of each block: us of CPU for a view, and views a second."""
    taken: Taken = {name: [] for name in calls}
    order = list(calls.items())
    for number in range(-1, ROUNDS):
        random.Random(number).shuffle(order)
        for name, call in order:
            views = VIEWS if number >= 0 else max(10, VIEWS // 10)
            cpu, wall = time.process_time(), time.perf_counter()
            apart = call(views)
            used = time.process_time() - cpu - (apart if isinstance(apart, float) else 0.0)
            if number >= 0:
                rate = views / (time.perf_counter() - wall)
                taken[name].append((used / views * 1e6, rate))
    return taken


def under_load(sink: str) -> tuple[float, float]:
    """Of 300 views a second: the share delivered when the load ends, and delivered a second."""
    with delivery(sink, **BY_CONFIGURATION) as made:
        start, views = time.perf_counter(), int(LOAD * LOAD_SECONDS)
        pause = threading.Event()
        for number in range(views):
            pause.wait(max(0.0, start + number / LOAD - time.perf_counter()))
            made.accept(view(number))
        took = time.perf_counter() - start
        share = made.stats().delivered / views
        return share, share * views / took


def connections(secure: str, ca: Path) -> tuple[int, int, int]:
    """TLS contexts made, connections opened, and views delivered, with 4 senders."""
    made_contexts: list[int] = []
    make = ssl.SSLContext.__new__

    def counting(cls: Any, *args: Any, **kwargs: Any) -> Any:
        made_contexts.append(1)
        return make(cls, *args, **kwargs)

    trust = ssl.create_default_context(cafile=ca)
    before = counted(secure, trust)
    ssl.SSLContext.__new__ = counting  # type: ignore[method-assign,assignment]
    try:
        with delivery(secure, ca) as made:
            ours(made, iter(range(10**9)))(MANY)
            delivered = made.stats().delivered
    finally:
        ssl.SSLContext.__new__ = make  # type: ignore[method-assign]
    after = counted(secure, trust)
    # The first of the two who asked is not in its own count, but in the second's.
    opened = after["connections"] - before["connections"] - 1
    return len(made_contexts), opened, delivered


def main() -> None:
    logging.disable()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        authority = trustme.CA()
        ca, certificate = scratch / "ca.pem", scratch / "server.pem"
        authority.cert_pem.write_to_path(ca)
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
        sink = stack.enter_context(running())
        secure = stack.enter_context(running(certificate=certificate))
        slow = stack.enter_context(running(LATENCY))
        calls_at_most = ceiling(sink, measuring.sized(3.0, 1.0, 0.3))
        measuring.note(f"The sink answers {calls_at_most:,.0f} calls a second at the most.")
        contexts, opened, delivered = connections(secure, ca)
        loads = [under_load(slow) for _ in range(measuring.sized(2, 1, 1))]
        taken = cost(blocks(stack, sink, secure, ca))
    figures = report_costs(taken)
    share, spread = measuring.middle([one for one, _ in loads])
    verdict = measuring.judged(
        share,
        IN_TIME,
        spread,
        "300 views/s at 50 ms: delivered by the end of the load",
        at_least=True,
    )
    chosen = ", ".join(
        f"TOPMAIL_{name.upper()} = {value}" for name, value in BY_CONFIGURATION.items()
    )
    rows: list[tuple[object, ...]] = [
        (f"300 views/s, API 50 ms, {chosen}: share delivered at the end", share, spread, verdict),
        (
            f"TLS contexts for {delivered:,} views",
            contexts,
            0,
            measuring.judged(contexts, 1, name="TLS contexts"),
        ),
        (
            f"connections for {delivered:,} views, 4 senders",
            opened,
            0,
            measuring.judged(opened, 4, name="connections of 4 senders"),
        ),
    ]
    measuring.table("One leader", ["what", "measured", "+-", "goal"], rows)
    measuring.write(
        "delivering",
        {
            "costs": figures,
            "share": share,
            "contexts": contexts,
            "connections": opened,
            "sink": calls_at_most,
        },
    )


def report_costs(taken: Taken) -> dict[str, dict[str, float]]:
    rows, kept, bars = [], {}, {}
    again = zip(taken[f"{SESSION} again"], taken[SESSION], strict=True)
    noise = measuring.middle([abs(1 - one / other) for (one, _), (other, _) in again])[0]
    for name, told in taken.items():
        cpu, spread = measuring.middle([one for one, _ in told])
        rate, _ = measuring.middle([one for _, one in told])
        peer = f"{SESSION}, TLS" if name.endswith("TLS") else SESSION
        shares = [own / theirs for (own, _), (theirs, _) in zip(told, taken[peer], strict=True)]
        share, shares_spread = measuring.middle(shares)
        verdict = ""
        if name.startswith("topmail_flask"):
            spread_of_it = max(shares_spread, share * noise)
            goal = OF_SESSION_TLS if name.endswith("TLS") else OF_SESSION
            said = f"{name}: CPU of a view, of {peer}'s"
            verdict = f"{goal} {measuring.judged(share, goal, spread_of_it, said)}"
        rows.append((name, cpu, spread, share, shares_spread, rate, verdict))
        kept[name] = {"cpu_us": cpu, "spread_us": spread, "of_session": share, "per_second": rate}
        if "again" not in name:
            bars[name] = cpu
    measuring.table(
        "A delivered view: us of CPU of the whole process",
        ["who", "CPU", "+-", "of Session's", "+-", "views/s", "goal"],
        rows,
    )
    measuring.plot("CPU of one delivered view or event", "us", bars, "topmail")
    return kept


if __name__ == "__main__":
    main()
