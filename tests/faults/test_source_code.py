"""What the package's own source must not hold (F178), read as a syntax tree and by bandit."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing

PACKAGE = Path(__file__).parents[2] / "topmail_flask"
FILES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "yaml", "xml", "lxml", "ctypes"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "mktemp"}
FORBIDDEN_ARGUMENTS = {("verify", False), ("shell", True), ("check_hostname", False)}


def offences(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        modules: list[str] = []
        line = f"line {getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in FORBIDDEN_CALLS:
                yield f"{line}: {name}"
            for keyword in node.keywords:
                value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if (keyword.arg, value) in FORBIDDEN_ARGUMENTS:
                    yield f"{line}: {keyword.arg}={value!r}"
        elif isinstance(node, ast.Attribute) and node.attr in ("CERT_NONE", "_create_unverified"):
            yield f"{line}: {node.attr}"
        for module in modules:
            if module.partition(".")[0] in FORBIDDEN_MODULES:
                yield f"{line}: import {module}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_nothing_runs_or_expands_what_it_reads_and_tls_is_verified(
    file: Path,
) -> None:  # F178, F122
    assert list(offences(ast.parse(file.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from xml.etree import ElementTree",
        "eval('1')",
        "get(url, verify=False)",
        "run('x', shell=True)",
        "context.verify_mode = ssl.CERT_NONE",
    ],
)
def test_the_reading_of_the_source_finds_what_it_looks_for(line: str) -> None:
    assert len(list(offences(ast.parse(line)))) == 1


def test_bandit_finds_nothing_that_has_no_reason_beside_it() -> None:  # F178
    if importlib.util.find_spec("bandit") is None:
        missing("bandit")
    run = subprocess.run(
        [sys.executable, "-m", "bandit", "-q", "-r", str(PACKAGE), "-f", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    report = json.loads(run.stdout)
    assert report["errors"] == []
    assert report["metrics"]["_totals"]["loc"] > 5000
    unexplained = [
        f"{found['filename']}:{found['line_number']}: {found['test_id']} {found['issue_text']}"
        for found in report["results"]
        if not has_a_reason(found)
    ]
    assert unexplained == []


def has_a_reason(found: dict[str, object]) -> bool:
    """Whether ruff, which has bandit's rules by the same numbers, was told why at that line."""
    lines = Path(str(found["filename"])).read_text(encoding="utf-8").splitlines()
    numbers = found["line_range"]
    assert isinstance(numbers, list)
    # A suppression of an except stands on its line, that of a text over lines at its end.
    around = " ".join(lines[min(numbers) - 1 : max(numbers) + 1])
    rule = str(found["test_id"]).replace("B", "S")
    return re.search(rf"# noqa: [A-Z0-9, ]*\b{rule}\b", around) is not None
