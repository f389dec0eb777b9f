"""The pages build without a warning, and the reference knows every public name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

import topmail_flask
from tests.servers.server import ROOT
from topmail_flask import Reason, testing


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("docs")
    options = ["-W", "--keep-going", "-n", "-q", "-d", str(place / "doctrees")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(place / "html")],
        check=False,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return place / "html"


def test_every_public_name_is_in_the_reference(built: Path) -> None:
    inventory = InventoryFile.loads((built / "objects.inv").read_bytes(), uri="")
    documented = {name.removeprefix("topmail_flask.") for name in inventory.data["py:class"]}
    for kind in ("py:exception", "py:function", "py:data"):
        documented |= {name.removeprefix("topmail_flask.") for name in inventory.data.get(kind, ())}
    signals = {"product_viewed", "view_delivered", "view_dropped"}
    assert set(topmail_flask.__all__) - documented - signals == set()
    assert {f"testing.{name}" for name in testing.__all__} - documented == set()
    page = (built / "reference" / "signals.html").read_text(encoding="utf-8")
    assert all(signal in page for signal in signals)


def test_no_page_asks_another_site_for_anything(built: Path) -> None:
    for page in built.rglob("*.html"):
        for line in page.read_text(encoding="utf-8").splitlines():
            for loads in ('src="http', 'src="//', 'rel="stylesheet" href="http'):
                assert loads not in line, f"{page.name}: {line}"


def test_every_reason_has_a_paragraph_with_the_command_that_shows_it() -> None:
    page = (ROOT / "docs" / "nothing-arrives.md").read_text(encoding="utf-8")
    paragraphs = re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    assert [reason for reason, _ in paragraphs] == [str(reason) for reason in Reason]
    for reason, paragraph in paragraphs:
        assert "```console\n$ " in paragraph, reason
