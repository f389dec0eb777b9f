"""A store of Django models, whose template names its product by a tag of three lines."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

from tests.conftest import missing


def test_a_named_model_is_a_view_and_costs_no_query() -> None:
    if importlib.util.find_spec("django") is None:
        missing("Django")
    program = [sys.executable, "-m", "tests.stores.django_store"]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    for where, (plain, watched) in said["pages"].items():
        assert watched == plain, where
        assert plain[0] == 200, where
    assert said["saved"] == 0
    assert said["views"] == [
        {
            "id": "1",
            "name": "Sencha",
            "price": "9.50",
            "category": "Greens",
            "brand": "None",
            "url": "https://shop.example/tea/1",
        }
    ], "the page loaded its category, and not its brand"
