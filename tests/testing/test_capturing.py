"""Everything that the extension decides, and nothing that leaves the process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.testing.conftest import make_store
from topmail_flask import (
    ConfigurationError,
    ProductView,
    product_viewed,
    view_delivered,
    view_dropped,
)
from topmail_flask.app import state_of
from topmail_flask.core import core_of
from topmail_flask.delivery.delivery import Delivery
from topmail_flask.sandbox import Sandbox
from topmail_flask.testing import capture

ANN = "ann@shop.example"


class Tea:
    """An object of the store."""


KEY = "tm_test_0123456789abcdef"


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"TESTING": True},
        {"TOPMAIL_API_KEY": KEY},
        {"TOPMAIL_API_KEY": KEY, "TESTING": True},
        {"TOPMAIL_API_KEY": KEY, "TOPMAIL_ENABLED": False},
    ],
    ids=lambda config: ",".join(config) or "no key",
)
def test_views_are_captured_whether_sending_is_switched_on_or_off(
    config: Mapping[str, Any],
) -> None:
    with capture(make_store(dict(config))) as views:
        views.browse_as(ANN).get("/products/tea-1")
        assert [view.product.id for view in views] == ["tea-1"]
        assert views.refusals == []


def test_nothing_leaves_the_process_and_no_thread_or_file_is_made(tmp_path: Path) -> None:
    with Sandbox(contacts=[ANN]) as topmail:
        config = {"TOPMAIL_API_KEY": topmail.api_key, "TOPMAIL_BASE_URL": topmail.base_url}
        app = make_store({**config, "TOPMAIL_OUTBOX": str(tmp_path / "outbox")})
        before = set(threading.enumerate())
        with capture(app) as views:
            views.browse_as(ANN).get("/products/tea-1")
            assert core_of(app).delivery.flush(0.0)
            assert set(threading.enumerate()) <= before
        assert len(views) == 1
        assert topmail.requests == []
    assert list(tmp_path.iterdir()) == []


def test_what_the_kit_does_not_take_over_is_switched_off(tmp_path: Path) -> None:
    """A capture has no key: a new way out of the front door begins by being closed."""
    app = make_store({"TOPMAIL_API_KEY": KEY, "TOPMAIL_OUTBOX": str(tmp_path)})
    with capture(app) as views:
        views.browse_as(ANN).get("/products/tea-1")
        assert Delivery.accept(core_of(app).delivery, views[0]) == "disabled"


def test_what_an_earlier_run_left_in_the_outbox_stays_there(tmp_path: Path) -> None:
    with Sandbox(contacts=[ANN]) as topmail:
        config = {"TOPMAIL_API_KEY": topmail.api_key, "TOPMAIL_BASE_URL": topmail.base_url}
        app = make_store({**config, "TOPMAIL_OUTBOX": str(tmp_path)})
        topmail.stop()
        with app.test_client() as ann:
            ann.post("/login", data={"email": ANN})
            ann.get("/products/tea-1")
        core_of(app).delivery.close()
        topmail.start()
        later = make_store({**config, "TOPMAIL_OUTBOX": str(tmp_path)})
        with capture(later) as views:
            views.browse_as(ANN).get("/products/tea-2")
            views.assert_viewed("tea-2")
        assert topmail.views == []


def test_every_refusal_is_told_with_its_page_product_and_reason(app: Flask) -> None:
    with capture(app) as views:
        ann = views.browse_as(ANN)
        ann.get("/products/tea-1?size=l")
        ann.get("/products/tea-1")
        ann.get("/about")
        ann.post("/about")
        app.test_client().get("/products/tea-2")
    told = [
        (refusal.page, refusal.reason, refusal.product and refusal.product.id)
        for refusal in views.refusals
    ]
    assert told == [
        ("GET /products/tea-1", "repeat", "tea-1"),
        ("GET /about", "no_product", None),
        ("POST /about", "status", None),
        ("GET /products/tea-2", "anonymous", "tea-2"),
    ]


def test_afterwards_everything_is_as_before(app: Flask) -> None:
    core = core_of(app)
    made = core.delivery
    before = dict(vars(core)), dict(vars(core.guard)), dict(view_dropped.receivers)

    def failing_test() -> None:
        with capture(app), capture(app):
            assert core.delivery is not made
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_test()
    assert (dict(vars(core)), dict(vars(core.guard))) == before[:2]
    assert view_dropped.receivers == before[2]
    assert core.watchers == []
    assert not core.is_enabled()


def test_a_capture_around_another_sees_what_happens_inside(app: Flask) -> None:
    with capture(app) as outer:
        outer.browse_as(ANN).get("/products/tea-1")
        with capture(app) as inner:
            inner.browse_as(ANN).get("/products/tea-2")
            inner.browse_as().get("/products/tea-3")
        outer.browse_as(ANN).get("/products/tea-4")
    assert [view.product.id for view in inner] == ["tea-2"]
    assert [view.product.id for view in outer] == ["tea-1", "tea-2", "tea-4"]
    assert [refusal.reason for refusal in outer.refusals] == ["anonymous"]


def test_two_apps_are_captured_apart() -> None:
    first, other = make_store(), make_store()
    with capture(first) as views:
        first.test_client().get("/about")
        other.test_client().get("/about")
        assert len(views.refusals) == 1


def test_each_capture_begins_with_an_empty_repeat_window(app: Flask) -> None:
    for _ in range(2):
        with capture(app) as views:
            views.browse_as(ANN).get("/products/tea-1")
            views.assert_viewed("tea-1")


def test_an_app_without_the_extension_is_told_so() -> None:
    with pytest.raises(ConfigurationError, match=r"Call topmail\.init_app"), capture(Flask("bare")):
        pass


def test_an_error_in_a_hook_of_the_store_is_raised_in_the_test(app: Flask) -> None:
    def broken(sender: Flask, **_: object) -> None:
        raise LookupError("the hook is broken")

    with capture(app) as views, product_viewed.connected_to(broken, app):
        ann = views.browse_as(ANN)
        with pytest.raises(LookupError, match="the hook is broken"):
            ann.get("/products/tea-1")


def test_an_error_that_the_app_made_a_page_of_is_raised_at_the_end() -> None:
    app = make_store()  # without TESTING an error becomes a 500 page

    def broken(view: ProductView) -> ProductView:
        raise LookupError("the hook is broken")

    core_of(app).hooks.before_send.append(broken)
    answered = []
    with pytest.raises(LookupError, match="the hook is broken"), capture(app) as views:
        answered.append(views.browse_as(ANN).get("/products/tea-1").status_code)
    assert answered == [500]


def test_an_error_that_the_test_has_seen_is_raised_once(app: Flask) -> None:
    def broken(tea: Tea) -> None:
        raise LookupError("the adapter is broken")

    core_of(app).hooks.adapters[Tea] = broken
    seen = pytest.raises(LookupError, match="the adapter is broken")
    with capture(app), app.test_request_context("/products/tea-1"), seen:
        state_of(app).declare(Tea(), None)


def test_an_error_in_a_thread_of_ours_is_raised_at_the_end(app: Flask) -> None:
    def broken(sender: Flask, **_: object) -> None:
        raise LookupError("the receiver is broken")

    def delivering_test() -> None:
        with (
            Sandbox(contacts=[ANN]) as sandbox,
            capture(app) as views,
            view_delivered.connected_to(broken, app),
            views.delivering_to(sandbox),
        ):
            views.browse_as(ANN).get("/products/tea-1")
            assert core_of(app).delivery.flush(5.0)

    with pytest.raises(LookupError, match="the receiver is broken"):
        delivering_test()


def test_without_the_kit_the_same_hook_costs_the_view_and_not_the_page(app: Flask) -> None:
    def broken(sender: Flask, **_: object) -> None:
        raise LookupError("the hook is broken")

    with capture(app):
        pass
    with product_viewed.connected_to(broken, app):
        assert app.test_client().get("/products/tea-1").status_code == 200


def test_views_of_the_test_have_stats_that_balance(app: Flask) -> None:
    with capture(app) as views:
        views.browse_as(ANN).get("/products/tea-1")
        stats = core_of(app).stats()
        assert (stats.accepted, stats.balanced) == (1, True)
        assert core_of(app).delivery.health().ok
