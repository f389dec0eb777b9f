"""Views of a test that go on to a real local TopMail."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask

from tests.testing.conftest import make_store
from topmail_flask import ProductView, Receipt, view_delivered
from topmail_flask.core import core_of
from topmail_flask.sandbox import Sandbox
from topmail_flask.testing import capture

ANN, BOB = "ann@shop.example", "bob@shop.example"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=[ANN]) as sandbox:
        yield sandbox


@pytest.mark.parametrize("way", ["background", "worker"])
def test_views_reach_topmail_whatever_way_the_store_has_chosen(way: str, sandbox: Sandbox) -> None:
    app = make_store({"TOPMAIL_DELIVERY": way, "TOPMAIL_ENABLED": False, "TESTING": True})
    told = []

    def delivered(sender: Flask, view: ProductView, receipt: Receipt) -> None:
        told.append(view.product.id)

    with capture(app) as views, view_delivered.connected_to(delivered, app):
        with views.delivering_to(sandbox):
            views.browse_as(ANN).get("/products/tea-1")
            [sent] = sandbox.wait_for_views(1)
            assert core_of(app).delivery.flush(5.0)
        views.browse_as(ANN).get("/products/tea-2")
        views.assert_viewed("tea-2")
    assert (sent["product_id"], sent["email"]) == ("tea-1", ANN)
    assert told == ["tea-1"]
    assert len(sandbox.requests) == 1


def test_what_topmail_refuses_is_in_the_story(app: Flask, sandbox: Sandbox) -> None:
    with capture(app) as views, views.delivering_to(sandbox):
        views.browse_as(BOB).get("/products/tea-1")
        assert core_of(app).delivery.flush(5.0)
        assert [refusal.reason for refusal in views.refusals] == ["contact_not_found"]
        assert "later, on its way to TopMail\n    no view of 'tea-1'" in views.story()
        assert core_of(app).stats().dead == 1


def test_a_refusal_of_tracking_stops_what_waits_for_the_shopper(
    app: Flask, sandbox: Sandbox
) -> None:
    sandbox.inject_faults(outage=True)
    with capture(app) as views, views.delivering_to(sandbox):
        views.browse_as(ANN).get("/products/tea-1")
        sandbox.wait_for_requests(1)
        views.browse_as(ANN, consent=False).get("/products/tea-2")
        sandbox.inject_faults()
        assert core_of(app).delivery.flush(5.0)
        assert core_of(app).delivery.health().state == "degraded"  # in memory only
        assert core_of(app).stats().reasons["consent_withdrawn"] == 1
    assert sandbox.views == []


def test_a_repeat_window_that_is_over_is_over_for_the_outbox_too(
    app: Flask, sandbox: Sandbox
) -> None:
    with capture(app) as views, views.delivering_to(sandbox):
        ann = views.browse_as(ANN)
        ann.get("/products/tea-1")
        views.clock.advance(61)
        ann.get("/products/tea-1")
        assert len(sandbox.wait_for_views(2)) == 2


def test_no_thread_of_ours_outlives_the_test(app: Flask, sandbox: Sandbox) -> None:
    with capture(app) as views, views.delivering_to(sandbox):
        views.browse_as(ANN).get("/products/tea-1")
        sandbox.wait_for_views(1)
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("topmail")]:
        if thread.name != "topmail-sandbox":
            thread.join(5.0)
            assert not thread.is_alive(), thread
