"""What a shop owner reads uses the field's words, not those that grew inside of the project."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import all_pages
from tests.servers.server import ROOT

PRIVATE = {
    r"(?:an?|the|each|every|one|first|last|another|no|of|these|those|their) looks?(?!-)": "view",
    r"keeps looks|looks of": "page views",
    r"standing": "status",
    r"mend(?:s|ed|ing)?|cure[sd]?": "fix",
    r"(?:its|their|a|another|view's|sender's) homes?(?! page)": "where it is sent",
    r"couriers?": "worker",
    r"(?<!dead )letters? (?:is|are|that|of|for|were)": "dead letter",
    r"bur(?:y|ied|ial)": "dead letter",
    r"blackouts?": "not_delivering",
    r"the books|balance of the books": "ledger",
    r"crew|custody|announcers?|stranded|newcomers?": "sender, copy, message, waiting, shopper",
}
"""What may not be read, and the word for it."""


def unreadable(text: str) -> list[str]:
    """Each private word of a text, with the word for it."""
    return [
        f"{found[0]!r}: say {word}"
        for private, word in PRIVATE.items()
        for found in re.finditer(rf"\b(?:{private})\b", text, re.IGNORECASE)
    ]


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module that are no docstrings: what it prints, logs and raises."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    unread = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    for node in constants:
        if isinstance(node.value, str) and " " in node.value.strip() and id(node) not in unread:
            yield node.lineno, node.value


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_says_it_in_plain_english(page: Path) -> None:
    assert unreadable(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("folder", ["topmail_flask", "example_store"])
def test_what_is_printed_logged_and_raised_is_plain_english(folder: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {word}"
        for file in sorted((ROOT / folder).rglob("*.py"))
        if file.stem != "letters" and "extraction" not in file.parts  # the words of shops
        for line, text in texts(file)
        for word in unreadable(text)
    ]
    assert found == []


def test_what_the_pages_of_sandbox_and_store_show_is_plain_english() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {word}"
        for folder in ("topmail_flask", "example_store")
        for file in sorted((ROOT / folder).rglob("*.html"))
        for word in unreadable(file.read_text(encoding="utf-8"))
        if folder != "example_store" or "letter" not in word  # the shop's own are a newsletter
    ]
    assert found == []


def test_no_mark_of_an_inner_rule_is_on_a_page_for_shop_owners() -> None:
    inner = {"faults.md", "extraction-rules.md", "CONTRIBUTING.md"}
    for page in all_pages():
        if page.name not in inner:
            marks = re.findall(r"\b(?:rules? )?[RTF]\d{1,3}\b", page.read_text(encoding="utf-8"))
            assert marks == [], page
