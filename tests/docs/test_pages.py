"""Every block of every page is run; what cannot be says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.commands import CommandServer
from tests.docs.pages import Page, all_pages
from tests.servers.server import ROOT
from topmail_flask.sandbox import Sandbox

# Written as several files of a test suite: tests/testing/test_documentation.py runs it.
ELSEWHERE = {"docs/how-to/testing.md"}


@pytest.mark.timeout(300)  # of dozens of commands, on a busy machine
@pytest.mark.parametrize(
    "page",
    [page for page in all_pages() if str(page.relative_to(ROOT)) not in ELSEWHERE],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_block_of_the_page_runs(
    page: Path,
    tmp_path: Path,
    server: CommandServer,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOPMAIL_API_KEY", sandbox.api_key)
    monkeypatch.setenv("SECRET_KEY", "only for the documentation")
    for reason in Page(page, tmp_path, server, sandbox).run():
        assert len(reason.split()) > 2, f"{reason!r} is no reason to leave a block out"
