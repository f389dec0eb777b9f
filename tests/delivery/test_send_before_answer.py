"""Serverless: a view is sent before its answer is handed back, and no answer waits for long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from flask import Flask

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos
from tests.delivery.test_front_door import Opened, opened, view
from topmail_flask import TopMail
from topmail_flask.core import core_of
from topmail_flask.model.errors import ConfigurationError
from topmail_flask.model.settings import Settings
from topmail_flask.sandbox import Sandbox

__all__ = ["opened"]
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.mark.parametrize("place", ["disk", "memory"])
def test_a_view_has_arrived_when_the_answer_is_handed_back(place: str, tmp_path: Path) -> None:
    with Sandbox(contacts=["ann@shop.example"]) as sandbox:
        app = Flask("store")
        app.config.update(
            TOPMAIL_API_KEY=sandbox.api_key,
            TOPMAIL_BASE_URL=sandbox.base_url,
            TOPMAIL_OUTBOX=str(tmp_path) if place == "disk" else ":memory:",
            TOPMAIL_SEND_BEFORE_ANSWER=10,
        )
        topmail = TopMail(app)
        topmail.shopper_loader(lambda: "ann@shop.example")

        @app.get("/<name>")
        def product(name: str) -> str:
            topmail.track({"id": name, "name": name, "url": f"https://shop.example/{name}"})
            return "<title>Tea</title>"

        for number in range(1, 4):
            app.test_client().get(f"/tea{number}", headers=BROWSER)
            assert len(sandbox.views) == number
        core_of(app).delivery.close()


def test_a_topmail_that_hangs_holds_back_one_answer_for_the_seconds_that_were_set(
    opened: Opened, chaos: Chaos
) -> None:
    delivery = opened(send_before_answer=0.5, timeout=30.0)
    chaos.answers(acts.hang)
    began = time.monotonic()
    delivery.accept(view(1))
    assert 0.5 <= time.monotonic() - began < 5
    began = time.monotonic()
    for number in range(2, 20):
        delivery.accept(view(number))
    assert time.monotonic() - began < 0.5, "the next answers do not wait"
    chaos.released.set()
    assert delivery.flush(30)
    assert len(set(chaos.keys)) == 19


def test_a_view_that_is_tried_again_later_keeps_no_answer_waiting(
    opened: Opened, chaos: Chaos
) -> None:
    delivery = opened(send_before_answer=0.3)
    chaos.answers(acts.status(500))
    delivery.accept(view(1))
    patient = opened(app_name="shop", send_before_answer=20)
    began = time.monotonic()
    patient.accept(view(2))
    assert time.monotonic() - began < 15
    assert len(set(chaos.keys)) == 2


def test_it_needs_a_process_that_sends() -> None:
    with pytest.raises(ConfigurationError, match="TOPMAIL_SEND_BEFORE_ANSWER needs"):
        Settings(send_before_answer=2, delivery="worker")
