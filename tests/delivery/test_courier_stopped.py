"""A courier that stands still (F198): the store notices, kills it and starts another."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from pathlib import Path

from tests.delivery.couriers import leader, leading, state, until
from tests.delivery.process_store import open_delivery, view_of
from topmail_flask.delivery.front_door import Delivery
from topmail_flask.sandbox import Sandbox


def store(place: Path, sandbox: Sandbox) -> Delivery:
    return open_delivery(place, sandbox.base_url, sandbox.api_key)


def test_a_stopped_courier_is_noticed_and_replaced(place: Path, sandbox: Sandbox) -> None:
    late = 0.0
    sending = store(place, sandbox)
    delivery = Delivery(
        sending._settings,
        app_name="shop",
        directory=place,
        secret=b"secret",
        monotonic=lambda: time.monotonic() + late,
    )
    with closing(delivery):
        delivery.accept(view_of("a"))
        sandbox.wait_for_views(1, timeout=20)
        stopped = leading(place)
        os.kill(stopped, signal.SIGSTOP)
        delivery.accept(view_of("b"))
        until(lambda: state(stopped) == "T", "it stands still")
        late = 9.0  # for the store's eye on it
        sandbox.wait_for_views(2, timeout=20)
        late = 0.0
        assert leading(place, other_than=stopped) != stopped
        assert state(stopped) == ""


def test_a_courier_stopped_before_its_first_sign_of_life_is_replaced(
    place: Path, sandbox: Sandbox
) -> None:
    late = 0.0
    sending = store(place, sandbox)
    delivery = Delivery(
        sending._settings,
        app_name="shop",
        directory=place,
        secret=b"secret",
        monotonic=lambda: time.monotonic() + late,
    )
    with closing(delivery):
        delivery.accept(view_of("a"))
        until(lambda: leader(place) is not None, "a courier leads")
        stopped = leader(place)
        assert stopped is not None
        os.kill(stopped.pid, signal.SIGSTOP)
        seen_at = time.monotonic()
        until(lambda: time.monotonic() - seen_at > 2.5, "the store has looked at it")
        late = 9.0
        until(lambda: state(stopped.pid) == "", "it is killed and reaped")
        late = 0.0
        sandbox.wait_for_views(1, timeout=20)
        assert delivery.flush(20)
    assert len(sandbox.views) == 1
