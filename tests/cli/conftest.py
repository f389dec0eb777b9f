"""A store and its TopMail for the commands that operate an outbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.operated import ANN, OperatedStore
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def topmail() -> Iterator[Sandbox]:
    with Sandbox(contacts=[ANN]) as sandbox:
        yield sandbox


@pytest.fixture
def operated(topmail: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OperatedStore:
    return OperatedStore(topmail, tmp_path / "outbox", monkeypatch)
