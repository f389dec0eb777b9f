"""Delivery as the store sees it: real threads, real files, real HTTP."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos, chaos_server
from tests.delivery.simulation import KEY
from topmail_flask.delivery.delivery import Delivery, Shop
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.model.events import ProductView
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper

Opened = Callable[..., Delivery]


def view(number: int = 0, shopper: str = "") -> ProductView:
    product = Product(id=f"p{number}", name="Lamp", url="https://shop.example/lamp")
    return ProductView(product, Shopper(email=shopper or f"shopper{number}@shop.example"))


@pytest.fixture
def opened(tmp_path: Path, chaos: Chaos) -> Iterator[Opened]:
    """Makes deliveries of one shop, and closes them in the end."""
    made: list[Delivery] = []
    place = tmp_path / "topmail"

    def make(
        directory: Path | None = place,
        app_name: str = "shop",
        told: dict[str, Any] | None = None,
        owner: bytes = b"",
        **settings: Any,
    ) -> Delivery:
        chosen: dict[str, Any] = {
            "api_key": KEY,
            "base_url": chaos.base_url,
            "timeout": 2.0,
        } | settings
        delivery = Delivery(
            Settings(**chosen),
            Shop(app_name, b"secret", owner),
            directory,
            receivers=Receivers(**(told or {})),
        )
        made.append(delivery)
        return delivery

    yield make
    chaos.released.set()
    for delivery in made:
        delivery.close()


@pytest.mark.parametrize("in_memory", [False, True])
def test_accepted_views_arrive_once_each(opened: Opened, chaos: Chaos, in_memory: bool) -> None:
    """F001"""
    delivery = opened(None) if in_memory else opened()
    views = [view(n) for n in range(50)]
    assert [delivery.accept(view) for view in views] == [None] * 50
    assert delivery.flush(20)
    assert sorted(chaos.keys) == sorted(view.key for view in views)
    stats = delivery.stats()
    assert stats.balanced
    assert (stats.accepted, stats.delivered, stats.pending) == (50, 50, 0)
    assert delivery.health().state == ("degraded" if in_memory else "healthy")


def test_a_view_is_sent_at_once(opened: Opened, chaos: Chaos) -> None:
    delivery = opened()
    for n in range(5):
        delivery.accept(view(n))
        chaos.wait_for(1, limit=0.9)


def started_since(before: set[threading.Thread]) -> list[str]:
    """Names of our threads that were not there before; other tests' shops may still live."""
    new = set(threading.enumerate()) - before
    return sorted(thread.name for thread in new if thread.name.startswith("topmail"))


def open_files() -> set[str]:
    """What this process has open and has a path: sockets of other tests come and go."""
    names = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            names.add(os.readlink(f"/proc/self/fd/{number}"))
    return {name for name in names if name.startswith("/") and not name.startswith("/proc")}


def test_nothing_is_opened_before_the_first_view(tmp_path: Path, opened: Opened) -> None:
    """F071, F072, F176"""
    before, files = set(threading.enumerate()), open_files()
    for n in range(1000):
        opened(app_name=f"shop{n}")
    assert started_since(before) == []
    assert open_files() <= files
    assert list(tmp_path.iterdir()) == []


def test_asking_for_the_books_opens_no_files_either(tmp_path: Path, opened: Opened) -> None:
    delivery = opened()
    assert delivery.stats().accepted == 0
    assert delivery.health().ok
    assert delivery.flush(0)
    assert list(tmp_path.iterdir()) == []


def test_without_a_key_nothing_is_accepted(opened: Opened, tmp_path: Path) -> None:
    """F136"""
    delivery = opened(api_key=None)
    assert delivery.accept(view()) is Reason.DISABLED
    assert opened(enabled=False).accept(view()) is Reason.DISABLED
    assert delivery.health().state == "disabled"
    assert list(tmp_path.iterdir()) == []


def test_the_sender_has_no_more_threads_than_it_was_given(opened: Opened, chaos: Chaos) -> None:
    """F108"""
    before = set(threading.enumerate())
    delivery = opened(senders=3, rate=1000)
    delivery.accept(view())
    chaos.wait_for(1)
    assert delivery.flush(10)
    chaos.otherwise = acts.hang
    for n in range(1, 40):
        delivery.accept(view(n))
    chaos.wait_for(3)
    assert started_since(before) == ["topmail-leader"] + ["topmail-sender"] * 3


def test_two_deliveries_of_one_shop_have_one_leader(opened: Opened, chaos: Chaos) -> None:
    """Two objects in one process stand for two processes: the lock decides."""
    before = set(threading.enumerate())
    first, second = opened(), opened()
    views = [view(n) for n in range(20)]
    for n, accepted in enumerate(views):
        (first if n % 2 else second).accept(accepted)
    assert second.flush(20)
    assert sorted(chaos.keys) == sorted(view.key for view in views)
    assert started_since(before).count("topmail-sender") <= 4


def test_two_apps_in_one_directory_never_cross(opened: Opened, chaos: Chaos) -> None:
    """F073, F074"""
    with chaos_server() as other:
        ours = opened()
        theirs = opened(app_name="other", api_key=f"{KEY}2", base_url=other.base_url)
        for n in range(10):
            ours.accept(view(n))
            theirs.accept(view(100 + n))
        assert ours.flush(10)
        assert theirs.flush(10)
        assert {call.headers["authorization"] for call in chaos.calls} == {f"Bearer {KEY}"}
        assert {call.headers["authorization"] for call in other.calls} == {f"Bearer {KEY}2"}
        assert (len(chaos.calls), len(other.calls)) == (10, 10)
        theirs.close()


def test_a_rotated_key_sends_what_the_old_one_left(opened: Opened, chaos: Chaos) -> None:
    """F187"""
    chaos.otherwise = acts.status(401)
    old = opened()
    old.accept(view())
    chaos.wait_for(1)
    old.close()
    chaos.otherwise = acts.ok
    new = opened(api_key=f"{KEY}new")
    new.accept(view(1))
    chaos.wait_for(2)
    assert new.flush(10)
    assert {call.headers["authorization"] for call in chaos.calls[1:]} == {f"Bearer {KEY}new"}
    assert new.stats().delivered == 2


def test_what_another_shop_left_beside_is_not_taken(opened: Opened, chaos: Chaos) -> None:
    """F074: both run the same program, with the same directory and keys of their own."""
    chaos.otherwise = acts.status(401)
    other = opened(owner=b"their SECRET_KEY")
    other.accept(view())
    chaos.wait_for(1)
    other.close()
    chaos.otherwise = acts.ok
    ours = opened(api_key=f"{KEY}new", owner=b"our SECRET_KEY")
    ours.resume()
    ours.accept(view(1))
    chaos.wait_for(1)
    assert ours.flush(10)
    assert ours.stats().accepted == 1
    assert other.stats().pending == 1
    assert [call.headers["authorization"] for call in chaos.calls[1:]] == [f"Bearer {KEY}new"]


def test_a_withdrawn_consent_drops_what_waits(opened: Opened, chaos: Chaos) -> None:
    dropped: list[Reason] = []
    told = {"on_dropped": lambda view, reason: dropped.append(reason)}
    chaos.otherwise = acts.status(429, ("Retry-After", "1"))
    delivery = opened(told=told)
    delivery.accept(view(0, "ada@shop.example"))
    chaos.wait_for(1)
    delivery.withdraw(Shopper(email="ada@shop.example"))
    chaos.otherwise = acts.ok
    assert delivery.flush(10)
    assert len(chaos.calls) == 1
    assert dropped == [Reason.CONSENT_WITHDRAWN]
    assert delivery.stats().balanced
