"""Consent is asked before anything is stored, and again before a view is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import request

from tests.shop import TEA, Shop, make_shop
from topmail_flask import product_page, view_dropped
from topmail_flask.sandbox import Sandbox

ADDRESS = "ann@shop.example"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=[ADDRESS, "bob@shop.example"]) as sandbox:
        yield sandbox


def outage_shop(sandbox: Sandbox, place: Path, shopper: str = ADDRESS) -> Shop:
    """A shop whose shopper has looked at a product that could not be sent yet."""
    config: dict[str, Any] = {
        "TOPMAIL_API_KEY": sandbox.api_key,
        "TOPMAIL_BASE_URL": sandbox.base_url,
        "TOPMAIL_OUTBOX": str(place),
    }
    shop = make_shop(config, shopper=shopper)
    shop.app.add_url_rule("/tea", "tea", product_page(lambda: TEA)(lambda: "<p>tea"))
    sandbox.inject_faults(outage=True)
    return shop


def told_of(sandbox: Sandbox, address: str) -> int:
    """How many calls were for a shopper, answered or not."""
    return sum(json.loads(request.body)["email"] == address for request in sandbox.requests)


def all_has_ended(shop: Shop, sandbox: Sandbox) -> None:
    sandbox.inject_faults()
    with shop.app.app_context():
        assert shop.topmail.flush(20)
        assert shop.topmail.stats().balanced


@pytest.mark.parametrize("takes_shopper", [True, False])
def test_a_consent_withdrawn_in_the_shops_database_drops_what_waits(
    sandbox: Sandbox, tmp_path: Path, takes_shopper: bool
) -> None:
    shop = outage_shop(sandbox, tmp_path)
    agreed = {"now": True}
    shop.topmail.consent(
        (lambda shopper: agreed["now"]) if takes_shopper else lambda: agreed["now"]
    )
    shop.get("/tea")
    sandbox.wait_for_requests(1)
    agreed["now"] = False
    all_has_ended(shop, sandbox)
    assert sandbox.views == []
    assert shop.reasons == {"consent_withdrawn": 1}
    assert shop.refusals == [("tea-1", "consent_withdrawn")]


def test_a_refusal_in_a_later_request_drops_what_waits_of_that_shopper_alone(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    shop = outage_shop(sandbox, tmp_path)
    other = {"now": ADDRESS}
    shop.topmail.shopper_loader(lambda: other["now"])
    shop.topmail.consent(lambda: request.args.get("consent") == "yes")
    shop.get("/tea?consent=yes")
    other["now"] = "bob@shop.example"
    shop.get("/tea?consent=yes")
    other["now"] = ADDRESS
    sandbox.wait_for_requests(1)
    told = threading.Event()

    def dropped(sender: object, reason: str, **_: Any) -> None:
        if reason == "consent_withdrawn":
            told.set()

    view_dropped.connect(dropped, shop.app)
    shop.get("/tea?consent=no")
    assert told.wait(20)
    # A call that was under way when the refusal came cannot be recalled. In an outage there is
    # one at a time, so the other shopper's next call tells that it has had its answer: 503.
    answered = told_of(sandbox, "bob@shop.example")
    while told_of(sandbox, "bob@shop.example") == answered:
        sandbox.wait_for_requests(len(sandbox.requests) + 1, timeout=20)
    all_has_ended(shop, sandbox)
    assert [view["email"] for view in sandbox.views] == ["bob@shop.example"]
    assert shop.reasons == {"consent_withdrawn": 1, "consent": 1}


def test_a_function_that_needs_the_request_is_not_asked_without_one(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    shop = outage_shop(sandbox, tmp_path)
    asked: list[bool] = []

    @shop.topmail.consent
    def by_cookie() -> bool:
        asked.append(True)
        return request.args.get("consent") == "yes"

    shop.get("/tea?consent=yes")
    all_has_ended(shop, sandbox)
    assert len(sandbox.views) == 1
    assert len(asked) == 2, "in the request, and once to see whether it can answer elsewhere"
