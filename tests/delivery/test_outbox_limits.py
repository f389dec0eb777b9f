"""The outbox holds what it may hold, costs the same however much it holds, and shrinks again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from tests.delivery.entry_making import (
    Clock,
    drain,
    entry,
    fill,
    given_up,
    imported,
    outbox,
    program,
)
from topmail_flask.delivery.entry import Entry
from topmail_flask.model.reasons import Reason

MEGABYTE = 1024 * 1024


def many(count: int, start: int = 0, size: int = 300) -> Iterable[list[Entry]]:
    name = "x" * size
    for first in range(start, start + count, 1000):
        numbers = range(first, min(first + 1000, start + count))
        yield [entry(n, identity=f"shopper-{n}", first_name=name) for n in numbers]


def size_of(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.iterdir())


def test_the_oldest_views_make_room_for_new_ones(tmp_path: Path) -> None:
    # F094, F110
    books = outbox(tmp_path / "box", max_rows=100)
    fill(books, [entry(number) for number in range(90)])
    report = imported(books, [entry(number) for number in range(90, 130)])
    evicted = [(f"key-{number}", Reason.OVERFLOW) for number in range(30)]
    assert given_up(report.dropped) == evicted
    stats = books.stats()
    assert (stats.accepted, stats.pending, stats.dropped) == (130, 100, 30)
    assert stats.reasons == {Reason.OVERFLOW: 30}
    assert stats.balanced
    books.close()


def test_the_file_stays_within_its_bytes(tmp_path: Path) -> None:
    # F094, F105
    books = outbox(tmp_path / "box", max_bytes=2 * MEGABYTE)
    largest = 0
    for entries in many(12_000, size=80):
        fill(books, entries)
        largest = max(largest, size_of(tmp_path / "box"))
    assert largest <= (2 + 6) * MEGABYTE  # of the 70 MB that 64 may grow to
    stats = books.stats()
    assert stats.accepted == 12_000
    assert stats.pending > 2000
    assert stats.balanced
    assert books.claim(1)[0].entry.key == "key-11999"
    books.close()


def test_the_file_shrinks_when_it_is_drained(tmp_path: Path) -> None:
    # F095
    clock = Clock()
    books = outbox(tmp_path / "box", clock)
    for entries in many(8000):
        fill(books, entries)
    assert size_of(tmp_path / "box") > 5 * MEGABYTE
    assert len(drain(books, 500)) == 8000
    assert size_of(tmp_path / "box") <= MEGABYTE
    books.close()


def test_a_large_backlog_costs_a_new_view_nothing(tmp_path: Path) -> None:
    # F093
    clock = Clock()
    books = outbox(tmp_path / "box", clock)

    def cost() -> float:
        best = 1.0
        for number in range(5):
            fill(books, [entry(number, key=f"new-{os.urandom(4).hex()}", at=clock.now)])
            started = time.process_time()
            with books.batch():
                for row in books.claim(2):
                    books.delivered(row)
            best = min(best, time.process_time() - started)
        return best

    def first_look(name: str) -> float:
        best = 1.0
        for _ in range(5):
            reopened = outbox(tmp_path / name, clock)
            started = time.process_time()
            assert reopened.state().oldest_pending is not None
            assert len(reopened.claim(4)) == 4
            best = min(best, time.process_time() - started)
            reopened.close()
        return best

    small = outbox(tmp_path / "few", clock)
    for entries in many(100, size=1):
        fill(small, entries)
        fill(books, entries)
    small.close()
    few = cost()
    for entries in many(30_000, 100, 100):
        fill(books, entries)
    for row in books.claim(2000):
        books.retry(row, clock.now + 500)
    assert cost() < few * 4 + 0.002
    books.close()
    assert first_look("box") < first_look("few") * 4 + 0.002


def test_two_drains_of_one_outbox_send_each_view_once(tmp_path: Path) -> None:
    # F091
    directory, text = (
        tmp_path / "box",
        """
import sys
from pathlib import Path
from tests.delivery.entry_making import *
books = outbox(Path(sys.argv[1]))
first = books.claim(7)
print("ready", flush=True)
sys.stdin.readline()
for row in first:
    books.delivered(row)
print(*(row.entry.key for row in first), *drain(books, 7))
books.close()
""",
    )
    books = outbox(directory)
    for entries in many(2000, size=1):
        fill(books, entries)
    drains = [program(text, directory, stdin=-1) for _ in range(2)]
    for draining in drains:
        assert draining.stdout is not None
        assert draining.stdout.readline() == "ready\n"
    for draining in drains:
        assert draining.stdin is not None
        draining.stdin.write("\n")
        draining.stdin.flush()
    sent = [draining.communicate(timeout=60)[0].split() for draining in drains]
    assert all(sent), "both had work at the same time"
    assert len(sent[0] + sent[1]) == len({*sent[0], *sent[1]}) == 2000
    assert books.stats().delivered == 2000
    assert books.stats().balanced
    books.close()


def test_without_a_disk_the_same_books_are_kept_in_memory() -> None:
    # F110
    clock = Clock()
    books = outbox(None, clock)
    fill(books, [entry(number) for number in range(11_000)])
    assert books.stats().pending <= 10_000
    assert books.stats().reasons[Reason.OVERFLOW] >= 1000
    assert books.file.degraded
    books.dead_letter(books.claim(1)[0], Reason.REJECTED)
    assert len(drain(books, 500)) == books.stats().delivered
    assert books.stats().pending == 0
    assert books.stats().balanced
    assert not books.import_journals().imported
    books.close()
