"""The records: one file a chapter, written for review."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.golden.cases import CASES, Case
from tests.golden.store import Store

RECORDED = Path(__file__).parent / "recorded"


def played(case: Case, directory: Path) -> dict[str, Any]:
    """What comes of a case now, with its files in this empty directory."""
    store = Store(directory)
    case.visit(store)
    return store.record()


def recorded(chapter: str) -> dict[str, Any]:
    """What came of a chapter's cases when they were recorded."""
    found: dict[str, Any] = json.loads((RECORDED / f"{chapter}.json").read_text("utf-8"))
    return found


def record_all(directory: Path) -> list[str]:
    """Record every case anew.

    :param directory: for the cases' files; it must outlive the process.
    :returns: the names of the cases whose record is another one now.
    """
    chapters: dict[str, dict[str, Any]] = {}
    for number, case in enumerate(CASES):
        place = directory / str(number)
        place.mkdir()
        chapters.setdefault(case.chapter, {})[case.name] = played(case, place)
    changed = []
    for stale in RECORDED.glob("*.json"):
        if stale.stem not in chapters:
            stale.unlink()
    for chapter, records in chapters.items():
        path = RECORDED / f"{chapter}.json"
        before = json.loads(path.read_text("utf-8")) if path.exists() else {}
        names = {**before, **records}
        changed += [name for name in names if before.get(name) != records.get(name)]
        text = json.dumps(records, ensure_ascii=False, indent=1)
        path.write_text(text + "\n", "utf-8")
    return changed
