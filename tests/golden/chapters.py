"""All chapters of cases."""

from tests.golden import (
    answers,
    beacons,
    consents,
    declared,
    hooks,
    middleware,
    people,
    purchases,
    requests,
    structured,
    templates,
)
from tests.golden.cases import CASES

__all__ = [
    "CASES",
    "answers",
    "beacons",
    "consents",
    "declared",
    "hooks",
    "middleware",
    "people",
    "purchases",
    "requests",
    "structured",
    "templates",
]
