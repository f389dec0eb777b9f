"""What most tests of delivery begin with: a TopMail, and processes of a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery.chaos import Chaos, chaos_server
from tests.delivery.programs import Machine
from tests.delivery.views import EMAIL
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def chaos() -> Iterator[Chaos]:
    """A TopMail that misbehaves as told."""
    with chaos_server() as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path, chaos: Chaos) -> Iterator[Machine]:
    """Processes that share an outbox and send to ``chaos``."""
    made = Machine(tmp_path / "outbox", chaos.base_url)
    yield made
    chaos.released.set()
    made.stop()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """The local TopMail, which knows the shopper of ``view_of``."""
    with Sandbox(contacts=[EMAIL]) as sandbox:
        yield sandbox
