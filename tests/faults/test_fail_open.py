"""Whatever fails in the package, the store's pages stay byte for byte as they are (F135)."""

from __future__ import annotations

import gc
import logging
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from tests.faults.injection import Points
from tests.faults.store import ADDRESS, REQUESTS, Answer, answer, logged_in_cookie, make_store

KEY = "tm_test_fail_open_0123456789"
TRIED_WHERE_NOBODY_CALLS = ("/tea/7", "/quick")


class UnheardOfError(Exception):
    def __str__(self) -> str:
        raise RuntimeError(ADDRESS)

    __repr__ = __str__


KINDS: tuple[type[Exception], ...] = (ValueError, RecursionError, MemoryError, UnheardOfError)
# The shop or Flask calls these: nothing of ours stands before them that could catch an error. They
# hand on to the fence, and that is all they do.
ENTRANCES = {
    "boundary:Boundary.fence.<locals>.fenced",
    "extension:TopMail.track",
    "extension:_topmail_product",
    "app_state:state_of",
}


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    """Of a store in which every view is written to the journal and none is sent."""
    return {
        "TOPMAIL_API_KEY": KEY,
        "TOPMAIL_OUTBOX": str(tmp_path / "outbox"),
        "TOPMAIL_DELIVERY": "worker",
        "TOPMAIL_REPEAT_WINDOW": 0,
    }


@pytest.fixture
def points() -> Iterator[Points]:
    logging.getLogger("tea shop").addFilter(lambda _: False)  # tracebacks of /broken
    found = Points()
    gc.collect()
    gc.freeze()
    yield found
    gc.unfreeze()


@pytest.fixture(scope="module")
def cookie() -> str:
    return logged_in_cookie(make_store()[0])


@pytest.fixture(scope="module")
def expected(cookie: str) -> dict[str, Answer]:
    """The answers of the store without the extension."""
    bare, _ = make_store()
    return {request: answer(bare, cookie, request) for request in REQUESTS}


def callers(config: dict[str, Any], cookie: str) -> dict[CodeType, list[str]]:
    """The requests that call each function, in a store that has just begun."""
    found: dict[CodeType, list[str]] = defaultdict(list)
    for request in REQUESTS:
        app, _ = make_store(config)
        seen: set[CodeType] = set()

        def note(frame: FrameType, event: str, _: object, seen: set[CodeType] = seen) -> None:
            if event == "call":
                seen.add(frame.f_code)

        sys.setprofile(note)
        try:
            answer(app, cookie, request)
        finally:
            sys.setprofile(None)
        for code in seen:
            found[code].append(request)
    return found


@pytest.mark.filterwarnings(
    # A finaliser under a planted error can only say so; the page is long gone.
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_whatever_raises_the_pages_are_those_of_a_store_without_the_extension(
    points: Points,
    config: dict[str, Any],
    cookie: str,
    expected: dict[str, Answer],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    called = callers(config, cookie)
    raised: set[str] = set()
    changed: set[str] = set()
    for point in points.all:
        requests = called.get(point.code, TRIED_WHERE_NOBODY_CALLS)
        for kind in KINDS if point.code in called else KINDS[:1]:

            def trap(name: str = point.name, kind: type[Exception] = kind) -> None:
                raised.add(name)
                raise kind(f"{ADDRESS} {KEY}")

            app, _ = make_store(config)
            with points.raising(point, trap):
                for request in requests:
                    try:
                        same = answer(app, cookie, request) == expected[request]
                    except Exception:  # noqa: BLE001  it came through to the server
                        same = False
                    if not same:
                        changed.add(point.name)
    assert changed == ENTRANCES
    assert len(raised) > 250
    assert len(points.all) > 700
    assert ADDRESS not in caplog.text  # F164
    assert KEY not in caplog.text
