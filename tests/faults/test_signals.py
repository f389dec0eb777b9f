"""The shop's receivers and hooks: isolated, in an app context, and left as they found things."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app, has_app_context
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, text

from tests.shop import TEA, Shop, make_shop
from topmail_flask import (
    Product,
    ProductView,
    Receipt,
    product_page,
    product_viewed,
    view_delivered,
    view_dropped,
)
from topmail_flask.sandbox import Sandbox

ADDRESS = "ann@shop.example"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=[ADDRESS]) as made:
        yield made


@pytest.fixture
def tea_shop(sandbox: Sandbox, tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    """Makes a shop that sends views of ``/tea``."""
    made: list[Shop] = []

    def make(**config: Any) -> Shop:
        chosen = {
            "TOPMAIL_API_KEY": sandbox.api_key,
            "TOPMAIL_BASE_URL": sandbox.base_url,
            "TOPMAIL_OUTBOX": str(tmp_path / "outbox"),
            "TOPMAIL_REPEAT_WINDOW": 0,
        } | config
        shop = make_shop(chosen, shopper=ADDRESS)
        shop.app.get("/tea")(product_page(lambda: TEA)(lambda: "<p>"))
        made.append(shop)
        return shop

    yield make
    for shop in made:
        shop.app.extensions["topmail"].core.delivery.close()


class _Caller:
    def __init__(self, receiver: Callable[..., Any]) -> None:
        self.receiver = receiver

    async def __call__(self, sender: Flask, **values: Any) -> None:
        await self.receiver(sender, **values)


@pytest.mark.parametrize(
    "shape",
    [
        lambda receiver: receiver,
        functools.partial,
        lambda receiver: lambda sender, **values: receiver(sender, **values),  # noqa: PLW0108
        _Caller,
    ],
    ids=["async def", "partial", "lambda", "object"],
)
def test_an_async_receiver_runs_before_the_page_is_sent(
    tea_shop: Callable[..., Shop], shape: Callable[..., Callable[..., Any]]
) -> None:
    shop, ran = tea_shop(), []

    async def receiver(sender: Flask, product: Product, **_: Any) -> None:
        await asyncio.sleep(0)
        ran.append(product.id)

    connected = shape(receiver)
    with product_viewed.connected_to(connected, shop.app):
        assert shop.get("/tea").status_code == 200
    assert ran == [TEA["id"]]


def test_an_async_receiver_that_raises_harms_nobody(
    tea_shop: Callable[..., Shop], caplog: pytest.LogCaptureFixture
) -> None:
    shop = tea_shop()

    async def raises(sender: Flask, **_: Any) -> None:
        raise LookupError

    with product_viewed.connected_to(raises, shop.app):
        assert shop.get("/tea").status_code == 200
    assert "raises() raised LookupError" in caplog.text


def test_an_async_receiver_of_a_delivery_runs(tea_shop: Callable[..., Shop]) -> None:
    shop, ran = tea_shop(), []

    async def receiver(sender: Flask, receipt: Receipt, **_: Any) -> None:
        ran.append(current_app.name)

    with view_delivered.connected_to(receiver, shop.app):
        shop.get("/tea")
        assert shop.topmail.flush(app=shop.app)
    assert ran == [shop.app.name]


def test_a_muted_signal_calls_nobody(tea_shop: Callable[..., Shop]) -> None:
    shop, heard = tea_shop(), []

    def receiver(sender: Flask, product: Product, **_: Any) -> None:
        heard.append(product.id)

    with product_viewed.connected_to(receiver, shop.app):
        with product_viewed.muted():
            shop.get("/tea")
        assert heard == []
        shop.get("/tea")
    assert heard == [TEA["id"]]


def test_receivers_are_isolated_from_each_other(tea_shop: Callable[..., Shop]) -> None:  # F179
    shop, called = tea_shop(), []

    def raises(sender: Flask, **_: Any) -> None:
        called.append("raises")
        raise RuntimeError

    def leaves(sender: Flask, **_: Any) -> None:
        called.append("leaves")
        product_viewed.disconnect(leaves, sender)

    def changes(sender: Flask, view: ProductView, **told: Any) -> None:
        called.append("changes")
        told.clear()
        with pytest.raises(dataclasses.FrozenInstanceError):
            view.product.name = "Coffee"  # type: ignore[misc]

    def tracks_again(sender: Flask, **_: Any) -> None:
        called.append("tracks")
        shop.topmail.track(TEA)

    def lasts(sender: Flask, **_: Any) -> None:
        called.append("lasts")

    for receiver in (raises, leaves, changes, tracks_again, lasts):
        product_viewed.connect(receiver, shop.app)
    assert shop.get("/tea").text == "<p>"
    assert sorted(called) == ["changes", "lasts", "leaves", "raises", "tracks"]
    shop.get("/tea")
    assert sorted(called[5:]) == ["changes", "lasts", "raises", "tracks"]
    assert [view.product.name for view in shop.views] == ["Green tea"] * 2


def test_a_slow_receiver_of_delivery_makes_no_page_slow(
    tea_shop: Callable[..., Shop], sandbox: Sandbox
) -> None:  # F179
    shop = tea_shop()
    entered, released, left = threading.Event(), threading.Event(), threading.Event()

    def slow(sender: Flask, **_: Any) -> None:
        entered.set()
        released.wait(60)
        left.set()

    view_delivered.connect(slow, shop.app)
    shop.get("/tea")
    assert entered.wait(10)
    for _ in range(20):
        shop.get("/tea")
    assert not left.is_set()  # it was within the receiver all the time
    released.set()
    assert shop.topmail.flush(20, shop.app)
    assert len(sandbox.views) == 21


def test_receivers_live_as_blinker_says(tea_shop: Callable[..., Shop]) -> None:  # F180
    shop, called = tea_shop(), []

    class Listener:
        def hear(self, sender: Flask, **_: Any) -> None:
            called.append("method")

    listener = Listener()
    product_viewed.connect(listener.hear, shop.app)
    product_viewed.connect(lambda sender, **_: called.append("weak"), shop.app)
    product_viewed.connect(lambda sender, **_: called.append("kept"), shop.app, weak=False)
    gc.collect()
    shop.get("/tea")
    assert sorted(called) == ["kept", "method"]


def renamed(view: ProductView) -> object:
    product = dataclasses.replace(view.product, name="Black tea", brand="Leaf")
    return dataclasses.replace(view, product=product)


def without_an_id(view: ProductView) -> object:
    return dataclasses.replace(view, product=Product("", "Tea"))


def junk(view: ProductView) -> object:
    return dataclasses.replace(view, mood="happy")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (lambda view: None, "vetoed"),
        (lambda view: "text", "hook_failed"),
        (lambda view: view.body(), "hook_failed"),
        (lambda view: dataclasses.replace(view, shopper=None), "hook_failed"),
        (lambda view: dataclasses.replace(view, key="x\r\nEvil: 1"), "invalid_product"),
        (without_an_id, "hook_failed"),
        (junk, "hook_failed"),
        (renamed, None),
    ],
)
def test_what_before_send_returns_is_a_view_or_none_is_sent(
    tea_shop: Callable[..., Shop],
    sandbox: Sandbox,
    hook: Callable[[ProductView], object],
    reason: str | None,
) -> None:  # F181, F169
    shop = tea_shop()
    shop.topmail.before_send(hook)
    assert shop.get("/tea").text == "<p>"
    assert shop.topmail.flush(10, shop.app)
    assert [told for _, told in shop.refusals] == ([reason] if reason else [])
    assert [view["product_name"] for view in sandbox.views] == ([] if reason else ["Black tea"])
    if reason:
        assert sandbox.requests == []


@pytest.mark.parametrize("fails", [False, True])
def test_a_receiver_in_our_threads_may_use_the_database(
    tea_shop: Callable[..., Shop], sandbox: Sandbox, tmp_path: Path, fails: bool
) -> None:  # F182
    shop = tea_shop()
    shop.app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
    database = SQLAlchemy(shop.app)
    told: list[tuple[str, Flask, object]] = []
    borrowed: list[int] = []

    def note(sender: Flask, **_: Any) -> None:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
        told.append((threading.current_thread().name, app, database.session()))
        database.session.execute(text("SELECT 1"))
        if fails:
            raise LookupError

    view_delivered.connect(note, shop.app)
    with shop.app.app_context():
        event.listen(database.engine, "checkout", lambda *_: borrowed.append(1))
        event.listen(database.engine, "checkin", lambda *_: borrowed.append(-1))
    for _ in range(3):
        shop.get("/tea")
    assert shop.topmail.flush(10, shop.app)
    shop.app.extensions["topmail"].core.delivery.close()
    assert [app for _, app, _ in told] == [shop.app] * 3
    assert all(name.startswith("topmail") for name, _, _ in told)
    assert len({id(session) for *_, session in told}) == 3
    assert (len(borrowed), sum(borrowed)) == (6, 0)
    assert not has_app_context()
    with shop.app.app_context():
        database.engine.dispose()


def test_a_receiver_of_drops_gets_the_view_and_an_app_context(
    tea_shop: Callable[..., Shop], sandbox: Sandbox
) -> None:  # F182
    shop, told = tea_shop(), []
    sandbox.inject_faults(script=[400])

    def dropped(sender: Flask, view: ProductView, reason: str, **_: Any) -> None:
        told.append((current_app.name, view.product.id, reason))

    view_dropped.connect(dropped, shop.app)
    shop.get("/tea")
    assert shop.topmail.flush(10, shop.app)
    shop.app.extensions["topmail"].core.delivery.close()
    assert told == [("shop", "tea-1", "rejected")]


def test_a_restart_with_a_new_key_sends_what_waits_under_it(
    tea_shop: Callable[..., Shop], sandbox: Sandbox
) -> None:  # F187
    receipts: list[Receipt] = []
    first = tea_shop(TOPMAIL_API_KEY="tm_test_a_key_that_was_revoked")
    first.get("/tea")
    sandbox.wait_for_requests(1)
    first.app.extensions["topmail"].core.delivery.close()
    assert sandbox.views == []
    second = tea_shop()

    def delivered(sender: Flask, receipt: Receipt, **_: Any) -> None:
        receipts.append(receipt)

    view_delivered.connect(delivered, second.app)
    second.get("/tea")
    sandbox.wait_for_views(2)
    assert second.topmail.flush(10, second.app)
    assert len(sandbox.views) == len(receipts) == 2
    assert {request.status for request in sandbox.requests} == {401, 201}
