"""The list of all cases, filled by the modules that import it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.golden.store import Store


@dataclass(frozen=True)
class Case:
    """One visit, or a few, of one store.

    :ivar chapter: the file that holds its record.
    :ivar name: what is tried, for people.
    """

    chapter: str
    name: str
    visit: Callable[[Store], None]


CASES: list[Case] = []


def case(chapter: str, name: str) -> Callable[[Callable[[Store], None]], Callable[[Store], None]]:
    """Add a case to the list."""

    def add(visit: Callable[[Store], None]) -> Callable[[Store], None]:
        assert all((known.chapter, known.name) != (chapter, name) for known in CASES), name
        CASES.append(Case(chapter, name, visit))
        return visit

    return add
