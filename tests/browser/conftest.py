"""One headless Chromium for each test process, watched pages, the example store on a real port."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from tests.conftest import missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

    from tests.browser.serving import Store
    from tests.browser.watching import Watch

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP = {"width": 1280, "height": 900}


# The tests import Playwright: without it only the one that says so is collected.
_SAYS_SO = "test_there_is_a_browser.py"
_HERE = Path(__file__).parent
collect_ignore = (
    []
    if find_spec("playwright")
    else [file.name for file in _HERE.glob("test_*.py") if file.name != _SAYS_SO]
)


@pytest.fixture(scope="session")
def chromium_program() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing("Chromium")
    return str(found)


# Not for the session: while Playwright runs, its thread has an event loop, and a store of another
# test could run no asynchronous view in it.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="package")
def chromium(playwright: Playwright, chromium_program: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium_program, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def human(chromium: Browser) -> str:
    """The user agent of this Chromium when a person has its window open."""
    return (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{chromium.version.partition('.')[0]}.0.0.0 Safari/537.36"
    )


@pytest.fixture
def watch() -> Iterator[Watch]:
    """What the pages of this test complain of: at its end there must be nothing."""
    from tests.browser.watching import Watch

    watch = Watch()
    yield watch
    assert watch.complaints == []


@pytest.fixture
def context(chromium: Browser, human: str, watch: Watch) -> Iterator[BrowserContext]:
    """A browser profile of this test's own, of a person."""
    context = chromium.new_context(user_agent=human, viewport=DESKTOP)  # type: ignore[arg-type]
    context.set_default_timeout(10_000)
    watch.begin(context)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty page that fails the test for console errors, failed and third-party requests."""
    return context.new_page()


@pytest.fixture
def store(tmp_path: Path, context: BrowserContext) -> Iterator[Store]:
    """The example store on a port of its own, with a sandbox that gets its views."""
    from example_store import create_app
    from tests.browser.serving import NORA, TOMAS, Store, serving
    from topmail_flask.sandbox import Sandbox

    opened: list[Flask] = []

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return opened[0](environ, start)  # it is told its own address when it is made

    with Sandbox(contacts=[NORA.email, TOMAS.email]) as sandbox, serving(answer) as url:
        opened.append(
            create_app(
                {
                    "INSTANCE_PATH": str(tmp_path),
                    "TOPMAIL_API_KEY": sandbox.api_key,
                    "TOPMAIL_BASE_URL": sandbox.base_url,
                    "TOPMAIL_SITE_URL": url,
                    "TOPMAIL_DEBUG_HEADER": True,
                }
            )
        )
        yield Store(opened[0], url, sandbox)
        context.close()  # while its last requests are still answered
