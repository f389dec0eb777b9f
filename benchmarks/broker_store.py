"""The store and the worker of the Celery part: ``celery -A benchmarks.broker_store worker``.

Told by the variable ``BENCH_BROKER``; see ``brokers``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import requests
from celery import Celery
from flask import Flask

from benchmarks.callers import KEY
from benchmarks.store import make_store

OWN_TASK = "bench.post"
told: dict[str, Any] = json.loads(os.environ["BENCH_BROKER"])
session = requests.Session()


def post(body: dict[str, object]) -> None:
    """What a shop writes by itself: a task with one call over a kept connection."""
    headers = {"Authorization": f"Bearer {KEY}"}
    session.post(f"{told['sink']}/track/product-view", json=body, headers=headers, timeout=5)


def make() -> Flask:
    place = Path(told["outbox"])
    settings = {"BASE_URL": told["sink"], "DELIVERY": "celery", "RATE": 10_000.0, "API_KEY": KEY}
    named = {f"TOPMAIL_{name}": value for name, value in settings.items()}
    made = make_store("broker-store", tracked=True, outbox=place, **named)
    celery = Celery("broker-store", set_as_current=False)
    celery.config_from_object(told["celery"])
    celery.task(name=OWN_TASK, acks_late=True, ignore_result=True)(post)
    made.extensions["celery"] = celery
    return made


flask_app = make()
celery_app = flask_app.extensions["celery"]
