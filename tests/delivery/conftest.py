"""What most tests of delivery begin with: a TopMail, and processes of a store."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.chaos import Chaos, chaos_server
from tests.delivery.couriers import couriers
from tests.delivery.process_store import EMAIL
from tests.delivery.programs import Machine
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def chaos() -> Iterator[Chaos]:
    """A TopMail that misbehaves as told."""
    with chaos_server() as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path, chaos: Chaos) -> Iterator[Machine]:
    """Processes that share an outbox and send to ``chaos``."""
    one = Machine(tmp_path / "outbox", chaos.base_url)
    yield one
    chaos.released.set()
    one.stop()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """The local TopMail, which knows the shopper of ``process_store``."""
    with Sandbox(contacts=[EMAIL]) as sandbox:
        yield sandbox


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An outbox whose couriers do not outlive the test."""
    yield tmp_path / "outbox"
    for pid in couriers(tmp_path):
        os.kill(pid, signal.SIGKILL)
