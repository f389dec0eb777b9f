"""The law of imports and the ceiling of 600 lines (docs: the layout of the package)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "topmail_flask"
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = {"extraction", "rules", "resolvers", "delivery"}
MAY_USE_FLASK = {"resolvers", "cli", "testing", "sandbox", "beacon", "identify"}
ROOT_FILES_WITH_FLASK = {
    *(
        "extension.py",
        "pytest_plugin.py",
        "app_state.py",
        "consent_function.py",
        "final_answer.py",
        "request_page.py",
        "request_record.py",
        "routes.py",
        "app_rooms.py",
        "flask_visitor.py",
        "purchases.py",
        "signals.py",
        "site_address.py",
    ),
    "monitoring.py",
}


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            found.add(node.module or "")
    return found


def room(file: Path) -> str:
    parts = file.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_every_file_keeps_to_its_room(file: Path) -> None:
    here = room(file)
    for module in imports(file):
        first, _, rest = module.partition(".")
        if first == "topmail_flask":
            there = rest.partition(".")[0]
            if here == "model":
                assert there == "model"
            elif here in ROOMS:
                assert there in {"model", here}, f"{here} imports {module}"
        elif first == "flask":
            assert here in MAY_USE_FLASK or file.name in ROOT_FILES_WITH_FLASK, module
        elif first in {"requests", "sqlite3", "threading", "urllib3"}:
            assert here in {"delivery", "sandbox", "testing"}, f"{here} imports {module}"
        elif first in {"pickle", "xml", "lxml", "marshal"}:
            pytest.fail(f"{module}: it runs or expands what it reads (F122, F178)")
        elif here == "model":
            assert first in __import__("sys").stdlib_module_names, module


@pytest.mark.parametrize(
    "file",
    [
        *FILES,
        *sorted((ROOT / "tests").rglob("*.py")),
        *sorted((ROOT / "example_store").rglob("*.py")),
        *sorted((ROOT / "benchmarks").rglob("*.py")),
    ],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_no_file_is_longer_than_600_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 600
