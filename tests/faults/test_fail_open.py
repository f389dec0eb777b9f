"""Whatever fails in the package, the store's pages stay byte for byte as they are (F135)."""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.injection import Points
from tests.faults.store import ADDRESS, REQUESTS, Answer, answer, logged_in_cookie, make_store
from topmail_flask import TopMailMiddleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    Made = Callable[[], WSGIApplication]

KEY = "tm_test_fail_open_0123456789"
TRIED_WHERE_NOBODY_CALLS = ("/tea/7", "/quick")


class UnheardOfError(Exception):
    def __str__(self) -> str:
        raise RuntimeError(ADDRESS)

    __repr__ = __str__


KINDS: tuple[type[Exception], ...] = (ValueError, RecursionError, MemoryError, UnheardOfError)
# The shop, Flask, Jinja or the WSGI server call these: nothing of ours stands before them to
# catch an error. They hand on to the guard, and that is all they do; or all of their body stands in
# a try of its own: a function less in each request of a store.
ENTRANCES = {
    "guard:guarded.<locals>.decorate.<locals>.guarded_method",
    "extension:TopMail.track",
    "extension:TopMail.track_purchase",
    "extension:_need_shopper",  # it tells of a call without a shopper, and that is all
    "extension:_topmail_product",
    "app:state_of",
    "app:AppState.declare",
    "app:AppState.track",
    "app:AppState._finished",
    "page_reader:PageReader.template_begins",
    "page_reader:PageReader.template_done",
    "identify.identify:Identify.notice_link",
}
ENTRANCES_OF_THE_MIDDLEWARE = {
    "guard:guarded.<locals>.decorate.<locals>.guarded_method",
    "middleware:TopMailMiddleware.__call__",
    "middleware:ResponseTap.__init__",  # it assigns, and that is all
    "middleware:ResponseTap.starting.<locals>.start",
    *(f"middleware:_Chunks.{name}" for name in ("__iter__", "__next__", "close")),
}

pytestmark = [
    pytest.mark.filterwarnings(
        # A finaliser under a planted error can only say so; the page is long gone.
        "ignore::pytest.PytestUnraisableExceptionWarning"
    ),
    pytest.mark.timeout(300),  # hundreds of stores, on a busy machine
]


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
def points(caplog: pytest.LogCaptureFixture) -> Iterator[Points]:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("tea shop").addFilter(lambda _: False)  # tracebacks of /broken
    found = Points()
    gc.collect()
    gc.freeze()
    yield found
    gc.unfreeze()
    with warnings.catch_warnings():
        # The file of an answer whose close() was made to raise.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    assert ADDRESS not in caplog.text  # F164
    assert KEY not in caplog.text


@pytest.fixture(scope="module")
def cookie() -> str:
    return logged_in_cookie(make_store()[0])


@pytest.fixture(scope="module")
def expected(cookie: str) -> dict[str, Answer]:
    """The answers of the store without the extension."""
    bare, _ = make_store()
    return {request: answer(bare, cookie, request) for request in REQUESTS}


def callers(make: Made, cookie: str) -> dict[CodeType, list[str]]:
    """The requests that call each function, in a store that has just begun."""
    found: dict[CodeType, list[str]] = defaultdict(list)
    for request in REQUESTS:
        app = make()
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


def raise_everywhere(
    points: Points, make: Made, cookie: str, expected: dict[str, Answer]
) -> tuple[set[str], set[str]]:
    """The functions that raised, and those whose error changed an answer."""
    called = callers(make, cookie)
    raised: set[str] = set()
    changed: set[str] = set()
    running = make()
    for point in points.all:
        requests = called.get(point.code, TRIED_WHERE_NOBODY_CALLS)
        for kind in KINDS if point.code in called else KINDS[:1]:

            def trap(name: str = point.name, kind: type[Exception] = kind) -> None:
                raised.add(name)
                raise kind(f"{ADDRESS} {KEY}")

            app = make() if point.code in called else running
            with points.raising(point, trap):
                for request in requests if kind is KINDS[0] else requests[:1]:
                    try:
                        same = answer(app, cookie, request) == expected[request]
                    except Exception:  # noqa: BLE001  it came through to the server
                        same = False
                    if not same:
                        changed.add(point.name)
    return raised, changed


def test_whatever_raises_the_pages_are_those_of_a_store_without_the_extension(
    points: Points, config: dict[str, Any], cookie: str, expected: dict[str, Answer]
) -> None:
    raised, changed = raise_everywhere(points, lambda: make_store(config)[0], cookie, expected)
    assert changed == ENTRANCES
    assert len(raised) > 250
    assert len(points.all) > 700


def test_behind_the_middleware_too_no_error_of_ours_reaches_a_page(
    points: Points, config: dict[str, Any], cookie: str, expected: dict[str, Answer]
) -> None:
    bare, _ = make_store()
    settings = {name.removeprefix("TOPMAIL_").lower(): value for name, value in config.items()}

    def make() -> TopMailMiddleware:
        return TopMailMiddleware(bare, shopper=lambda environ: ADDRESS, **settings)

    raised, changed = raise_everywhere(points, make, cookie, expected)
    assert changed == ENTRANCES_OF_THE_MIDDLEWARE
    assert len(raised) > 100
