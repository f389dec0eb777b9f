"""What a checkout tells, and what becomes of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request

from topmail_flask import Product, Purchase, Reason, Shopper, TopMail, TopMailClient, view_dropped
from topmail_flask.model.errors import Conflict, InvalidValueError
from topmail_flask.sandbox import Sandbox
from topmail_flask.testing import capture

ANN = "ann@shop.example"
GUEST = "guest@shop.example"
TEA = Product("tea", "Green tea", price=Decimal("9.90"), currency="EUR")


def make_store(**config: Any) -> tuple[Flask, TopMail]:
    app = Flask("shop")
    app.secret_key = "a secret of the shop"
    app.config.update({f"TOPMAIL_{name.upper()}": value for name, value in config.items()})
    topmail = TopMail(app)
    topmail.shopper_loader(lambda: request.headers.get("As"))

    @app.get("/tea")
    def tea() -> str:
        topmail.track(TEA)
        return "<!doctype html>"

    @app.post("/checkout")
    def checkout() -> str:
        topmail.track_purchase(
            request.form["order"],
            revenue=request.form.get("revenue"),
            currency=request.form.get("currency"),
            shopper=request.form.get("email"),
        )
        return "Thank you"

    return app, topmail


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=[ANN, GUEST]) as sandbox:
        yield sandbox


@pytest.fixture
def store(sandbox: Sandbox, tmp_path: Path) -> Iterator[tuple[Flask, TopMail]]:
    app, topmail = make_store(
        api_key=sandbox.api_key,
        base_url=sandbox.base_url,
        outbox=str(tmp_path / "outbox"),
    )
    yield app, topmail
    app.extensions["topmail"].core.delivery.close()


def buy(app: Flask, order: str = "A-7", who: str | None = ANN, **form: str) -> None:
    headers = {"As": who} if who else {}
    answer = app.test_client().post("/checkout", data={"order": order, **form}, headers=headers)
    assert answer.get_data(as_text=True) == "Thank you"


def test_a_checkout_ends_in_one_conversion(store: tuple[Flask, TopMail], sandbox: Sandbox) -> None:
    app, topmail = store
    buy(app, revenue="19.99", currency="EUR")
    buy(app, revenue="19.99", currency="EUR")
    with app.app_context():
        assert topmail.flush(20)
        stats = topmail.stats()
    (conversion,) = sandbox.conversions
    assert conversion["body"] == {
        "email": ANN,
        "type": "purchase",
        "order_id": "A-7",
        "revenue": 19.99,
        "currency": "EUR",
    }
    assert stats.balanced
    assert stats.delivered == 1
    assert stats.reasons[Reason.KNOWN_ORDER] == 1


def test_the_views_that_wait_are_dropped_and_told_of(sandbox: Sandbox, tmp_path: Path) -> None:
    app, topmail = make_store(
        api_key=sandbox.api_key, base_url=sandbox.base_url, outbox=str(tmp_path / "outbox")
    )
    told: list[tuple[str, Reason]] = []

    def dropped(sender: Flask, product: Product, reason: Reason, **_: object) -> None:
        told.append((product.id, reason))

    with view_dropped.connected_to(dropped, app):
        sandbox.inject_faults(script=[503] * 3)
        app.test_client().get("/tea", headers={"As": ANN})
        sandbox.wait_for_requests(1)
        buy(app)
        with app.app_context():
            assert topmail.flush(20)
            assert topmail.stats().balanced
    app.extensions["topmail"].core.delivery.close()
    assert told == [("tea", Reason.PURCHASED)]
    assert sandbox.views == []
    assert [conversion["order_id"] for conversion in sandbox.conversions] == ["A-7"]


def test_the_worker_sends_purchases_too(sandbox: Sandbox, tmp_path: Path) -> None:
    config = {
        "api_key": sandbox.api_key,
        "base_url": sandbox.base_url,
        "outbox": str(tmp_path / "outbox"),
        "delivery": "worker",
    }
    (shop, _), (worker, _) = make_store(**config), make_store(**config)
    buy(shop, revenue="5", currency="EUR")
    assert sandbox.conversions == []
    shop.extensions["topmail"].core.delivery.close()
    result = worker.test_cli_runner().invoke(args=["topmail", "drain"])
    assert result.exit_code == 0, result.output
    assert [conversion["order_id"] for conversion in sandbox.conversions] == ["A-7"]


def test_a_guest_is_told_of_by_the_address_of_the_order(sandbox: Sandbox) -> None:
    app, _ = make_store(currency="EUR")
    with capture(app) as views:
        buy(app, who=None, email=GUEST, revenue="9.9")
    views.assert_purchased("A-7", shopper=GUEST, revenue="9.90", currency="EUR")


def test_the_shopper_whom_the_shop_names_is_the_buyer_whoever_sends_the_request() -> None:
    """The webhook of a payment provider; an order that staff enter for somebody."""
    app, _ = make_store()
    with capture(app) as views:
        buy(app, email=GUEST)
        views.browse_as(ANN).post("/checkout", data={"order": "A-8", "email": GUEST})
    assert [purchase.shopper.email for purchase in views.purchases] == [GUEST, GUEST]


def test_outside_of_a_request_the_shop_names_the_shopper() -> None:
    app, topmail = make_store()
    with capture(app) as views, app.app_context():
        topmail.track_purchase("A-7", shopper=Shopper(contact_id="c-1"))
        with pytest.raises(RuntimeError, match="needs a request, or a shopper"):
            topmail.track_purchase("A-8")
    assert [purchase.shopper.contact_id for purchase in views.purchases] == ["c-1"]


@pytest.mark.parametrize(
    ("who", "config", "headers", "reason"),
    [
        (None, {}, {}, Reason.ANONYMOUS),
        (ANN, {}, {"Sec-GPC": "1"}, Reason.PRIVACY_SIGNAL),
        (ANN, {}, {"Cookie": "klaro=%7B%22topmail%22%3Afalse%7D"}, Reason.CONSENT),
        (ANN, {"consent": "opt-in"}, {}, Reason.CONSENT),
        (ANN, {}, {"Staff": "1"}, Reason.EXCLUDED),
    ],
)
def test_whom_views_are_not_told_of_purchases_are_not_either(
    who: str | None, config: dict[str, Any], headers: dict[str, str], reason: Reason
) -> None:
    app, topmail = make_store(**config)
    topmail.exclude(lambda: "Staff" in request.headers)
    sent = headers | ({"As": who} if who else {})
    with capture(app) as views:
        app.test_client(use_cookies=False).post("/checkout", data={"order": "A-7"}, headers=sent)
        assert views.purchases == []
        with pytest.raises(AssertionError, match=rf"no purchase of 'A-7': {reason}"):
            views.assert_purchased("A-7")
        assert app.extensions["topmail"].core.tracker.refusals[reason] == 1


def test_a_background_job_asks_the_shops_consent_function(caplog: pytest.LogCaptureFixture) -> None:
    app, topmail = make_store()
    topmail.consent(lambda shopper: shopper.email != GUEST)
    with capture(app) as views, app.app_context(), caplog.at_level(logging.DEBUG):
        topmail.track_purchase("A-7", shopper=GUEST)
        topmail.track_purchase("A-8", shopper=ANN)
    assert [purchase.order_id for purchase in views.purchases] == ["A-8"]
    assert "A purchase is not sent: consent." in caplog.text
    assert GUEST not in caplog.text


def test_robots_prefetches_and_the_sample_are_about_pages() -> None:
    app, topmail = make_store(sample_rate=0)
    topmail.before_send(lambda view: None)
    with capture(app) as views:
        robot = views.browse_as(ANN, robot=True, prefetch=True)
        robot.post("/checkout", data={"order": "A-7"})
    views.assert_purchased("A-7", shopper=ANN)


def test_without_a_key_nothing_is_recorded_and_it_is_counted() -> None:
    app, topmail = make_store()
    buy(app)
    with app.app_context():
        assert topmail.stats().reasons[Reason.DISABLED] == 1


@pytest.mark.parametrize("form", [{"order": ""}, {"revenue": "-1"}, {"revenue": "5"}])
def test_a_purchase_that_cannot_be_one_costs_the_checkout_nothing(
    form: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    app, topmail = make_store(api_key="tm_test_0123456789abcdef", outbox=":memory:", enabled=True)
    buy(app, **{"order": "A-7"} | form)
    with app.app_context():
        assert topmail.stats().reasons[Reason.INVALID_PURCHASE] == 1
        assert topmail.stats().accepted == 0
    (line,) = [record.getMessage() for record in caplog.records if record.name == "topmail_flask"]
    assert line.startswith("TopMail: a purchase is not sent: ")


def test_under_the_kit_a_purchase_that_cannot_be_one_fails_the_test() -> None:
    app, _ = make_store()
    form, headers = {"order": "A-7", "revenue": "5"}, {"As": ANN}
    with pytest.raises(InvalidValueError, match="revenue needs its currency"), capture(app):
        app.test_client().post("/checkout", data=form, headers=headers)


def test_an_address_that_is_none_is_counted() -> None:
    app, _ = make_store()
    with capture(app) as views:
        buy(app, email="not an address")
        assert app.extensions["topmail"].core.tracker.refusals[Reason.INVALID_SHOPPER] == 1
    assert views.purchases == []


def test_a_script_records_a_purchase_with_the_client(sandbox: Sandbox) -> None:
    purchase = Purchase("A-7", Shopper(email=ANN), revenue=Decimal(5), currency="EUR")
    other_sum = Purchase("A-7", Shopper(email=ANN))
    with TopMailClient(sandbox.api_key, base_url=sandbox.base_url) as client:
        receipt = client.track_purchase(purchase)
        assert client.track_purchase(purchase) == receipt
        with pytest.raises(Conflict):
            client.track_purchase(other_sum)
    assert [conversion["id"] for conversion in sandbox.conversions] == [receipt.id]
