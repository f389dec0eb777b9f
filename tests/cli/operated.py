"""A store in "worker" mode whose outbox is operated from the command line, by other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.drain_store import create_app
from topmail_flask.app_state import state_of
from topmail_flask.domain.ledger import Stats
from topmail_flask.sandbox import Sandbox

ANN, BOB = "ann@shop.example", "bob.the.buyer@shop.example"
PROGRAM = (sys.executable, "-W", "error", "-m", "flask", "--app", "tests.cli.drain_store")
LIMIT = 60


class OperatedStore:
    """This process is one of the store's; it only puts."""

    def __init__(self, sandbox: Sandbox, place: Path, patch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.env = {
            "TOPMAIL_API_KEY": sandbox.api_key,
            "TOPMAIL_BASE_URL": sandbox.base_url,
            "TOPMAIL_OUTBOX": str(place),
            "TOPMAIL_RATE": "2000",
            "TOPMAIL_ENABLED": "true",
        }
        for name, value in self.env.items():
            patch.setenv(name, value)
        self.app = create_app()

    @property
    def directory(self) -> Path:
        (directory,) = self.place.iterdir()
        return directory

    @property
    def stats(self) -> Stats:
        return state_of(self.app).delivery.stats()

    def looks(self, *numbers: int, shopper: str = ANN) -> None:
        """A shopper looks at these teas."""
        client = self.app.test_client()
        for number in numbers:
            assert client.get(f"/tea/{number}?as={shopper}").status_code == 200

    def start(self, *words: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *words],
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, status: int = 0, **env: str) -> str:
        """What ``flask topmail …`` says, which ends with this status."""
        command = self.start("topmail", *words, **env)
        out, errors = command.communicate(timeout=LIMIT)
        assert command.returncode == status, out + errors
        assert "Traceback" not in errors, errors
        return out + errors

    def told(self, *words: str, status: int = 0, **env: str) -> Any:
        return json.loads(self.run(*words, "--json", status=status, **env))

    def bytes_on_disk(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.place.rglob("*") if path.is_file())
