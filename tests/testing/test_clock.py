"""Time passes when the test says so."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from flask import Flask

from topmail_flask.testing import Clock, capture

ANN = "ann@shop.example"


def test_a_repeat_counts_again_once_the_window_is_over(app: Flask) -> None:
    with capture(app) as views:
        ann = views.browse_as(ANN)
        ann.get("/products/tea-1")
        views.clock.advance(30)
        ann.get("/products/tea-1")
        views.assert_not_viewed(reason="repeat", shopper="nobody@shop.example")
        views.clock.advance(timedelta(seconds=31))
        ann.get("/products/tea-1")
        views.assert_viewed("tea-1", times=2)
        first, second = (view.viewed_at for view in views)
        assert 61 <= second - first < 71
        assert abs(first - time.time()) < 10


def test_a_visit_ends_when_hours_have_passed(app: Flask) -> None:
    with capture(app) as views:
        ann = views.browse_as(ANN)
        ann.get("/products/tea-1")
        views.clock.advance(timedelta(hours=4))
        ann.get("/products/tea-1")
        assert views[0].session_id != views[1].session_id


def test_a_clock_never_goes_back() -> None:
    with pytest.raises(ValueError, match="a clock goes forward"):
        Clock().advance(-1)
