"""A newer version and a rollback: what each had waiting is delivered in the end."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.delivery.chaos import Chaos
from tests.delivery.programs import ROOT, Machine
from tests.delivery.test_processes import products

WAITING = """
for number in range(FIRST, FIRST + 3):
    look(number)
end = time.monotonic() + 20
while not list(Path(os.environ["OUTBOX"]).rglob("outbox*.sqlite3")) and time.monotonic() < end:
    time.sleep(0.02)
delivery.flush(1.5)
"""
ENDING = "delivery.resume(); look(90); assert delivery.flush(30); say(delivery.stats().delivered)"


@pytest.fixture
def newer(tmp_path: Path) -> str:
    """The package as it will be when its tables have changed for the first time."""
    copy = tmp_path / "newer" / "topmail_flask"
    shutil.copytree(ROOT / "topmail_flask", copy, ignore=shutil.ignore_patterns("__pycache__"))
    schema = copy / "delivery" / "schema.py"
    text = schema.read_text()
    raised, count = re.subn(
        r"^VERSION = (\d+)",
        lambda found: f"VERSION = {int(found[1]) + 1}",
        text,
        flags=re.MULTILINE,
    )
    assert count == 1
    schema.write_text(raised)
    return str(copy)


def test_upgrade_rollback_and_upgrade_again_strand_nothing(
    tmp_path: Path, chaos: Chaos, newer: str
) -> None:
    """F099, F188"""
    machine = Machine(tmp_path / "outbox", chaos.base_url)
    dead = {"base_url": "http://127.0.0.1:9"}
    before = f"import os; os.environ['PACKAGE'] = {newer!r}\n"
    try:
        for turn, first in enumerate(("", before, "", before)):
            lines = WAITING.replace("FIRST", str(turn * 10))
            process = machine.start(lines, first=first, **dead)
            assert process.communicate(timeout=60)[0] == "", process.returncode
        assert machine.run(ENDING, first=before).strip() == "13"
    finally:
        machine.stop()
    assert products(chaos) == [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32, 90]
    left = [name for name in os.listdir(next((tmp_path / "outbox").iterdir())) if "-v1" in name]
    assert left == []


def test_a_rollback_for_good_delivers_what_comes_from_then_on(
    tmp_path: Path, chaos: Chaos, newer: str
) -> None:
    machine = Machine(tmp_path / "outbox", chaos.base_url)
    before = f"import os; os.environ['PACKAGE'] = {newer!r}\n"
    try:
        machine.run("look(1); assert delivery.flush(20)", first=before)
        machine.run("look(2); assert delivery.flush(20)")
    finally:
        machine.stop()
    assert products(chaos) == [1, 2]
