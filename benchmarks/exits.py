"""How long a store's process takes to end while views wait, on every CPython that is here.

``python -m benchmarks.exits [--quick]``. From the last line of the program to the end of the process,
with TopMail healthy, dead and hanging, beside a process that only imported ``requests``.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from benchmarks import measuring
from benchmarks.callers import KEY
from benchmarks.sink import running

EXITS = measuring.sized(9, 3, 1)
TOGETHER = 3
"""Processes that end at the same time: as many as a small server's workers."""
VIEWS, LONGEST = 20, 2.5
ROOT, LIBRARIES = Path(__file__).parents[1], Path(requests.__file__).parents[1]
NOTHING = "untracked"
HANGS = 60.0
# Only delivery is loaded, so that another interpreter needs nothing but requests.
PROGRAM = """
import json, sys, time, types
from pathlib import Path
import requests
told = json.loads(sys.argv[1])
if told["base_url"]:
    package = types.ModuleType("topmail_flask")
    package.__path__ = [told["package"]]
    sys.modules["topmail_flask"] = package
    from topmail_flask.delivery.delivery import Delivery, Shop
    from topmail_flask.model.product import Product
    from topmail_flask.model.events import ProductView
    from topmail_flask.model.settings import Settings
    from topmail_flask.model.shopper import Shopper
    settings = Settings(api_key=told["key"], base_url=told["base_url"])
    delivery = Delivery(settings, Shop("b", b"bench"), Path(told["outbox"]))
    for number in range(told["views"]):
        product = Product(id=f"p{number}", name="Lamp", url="https://store.example/lamp")
        delivery.accept(ProductView(product, Shopper(email=f"shopper{number}@example.com")))
    time.sleep(0.3)
print(time.monotonic(), flush=True)
"""


def interpreters() -> dict[str, str]:
    """Every CPython from 3.11 to 3.13 that can do what a store needs."""
    found: dict[str, str] = {}
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in (11, 12, 13):
        known = [*sorted(versions.glob(f"3.{minor}.*/bin/python")), f"python3.{minor}"]
        for python in [sys.executable, *map(str, known)]:
            asked = "import sqlite3, ssl, sys; print('%d.%d' % sys.version_info[:2])"
            if path := shutil.which(python):
                ran = subprocess.run(
                    [path, "-c", asked], capture_output=True, text=True, check=False
                )
                if ran.returncode == 0 and ran.stdout.strip() == f"3.{minor}":
                    found.setdefault(f"3.{minor}", path)
    return found


def ended(python: str, base_url: str) -> float:
    """Seconds from the last line of the program to the end of the process."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        told: dict[str, Any] = {"key": KEY, "base_url": base_url, "views": VIEWS}
        told |= {"outbox": place, "package": str(ROOT / "topmail_flask")}
        ran = subprocess.run(
            [python, "-c", PROGRAM, json.dumps(told)],
            env={**os.environ, "PYTHONPATH": str(LIBRARIES)},
            capture_output=True,
            text=True,
            check=False,
        )
        over = time.monotonic()
    if ran.returncode:
        raise SystemExit(f"{python} failed:\n{ran.stderr}")
    return over - float(ran.stdout)


def main() -> None:
    logging.disable()
    rows, kept, bars = [], {}, {}
    found = (
        interpreters()
        if measuring.SIZE == "full"
        else {"3." + str(sys.version_info.minor): sys.executable}
    )
    with running() as quick, running(HANGS) as hanging, ThreadPoolExecutor(TOGETHER) as side:
        apis = {NOTHING: "", "healthy": quick, "dead": "http://127.0.0.1:9", "hanging": hanging}
        for version, python in found.items():
            taken = {
                api: list(side.map(ended, [python] * EXITS, [url] * EXITS))
                for api, url in apis.items()
            }
            noise = max(taken[NOTHING]) - min(taken[NOTHING])
            for api, seconds in taken.items():
                p50, most = measuring.quantile(seconds, 0.5), max(seconds)
                verdict = ""
                if api != NOTHING:
                    name = f"CPython {version}, API {api}: longest exit, s"
                    verdict = measuring.judged(most, LONGEST, noise, name)
                    bars[f"{version}, {api}"] = most
                told = f"CPython {version}, {api}", min(seconds), p50, most
                rows.append((*told, noise, verdict))
                kept[f"{version}, {api}"] = sorted(seconds)
    measuring.table(
        f"Seconds to end with {VIEWS} views just accepted, {EXITS} exits each",
        ["process, API", "shortest", "p50", "longest", "+-", f"at most {LONGEST}"],
        rows,
    )
    measuring.plot("The longest of the exits", "s", bars, "")
    measuring.write("exits", kept)


if __name__ == "__main__":
    main()
