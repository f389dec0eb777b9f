"""``flask topmail forget``: nothing about a shopper is left on this machine."""

from __future__ import annotations

import importlib.util

import pytest

from tests.cli.drain_store import create_app
from tests.cli.operated import ANN, BOB, LivingStore, OperatedStore
from tests.conftest import missing
from topmail_flask.app import state_of
from topmail_flask.model.shopper import Shopper
from topmail_flask.sandbox import Sandbox


def bodies(topmail: Sandbox, shopper: str) -> int:
    return sum(shopper in str(request.body) for request in topmail.requests)


def test_a_shopper_is_gone_from_every_file_of_a_running_store(
    operated: OperatedStore, topmail: Sandbox
) -> None:
    """F159: waiting, dead, in flight, in the sender's memory, in journals of living processes."""
    topmail.add_contact(BOB)
    operated.looks(*range(100, 105), shopper=BOB)
    topmail.inject_faults(script=[400] * 5)
    assert operated.told("drain")["given_up"] == 5
    operated.looks(*range(40), shopper=BOB)
    with LivingStore(TOPMAIL_SENDERS="1") as living:
        topmail.inject_faults(latency_ms=3000)
        seen = len(topmail.requests)
        living.looks(200, 10, shopper=BOB)
        topmail.wait_for_requests(seen + 1, timeout=20)
        assert BOB.encode() in operated.bytes_on_disk()
        said = operated.told("forget", BOB)
        assert said["removed"] >= 54
        assert said["under_way"] == 0, "it has waited for the call"
        assert BOB.encode() not in operated.bytes_on_disk()
        in_flight = bodies(topmail, BOB)
        topmail.inject_faults()
        living.looks(300, 1, shopper=ANN)
        topmail.wait_for_views(len(topmail.views) + 1, timeout=20)
        assert bodies(topmail, BOB) == in_flight <= 7, "nothing that the sender had in memory"
        assert BOB.encode() not in operated.bytes_on_disk()
        living.looks(301, 1, shopper=BOB)  # he came back
    assert bodies(topmail, BOB) == in_flight + 1
    assert operated.told("drain")["left"] == 0
    assert operated.stats.balanced
    assert operated.stats.reasons["forgotten"] >= 49


def test_what_a_former_key_left_behind_is_forgotten_too(
    operated: OperatedStore, topmail: Sandbox
) -> None:
    """F159, F187"""
    operated.looks(1, 2, shopper=BOB)
    assert operated.told("forget", BOB, TOPMAIL_API_KEY=f"{topmail.api_key}x")["removed"] == 2
    assert BOB.encode() not in operated.bytes_on_disk()
    assert (operated.stats.dropped, operated.stats.balanced) == (2, True)


def test_what_a_former_key_holds_by_the_contacts_id_alone_is_forgotten_too(
    operated: OperatedStore, topmail: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F159, F187: whose id that is, only the outbox of the new key knows."""
    contact = topmail.add_contact(BOB)
    monkeypatch.setenv("TOPMAIL_API_KEY", f"{topmail.api_key}x")
    former = create_app()
    with former.app_context():
        buyer = Shopper(contact_id=contact)
        state_of(former).events.purchase("order-1", (buyer, None), {})
    monkeypatch.setenv("TOPMAIL_API_KEY", topmail.api_key)
    operated.looks(1, shopper=BOB)
    assert operated.told("drain")["delivered"] == 1
    assert operated.told("forget", BOB)["removed"] == 1
    assert contact.encode() not in operated.bytes_on_disk()


def test_other_shoppers_stay(operated: OperatedStore, topmail: Sandbox) -> None:
    operated.looks(1, 2, shopper=ANN)
    operated.looks(3, shopper=f"jo{BOB}")
    operated.looks(4, shopper=BOB)
    assert "1 removed. Nothing about this shopper is left" in operated.run("forget", BOB.upper())
    assert operated.told("drain")["delivered"] == 2
    assert bodies(topmail, f"jo{BOB}") == 1


def test_views_handed_to_a_broker_are_named(operated: OperatedStore) -> None:
    if importlib.util.find_spec("celery") is None:
        missing("celery")
    operated.looks(1, shopper=BOB)
    text = operated.run("forget", BOB, TOPMAIL_DELIVERY="celery")
    assert "in its broker" in text
