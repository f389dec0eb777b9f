"""The commands of the pages, run as a reader would run them, each in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from tests.conftest import missing
from tests.servers.server import ROOT, until

_SERVER = Path(__file__).with_name("command_server.py")
_LIMIT = 30.0
_TERM = 1 << (signal.SIGTERM - 1)


class CommandServer:
    """The process that forks for each command."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [sys.executable, "-W", "error", str(_SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100"},
        )

    def start(
        self,
        words: list[str],
        place: Path,
        environment: Mapping[str, str],
        output: Path,
    ) -> int:
        """The process id of the program, whose output goes to a file."""
        return self._ask(
            program=words[0],
            arguments=words[1:],
            place=str(place),
            environment=dict(environment),
            output=str(output),
        )

    def status(self, pid: int) -> int:
        """The exit status of a program, when it has ended."""
        return self._ask(ended=pid)

    def close(self) -> None:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.close()
        self._program.stdout.close()
        self._program.wait(_LIMIT)

    def _ask(self, **told: object) -> int:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps(told) + "\n")
        self._program.stdin.flush()
        return int(self._program.stdout.readline())


@dataclass
class Shell:
    """Runs the commands of one page in its directory."""

    server: CommandServer
    place: Path
    environment: dict[str, str]
    port: int
    """Where a server of the page listens, whatever port the page names."""
    status: int = 0
    _running: list[int] = field(default_factory=list)

    def run(self, words: list[str]) -> str:
        """What the command prints; its exit status is kept in ``status``.

        One that serves until it is stopped is running when this returns, and printed what it did.
        """
        if words[0] == "echo":
            return f"{self.status}\n" if words[1:] == ["$?"] else " ".join(words[1:]) + "\n"
        if words[0] in ("pip", "make", "git"):
            return _only_checked(words)
        if words[0] in ("bash", "curl"):
            done = subprocess.run(
                words,
                check=False,
                cwd=self.place,
                env={**os.environ, **self.environment},
                capture_output=True,
                text=True,
                timeout=30,
            )
            self.status = done.returncode
            return done.stdout + done.stderr
        environment = dict(self.environment)
        while re.match(r"[A-Z_]+=", words[0]):
            name, _, value = words[0].partition("=")
            environment[name] = value
            words = words[1:]
        output = self.place / f".output-{len(list(self.place.glob('.output-*')))}"
        serves, words = self._as_run_here(words)
        pid = self.server.start(words, self.place, environment, output)
        if serves:
            self._running.append(pid)
            ready = {
                "port": self._listens,
                "prints": lambda: output.exists() and output.stat().st_size > 0,
                "runs": lambda: _expects_term(pid),
            }[serves]
            until(ready, _LIMIT, f"{words} runs")
            self.status = 0
        else:
            self.status = self.server.status(pid)
        return output.read_text(encoding="utf-8") if output.exists() else ""

    def stop(self) -> None:
        """End what still runs."""
        for pid in self._running:
            os.killpg(pid, signal.SIGTERM)
            self.server.status(pid)

    def _as_run_here(self, words: list[str]) -> tuple[str, list[str]]:
        text = " ".join(words)
        if words[0] == "celery":  # its broker is not here: does the worker's app load?
            return "", [*words[:3], "report"]
        if words[0] == "gunicorn":
            return "port", [*words, "--bind", f"127.0.0.1:{self.port}", "--graceful-timeout", "1"]
        if re.search(r"^flask( --\S+( \w+)?)* run\b", text):
            return "port", [*words, "--port", str(self.port)]
        if "sandbox" in words or "topmail_flask.sandbox" in words:
            return "prints", [*words, "--port", "0"]
        return ("runs", words) if "--follow" in words else ("", words)

    def _listens(self) -> bool:
        table = Path("/proc/net/tcp").read_text(encoding="utf-8")
        return f":{self.port:04X} 00000000:0000 0A" in table


@contextmanager
def command_server() -> Iterator[CommandServer]:
    """A command server for as long as the block runs."""
    server = CommandServer()
    try:
        yield server
    finally:
        server.close()


def _expects_term(pid: int) -> bool:
    """Whether the program has come so far that it can be told to end."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    sets = re.findall(r"^Sig(?:Blk|Cgt):\s*(\w+)", status, re.MULTILINE)
    return any(int(mask, 16) & _TERM for mask in sets)


def _only_checked(words: list[str]) -> str:
    """What a test must not do: is there what it names?"""
    if words[0] == "make":
        made = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert all(re.search(rf"^{name}:", made, re.MULTILINE) for name in words[1:]), words
    if words[0] == "pip":
        known = {"topmail-flask", "flask", "flask-login", "gunicorn", "pytest", "celery", "gevent"}
        extras = set(metadata.metadata("topmail-flask").get_all("Provides-Extra") or ())
        for word in (word for word in words[2:] if not word.startswith("--")):
            name, _, extra = word.strip("'\"]").partition("[")
            assert name in known, word
            assert not extra or extra in extras, word
    return ""


def require(program: str) -> None:
    """Skip the test where a program of the system is missing."""
    if not any((Path(folder) / program).exists() for folder in os.environ["PATH"].split(":")):
        missing(program)
