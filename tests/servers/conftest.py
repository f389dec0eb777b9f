"""The store on real servers, with a sandbox behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.server import SHOPPER
from tests.servers.shop import Shop
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Sandbox(contacts=[SHOPPER]) as sandbox:
        yield Shop(sandbox, tmp_path)
