"""A place that is repaired while nobody looks at a product: health tells so all the same (F082)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.delivery.test_place_mended import Clock, store
from tests.delivery.views import view_of
from tests.delivery.waiting import until
from topmail_flask.sandbox import Sandbox


def refused(place: Path) -> Callable[[], object]:
    place.symlink_to(place.parent)
    return place.unlink


def no_directory(place: Path) -> Callable[[], object]:
    place.write_text("in the way")
    return place.unlink


@pytest.mark.parametrize("harm", [refused, no_directory])
def test_a_repaired_place_is_healthy_before_the_next_view(
    tmp_path: Path, sandbox: Sandbox, harm: Callable[[Path], Callable[[], object]]
) -> None:
    place, clock = tmp_path / "outbox", Clock()
    fix = harm(place)
    with closing(store(place, sandbox, clock)) as delivery:
        delivery.accept(view_of("refused"))
        until(lambda: delivery.stats().delivered == 1, "the books are written")
        assert delivery.health().state == "degraded"
        fix()
        clock.ahead += 6
        until(lambda: delivery.health().state == "healthy", "it is known without a view", limit=10)


def test_an_idle_sender_goes_back_to_a_file_that_was_refused_within_seconds(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Nothing comes in, and nothing is to be written: it finds out by itself (F082)."""
    place = tmp_path / "outbox"
    with closing(store(place, sandbox, Clock())) as delivery:
        delivery.accept(view_of("first"))
        until(lambda: delivery.stats().delivered == 1, "the first is delivered")
    for journal in place.glob("*/*.journal"):  # imported, and to be removed by the next leader
        journal.unlink()
    (file,) = place.glob("*/outbox.sqlite3")
    file.rename(tmp_path / "aside")
    file.symlink_to(tmp_path / "aside")
    with closing(store(place, sandbox, Clock())) as delivery:
        delivery.accept(view_of("in memory"))
        sandbox.wait_for_views(2, timeout=20)
        until(lambda: delivery.health().state == "degraded", "it is refused", limit=10)
        (tmp_path / "aside").rename(file)
        until(lambda: delivery.health().state == "healthy", "it is used again", limit=15)
        until(lambda: delivery.stats().delivered == 2, "its ledger goes on", limit=10)


def test_the_ledger_goes_on_where_it_was_when_the_disk_is_back(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    place, clock = tmp_path / "outbox", Clock()
    with closing(store(place, sandbox, clock)) as delivery:
        delivery.accept(view_of("before"))
        until(lambda: delivery.stats().delivered == 1, "the first is delivered")
    place.rename(tmp_path / "aside")
    place.symlink_to(tmp_path)
    with closing(store(place, sandbox, clock)) as delivery:
        for number in range(3):
            delivery.accept(view_of(f"meanwhile-{number}"))
        until(lambda: delivery.stats().delivered == 3, "those in memory are delivered")
        place.unlink()
        (tmp_path / "aside").rename(place)
        clock.ahead += 6

        def goes_on() -> bool:
            stats = delivery.stats()
            assert stats.balanced
            return (stats.accepted, stats.delivered) == (4, 4)

        until(goes_on, "both ledgers are one", limit=10)
        delivery.accept(view_of("after"))
        until(lambda: delivery.stats().delivered == 5, "it goes on counting")
    shutil.rmtree(place)
