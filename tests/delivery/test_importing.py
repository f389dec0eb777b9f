"""From the journals into the outbox: each line once, and nothing without a counted reason."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.delivery.entry_making import (
    EMAIL,
    NOW,
    Clock,
    bytes_below,
    drain,
    entry,
    fill,
    given_up,
    import_all,
    imported,
    journal,
    outbox,
)
from topmail_flask.delivery import segments
from topmail_flask.delivery.entry import Entry
from topmail_flask.model.reasons import Reason


def dead_segment(directory: Path, name: str, content: bytes) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / f"{name}{segments.SUFFIX}"
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def lines(*entries: Entry) -> bytes:
    return b"".join(b"\n" + entry.to_line() for entry in entries)


@contextmanager
def looked_into(directory: Path) -> Iterator[set[str]]:
    """The names in a directory that are opened meanwhile."""
    seen: set[str] = set()
    listening = True

    def note(event: str, args: tuple[object, ...]) -> None:
        if listening and event == "open":
            path = Path(os.fsdecode(args[0])) if isinstance(args[0], str | bytes) else Path()
            if path.parent == directory:
                seen.add(path.name)

    sys.addaudithook(note)  # it stays for ever
    try:
        yield seen
    finally:
        listening = False


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: good[:-20],  # the last line is torn
        lambda good: good + b"\n" + entry(9).to_line()[:50],
        lambda good: good[:700] + b"\0" * 100 + good[800:],
        lambda good: good[:700] + os.urandom(50).replace(b"\n", b"x") + good[750:],
        lambda good: good + b"\0" * 300,
        lambda good: good + b"\n" + b"\xff" * (3 * segments.CHUNK) + b"\n" + good[:0],
        lambda good: good + b'\n{"kind":"view"}\n[]\nnull\n',
    ],
)
def test_good_lines_come_in_and_damaged_ones_are_counted(tmp_path: Path, damage: object) -> None:
    # F191
    assert callable(damage)
    good = lines(*(entry(number) for number in range(6)))
    dead_segment(tmp_path / "outbox", "1", damage(good))
    books = outbox(tmp_path / "outbox")
    import_all(books)
    stats = books.stats()
    assert stats.pending >= 5
    assert stats.dropped == stats.reasons[Reason.TORN] >= 1
    assert stats.balanced
    assert not segments.listed(tmp_path / "outbox")
    books.close()


def test_a_line_under_way_is_left_until_it_is_whole(tmp_path: Path) -> None:
    written, books = journal(tmp_path / "outbox"), outbox(tmp_path / "outbox")
    assert written.append(entry(1))
    (segment,) = segments.listed(tmp_path / "outbox")
    half = entry(2).to_line()
    with segment.open("ab") as file:  # opened here: the lock is lost, but not the knowledge of it
        file.write(half[:40])
        file.flush()
        import_all(books)
        assert books.stats().accepted == 1
        file.write(half[40:])
    import_all(books)
    assert sorted(drain(books)) == ["key-1", "key-2"]
    assert Reason.TORN not in books.stats().reasons
    books.close()


def test_stats_count_what_nobody_has_imported_yet(tmp_path: Path) -> None:
    written, books = journal(tmp_path / "outbox"), outbox(tmp_path / "outbox")
    for number in range(5):
        assert written.append(entry(number))
    before = books.stats()
    assert (before.accepted, before.pending) == (5, 5)
    import_all(books)
    assert books.stats() == before
    books.close()


def test_an_import_repeated_after_a_lost_outbox_brings_nothing_twice(tmp_path: Path) -> None:
    # F190: imported lines are erased, so they are not found again
    directory = tmp_path / "outbox"
    written, books = journal(directory), outbox(directory)
    assert written.append(entry(1))
    import_all(books)
    assert drain(books) == ["key-1"]
    books.close()
    for path in directory.glob("outbox*"):
        path.unlink()
    assert written.append(entry(2))
    books = outbox(directory)
    import_all(books)
    assert drain(books) == ["key-2"]
    assert books.stats().accepted == books.stats().delivered == 2  # the ledger goes on
    assert Reason.TORN not in books.stats().reasons
    books.close()


def test_bytes_are_erased_after_a_crash_between_import_and_erasing(tmp_path: Path) -> None:
    # F190
    directory = tmp_path / "outbox"
    written, books = journal(directory), outbox(directory)
    assert written.append(entry(1))
    before = segments.listed(directory)[0].read_bytes()
    import_all(books)
    with segments.listed(directory)[0].open("r+b") as file:
        file.write(before)  # as if the erasing had not happened
    books.close()
    books = outbox(directory)
    import_all(books)
    assert books.stats().accepted == 1
    assert EMAIL.encode() not in b"".join(p.read_bytes() for p in segments.listed(directory))
    books.close()


def test_imported_bytes_are_gone_from_the_file_of_a_live_process(tmp_path: Path) -> None:
    # F197
    directory = tmp_path / "outbox"
    written, books = journal(directory), outbox(directory)
    for number in range(50):
        assert written.append(entry(number))
        if number % 7 == 0:
            import_all(books)
    import_all(books)
    (segment,) = segments.listed(directory)
    assert EMAIL.encode() not in segment.read_bytes()
    assert len(drain(books)) == 50
    books.tidy()
    assert EMAIL.encode() not in bytes_below(directory)
    books.close()


def test_hundreds_of_dead_segments_and_dozens_of_live_ones_are_imported(tmp_path: Path) -> None:
    # F194
    directory = tmp_path / "outbox"
    for number in range(500):
        dead_segment(directory, f"{number:016x}", lines(*(entry(number * 4 + n) for n in range(4))))
    live = [journal(directory) for _ in range(50)]
    others = {path.name for path in segments.listed(directory)}
    with looked_into(directory) as seen:
        assert all(journal.append(entry(10_000 + number)) for number, journal in enumerate(live))
    assert len(seen) >= 50
    assert not seen & others  # a first view opens nobody else's segment
    books, largest = outbox(directory), 0
    while (report := books.import_journals(100)).more or report.imported:
        largest = max(largest, report.imported)
    assert largest < 300
    assert len(segments.listed(directory)) == 50
    assert books.stats().pending == 2050
    assert len(set(drain(books))) == 2050
    books.close()


def test_the_same_view_counts_once_within_the_window(tmp_path: Path) -> None:
    books = outbox(tmp_path / "outbox", Clock(NOW + 200), repeat_window=60)
    seen = [entry(n, at=NOW + at, repeat="r") for n, at in enumerate([0, 30, 59, 61, 100, 122])]
    report = imported(books, seen)
    # 61 counts: it is measured against the last counted view, not against the last seen.
    assert sorted(drain(books)) == ["key-0", "key-3", "key-5"]
    assert given_up(report.dropped) == [
        ("key-1", Reason.REPEAT),
        ("key-2", Reason.REPEAT),
        ("key-4", Reason.REPEAT),
    ]
    assert imported(books, [entry(6, at=NOW + 121, repeat="r")]).imported == 0
    assert imported(books, [entry(7, at=NOW + 121, repeat="other")]).imported == 1
    assert books.stats().reasons == {Reason.REPEAT: 4}
    assert books.stats().balanced
    books.close()


def test_an_entry_that_came_twice_is_counted_once(tmp_path: Path) -> None:
    books = outbox(tmp_path / "outbox")
    fill(books, [entry(1, repeat="r")])
    fill(books, [entry(1, repeat="r"), entry(2), entry(2)])
    assert sorted(drain(books)) == ["key-1", "key-2"]
    fill(books, [entry(1, repeat="r")])
    assert books.stats().accepted == books.stats().delivered == 2
    assert books.stats().dropped == 0
    books.close()


def test_a_withdrawal_drops_what_waits_and_what_is_on_its_way(tmp_path: Path) -> None:
    books = outbox(tmp_path / "outbox", Clock(NOW + 200))
    fill(books, [entry(1), entry(2, identity="bob")])
    withdrawal = Entry("withdrawal", "w", NOW + 5, "ada")
    report = imported(books, [withdrawal, entry(3, at=NOW + 4), entry(4, at=NOW + 6)])
    assert set(given_up(report.dropped)) == {
        ("key-1", Reason.CONSENT_WITHDRAWN),
        ("key-3", Reason.CONSENT_WITHDRAWN),
    }
    assert sorted(drain(books)) == ["key-2", "key-4"]
    assert books.stats().accepted == 4
    assert books.stats().balanced
    books.close()
