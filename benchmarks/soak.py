"""A store under gunicorn for many minutes of kills, stops, full disks and a failing TopMail.

At the end the books must balance, and TopMail must have seen every view once: each one whose page
a shopper saw, and none twice. ``python -m benchmarks.soak --minutes 60`` takes an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.servers.server import Server, until
from tests.servers.shop import Shop
from topmail_flask.sandbox import Options, Sandbox

SHOPPERS = [f"shopper{number}@shop.example" for number in range(20)]
DISK_BYTES = 8 * 1024 * 1024
POUR_SECONDS = 5.0
"""Until what is in memory is on the disk again."""
END_SECONDS = 3.0
"""Until a worker that was told to end has ended."""
API_FAULTS: list[dict[str, Any]] = [
    {"latency_ms": 300, "jitter_ms": 700},
    {"error_rate": 0.1},
    {"outage": True},
    {"rate_limit": 20, "per": "second"},
    {"script": ["reset"] * 40},
    {"script": [{"action": "reset", "recorded": True}] * 40},
    {"script": ["hang"] * 8},
    {"script": ["truncate", "close_after"] * 20},
    {"script": [{"status": 429, "headers": {"Retry-After": "3"}}] * 3},
    {"script": [{"status": 502, "body": "<h1>Bad gateway</h1>", "content_type": "text/html"}] * 20},
]


@dataclass
class Soak:
    """What is going on, and what has been seen."""

    shop: Shop
    dice: random.Random
    server: Server
    rate: float
    over: threading.Event = field(default_factory=threading.Event)
    seen: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    _numbers: int = 0

    def browse(self) -> None:
        """One shopper: a look at a new product, a pause, the next."""
        while not self.over.is_set():
            self._numbers += 1
            product = f"{threading.get_ident():x}-{self._numbers}"
            try:
                page = self.server.get(
                    f"/products/{product}", user=self.dice.choice(SHOPPERS), timeout=10
                )
            except (OSError, HTTPException):
                self.events["pages broken off"] += 1
            else:
                assert f"Lamp {product}".encode() in page
                self.seen.append(product)
            self.over.wait(self.dice.expovariate(self.rate))

    def kill_a_worker(self) -> None:
        self._signal_a_worker(signal.SIGKILL, "workers killed")

    def stop_a_worker(self) -> None:
        self._signal_a_worker(signal.SIGTERM, "workers stopped")

    def reload(self) -> None:
        self.server.send(signal.SIGHUP)
        self.events["reloads"] += 1

    def order_a_fault(self) -> None:
        self.shop.sandbox.inject_faults(**self.dice.choice(API_FAULTS))
        self.events["faults of TopMail"] += 1
        self.over.wait(self.dice.uniform(1, 8))
        self.shop.sandbox.inject_faults()

    def take_topmail_away(self) -> None:
        self.shop.sandbox.stop()
        self.events["outages of TopMail"] += 1
        self.over.wait(self.dice.uniform(1, 5))
        self.shop.sandbox.start()

    def fill_the_disk(self) -> None:
        """Views are in memory meanwhile, so that nobody ends before they are on disk again."""
        self.over.wait(END_SECONDS)
        filler = self.shop.outbox / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        self.events["full disks"] += 1
        self.over.wait(self.dice.uniform(1, 5))
        filler.unlink()
        self.over.wait(POUR_SECONDS)

    def _signal_a_worker(self, number: signal.Signals, event: str) -> None:
        with suppress(IndexError, ProcessLookupError):
            os.kill(self.dice.choice(self.server.workers), number)
            self.events[event] += 1

    def memory(self) -> float:
        """Megabytes of the largest worker."""
        sizes = [0]
        for worker in self.server.workers:
            with suppress(OSError, IndexError):
                status = Path(f"/proc/{worker}/status").read_text()
                sizes.append(int(status.split("VmRSS:")[1].split()[0]))
        return max(sizes) / 1024


@contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """A file system of its own at ``place``; gives False where there can be none."""
    place.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(place)]
    mounted = os.geteuid() == 0 and not subprocess.run(command, check=False).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def run(minutes: float, seed: int, views_per_second: float) -> dict[str, Any]:
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        disk = stack.enter_context(small_disk(place / "outbox"))
        sandbox = stack.enter_context(Sandbox(contacts=SHOPPERS, options=Options(keep=2_000_000)))
        shop = Shop(sandbox, place)
        server = stack.enter_context(shop.gunicorn("gthread", workers=4, TOPMAIL_RATE=500))
        soak = Soak(shop, random.Random(seed), server, views_per_second / 8)
        trouble: list[Callable[[], None]] = [
            *[soak.kill_a_worker] * 6,
            *[soak.stop_a_worker] * 4,
            *[soak.order_a_fault] * 4,
            soak.reload,
            soak.take_topmail_away,
            *([soak.fill_the_disk] * 2 if disk else []),
        ]
        shoppers = [threading.Thread(target=soak.browse) for _ in range(8)]
        for shopper in shoppers:
            shopper.start()
        begin = time.monotonic()
        largest = 0.0
        report_at = begin
        while (now := time.monotonic()) < begin + 60 * minutes:
            if now >= report_at:
                report_at = now + 15
                largest = max(largest, soak.memory())
                print(
                    f"{now - begin:6.0f} s  {len(soak.seen)} pages, {len(sandbox.views)} views, "
                    + ", ".join(f"{count} {event}" for event, count in soak.events.items()),
                    flush=True,
                )
            soak.dice.choice(trouble)()
            soak.over.wait(soak.dice.uniform(0.2, 2.0))
        soak.over.set()
        for shopper in shoppers:
            shopper.join()
        return {"seconds": round(time.monotonic() - begin), **judged(soak, largest)}


def judged(soak: Soak, largest: float) -> dict[str, Any]:
    """Wait until all is quiet, and compare the books with what TopMail saw."""
    server, sandbox = soak.server, soak.shop.sandbox
    until(lambda: server.workers, 30, "workers are there")
    begin = time.monotonic()
    with suppress(AssertionError):
        until(lambda: books_of(server).get("pending") == 0, 120, "nothing waits")
    drained_in = time.monotonic() - begin
    books = books_of(server)
    arrived = soak.shop.arrived()
    lost = [product for product in soak.seen if product not in arrived]
    doubled = [product for product, times in arrived.items() if times > 1]
    with suppress(AssertionError):
        until(lambda: files(soak.shop.outbox) <= 1024 * 1024, 30, "the files shrink")
    return {
        "pages seen": len(soak.seen),
        "views at TopMail": len(sandbox.views),
        "calls": len(sandbox.requests),
        "lost": len(lost),
        "doubled": len(doubled),
        "books": books,
        "drained in s": round(drained_in, 1),
        "files at the end, KB": files(soak.shop.outbox) // 1024,
        "largest worker, MB": round(largest, 1),
        "log of TopMail": dict(Counter(re.findall(r"TopMail: .*", soak.server.told))),
        "tracebacks": soak.server.told.count("Traceback"),
        **soak.events,
        "good": not lost
        and not doubled
        and books.get("balanced") is True
        and books["accepted"] == books["delivered"] == len(sandbox.views),
    }


def books_of(server: Server) -> dict[str, Any]:
    with suppress(OSError, HTTPException):
        return server.books()
    return {}


def files(outbox: Path) -> int:
    return sum(file.stat().st_size for file in outbox.rglob("*") if file.is_file())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=20.0)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--rate", type=float, default=60.0, help="views per second")
    chosen = options.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    told = run(chosen.minutes, chosen.seed, chosen.rate)
    print(json.dumps(told, indent=2))
    sys.exit(0 if told["good"] else 1)


if __name__ == "__main__":
    main()
