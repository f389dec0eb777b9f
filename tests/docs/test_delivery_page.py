"""The page that draws delivery names what is there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "delivery.md"
ROOM = Path(__file__).parents[2] / "topmail_flask" / "delivery"
MODULES = {path.stem for path in ROOM.glob("*.py")} - {"__init__"}


def drawing() -> str:
    return PAGE.read_text(encoding="utf-8").partition("```text")[2].partition("```")[0]


def named() -> set[tuple[str, str]]:
    """Each module of the drawing with what stands behind or below it."""
    words = re.findall(r"[A-Za-z_.]+", drawing())
    found, module = set(), ""
    for word in words:
        if word in MODULES and not (module == word == "attempt"):
            module = word
        elif module and (re.fullmatch(r"[A-Z][A-Za-z]+\.[a-z_]+", word) or "_" in word):
            found.add((module, word))
    return found


def test_the_drawing_follows_a_view_through_at_least_a_dozen_names() -> None:
    assert len(named()) >= 15


@pytest.mark.parametrize(("module", "name"), sorted(named()))
def test_each_name_of_the_drawing_is_there(module: str, name: str) -> None:
    found: object = importlib.import_module(f"topmail_flask.delivery.{module}")
    for part in name.split("."):
        assert hasattr(found, part), f"{module}.{name}"
        found = getattr(found, part)


def test_every_file_of_delivery_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [module for module in sorted(MODULES) if not re.search(rf"\b{module}\b", text)] == []
