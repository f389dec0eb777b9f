"""What all tests share."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from weakref import ref

import pytest
from blinker import NamedSignal
from hypothesis import HealthCheck, settings

from topmail_flask import signals
from topmail_flask.delivery import lifecycle

settings.register_profile(
    "shared machine",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("shared machine")
SIGNALS = [each for each in vars(signals).values() if isinstance(each, NamedSignal)]


def missing(what: str) -> NoReturn:
    """Skip a test for want of ``what``; in CI a want is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have {what}")
    pytest.skip(f"there is no {what} here")


@pytest.fixture(autouse=True)
def _no_shop_outlives_its_test() -> Iterator[None]:
    """A test that made a shop leaves none of its threads to the next one."""
    before = set(lifecycle._living)
    yield
    shops = [shop for shop in lifecycle._living if shop not in before]
    end = time.monotonic() + 1.0
    for shop in shops:
        shop.stop(end)
    for shop in shops:
        shop.join(end)


@pytest.fixture(autouse=True)
def _no_receiver_outlives_its_test() -> Iterator[None]:
    """Nor what it connected to a signal: a view takes other steps where somebody listens."""
    connected = [(signal, set(signal.receivers)) for signal in SIGNALS]
    yield
    for signal, before in connected:
        for number, receiver in list(signal.receivers.items()):
            connected_by_test = receiver() if isinstance(receiver, ref) else receiver
            if number not in before and connected_by_test is not None:
                signal.disconnect(connected_by_test)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The third-party corpus beside the checkout; it is never part of the project."""
    beside = Path(__file__).parent.parent.parent / "shared" / "corpus"
    place = Path(os.environ.get("TESTS_CORPUS", beside))
    if not place.is_dir():
        pytest.skip(f"no corpus at {place}")
    return place
