"""Fixtures for the tests of a store; see :mod:`topmail_flask.testing`.

pytest imports this module at the start of every run, with a store or without: it loads neither
Flask nor anything of the package before a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flask import Flask

    from topmail_flask.sandbox import Sandbox
    from topmail_flask.testing import CapturedViews


@pytest.fixture
def topmail_views(app: Flask) -> Iterator[CapturedViews]:
    """All that the extension decides about the store's ``app`` in this test; nothing is sent."""
    from topmail_flask.testing import capture  # noqa: PLC0415  only who asks for it pays

    with capture(app) as views:
        yield views


@pytest.fixture
def topmail_sandbox(topmail_views: CapturedViews) -> Iterator[Sandbox]:
    """A local TopMail on real HTTP, with faults to order, to which the store's views are sent."""
    from topmail_flask.sandbox import Sandbox  # noqa: PLC0415  only who asks for it pays

    with Sandbox() as sandbox, topmail_views.delivering_to(sandbox):
        yield sandbox
