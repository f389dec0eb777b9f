"""An error of ours in a Celery worker costs no view, and is no report with a shopper in it (F165).

A task that fails is lost, and an error tracker ships its arguments; so no task ever fails.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import CodeType, FrameType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("celery")

from celery import Celery
from celery.exceptions import Reject

from tests.faults.injection import Points
from tests.faults.store import ADDRESS
from topmail_flask import Product, ProductView, Settings, Shopper
from topmail_flask.delivery import celery as delivery
from topmail_flask.delivery.celery import Account
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.sandbox import Sandbox

ACCOUNT = "shop-key"
BEGINNING = "delivery.celery:send"  # nothing of ours stands before it


@pytest.fixture
def queue() -> Iterator[Celery]:
    app = Celery("worker", broker="memory://", set_as_current=False)
    yield app
    delivery.close_publishers()
    app.close()


def waiting(queue: Celery) -> int:
    """How many tasks are in the broker; they are taken out."""
    with queue.connection_for_read() as connection:
        channel: Any = connection.default_channel
        channel.queue_declare("celery")
        found = 0
        while channel.basic_get("celery", no_ack=True) is not None:
            found += 1
        return found


# Python 3.13 tells of an error that was planted in what the garbage collector calls.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_error_of_ours_fails_a_task_or_loses_its_view(
    queue: Celery, caplog: pytest.LogCaptureFixture
) -> None:
    product = Product("1", "Tea", url="https://shop.example/tea")
    view = ProductView(product, Shopper(email=ADDRESS))
    line = Entry.of(view, identity="someone").to_line().decode()
    task = SimpleNamespace(app=queue, request=SimpleNamespace(retries=0, id=view.key))
    points = Points()
    gc.collect()
    gc.freeze()
    with Sandbox(contacts=[ADDRESS]) as sandbox:
        settings = Settings(
            api_key=sandbox.api_key,  # type: ignore[arg-type]
            base_url=sandbox.base_url,
        )
        served = Account(ACCOUNT, settings, Receivers(None, None))
        delivery._accounts[ACCOUNT] = served
        seen: set[CodeType] = set()

        def note(frame: FrameType, event: str, _: object) -> None:
            if event == "call":
                seen.add(frame.f_code)

        sys.setprofile(note)
        delivery.send(task, ACCOUNT, line)
        sys.setprofile(None)
        assert len(sandbox.views) == 1
        raised, lost = set(), set()
        for point in points.all:
            if point.code not in seen or point.name == BEGINNING:
                continue
            sandbox.reset(keep_contacts=True)

            def trap(name: str = point.name) -> None:
                raised.add(name)
                raise LookupError(ADDRESS)

            served = Account(ACCOUNT, settings, Receivers(None, None))
            delivery._accounts[ACCOUNT] = served
            rejected = False
            with points.raising(point, trap):
                try:
                    delivery.send(task, ACCOUNT, line)
                except Reject as error:
                    rejected = error.requeue and ADDRESS not in repr(error)
            if not (rejected or sandbox.views or waiting(queue)):
                lost.add(point.name)
    gc.unfreeze()
    assert lost == set()
    assert len(raised) > 40
    assert ADDRESS not in caplog.text
