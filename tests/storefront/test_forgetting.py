"""A shopper is erased, or leaves a browser that others use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.storefront.store import Browser, make_store
from topmail_flask import TopMail
from topmail_flask.storefront.looks import Companion, Look

ANN = "ann@shop.example"
SENDING: dict[str, Any] = {
    "TOPMAIL_API_KEY": "tm_test_storefront_0123456789",
    "TOPMAIL_DELIVERY": "worker",
}


def forget(app: Flask, status: int = 0) -> str:
    said = app.test_cli_runner().invoke(args=["topmail", "forget", ANN.upper(), "--json"])
    assert said.exit_code == status, said.output
    return said.output


def test_the_command_erases_what_a_shopper_looked_at(tmp_path: Path) -> None:
    app = make_store(tmp_path, **SENDING)
    ann, bob = Browser(app, ANN), Browser(app, "bob@shop.example")
    ann.look("tea", "mug")
    bob.look("pot")
    assert ann.seen() == ["mug", "tea"]

    said = json.loads(forget(make_store(tmp_path, **SENDING)))

    assert (said["looks"], said["left_here"]) == (2, False)
    assert ann.seen() == []
    assert bob.seen() == ["pot"]
    assert json.loads(forget(app))["looks"] == 0


def test_the_command_makes_no_file_where_the_storefront_is_not_used(tmp_path: Path) -> None:
    app = make_store(tmp_path, **SENDING)
    Browser(app, ANN).look("tea", show="")

    assert json.loads(forget(app))["looks"] == 0
    assert list(tmp_path.rglob("looks*")) == []


def test_a_log_out_leaves_the_list_of_the_browser_behind() -> None:
    topmail = TopMail()
    app = make_store(topmail=topmail)

    @app.post("/log-out")
    def log_out() -> str:
        topmail.forget()
        return "bye"

    browser = Browser(app)
    browser.look("tea")
    browser.client.post("/log-out", headers=browser.headers)

    assert browser.client.get_cookie("topmail_visitor") is None
    assert browser.seen() == []


class Shelves:
    """A shop's own memory, as one on Redis would be; it may break."""

    def __init__(self) -> None:
        self.looks: dict[str, dict[str, float]] = {}
        self.is_broken = False

    def remember(self, looks: Sequence[Look]) -> None:
        self._work()
        for visitor, product, at in looks:
            self.looks.setdefault(visitor, {})[product] = at

    def seen_by(self, visitor: str) -> list[Look]:
        self._work()
        seen = [Look(visitor, *one) for one in self.looks.get(visitor, {}).items()]
        return sorted(seen, key=lambda look: -look.at)

    def seen_with(self, product: str) -> list[Companion]:
        self._work()
        return [Companion("urn", 2, 2)]

    def forget(self, visitors: Sequence[str]) -> int:
        self._work()
        return sum(len(self.looks.pop(visitor, ())) for visitor in visitors)

    def _work(self) -> None:
        if self.is_broken:
            raise ConnectionError(f"no way to the looks of {ANN}")


@pytest.fixture
def shelves() -> Shelves:
    return Shelves()


@pytest.fixture
def shared(shelves: Shelves, tmp_path: Path) -> Flask:
    topmail = TopMail()
    topmail.keep_looks_in(shelves)
    return make_store(tmp_path, topmail, **SENDING)


def test_a_memory_of_the_shops_own_takes_the_place_of_the_file(
    shared: Flask, shelves: Shelves, tmp_path: Path
) -> None:
    ann = Browser(shared, ANN)
    ann.look("tea", show="")  # it listens from the start

    assert ann.seen() == ["tea"]
    assert ann.also("tea") == ["urn"]
    assert json.loads(forget(shared))["looks"] == 1
    assert ann.seen() == []
    assert list(tmp_path.rglob("looks*")) == []
    assert ANN not in str(shelves.looks)


def test_a_memory_that_breaks_costs_the_list_and_no_page_and_is_left_alone_for_a_while(
    shared: Flask, shelves: Shelves, caplog: pytest.LogCaptureFixture
) -> None:
    ann = Browser(shared, ANN)
    ann.look("tea")
    shelves.is_broken = True
    ann.look("mug")
    assert ann.seen() == []
    assert "Run it again" in forget(shared, status=1)
    shelves.is_broken = False
    assert ann.seen() == []
    waiting = shared.extensions["topmail"].storefront.memory
    waiting._paused_until = 0.0  # ten seconds later

    assert ann.seen() == ["mug", "tea"]
    assert ANN not in caplog.text
