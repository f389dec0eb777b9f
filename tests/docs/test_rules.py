"""The rules of extraction by their numbers: what the code names, the reference explains."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "reference" / "extraction-rules.md"
FAULTS = ROOT / "docs" / "reference" / "faults.md"
NAMED = re.compile(r"\brules? ([RT]\d{1,2})(?:(?: to |, | and |-)([RT]\d{1,2}))*")


def explained() -> list[str]:
    return re.findall(r"^\| ([RT]\d+) \|", RULES.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_rule_has_one_number() -> None:
    numbers = explained()
    assert len(numbers) == len(set(numbers))
    assert {f"R{n}" for n in range(1, 57)} <= set(numbers)


def test_every_rule_that_the_code_names_is_explained() -> None:
    missing = {}
    for folder in ("topmail_flask", "tests"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            named = {
                number for found in NAMED.finditer(text) for number in found.groups() if number
            }
            if named - set(explained()):
                missing[str(file.relative_to(ROOT))] = named - set(explained())
    assert not missing


def test_every_fault_that_the_code_names_is_explained() -> None:
    """Faults, such as F199: in code, and in the docstrings of the tests that provoke them."""
    known = set(re.findall(r"^\| (F\d{3}) ", FAULTS.read_text(encoding="utf-8"), re.MULTILINE))
    files = [file for room in ("topmail_flask", "tests") for file in (ROOT / room).rglob("*.py")]
    marks = (
        re.findall(r"(?<!noqa: )\bF\d{3}\b", file.read_text(encoding="utf-8")) for file in files
    )
    assert {mark for found in marks for mark in found} <= known


def test_every_file_that_the_rules_name_is_there() -> None:
    package = ROOT / "topmail_flask"
    text = RULES.read_text(encoding="utf-8")
    for row in re.findall(r"^\| [RT]\d+ \|.*\| (.*) \|$", text, re.MULTILINE):
        for name in re.findall(r"`([\w/.]+)`", row):
            assert any((place / name).exists() for place in (package, package / "extraction")), name
