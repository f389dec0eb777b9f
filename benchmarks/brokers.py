"""Celery end to end on the brokers of this machine: from the request to the API's answer.

``python -m benchmarks.brokers [--quick]``. RabbitMQ (5672, guest) and Redis (6379), in a queue of
this run's own, which is removed afterwards. A broker that does not run is skipped.
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
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.callers import body, view
from benchmarks.peers import asker
from benchmarks.sink import counted, running
from benchmarks.store import Item, make_store

BROKERS = {"RabbitMQ": ("amqp", 5672), "Redis": ("redis", 6379)}
ROUNDS = measuring.sized(3, 1, 1)
REQUESTS = measuring.sized(240, 60, 4)
TASKS = measuring.sized(600, 150, 10)
PROCESSES = measuring.sized(3, 1, 1)
LONGEST = 60.0
OURS, OWN = "topmail_flask", "own task, requests.Session"
TICK = os.sysconf("SC_CLK_TCK")


def runs(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


@contextmanager
def store(kind: str, sink: str) -> Iterator[dict[str, str]]:
    """The environment of a store and its worker, with a queue and an outbox of their own."""
    scheme, port = BROKERS[kind]
    queue = f"topmail-benchmark-{uuid.uuid4().hex[:12]}"
    redis = scheme == "redis"
    celery = {
        "broker_url": f"redis://127.0.0.1:{port}/15" if redis else f"amqp://127.0.0.1:{port}//",
        "broker_transport_options": {"global_keyprefix": f"{queue}:"} if redis else {},
        "task_default_queue": queue,
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
    }
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as outbox:
        told = {"celery": celery, "sink": sink, "outbox": outbox}
        try:
            yield {"BENCH_BROKER": json.dumps(told)}
        finally:
            remove(redis, queue, celery["broker_url"])


def remove(redis: bool, queue: str, url: object) -> None:
    if redis:
        from redis import Redis

        with Redis.from_url(str(url)) as client:
            for key in client.scan_iter(f"{queue}:*"):
                client.delete(key)
        return
    from celery import Celery

    with Celery(broker=url, set_as_current=False) as app, app.connection_for_write() as connection:
        connection.default_channel.queue_delete(queue)


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[int]:
    """A Celery worker with one child; its process group."""
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR")
    command = ("celery", "-A", "benchmarks.broker_store", "worker", "-c", "1", *quiet)
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
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def used(group: int) -> float:
    """Seconds of CPU of the processes of a group."""
    ticks = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def until(sink: str, calls: int) -> float:
    """When the sink had answered so many calls."""
    end = time.perf_counter() + LONGEST
    while counted(sink)["calls"] < calls:
        if time.perf_counter() > end:
            raise SystemExit(f"{counted(sink)['calls']} of {calls} views arrived")
        time.sleep(0.005)
    return time.perf_counter()


def worked_off(kind: str, who: str) -> list[float]:
    """Views a second of one worker with one child, and us of CPU of a view in both processes."""
    with running() as sink, store(kind, sink) as environment, ExitStack() as stack:
        command = [sys.executable, "-m", "benchmarks.brokers", "--once", f"--{measuring.SIZE}"]
        subprocess.run([*command, "fill", who], env=os.environ | environment, check=True)
        group = stack.enter_context(worker(environment))
        early = max(1, TASKS // 10)  # by then it has begun, and its caches are filled
        start, cpu = until(sink, early), used(group)
        early = counted(sink)["calls"]
        took, cpu = until(sink, TASKS) - start, used(group) - cpu
        return [(TASKS - early) / took, cpu / (TASKS - early) * 1e6]


def fill(who: str) -> None:
    """Hand over as many views as are worked off; no worker runs yet."""
    from benchmarks.broker_store import OWN_TASK, celery_app, flask_app
    from topmail_flask.core import core_of

    if who == OWN:
        for number in range(TASKS):
            celery_app.tasks[OWN_TASK].apply_async((body(number),))
        return
    delivery: Any = core_of(flask_app).delivery
    for number in range(TASKS):
        delivery.accept(view(number))
    if not delivery.flush(LONGEST):
        raise SystemExit(f"not handed over: {delivery.health()}")
    delivery.close()


def web(kind: str) -> dict[str, list[float]]:
    """Of each store: p50 and p99 of a request's CPU; and of the leader beside it, for a view."""
    with store(kind, "http://127.0.0.1:9") as environment:
        os.environ |= environment
        from benchmarks.broker_store import OWN_TASK, celery_app, flask_app, told
        from topmail_flask.core import core_of

        def own(item: Item) -> None:
            celery_app.tasks[OWN_TASK].apply_async((body(item.id),))

        place = Path(told["outbox"])
        stores = {
            "bare": make_store("bare", tracked=False, outbox=place),
            "bare again": make_store("again", tracked=False, outbox=place),
            OURS: flask_app,
            OWN: make_store("own", tracked=False, outbox=place, peer=own),
        }
        calls = {name: asker(one) for name, one in stores.items()}
        cpu, mine = time.process_time(), time.thread_time()
        taken = measuring.in_turns(calls, REQUESTS, block=20)
        delivery: Any = core_of(flask_app).delivery
        if not delivery.flush(LONGEST):
            raise SystemExit(f"not handed over: {delivery.health()}")
        beside = time.process_time() - cpu - (time.thread_time() - mine)
        found = {
            name: [measuring.quantile(one, share) / 1e3 for share in (0.5, 0.99)]
            for name, one in taken.items()
        }
        found["leader"] = [beside / delivery.stats().delivered * 1e6]
        delivery.close()
        return found


def report_web(kind: str, told: list[dict[str, list[float]]]) -> dict[str, Any]:
    rows, kept = [], {}
    for name in ("bare again", OURS, OWN):
        added = measuring.middle([one[name][0] - one["bare"][0] for one in told])
        tail, _ = measuring.middle([one[name][1] / one["bare"][1] for one in told])
        leader = measuring.middle([one["leader"][0] for one in told]) if name == OURS else ("", "")
        rows.append((name, *added, tail, *leader))
        kept[name] = {"added_us": added, "p99": tail, "leader_us": leader}
    measuring.table(
        f"{kind}: the web process, us of CPU for a view",
        ["who", "in the request", "+-", "p99 x bare", "in the leader's thread", "+-"],
        rows,
    )
    return kept


def main() -> None:
    if "--once" in sys.argv:
        what, *rest = sys.argv[sys.argv.index(f"--{measuring.SIZE}") + 1 :]
        if what == "fill":
            fill(*rest)
        else:
            print(json.dumps(web(*rest)))
        return
    kept: dict[str, Any] = {}
    bars = {}
    for kind, (_, port) in BROKERS.items():
        if not runs(port):
            measuring.note(
                f"{kind}: nothing answers on port {port}; Celery on it was not measured."
            )
            continue
        told = measuring.in_fresh_processes("benchmarks.brokers", PROCESSES, "web", kind)
        figures: dict[str, list[list[float]]] = {OURS: [], OWN: []}
        for _ in range(ROUNDS):
            for who, rounds in figures.items():
                rounds.append(worked_off(kind, who))
        rows = []
        for who, rounds in figures.items():
            rate, cpu = (measuring.middle([one[at] for one in rounds]) for at in (0, 1))
            rows.append((who, *rate, *cpu))
            bars[f"{who.partition(',')[0]}, {kind}"] = rate[0]
        kept[kind] = {"web": report_web(kind, told), "worker": rows}
        measuring.table(
            f"{kind}: a worker with one child", ["who", "views/s", "+-", "us of CPU a view", "+-"],
            rows,
        )  # fmt: skip
    if bars:
        measuring.plot("Celery: views a second of one worker", "views/s", bars, "topmail")
    measuring.write("brokers", kept)


if __name__ == "__main__":
    main()
