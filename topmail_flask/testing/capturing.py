"""Everything that the extension decides about an app, while a test looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask

from topmail_flask.app import state_of
from topmail_flask.beacon.beacon import Beacon
from topmail_flask.core import Core
from topmail_flask.model.settings import Secret
from topmail_flask.signals import view_dropped
from topmail_flask.testing.browsing import StagedShopperSource
from topmail_flask.testing.captured_delivery import CapturedDelivery
from topmail_flask.testing.captured_views import CapturedViews
from topmail_flask.testing.clock import Clock
from topmail_flask.testing.recording import Recording
from topmail_flask.tracker import Shop, Tracker

if TYPE_CHECKING:
    from topmail_flask.sandbox import Sandbox


@contextmanager
def capture(app: Flask) -> Iterator[CapturedViews]:
    """Capture what the extension decides about ``app`` while inside; nothing leaves the process.

    .. code-block:: python

        with capture(app) as views:
            views.browse_as("ann@shop.example").get("/products/tea")
        views.assert_viewed("tea", price="9.90")

    No thread, file or connection is opened, and neither an API key nor ``TOPMAIL_ENABLED`` is
    needed. Every capture begins with an empty repeat window. Errors of the extension and of the
    shop's functions (loaders, hooks, receivers of signals) are raised: in the request, or at the
    end of the block where the app made an error page of one. Everything is as before afterwards.

    :raises ConfigurationError: the app has no extension.
    """
    state = state_of(app)
    core = state.core
    clock, recording = Clock(), Recording()
    outer = vars(core).get("delivery")
    delivery = CapturedDelivery(
        core.settings, recording.accept, outer, lambda once: recording.cancel(once, clock.time())
    )
    staged = {
        "delivery": delivery,
        "tracker": _tracker(app, core, delivery, clock),
        "source_type": StagedShopperSource,
    }
    core.watchers.append(recording.decide)
    state.events.watchers.append(recording.refuse)
    try:
        with (
            _in_place(core, **staged),
            _in_place(state, beacon=Beacon(core, clock.time)),
            _in_place(core.guard, strict=True, raised=[]),
            view_dropped.connected_to(recording.drop, app),
        ):
            yield CapturedViews(app, recording, clock, partial(_delivering, core, delivery))
            errors = core.guard.raised
    finally:
        core.watchers.remove(recording.decide)
        state.events.watchers.remove(recording.refuse)
    for error in errors:
        if _was_kept(error):
            raise error


def _tracker(app: Flask, core: Core, delivery: CapturedDelivery, clock: Clock) -> Tracker:
    shop = Shop(
        sender=app,
        guard=core.guard,
        before_send=core.hooks.before_send,
        is_enabled=lambda: True,
        has_watchers=lambda: True,
    )
    clocks = {"clock": clock.time, "monotonic": clock.monotonic}
    return Tracker(core.settings, delivery, core.secret, shop, **clocks)


@contextmanager
def _in_place(holder: object, **values: object) -> Iterator[None]:
    """Let attributes have these values; those that were not there are gone afterwards."""
    before = {name: vars(holder)[name] for name in values if name in vars(holder)}
    vars(holder).update(values)
    try:
        yield
    finally:
        for name in values:
            del vars(holder)[name]
        vars(holder).update(before)


def _was_kept(error: Exception) -> bool:
    """Whether nobody but Flask (for an error page) or a thread of ours has caught the error."""
    caught_in = error.__traceback__.tb_frame.f_globals if error.__traceback__ else {}
    return caught_in.get("__name__", "").partition(".")[0] in ("flask", "topmail_flask")


@contextmanager
def _delivering(core: Core, captured: CapturedDelivery, sandbox: Sandbox) -> Iterator[None]:
    settings = replace(
        core.settings,
        api_key=Secret(sandbox.api_key),
        base_url=sandbox.base_url,
        enabled=True,
        outbox=":memory:",
        delivery="background",
        proxy=None,
        ca=None,
    )
    with _in_place(core, settings=settings, delivery=None):
        del core.delivery  # made anew when it is asked for
        onward = core.delivery
    captured.onward = onward
    try:
        yield
    finally:
        captured.onward = None
        onward.close()
