"""The pages build without a warning, and the reference knows every public name."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

import topmail_flask
from tests.conftest import missing
from tests.servers.server import ROOT
from topmail_flask import Reason, testing

KINDS_OF_PAGES = [
    *("index.html", "tutorial.html", "nothing-arrives.html", "changelog.html", "search.html"),
    *("reference/settings.html", "reference/api.html", "reference/topmail.html"),
    *("how-to/whole-store.html", "explanation/way-of-a-view.html"),
]


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
    signals = {"product_viewed"} | {
        f"{kind}_{outcome}"
        for kind in ("view", "conversion", "trigger")
        for outcome in ("delivered", "dropped")
    }
    assert set(topmail_flask.__all__) - documented - signals == set()
    assert {f"testing.{name}" for name in testing.__all__} - documented == set()
    page = (built / "reference" / "signals.html").read_text(encoding="utf-8")
    assert all(signal in page for signal in signals)


def test_no_page_asks_another_site_for_anything(built: Path) -> None:
    for page in built.rglob("*.html"):
        for line in page.read_text(encoding="utf-8").splitlines():
            for loads in ('src="http', 'src="//', 'rel="stylesheet" href="http'):
                assert loads not in line, f"{page.name}: {line}"


def test_no_mark_of_an_inner_rule_is_in_the_reference_of_the_code(built: Path) -> None:
    for name in ("api", "errors", "settings", "signals"):
        page = (built / "reference" / f"{name}.html").read_text(encoding="utf-8")
        assert re.findall(r"\b(?:rules? )[RT]\d{1,2}\b|\bF\d{3}\b", page) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_on_the_built_pages(built: Path, scheme: str, width: int) -> None:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None or find_spec("playwright") is None:
        missing("Chromium with Playwright")
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    faults = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        for name in KINDS_OF_PAGES:
            page.goto((built / name).as_uri())
            found = Axe().run(page).response["violations"]
            faults += [f"{name}: {fault['id']}, {fault['nodes'][0]['target']}" for fault in found]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append(f"{name} is wider than the screen")
        browser.close()
    assert faults == []


def test_every_reason_has_a_paragraph_with_the_command_that_shows_it() -> None:
    page = (ROOT / "docs" / "nothing-arrives.md").read_text(encoding="utf-8")
    paragraphs = re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    assert [reason for reason, _ in paragraphs] == [str(reason) for reason in Reason]
    for reason, paragraph in paragraphs:
        assert "```console\n$ " in paragraph, reason
