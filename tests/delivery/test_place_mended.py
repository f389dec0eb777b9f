"""A directory that was refused, and is repaired while the store runs (F082, F097)."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from tests.delivery.views import view_of
from tests.delivery.waiting import until
from topmail_flask.delivery.delivery import Delivery, Shop
from topmail_flask.model.settings import Settings
from topmail_flask.sandbox import Sandbox


class Clock:
    """The monotonic clock, and jumps forward."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def store(place: Path, sandbox: Sandbox, clock: Clock) -> Delivery:
    settings = Settings(
        api_key=sandbox.api_key,  # type: ignore[arg-type]  # checked and turned at birth
        base_url=sandbox.base_url,
    )
    return Delivery(settings, Shop("shop", b"secret"), place, monotonic=clock)


def test_a_repaired_directory_is_led_again_within_seconds(tmp_path: Path, sandbox: Sandbox) -> None:
    place, clock = tmp_path / "outbox", Clock()
    place.symlink_to(tmp_path)
    with closing(store(place, sandbox, clock)) as delivery:
        delivery.accept(view_of("refused"))
        sandbox.wait_for_views(1, timeout=20)
        until(lambda: delivery.stats().delivered == 1, "the books are written")
        place.unlink()
        clock.ahead += 6

        def on_disk() -> bool:
            delivery.accept(view_of("kept"))
            is_healthy = delivery.health().state == "healthy"
            return is_healthy and bool(list(place.glob("*/outbox.sqlite3")))

        until(on_disk, "the disk is used", limit=10)


def test_the_ledger_in_memory_lasts_for_as_long_as_the_directory_is_refused(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    place, clock = tmp_path / "outbox", Clock()
    place.symlink_to(tmp_path)
    with closing(store(place, sandbox, clock)) as delivery:
        for number in range(1, 4):
            delivery.accept(view_of(f"p{number}"))
            sandbox.wait_for_views(number, timeout=20)
            until(lambda: delivery.stats().pending == 0, "the books are written")
            assert delivery.stats().delivered == number
            clock.ahead += 120
