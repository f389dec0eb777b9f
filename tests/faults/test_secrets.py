"""Neither the key nor a shopper's address leaves by a log, an error tracker or a page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing
from tests.faults.store import ADDRESS
from topmail_flask import Product, ProductView, RetryLater, Shopper
from topmail_flask.delivery.attempt import Job, Outcome
from topmail_flask.delivery.claiming import Row
from topmail_flask.delivery.entry import Entry

pytestmark = pytest.mark.timeout(300)  # hundreds of stores, on a busy machine

# The key's ends may be shown: it is these parts of it that must not.
SECRET_WORDS = (ADDRESS, "lovelace", "Ada", "planted_0123456789")


@pytest.fixture(scope="module")
def lived_through(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What the program of :mod:`tests.faults.planted` told, and where it wrote."""
    try:
        import sentry_sdk  # noqa: F401
    except ImportError:
        missing("sentry-sdk")
    directory = tmp_path_factory.mktemp("planted")
    run = subprocess.run(
        [sys.executable, "-m", "tests.faults.planted", str(directory)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout), directory


def test_whatever_raises_in_our_threads_the_pages_stay_as_they_are(
    lived_through: tuple[dict[str, Any], Path],
) -> None:  # F135, F002-F037
    told, _ = lived_through
    assert told["changed"] == []
    assert len(told["raised"]) > 150
    # What only some schedules of the threads reach differs from run to run.
    assert len(told["missed"]) < len(told["raised"]) / 8


def test_no_failure_of_ours_is_an_event_for_sentry(
    lived_through: tuple[dict[str, Any], Path],
) -> None:  # F165
    told, directory = lived_through
    assert told["events"] == []
    events = (directory / "events.json").read_text()
    assert "the shop's own" in events
    assert [word for word in SECRET_WORDS if word in events] == []


def test_no_log_names_the_key_or_a_shopper(
    lived_through: tuple[dict[str, Any], Path],
) -> None:  # F164
    _, directory = lived_through
    log = (directory / "everything.log").read_text()
    assert "topmail_flask.delivery" in log
    assert "AppState" in log or "consents raised LookupError" in log
    assert [word for word in SECRET_WORDS if word in log] == []


def test_what_waits_for_delivery_shows_nobody() -> None:  # F163
    shopper = Shopper(email=ADDRESS, first_name="Ada")
    view = ProductView(Product("1", "Tea", url="https://shop.example/tea"), shopper)
    entry = Entry.of(view, identity="digest")
    row = Row(entry, attempts=0, lease=0.0)
    assert row.event == view
    job = Job(row, shopper)
    told = "".join(map(repr, (shopper, view, entry, row, job, Outcome(job, RetryLater("lost")))))
    assert [word for word in SECRET_WORDS if word in told] == []
