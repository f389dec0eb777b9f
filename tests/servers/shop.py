"""The store on real servers, with a sandbox behind it: what the tests and the soak start."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from tests.conftest import missing
from tests.servers.server import ROOT, Server, free_port, serving, until
from topmail_flask.sandbox import Sandbox


@dataclass
class Shop:
    """Starts the store on servers, one after another or side by side, over one outbox."""

    sandbox: Sandbox
    place: Path
    settings: dict[str, Any] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def outbox(self) -> Path:
        return self.place / "outbox"

    def environment(self, **settings: Any) -> dict[str, str]:
        told = {
            "TOPMAIL_API_KEY": self.sandbox.api_key,
            "TOPMAIL_BASE_URL": self.sandbox.base_url,
            "TOPMAIL_OUTBOX": str(self.outbox),
            "TOPMAIL_RATE": 5000,
            "SECRET_KEY": "of the store",
            **self.settings,
            **settings,
        }
        return {f"STORE_{name}": json.dumps(value) for name, value in told.items()} | {
            "STORE_MARKS": str(self.place / "marks")
        }

    def gunicorn(
        self,
        worker: str = "sync",
        *options: str,
        workers: int = 2,
        inside: Sequence[str] = (),
        **settings: Any,
    ) -> AbstractContextManager[Server]:
        """:param inside: a command that runs the server's, as ``unshare`` does."""
        for needed in ("gunicorn", *(["gevent"] if worker == "gevent" else [])):
            if find_spec(needed) is None:
                missing(needed)
        port = free_port()
        command = [*inside, sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}"]
        command += [f"--workers={workers}", f"--worker-class={worker}"]
        command += ["--threads=4"] if worker == "gthread" else []
        command += [*options, "tests.servers.store:create_app()"]
        return self._serving(command, port, settings)

    def uwsgi(
        self, *options: str, threads: bool = True, **settings: Any
    ) -> AbstractContextManager[Server]:
        program = shutil.which("uwsgi", path=str(Path(sys.executable).parent)) or shutil.which(
            "uwsgi"
        )
        if program is None:
            missing("uWSGI: pip install uwsgi (needs a C compiler)")
        port = free_port()
        command = [program, f"--http-socket=127.0.0.1:{port}", "--master", "--processes=2"]
        command += [f"--virtualenv={sys.prefix}", "--need-app", "--die-on-term"]
        command += [f"--pythonpath={ROOT}"]
        command += ["--enable-threads"] if threads else []
        command += ["--module=tests.servers.store:create_app()", *options]
        return self._serving(command, port, settings)

    def flask_run(self, *options: str, **settings: Any) -> AbstractContextManager[Server]:
        port = free_port()
        command = [sys.executable, "-m", "flask", "--app=tests.servers.store"]
        command += ["run", f"--port={port}", *options]
        return self._serving(command, port, settings)

    def _serving(
        self, command: list[str], port: int, settings: dict[str, Any]
    ) -> AbstractContextManager[Server]:
        log = self.place / f"log-{next(self.numbers)}"
        return serving(command, port, self.environment(**settings), log)

    def marks(self, event: str) -> list[int]:
        """The processes that noted ``event``, once for each time."""
        path = self.place / "marks"
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(line.split()[1]) for line in lines if line.split()[0] == event]

    def arrived(self) -> Counter[str]:
        """How often TopMail has each product as viewed."""
        return Counter(str(view["product_id"]) for view in self.sandbox.views)

    def expect_each_once(self, looked: Iterable[str], limit: float = 90.0) -> None:
        """Every view of ``looked`` arrives, and none twice.

        Others may have arrived: their pages broke off on the way to the browser.
        """
        wanted = set(looked)
        until(lambda: wanted <= self.arrived().keys(), limit, "all views arrive")
        assert [name for name, times in self.arrived().items() if times > 1] == []

    def expect_settled(self, server: Server, limit: float = 60.0) -> dict[str, Any]:
        """The books come to rest: nothing waits, everything is accounted for."""
        until(lambda: server.books()["pending"] == 0, limit, "nothing waits any more")
        books = server.books()
        assert books["balanced"]
        assert books["delivered"] == len(self.sandbox.views)
        assert books["accepted"] == books["delivered"]
        return books


def products(amount: int, prefix: str = "p") -> list[str]:
    return [f"{prefix}-{number}" for number in range(amount)]
