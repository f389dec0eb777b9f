"""Every block of the page is run: as the files that it names, by pytest and by unittest."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "testing.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(place: Path, *program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", *program]
    return subprocess.run(
        command, check=False, cwd=place, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def blocks() -> list[tuple[str, str]]:
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


@pytest.fixture
def store(tmp_path: Path, blocks: list[tuple[str, str]]) -> Path:
    for language, code in blocks:
        if language == "python":
            named = re.match(r"# (\w+\.py)\n", code)
            assert named, f"this block names no file:\n{code}"
            file = tmp_path / named[1]
            before = file.read_text(encoding="utf-8") if file.exists() else ""
            file.write_text(before + code, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


def test_all_tests_of_the_page_pass_but_the_one_that_should_fail(
    store: Path, blocks: list[tuple[str, str]]
) -> None:
    told = run(store, "-m", "pytest", "-q", "-p", "no:cacheprovider").stdout
    assert re.findall(r"^FAILED (\S+)", told, re.MULTILINE) == [
        "test_failing.py::test_a_higher_price"
    ]
    tests = sum(code.count("def test_") for _, code in blocks)
    assert f"1 failed, {tests - 1} passed" in told
    [failure] = [text for language, text in blocks if language == "text"]
    shown = "\n".join(line[1:].lstrip(" ") for line in told.splitlines() if line[:1] == "E")
    assert "\n".join(line.lstrip(" ") for line in failure.splitlines()) in shown


def test_the_tests_without_pytest_need_none(store: Path) -> None:
    done = run(store, "-m", "unittest", "test_with_unittest")
    assert done.returncode == 0, done.stderr
    assert "Ran 2 tests" in done.stderr


def test_there_is_no_block_that_is_not_run(blocks: list[tuple[str, str]]) -> None:
    assert {language for language, _ in blocks} == {"python", "text"}
