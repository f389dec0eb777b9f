"""Real processes of a store: each runs a few lines around one delivery."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = Path(pytest.__file__).parents[1]
PRELUDE = """
import atexit, json, os, signal, sys, time, types
# Only delivery is loaded, so that another interpreter needs nothing but requests.
package = types.ModuleType("topmail_flask")
package.__path__ = [os.environ["PACKAGE"]]
sys.modules["topmail_flask"] = package
from pathlib import Path
from topmail_flask.delivery.delivery import Delivery, Shop
from topmail_flask.model.product import Product
from topmail_flask.model.events import ProductView
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper

delivery = Delivery(
    Settings(**json.loads(os.environ["SETTINGS"])),
    Shop("shop", b"secret"),
    Path(os.environ["OUTBOX"]),
)

def look(number, to=None):
    product = Product(id=f"p{number}", name="Lamp", url="https://shop.example/lamp")
    shopper = Shopper(email=f"shopper{number}@shop.example")
    assert (to or delivery).accept(ProductView(product, shopper)) is None

def say(word):
    print(word, flush=True)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
"""


class Machine:
    """Starts processes that share one outbox directory."""

    def __init__(self, directory: Path, base_url: str) -> None:
        self.directory = directory
        self.base_url = base_url
        self.started: list[subprocess.Popen[str]] = []

    def start(
        self, lines: str, *, python: str = sys.executable, first: str = "", **settings: Any
    ) -> subprocess.Popen[str]:
        """A process that runs these lines; ``first`` runs before anything is imported."""
        chosen = {"api_key": "tm_test_0123456789abcdef", "base_url": self.base_url, "rate": 2000.0}
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{LIBRARIES}",
            "PACKAGE": str(ROOT / "topmail_flask"),
            "OUTBOX": str(self.directory),
            "SETTINGS": json.dumps(chosen | settings),
        }
        process = subprocess.Popen(
            [python, "-W", "error", "-c", first + PRELUDE + lines],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, lines: str, **options: Any) -> str:
        """What such a process says, which must end well and without a complaint."""
        return ended(self.start(lines, **options))

    def stop(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str], limit: float = 60.0) -> str:
    """The output of a process that ends by itself, with exit code 0 and nothing on stderr."""
    out, complaints = process.communicate(timeout=limit)
    assert (process.returncode, complaints) == (0, ""), complaints + out
    return out


def heard(process: subprocess.Popen[str], word: str) -> None:
    """Wait until the process says this word."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return
    raise AssertionError(f"it ended without {word!r}: {process.communicate()[1]}")


def interpreters() -> list[str]:
    """Every CPython from 3.11 to 3.13 that there is."""
    found = {sys.version_info[:2]: sys.executable}
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in (11, 12, 13):
        known = [*sorted(versions.glob(f"3.{minor}.*/bin/python")), f"python3.{minor}"]
        for python in map(shutil.which, map(str, known)):
            if python and (3, minor) not in found and _works(python):
                found[3, minor] = python
    return list(found.values())


def _works(python: str) -> bool:
    """Whether it is a whole interpreter, and not the stand-in of a version manager."""
    return not subprocess.run(
        [python, "-c", "import sqlite3, ssl"], capture_output=True, check=False
    ).returncode
