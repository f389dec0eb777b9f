"""Every kind of page, visitor, hook and refusal: what comes out is what was recorded.

After a change that is meant, ``python -m tests.golden`` records anew; the difference is read
before it is committed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests.golden.cases import Case
from tests.golden.chapters import CASES
from tests.golden.recording import RECORDED, played, recorded

chapter_of = cache(recorded)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.chapter}: {case.name}")
def test_what_comes_out_is_what_was_recorded(case: Case, tmp_path: Path) -> None:
    assert played(case, tmp_path) == chapter_of(case.chapter)[case.name]


def test_the_records_are_those_of_the_cases() -> None:
    assert len(CASES) >= 150
    kept = {(path.stem, name) for path in RECORDED.glob("*.json") for name in recorded(path.stem)}
    assert kept == {(case.chapter, case.name) for case in CASES}
