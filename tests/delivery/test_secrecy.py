"""No key, address or product leaves a failing delivery: not in logs, errors, reprs or reports."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos
from tests.delivery.simulation import KEY, world
from tests.delivery.test_front_door import Opened, opened
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.model.errors import TopMailError
from topmail_flask.model.events import ProductView
from topmail_flask.model.product import Product
from topmail_flask.model.shopper import Shopper

__all__ = ["opened"]
SECRETS = (KEY, "ada@shop.example", "ada%40shop.example", "Ada Secret", "Secret Lamp")
SHOPPER = Shopper(email="ada@shop.example", first_name="Ada Secret")
PRODUCT = Product(id="p1", name="Secret Lamp", url="https://shop.example/secret-lamp")
FAULTS: list[acts.Act] = [
    *map(acts.status, (400, 401, 403, 404, 409, 413, 422, 429, 500, 503)),
    acts.error(400, "ada@shop.example", "Secret Lamp"),
    acts.error(404, "contact_not_found"),
    acts.page(200),
    acts.page(404),
    acts.status(302, ("Location", "https://elsewhere.example/")),
    acts.status(200, ("Retry-After", "\x00"), body=b"{"),
    acts.reset,
    acts.truncated,
]


class Kept(Transport):
    """What Sentry would have been sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.sent += [str(item.payload.json or item.payload.bytes) for item in envelope.items]


@pytest.fixture
def sentry() -> Iterator[Kept]:
    kept = Kept()
    sentry_sdk.init(dsn="https://key@sentry.example/1", transport=kept)
    yield kept
    sentry_sdk.get_client().close()
    sentry_sdk.init()


def view() -> ProductView:
    return ProductView(PRODUCT, SHOPPER)


def assert_silent(text: str) -> None:
    assert [secret for secret in SECRETS if secret in text] == []


def test_nothing_that_shows_itself_shows_the_key(opened: Opened, chaos: Chaos) -> None:
    """F163"""
    client = TopMailClient(KEY, base_url=chaos.base_url)
    delivery = opened()
    delivery.accept(view())
    assert delivery.flush(10)
    for shown in (client, delivery, copy.copy(client)):
        assert_silent(repr(shown) + str(shown) + f"{shown}" + str(vars(shown)))
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as refused:
            pickle.dumps(shown)
        assert_silent(str(refused.value))


@pytest.mark.parametrize("settings", [{}, {"unknown_contacts": "create"}])
def test_no_fault_brings_anything_into_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, settings: dict[str, Any]
) -> None:
    """F164"""
    caplog.set_level(logging.DEBUG)
    with world(tmp_path, **settings) as shop:
        for fault in FAULTS:
            shop.chaos.answers(fault)
            shop.look("ada@shop.example")
            shop.run(1000)
    assert len(caplog.records) >= len(FAULTS) / 2
    assert_silent(caplog.text)
    assert not [record for record in caplog.records if record.exc_info]


def test_a_search_for_a_contact_leaves_the_address_out_of_the_log(
    chaos: Chaos, caplog: pytest.LogCaptureFixture
) -> None:
    """F164"""
    caplog.set_level(logging.DEBUG)
    chaos.answers(acts.error(409, "duplicate"), acts.status(200, body=b'{"data": [{"id": "1"}]}'))
    with TopMailClient(KEY, base_url=chaos.base_url) as client, pytest.raises(TopMailError):
        client.create_contact(SHOPPER)
    assert chaos.calls[1].method == "GET"
    assert_silent(caplog.text)


def assert_reported(client: TopMailClient) -> None:
    """In a frame of its own: Sentry sends the variables of each frame, and a test's hold all."""
    seen = view()
    with pytest.raises(TopMailError) as caught:
        client.track_product_view(seen)
    assert caught.value.__context__ is None
    sentry_sdk.capture_exception(caught.value)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_report_of_a_failed_call_holds_no_secret(
    chaos: Chaos, sentry: Kept, fault: acts.Act
) -> None:
    """F165"""
    chaos.answers(fault)
    assert_reported(TopMailClient(KEY, base_url=chaos.base_url, timeout=0.5))
    sentry_sdk.flush()
    assert sentry.sent
    assert_silent("".join(sentry.sent))


@pytest.mark.parametrize("bug", [ValueError, KeyError, MemoryError])
def test_a_bug_in_a_sender_is_no_report_with_secrets(
    opened: Opened,
    chaos: Chaos,
    sentry: Kept,
    monkeypatch: pytest.MonkeyPatch,
    bug: type[BaseException],
) -> None:
    """F165: the bug is planted in the HTTP library, below everything of ours."""
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send
    failed: list[bool] = []

    def broken(self: HTTPAdapter, request: Any, **options: Any) -> Any:
        if not failed:
            failed.append(True)
            raise bug(request.headers["Authorization"], request.body)
        return send(self, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", broken)
    delivery = opened()
    delivery.accept(view())
    assert delivery.flush(20)
    assert failed
    assert delivery.stats().delivered == 1
    sentry_sdk.flush()
    assert_silent("".join(sentry.sent))


def test_a_receiver_that_fails_is_no_report_with_secrets(
    opened: Opened, chaos: Chaos, sentry: Kept
) -> None:
    """F165"""

    def broken(view: ProductView, receipt: object) -> None:
        raise ValueError(view.body())

    delivery = opened(told={"on_delivered": broken})
    delivery.accept(view())
    assert delivery.flush(20)
    sentry_sdk.flush()
    assert_silent("".join(sentry.sent))


def test_an_hour_without_the_api_is_a_few_lines_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F185, F033"""

    def any_fault(exchange: acts.Exchange) -> None:
        shop.random.choice([acts.status(500), acts.page(503), acts.reset])(exchange)

    with world(tmp_path, max_rows=2000) as shop:
        shop.chaos.otherwise = any_fault
        for _ in range(3600):
            for n in range(2):
                shop.look(f"shopper{n}@shop.example")
            shop.run(1)
        assert shop.stats.accepted == 7200
        assert shop.stats.pending <= 2000
        assert len(shop.chaos.calls) <= 180
        assert shop.health.state == "not_delivering"  # F184
        assert shop.health.oldest_pending is not None
        assert shop.health.oldest_pending > 300
    ours = [record for record in caplog.records if record.name.startswith("topmail_flask")]
    assert 1 <= len(ours) <= 70
    assert {record.levelname for record in ours} == {"WARNING"}
    assert not [record for record in ours if record.exc_info]
