"""``flask topmail drain`` asks for consent again, where the shop's function can answer there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.drain_store import EMAIL
from tests.cli.test_drain import Store, told
from topmail_flask.core import core_of
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=[EMAIL]) as sandbox:
        yield sandbox


def store_with(
    consent: str, sandbox: Sandbox, place: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Store, Path]:
    agreed = place / "agreed"
    agreed.touch()
    store = Store(sandbox, place / "outbox")
    store.env |= {"CONSENT": consent, "AGREED": str(agreed)}
    for name, value in store.env.items():
        monkeypatch.setenv(name, value)
    return store, agreed


def test_a_consent_withdrawn_while_views_wait_is_seen_by_the_drain(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, agreed = store_with("database", sandbox, tmp_path, monkeypatch)
    store.looks(3)
    agreed.unlink()
    assert "0 delivered" in told(store.drain(), 0)
    assert sandbox.requests == []
    reasons = core_of(store.app).delivery.stats().reasons
    assert reasons == {"consent_withdrawn": 3}


def test_a_consent_that_lasts_lets_the_drain_send(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = store_with("database", sandbox, tmp_path, monkeypatch)
    store.looks(3)
    assert "3 delivered" in told(store.drain(), 0)


def test_a_function_that_only_knows_in_a_request_refuses_nothing_outside_of_one(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = store_with("request", sandbox, tmp_path, monkeypatch)
    store.looks(3)
    assert "3 delivered" in told(store.drain(), 0)


def test_what_was_learnt_of_another_function_does_not_count(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment changed the function: nobody knows yet where the new one can answer."""
    store, _ = store_with("database", sandbox, tmp_path, monkeypatch)
    store.looks(3)
    assert "3 delivered" in told(store.drain(CONSENT="request"), 0)
