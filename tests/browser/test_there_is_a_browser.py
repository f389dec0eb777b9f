from __future__ import annotations

from importlib.util import find_spec

from tests.conftest import missing


def test_playwright_and_chromium_are_here(chromium_program: str) -> None:
    if find_spec("playwright") is None:
        missing("playwright")
    assert chromium_program
