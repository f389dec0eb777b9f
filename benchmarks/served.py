"""The measured store for a real server: ``gunicorn benchmarks.served:app``; see ``store_load``."""

from __future__ import annotations

import json
import os
import queue
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import requests
from flask import Flask

from benchmarks.peers import of, segment_track
from benchmarks.store import make_store


def session_thread(sink: str) -> object:
    """What a shop writes by itself: a queue, a thread, a session."""
    waiting: queue.Queue[dict[str, object]] = queue.Queue(10_000)

    def post() -> None:
        session = requests.Session()
        while True:
            told = waiting.get()
            with suppress(requests.RequestException):
                session.post(f"{sink}/track/product-view", json=told, timeout=5)

    def track(who: str, told: dict[str, object]) -> None:
        with suppress(queue.Full):
            waiting.put_nowait({"email": who, **told})

    threading.Thread(target=post, daemon=True).start()
    return of(track)


def make() -> Flask:
    told = json.loads(os.environ["BENCH_STORE"])
    place, who, sink = Path(told["outbox"]), told["who"], told["sink"]
    if who == "topmail":
        settings = {"TOPMAIL_BASE_URL": sink, **told["settings"]}
        return make_store("store", tracked=True, outbox=place, **settings)
    peer = None
    if who == "segment":
        peer = of(segment_track(sink, ExitStack()))
    elif who == "session":
        peer = session_thread(sink)
    return make_store("store", tracked=False, outbox=place, peer=peer)  # type: ignore[arg-type]


app = make()
