"""The courier: a process of its own that sends for all processes of a store (F198)."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.delivery.couriers import StoreProcess, couriers, leader, leading, state, until
from tests.delivery.process_store import EMAIL, open_delivery, view_of
from topmail_flask.delivery.front_door import Delivery
from topmail_flask.sandbox import Sandbox


def store(place: Path, sandbox: Sandbox) -> Delivery:
    return open_delivery(place, sandbox.base_url, sandbox.api_key)


def seen(sandbox: Sandbox) -> list[str]:
    return sorted(view["product_id"] for view in sandbox.views)


def test_a_process_of_its_own_sends_and_gets_the_key_through_a_pipe(
    place: Path, sandbox: Sandbox
) -> None:
    with closing(store(place, sandbox)) as delivery:
        before = set(threading.enumerate())
        delivery.accept(view_of("a"))
        assert len(set(threading.enumerate()) - before) == 1
        sandbox.wait_for_views(1, timeout=20)
        courier = leading(place)
        assert courier != os.getpid()
        for told in ("cmdline", "environ"):
            assert sandbox.api_key.encode() not in Path(f"/proc/{courier}/{told}").read_bytes()
        assert os.getsid(courier) == courier  # Ctrl-C in the store's terminal is not for it
        assert delivery.flush(10)
        assert delivery.health().state == "healthy"
        assert delivery.stats().delivered == 1


def test_nothing_that_a_server_left_open_stays_open_with_the_courier(
    place: Path, sandbox: Sandbox
) -> None:
    """gunicorn's listening socket is inheritable: a restart would find its address in use."""
    with socket.create_server(("127.0.0.1", 0)) as server, closing(store(place, sandbox)) as one:
        server.set_inheritable(True)
        one.accept(view_of("a"))
        files = Path(f"/proc/{leading(place)}/fd")
        mine = os.readlink(f"/proc/self/fd/{server.fileno()}")
        assert mine not in [os.readlink(file) for file in files.iterdir()]


def test_what_becomes_of_views_is_told_in_the_store(
    place: Path, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Receivers and log lines are the store's, wherever the views are sent."""
    told: list[tuple[str, str]] = []
    two = threading.Semaphore(0)
    sending = store(place, sandbox)
    delivery = Delivery(
        sending._settings,
        app_name="shop",
        directory=place,
        secret=b"secret",
        on_delivered=lambda view, receipt: (
            told.append((view.product.id, str(bool(receipt.id)))) or two.release()  # type: ignore[func-returns-value]
        ),
        on_dropped=lambda view, reason: (
            told.append((view.product.id, reason.value)) or two.release()  # type: ignore[func-returns-value]
        ),
    )
    with closing(delivery), caplog.at_level(logging.INFO, "topmail_flask"):
        delivery.accept(view_of("known"))
        delivery.accept(view_of("unknown", "nobody@shop.example"))
        assert two.acquire(timeout=20)
        assert two.acquire(timeout=20)
        assert sorted(told) == [("known", "True"), ("unknown", "contact_not_found")]
        sandbox.order(script=[401])
        delivery.accept(view_of("late"))
        until(lambda: "TOPMAIL_API_KEY" in caplog.text, "a line in the store's log")
        assert EMAIL not in caplog.text


def test_a_killed_courier_is_replaced_and_nothing_is_lost_or_sent_twice(
    place: Path, sandbox: Sandbox
) -> None:
    with closing(store(place, sandbox)) as delivery:
        delivery.accept(view_of("0"))
        sandbox.wait_for_views(1, timeout=20)
        for number in range(1, 4):
            courier = leading(place)
            os.kill(courier, signal.SIGKILL)
            delivery.accept(view_of(str(number)))
            sandbox.wait_for_views(number + 1, timeout=5)
            assert state(courier) == ""  # no zombie
        assert seen(sandbox) == ["0", "1", "2", "3"]
        until(lambda: len(couriers(place)) == 1, "there is one courier")


def test_a_courier_told_to_end_while_the_api_hangs_ends_in_time(
    place: Path, sandbox: Sandbox
) -> None:
    with closing(store(place, sandbox)) as delivery:
        delivery.accept(view_of("a"))
        sandbox.wait_for_views(1, timeout=20)
        sandbox.order(latency_ms=30_000)
        delivery.accept(view_of("b"))
        sandbox.wait_for_requests(2, timeout=20)
        courier = leading(place)
        os.kill(courier, signal.SIGTERM)
        assert until(lambda: state(courier) in {"", "Z"}, "it has ended") < 2.0
        until(lambda: state(courier) == "", "the store has reaped it")
        sandbox.order()
        sandbox.wait_for_views(2, timeout=20)
        assert delivery.flush(20)
    assert seen(sandbox) == ["a", "b"]


def test_one_courier_serves_many_processes_and_outlives_the_one_that_started_it(
    place: Path, sandbox: Sandbox
) -> None:
    """Workers that are recycled after some requests (--max-requests) take nothing with them."""
    stores = [StoreProcess(place, sandbox) for _ in range(4)]
    try:
        for number, one in enumerate(stores):
            one.view(f"first-{number}")
        sandbox.wait_for_views(4, timeout=30)
        courier = leading(place)
        until(lambda: couriers(place) == [courier], "there is one courier")
        for one in stores[:2]:
            one.kill()
        stores[2].end()
        stores[3].view("second")
        stores[3].hear("delivered second")
        assert leading(place) == courier
        assert couriers(place) == [courier]
    finally:
        for one in stores:
            one.kill()
    until(lambda: couriers(place) == [], "no store is alive, nothing is left: it ends")
    assert len(sandbox.views) == 5


def test_a_forked_child_of_the_store_shares_the_courier(place: Path, sandbox: Sandbox) -> None:
    one = StoreProcess(place, sandbox)
    try:
        one.view("parent")
        sandbox.wait_for_views(1, timeout=20)
        courier = leading(place)
        one.say("fork child")
        sandbox.wait_for_views(2, timeout=20)
        assert couriers(place) == [courier]
        assert seen(sandbox) == ["child", "parent"]
    finally:
        one.end()


def test_a_courier_of_a_store_that_is_gone_does_not_wait_for_a_dead_api(
    place: Path, sandbox: Sandbox
) -> None:
    """The views stay on the disk, and the next start of the store sends them."""
    one = StoreProcess(place, sandbox)
    one.view("a")
    sandbox.wait_for_views(1, timeout=20)
    sandbox.order(script=[401])
    one.view("b")
    sandbox.wait_for_requests(2, timeout=20)
    one.kill()
    until(lambda: couriers(place) == [], "it ends")
    until(lambda: leader(place) is None, "its files are closed last of all")
    # A pause for a wrong key is known to the next leader; a new start tries again at once.
    again = StoreProcess(place, sandbox)
    try:
        again.view("c")
        sandbox.wait_for_views(3, timeout=20)
    finally:
        again.kill()


@pytest.mark.parametrize("python", ["/nowhere/python3", "broken"])
def test_where_no_process_can_be_started_the_thread_sends(
    place: Path, sandbox: Sandbox, tmp_path: Path, python: str
) -> None:
    broken = tmp_path / "python-that-ends"
    broken.write_text("#!/bin/sh\necho 'No module named topmail_flask' >&2\nexit 1\n")
    broken.chmod(0o700)
    pretended = str(broken) if python == "broken" else python
    one = StoreProcess(place, sandbox, PRETENDED_PYTHON=pretended)
    try:
        one.view("a")
        one.hear("delivered a")
        assert couriers(place) == []
    finally:
        one.kill()
