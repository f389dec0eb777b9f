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
from topmail_flask.app import state_of
from topmail_flask.core import core_of
from topmail_flask.model.ledger import Stats
from topmail_flask.sandbox import Sandbox

ANN, BOB = "ann@shop.example", "bob.the.buyer@shop.example"
PROGRAM = (sys.executable, "-W", "error", "-m", "flask", "--app", "tests.cli.drain_store")
LIMIT = 60
LIVING = """
import sys
from tests.cli.drain_store import create_app

app = create_app()
client = app.test_client()
print("open", flush=True)
for line in sys.stdin:
    shopper, first, count = line.split()
    for number in range(int(first), int(first) + int(count)):
        assert client.get(f"/tea/{number}?as={shopper}").status_code == 200
    print("seen", flush=True)
"""


class LivingStore:
    """Another process of the store, which sends what it is told that its shoppers look at."""

    def __init__(self, **env: str) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", LIVING],
            env=os.environ | {"TOPMAIL_DELIVERY": "background"} | env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._hear("open")

    def looks(self, first: int, count: int, *, shopper: str) -> None:
        assert self._running.stdin is not None
        self._running.stdin.write(f"{shopper} {first} {count}\n")
        self._running.stdin.flush()
        self._hear("seen")

    def _hear(self, word: str) -> None:
        assert self._running.stdout is not None
        assert self._running.stdout.readline().strip() == word

    def __enter__(self) -> LivingStore:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._running.stdin is not None
        self._running.stdin.close()
        self._running.wait(LIMIT)
        assert self._running.stdout is not None
        self._running.stdout.close()


class OperatedStore:
    """This process is one of the store's; it only puts."""

    def __init__(self, sandbox: Sandbox, place: Path, patch: pytest.MonkeyPatch) -> None:
        self.place = place
        self._patch = patch
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
        return core_of(self.app).delivery.stats()

    def looks(self, *numbers: int, shopper: str = ANN) -> None:
        """A shopper looks at these teas."""
        client = self.app.test_client()
        for number in numbers:
            assert client.get(f"/tea/{number}?as={shopper}").status_code == 200

    def buys(self, order: str, shopper: str = ANN) -> None:
        """A shopper places this order."""
        with self.app.app_context():
            state_of(self.app).events.purchase(order, (shopper, None), {})

    def start(
        self, *words: str, stderr: int = subprocess.PIPE, **env: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *words],
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def run(self, *words: str, status: int = 0, **env: str) -> str:
        """What ``flask topmail …`` says, which ends with this status."""
        return "".join(self._said(words, status, env))

    def told(self, *words: str, status: int = 0, **env: str) -> Any:
        """What it says to a program."""
        return json.loads(self._said((*words, "--json"), status, env)[0])

    def _said(self, words: tuple[str, ...], status: int, env: dict[str, str]) -> tuple[str, str]:
        if words[0] == "drain":  # it leads: in a process of its own
            command = self.start("topmail", *words, stderr=subprocess.PIPE, **env)
            out, errors = command.communicate(timeout=LIMIT)
            code = command.returncode
        else:
            with self._patch.context() as patch:
                for name, value in env.items():
                    patch.setenv(name, value)
                result = create_app().test_cli_runner().invoke(args=["topmail", *words])
            out, errors, code = result.stdout, result.stderr, result.exit_code
            assert result.exception is None or isinstance(result.exception, SystemExit), result
        assert code == status, out + errors
        return out, errors

    def bytes_on_disk(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.place.rglob("*") if path.is_file())
