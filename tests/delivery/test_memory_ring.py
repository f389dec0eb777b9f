"""Views wait in memory while no disk takes them: bounded, counted, and back to the disk."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.delivery.entry_making import (
    drain,
    entry,
    given_up,
    import_all,
    journal,
    outbox,
    output_of,
)
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.journal import RingBuffer
from topmail_flask.model.reasons import Reason


def test_the_oldest_are_dropped_and_counted() -> None:
    # F110
    ring = RingBuffer(max_entries=3)
    dropped: list[tuple[bytes, Reason]] = []
    for number in range(5):
        dropped += ring.put(entry(number).to_line())
    assert given_up(dropped) == [("key-0", Reason.OVERFLOW), ("key-1", Reason.OVERFLOW)]
    stats = ring.stats()
    assert (stats.accepted, stats.pending, stats.dropped) == (5, 3, 2)
    assert stats.reasons == {Reason.OVERFLOW: 2}
    assert stats.balanced


def test_bytes_are_bounded_too() -> None:
    # F110
    ring = RingBuffer(max_bytes=10_000)
    for number in range(100):
        ring.put(entry(number, body=b"x" * 900).to_line())
    assert 8 <= len(ring) <= 11


def test_a_full_ring_is_small() -> None:
    # F110
    text = """
import resource
from tests.delivery.entry_making import *
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.journal import RingBuffer
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
ring, before = RingBuffer(), rss()
for number in range(30_000):
    ring.put(entry(number, key="0" * 36, identity="0" * 32, repeat="0" * 32).to_line())
print(len(ring), rss() - before < 16 * 1024 * 1024)
"""
    count, is_small = output_of(text).split()
    assert int(count) == 10_000
    assert is_small == "True"


def test_what_waits_goes_back_to_the_disk_in_its_order(tmp_path: Path) -> None:
    ring, written, books = RingBuffer(), journal(tmp_path / "box"), outbox(tmp_path / "box")
    for number in range(3):
        ring.put(entry(number).to_line())
    ring.flush_to(lambda _: False)
    assert len(ring) == 3
    takes_two = iter([True, True, False])
    ring.flush_to(lambda line: written.append(line) and next(takes_two))
    assert len(ring) == 1
    ring.flush_to(written.append)
    assert len(ring) == ring.stats().accepted == 0
    import_all(books)
    assert {"key-0", "key-1", "key-2"} == set(drain(books))
    books.close()


def test_a_forgotten_shopper_is_gone_from_memory() -> None:
    # F159
    ring = RingBuffer()
    ring.put(entry(1).to_line())
    ring.put(entry(2, identity="bob").to_line())
    forgotten = ring.forget("ada", Reason.FORGOTTEN)
    assert given_up(forgotten) == [("key-1", Reason.FORGOTTEN)]
    assert ring.stats().reasons == {Reason.FORGOTTEN: 1}
    assert ring.stats().balanced
    assert [Entry.from_line(line).key for line in ring.take(9)] == ["key-2"]


def test_a_forked_child_has_none_of_its_parents_views() -> None:
    # F060
    ring = RingBuffer()
    ring.put(entry(1).to_line())
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        empty = len(ring) == 0 and not ring.take(1) and not ring.stats().accepted
        ring.put(entry(2).to_line())
        os._exit(0 if empty and len(ring) == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert len(ring) == 1
