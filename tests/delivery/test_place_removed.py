"""The outbox directory goes while a store is alive: nothing that is still open is lost (F193)."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.delivery.chaos import Chaos, Exchange, chaos_server, ok
from tests.delivery.programs import Machine, heard
from tests.delivery.simulation import KEY
from tests.delivery.test_place_mended import Clock, store
from tests.delivery.views import view_of
from tests.delivery.waiting import until
from topmail_flask.delivery.delivery import Delivery, Shop
from topmail_flask.model.settings import Settings
from topmail_flask.sandbox import Sandbox


def removed(place: Path) -> None:
    """It goes at once: removed file by file, the store may write another one into it meanwhile."""
    shutil.rmtree(place.rename(place.with_name("gone")))


def a_file_takes(place: Path) -> bool:
    """A file stands where the directory was, unless the store made it anew meanwhile."""
    removed(place)
    try:
        place.write_text("in the way")
    except IsADirectoryError:
        return False
    return True


def moved(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))


def replaced(place: Path) -> None:
    moved(place)
    place.mkdir(mode=0o700, exist_ok=True)  # unless the store is quicker


def one_app_removed(place: Path) -> None:
    (app,) = place.iterdir()
    shutil.rmtree(app.rename(place.with_name("gone")))


HARMS = [removed, moved, replaced, one_app_removed]


def in_the_books(delivery: Delivery, place: Path) -> bool:
    return delivery.stats().pending == 5 and bool(list(place.glob("*/outbox.sqlite3")))


def has_ended(delivery: Delivery, views: int) -> None:
    def all_are_delivered() -> bool:
        stats = delivery.stats()
        assert stats.balanced
        return (stats.accepted, stats.delivered) == (views, views)

    until(all_are_delivered, f"{views} views are delivered")


@pytest.mark.parametrize("harm", HARMS)
def test_what_waits_is_sent_and_the_ledger_goes_on(
    tmp_path: Path,
    sandbox: Sandbox,
    harm: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    place, clock = tmp_path / "outbox", Clock()
    with closing(store(place, sandbox, clock)) as delivery:
        delivery.accept(view_of("first"))
        sandbox.wait_for_views(1)
        until(lambda: delivery.stats().delivered == 1, "the first is in the books")
        sandbox.inject_faults(outage=True)
        for number in range(5):
            delivery.accept(view_of(f"p{number}"))
        sandbox.wait_for_requests(3)
        until(lambda: in_the_books(delivery, place), "the others wait")
        with caplog.at_level(logging.WARNING):
            harm(place)
            sandbox.inject_faults()
            clock.ahead += 1
            has_ended(delivery, 6)
        told = [record for record in caplog.messages if "moved or deleted" in record]
        assert 1 <= len(told) <= 2  # the outbox; and the journal, if it held something
    assert len({view["product_id"] for view in sandbox.views}) == len(sandbox.views) == 6


def ok_in_the_end(exchange: Exchange) -> None:
    exchange.chaos.released.wait(60)
    ok(exchange)


def slow_store(stack: ExitStack, place: Path, clock: Clock) -> tuple[Delivery, Chaos]:
    """A store with one view delivered, and one under way."""
    chaos = stack.enter_context(chaos_server())
    settings = Settings(api_key=KEY, base_url=chaos.base_url)  # type: ignore[arg-type]
    delivery = Delivery(settings, Shop("shop", b"secret"), place, monotonic=clock)
    stack.enter_context(closing(delivery))
    delivery.accept(view_of("first", "joan@shop.example"))
    until(lambda: delivery.stats().delivered == 1, "TopMail is known to answer")
    chaos.answers(ok_in_the_end)
    delivery.accept(view_of("slow", "ada@shop.example"))
    chaos.wait_for(2)
    return delivery, chaos


def test_a_store_is_back_on_a_repaired_disk_while_a_call_is_under_way(tmp_path: Path) -> None:
    place, clock = tmp_path / "outbox", Clock()
    place.symlink_to(tmp_path)
    with ExitStack() as stack:
        delivery, chaos = slow_store(stack, place, clock)
        place.unlink()
        clock.ahead += 6
        until(lambda: bool(list(place.glob("*/outbox.sqlite3"))), "the disk is used")
        chaos.released.set()
        has_ended(delivery, 2)
        assert len(chaos.views) == 2


def test_a_call_under_way_goes_on_while_the_place_goes(tmp_path: Path) -> None:
    place, clock = tmp_path / "outbox", Clock()

    with ExitStack() as stack:
        delivery, chaos = slow_store(stack, place, clock)
        removed(place)
        clock.ahead += 1
        delivery.accept(view_of("quick", "grace@shop.example"))
        chaos.wait_for(1)
        chaos.released.set()
        has_ended(delivery, 3)
        assert len(chaos.views) == 3


def test_a_store_that_ends_at_once_keeps_what_waits_for_the_next(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    place, clock = tmp_path / "outbox", Clock()
    sandbox.inject_faults(outage=True)
    with closing(store(place, sandbox, clock)) as delivery:
        for number in range(5):
            delivery.accept(view_of(f"p{number}"))
        sandbox.wait_for_requests(3)
        until(lambda: in_the_books(delivery, place), "they wait")
        removed(place)
    sandbox.inject_faults()
    with closing(store(place, sandbox, clock)) as delivery:
        delivery.resume()
        has_ended(delivery, 5)


def test_what_cannot_be_written_again_is_kept_until_it_can_and_told(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    place, clock = tmp_path / "outbox", Clock()
    sandbox.inject_faults(outage=True)
    with closing(store(place, sandbox, clock)) as delivery:
        for number in range(5):
            delivery.accept(view_of(f"p{number}"))
        sandbox.wait_for_requests(3)
        until(lambda: in_the_books(delivery, place), "they wait")
        until(lambda: a_file_takes(place), "a file is in the way")
        clock.ahead += 2
        delivery.accept(view_of("p5"))
        until(lambda: delivery.health().state == "degraded", "health tells of it")
        place.unlink()
        sandbox.inject_faults()

        def all_are_sent() -> bool:
            clock.ahead += 0.2  # the pauses after an outage pass
            return len(sandbox.views) == 6

        until(all_are_sent, "all are sent", 30)
        has_ended(delivery, 6)
        until(lambda: delivery.health().ok, "health tells of the fix", 30)


def test_what_is_open_and_cannot_be_kept_is_counted_and_told(
    tmp_path: Path, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    place, clock = tmp_path / "outbox", Clock()
    sandbox.inject_faults(outage=True)
    with closing(store(place, sandbox, clock)) as delivery:
        for number in range(5):
            delivery.accept(view_of(f"p{number}"))
        sandbox.wait_for_requests(3)
        until(lambda: in_the_books(delivery, place), "they wait")
        until(lambda: a_file_takes(place), "a file is in the way")
    assert delivery.stats().reasons == {"undelivered": 5}
    assert "TopMail: 5 views were in memory only and are lost." in caplog.messages


def test_without_a_thread_the_journal_is_saved_at_the_end(tmp_path: Path, sandbox: Sandbox) -> None:
    machine = Machine(tmp_path / "outbox", sandbox.base_url)
    sandbox.add_contact("shopper1@shop.example")
    lines = "import shutil\nlook(1)\nshutil.rmtree(os.environ['OUTBOX'])"
    try:
        process = machine.start(lines, api_key=sandbox.api_key, delivery="worker")
        _, told = process.communicate(timeout=40)
        assert "its views were saved" in told
        machine.run("delivery.resume()\nassert delivery.flush(20)", api_key=sandbox.api_key)
    finally:
        machine.stop()
    assert len(sandbox.views) == 1


LOOKING = """
for number in range(START, START + 4):
    look(number)
place = Path(os.environ["OUTBOX"])
while delivery.stats().pending < 4 or not list(place.glob("*/outbox.sqlite3")):
    time.sleep(0.01)
say("ready")
while True:
    time.sleep(1)
"""
TELLING = "told = delivery.stats(); say(f'{told.accepted} {told.delivered} {told.balanced}')"


def test_several_processes_save_what_each_has_open(tmp_path: Path, sandbox: Sandbox) -> None:
    """Whoever leads anew has the books of who led before, and the journals of the others."""
    sandbox.inject_faults(outage=True)
    place = tmp_path / "outbox"
    for number in range(12):
        sandbox.add_contact(f"shopper{number}@shop.example")
    machine = Machine(place, sandbox.base_url)
    try:
        for start in (0, 4, 8):
            lines = LOOKING.replace("START", str(start))
            heard(machine.start(lines, api_key=sandbox.api_key), "ready")
        removed(place)
        sandbox.inject_faults()
        sandbox.wait_for_views(12, timeout=40)

        def goes_on() -> bool:
            return machine.run(TELLING, api_key=sandbox.api_key).strip() == "12 12 True"

        until(goes_on, "the ledger goes on")
    finally:
        machine.stop()
