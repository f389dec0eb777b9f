"""What 1, 10 and 100 web machines at 10,000 views a second need: a calculation, and its checks.

The costs of a view are measured here; the calculation of ``docs/explanation/scale.md`` is done with
them, held against a simulation of every single view, and, where one machine is enough for that,
against a real leader. ``python -m benchmarks.scale [--quick]``
"""

from __future__ import annotations

import logging
import math
import tempfile
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from benchmarks import measuring
from benchmarks.queueing import Outcome, Station, answers, fixed, simulate
from benchmarks.sink import running
from topmail_flask import Product, ProductView, Settings, Shopper
from topmail_flask.delivery.delivery import Delivery, Shop

LOAD = 10_000.0
LATENCY = 0.05
MOST_SENDERS = 64  # TOPMAIL_SENDERS allows no more
ROOM = 1.25  # what is planned beyond the mean load
WORKER_CPU = 0.002  # of a Celery worker for one task with its call: an assumption, see the page
BROKER_CPU = 0.00005  # of the broker for one confirmed message: an assumption, see the page
SECONDS = measuring.sized(10.0, 2.0, 0.5)


@dataclass(frozen=True)
class Costs:
    """Seconds of CPU.

    :ivar accept: in the request, for the journal.
    :ivar deliver: in the leader, for one view from the journal to the API's answer.
    :ivar forward: in the leader, for one view from the journal to the broker's word.
    """

    accept: float
    deliver: float
    forward: float


def view(number: int) -> ProductView:
    product = Product(
        id=str(number), name="Walking shoe", url=f"https://store.example/p/{number}",
        image_url="https://store.example/static/shoe.jpg", price=Decimal("49.90"), currency="EUR",
    )  # fmt: skip
    return ProductView(product, Shopper(email=f"shopper{number}@example.com"))


def leader(base_url: str, views: int, *, senders: int, rate: float) -> tuple[float, float, float]:
    """Of a real leader: CPU seconds to accept and to deliver a view, and views a second."""
    with tempfile.TemporaryDirectory() as outbox:
        settings = Settings(
            api_key="tm_test_0123456789abcdef0123456789abcdef",  # type: ignore[arg-type]
            base_url=base_url, senders=senders, rate=rate,
        )  # fmt: skip
        delivery = Delivery(settings, Shop("scale", b"scale" * 8), Path(outbox))
        ready = [view(number) for number in range(views)]
        start, cpu = time.perf_counter(), time.process_time()
        mine = time.thread_time()
        for one in ready:
            delivery.accept(one)
        mine = time.thread_time() - mine
        waits = time.thread_time()
        if not delivery.flush(60):
            raise SystemExit(f"the leader did not deliver: {delivery.health()}")
        waits = time.thread_time() - waits
        took, used = time.perf_counter() - start, time.process_time() - cpu - mine - waits
        delivery.close()
        return mine / views, used / views, views / took


def publishing(messages: int) -> float | None:
    """CPU seconds for a message to RabbitMQ or Redis and its confirmation; None: neither here."""
    import socket

    from celery import Celery

    from topmail_flask.delivery.celery import Publisher

    for port, url in (5672, "amqp://guest:guest@127.0.0.1:5672//"), (6379, "redis://127.0.0.1"):
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
        except OSError:
            continue
        app = Celery("scale", broker=url)
        app.conf.task_default_queue = "topmail-benchmark-scale"
        publisher = Publisher(app)
        try:
            publisher.publish("scale", "x" * 500, key="warm-up")
            start = time.thread_time()
            for number in range(messages):
                publisher.publish("scale", "x" * 500, key=f"scale-{number}")
            return (time.thread_time() - start) / messages
        finally:
            with app.connection_for_write() as connection:
                connection.default_channel.queue_delete("topmail-benchmark-scale")
            publisher.close()
    return None


def measured() -> tuple[Costs, list[tuple[str, float, float, float]]]:
    with running() as quick:
        accept, deliver, fastest = leader(quick, 600, senders=4, rate=10_000.0)
    with running(LATENCY) as slow:
        _, _, at_16 = leader(slow, 600, senders=16, rate=10_000.0)
        _, _, at_rate = leader(slow, 300, senders=16, rate=100.0)
    publish = publishing(300)
    # The journal's and the outbox's part of a delivered view is there in both ways.
    forward = deliver if publish is None else publish + deliver * 0.3
    checks = [
        ("4 senders, API at once", min(4 / 1e-4, 1 / deliver), fastest),
        ("16 senders, API 50 ms", min(16 / LATENCY, 1 / deliver), at_16),
        ("16 senders, API 50 ms, TOPMAIL_RATE 100", 100.0, at_rate),
    ]
    rows = [(name, told, real, real / told) for name, told, real in checks]
    return Costs(accept, deliver, forward), rows


def direct(machines: int, costs: Costs) -> tuple[dict[str, float], Outcome]:
    """Each machine's leader calls the API."""
    load = LOAD / machines
    senders = min(MOST_SENDERS, math.ceil(load * LATENCY * ROOM))
    capacity = machines * min(senders / LATENCY, 1 / costs.deliver)
    own = [Station(1, fixed(costs.deliver)), Station(senders, answers(LATENCY))]
    told = {
        "load of a machine": load,
        "senders": senders,
        "cores of a leader": min(load * costs.deliver, 1.0),
        "expected": min(LOAD, capacity),
    }
    return told, simulate(machines, LOAD, own, [], SECONDS)


def through_celery(machines: int, costs: Costs) -> tuple[dict[str, float], Outcome]:
    """Each machine's leader hands over to a broker; workers call the API."""
    load = LOAD / machines
    workers = math.ceil(LOAD * (LATENCY + WORKER_CPU) * ROOM)
    capacity = min(machines / costs.forward, 1 / BROKER_CPU, workers / (LATENCY + WORKER_CPU))
    own = [Station(1, fixed(costs.forward))]
    calls = answers(LATENCY)
    shared = [
        Station(1, fixed(BROKER_CPU)),
        Station(workers, lambda dice: WORKER_CPU + calls(dice)),
    ]
    told = {
        "load of a machine": load,
        "workers": workers,
        "cores of a leader": min(load * costs.forward, 1.0),
        "cores of the workers": LOAD * WORKER_CPU,
        "expected": min(LOAD, capacity),
    }
    return told, simulate(machines, LOAD, own, shared, SECONDS)


def main() -> None:
    logging.disable()
    costs, checks = measured()
    measuring.table(
        "A real leader against the calculation, views a second",
        ["leader", "calculated", "measured", "ratio"],
        checks,
    )
    print(
        f"CPU of a view: {costs.accept * 1e6:.0f} us in the request, {costs.deliver * 1e6:.0f} us "
        f"in the leader, {costs.forward * 1e6:.0f} us in a leader that hands on to a broker"
    )
    kept: dict[str, object] = {"costs": vars(costs), "checks": checks}
    for name, plan in ("each leader calls the API", direct), ("Celery", through_celery):
        rows = []
        for machines in (1, 10, 100):
            told, seen = plan(machines, costs)
            needs = told.get("senders", told.get("workers", 0))
            # The pipeline fills while the load begins: that much is under way at its end.
            warm = told["expected"] * (1 - LATENCY / SECONDS)
            rows.append(
                (machines, told["load of a machine"], needs, told["cores of a leader"],
                 told["expected"], seen.rate, seen.rate / warm, seen.backlog, seen.drained)
            )  # fmt: skip
            kept[f"{name}, {machines}"] = {**told, **vars(seen)}
        measuring.table(
            f"{LOAD:,.0f} views a second, API {LATENCY * 1e3:.0f} ms: {name}",
            ["machines", "load each", "senders" if plan is direct else "workers", "leader cores",
             "calculated/s", "simulated/s", "ratio", "backlog", "drained s"],
            rows,
        )  # fmt: skip
    measuring.write("scale", kept)


if __name__ == "__main__":
    main()
