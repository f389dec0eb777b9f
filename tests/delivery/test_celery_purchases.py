"""Purchases over real brokers: RabbitMQ and Redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.delivery.brokers import LIMIT, broker
from tests.delivery.celery_store import EMAIL, create_app
from topmail_flask.core import core_of
from topmail_flask.model.events import Purchase
from topmail_flask.model.shopper import Shopper
from topmail_flask.sandbox import Sandbox


@pytest.mark.parametrize("kind", ["amqp", "redis"])
def test_a_worker_sends_a_purchase_once(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(contacts=[EMAIL]) as sandbox, broker(kind, sandbox, tmp_path) as there:
        for name, value in there.env("machine").items():
            monkeypatch.setenv(name, value)
        delivery = core_of(create_app()).delivery
        purchase = Purchase("A-7", Shopper(email=EMAIL))
        try:
            assert delivery.accept(purchase) is None
            assert delivery.accept(purchase) is None
            assert delivery.flush(LIMIT)
        finally:
            delivery.close()
        with there.worker("worker"):
            (conversion,) = sandbox.wait_for_conversions(1, timeout=LIMIT)
        assert conversion["order_id"] == "A-7"
        assert [request.idempotency_key for request in sandbox.requests] == [purchase.key]
