"""The doctor says whether shoppers can be known without a log-in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.examined import found, tea_app


@pytest.mark.parametrize(
    ("config", "level", "said"),
    [
        ({"SECRET_KEY": "x"}, "ok", "can be used"),
        ({"SECRET_KEY": None}, "ok", "Not set up, which only topmail.identify() and"),
        ({"SECRET_KEY": None, "TOPMAIL_BACKFILL": 3}, "error", "TOPMAIL_BACKFILL does nothing"),
        ({"SECRET_KEY": "x", "TOPMAIL_BACKFILL": 3}, "warning", "who said yes"),
    ],
)
def test_what_a_shopper_without_a_log_in_needs(
    config: dict[str, Any], level: str, said: str
) -> None:
    # Nothing of TopMail's is asked: its address leads nowhere.
    app = tea_app(config={"TOPMAIL_BASE_URL": "https://localhost.invalid/api/v1", **config})
    finding = found(app, "identify")
    assert (finding.level, said in finding.what) == (level, True), finding
