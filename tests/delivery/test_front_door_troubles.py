"""Delivery when receivers, threads or the interpreter get in the way."""

from __future__ import annotations

import gc
import itertools
import signal
import threading

import pytest

from tests.delivery.chaos import Chaos
from tests.delivery.test_front_door import Opened, opened, view
from tests.delivery.waiting import until
from topmail_flask.delivery import health
from topmail_flask.delivery.lifecycle import Wakeup

__all__ = ["opened"]


def test_a_receiver_that_raises_harms_no_view(opened: Opened, chaos: Chaos) -> None:
    """F179"""

    def broken(*_: object) -> None:
        raise ValueError("ada@shop.example")

    delivery = opened(told={"on_delivered": broken})
    delivery.accept(view(0))
    delivery.accept(view(1))
    assert delivery.flush(10)
    assert delivery.stats().delivered == 2


def test_a_thread_that_dies_is_replaced_at_the_next_view(
    opened: Opened, chaos: Chaos, caplog: pytest.LogCaptureFixture
) -> None:
    """F078"""
    deaths: list[str] = []

    def deadly(*_: object) -> None:
        if not deaths:
            deaths.append(threading.current_thread().name)
            raise MemoryError

    delivery = opened(told={"on_delivered": deadly})
    delivery.accept(view(0))
    chaos.wait_for(1)
    ended_by = Wakeup().wait
    for n in range(1, 200):
        delivery.accept(view(n))
        if len(chaos.calls) > 1:
            break
        ended_by(0.05)
    assert delivery.flush(10)
    assert deaths == ["topmail-leader"]
    assert delivery.stats().balanced
    assert delivery.stats().pending == 0
    assert any("MemoryError" in record.getMessage() for record in caplog.records)


def test_a_receiver_that_hangs_makes_no_exit_wait(
    opened: Opened,
    chaos: Chaos,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """F183"""
    released, entered = threading.Event(), threading.Event()

    def hanging(*_: object) -> None:
        entered.set()
        released.wait(30)

    monkeypatch.setattr(health, "STUCK_AFTER", 0.1)
    delivery = opened(told={"on_delivered": hanging}, shutdown_timeout=0.3)
    delivery.accept(view())
    assert entered.wait(10)
    Wakeup().wait(0.15)
    assert delivery.health().state == "stuck"
    for n in range(1, 4):
        delivery.accept(view(n))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    delivery.close()
    released.set()


def test_a_view_may_be_accepted_from_a_signal_and_from_a_finaliser(
    opened: Opened, chaos: Chaos
) -> None:
    """F079"""
    delivery = opened(rate=10_000)
    numbers = itertools.count(1000)
    accepted: list[int] = []
    died: list[int] = []

    def look(*_: object) -> None:
        number = next(numbers)
        assert delivery.accept(view(number)) is None
        accepted.append(number)

    class Dying:
        def __del__(self) -> None:
            look()
            died.append(1)

    former = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for n in range(500):
            dying = Dying()
            dying.me = dying  # type: ignore[attr-defined]
            del dying
            look()
            if n % 50 == 0:
                gc.collect()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0, 0)
        signal.signal(signal.SIGALRM, former)
    gc.collect()
    until(lambda: len(died) == 500, "the leader's thread may be collecting, and is still at it")
    assert len(accepted) >= 1000
    assert delivery.stats().accepted == len(accepted)


def test_no_thread_to_be_had_leaves_the_views_on_disk(
    opened: Opened, chaos: Chaos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F077"""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    delivery = opened()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert delivery.accept(view(0)) is None
        assert delivery.stats().pending == 1
    Wakeup().wait(1.1)
    delivery.accept(view(1))
    assert delivery.flush(10)
    assert len(chaos.calls) == 2
