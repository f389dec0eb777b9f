"""The journal in odd places: finalisers, daemons, flapping disks, a leader without a disk."""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import shutil
from pathlib import Path

import pytest

from tests.delivery.entry_making import (
    Clock,
    drain,
    entry,
    fill,
    import_all,
    journal,
    outbox,
    output_of,
    program,
)
from topmail_flask.delivery import segments


def test_an_append_from_a_finaliser_is_taken(tmp_path: Path) -> None:
    # F079
    written = journal(tmp_path / "outbox")

    class Dying:
        def __del__(self) -> None:
            written.append(entry(2))

    loop = [Dying()]
    loop.append(loop)  # type: ignore[arg-type]  # a cycle, for the collector
    assert written.append(entry(1))
    del loop
    gc.collect()
    books = outbox(tmp_path / "outbox")
    assert books.stats().pending == 2


@pytest.mark.parametrize("place", ["a global", "a cycle", "an exit handler", "a finaliser"])
def test_the_end_of_the_interpreter_is_quiet(tmp_path: Path, place: str) -> None:
    # F076
    text = """
import atexit, sys
from pathlib import Path
from tests.delivery.entry_making import *
directory, place = Path(sys.argv[1]), sys.argv[2]
class Keeper:
    def __del__(self):
        if place == "a finaliser":
            self.written.append(entry(2))
keeper = Keeper()
keeper.written, keeper.books = journal(directory), outbox(directory)
keeper.books.import_journals()
assert keeper.written.append(entry(1))
if place == "a cycle":
    keeper.self = keeper
if place == "an exit handler":
    atexit.register(lambda: keeper.written.append(entry(2)))
sys.modules["keeper"] = keeper
if place == "a cycle":
    del sys.modules["keeper"], keeper
"""
    running = program(text, tmp_path / "outbox", place)
    assert running.communicate(timeout=30) == ("", "")
    assert running.returncode == 0
    books = outbox(tmp_path / "outbox")
    assert books.stats().pending == (2 if place in ("an exit handler", "a finaliser") else 1)


def test_full_durability_waits_for_the_disk(tmp_path: Path) -> None:
    # F103
    for durable in (True, False):
        written = journal(tmp_path / f"outbox-{durable}", durable=durable)
        assert written.append(entry(1))
        assert written._segment is not None
        flags = fcntl.fcntl(written._segment.fd, fcntl.F_GETFL)
        assert bool(flags & os.O_DSYNC) == durable


def test_descriptors_closed_by_somebody_else_are_neither_used_nor_closed(tmp_path: Path) -> None:
    # as a program does that becomes a daemon: closes all, and opens its own under our numbers
    text = """
import os, sys
from pathlib import Path
from tests.delivery.entry_making import *
directory, clock = Path(sys.argv[1]), Clock()
written, books = journal(directory, clock), outbox(directory, clock)
assert written.append(entry(1))
import_all(books)
books.close()
os.closerange(3, 100)
foreign = [os.open(sys.argv[2], os.O_RDWR | os.O_CREAT) for _ in range(8)]
clock.now += 1
assert written.append(entry(2))
written.close()
import_all(books)
print(len(drain(books)), [os.fstat(fd).st_size for fd in foreign] == [0] * 8)
books.close()
"""
    assert output_of(text, tmp_path / "outbox", tmp_path / "foreign") == "2 True"


def test_a_flapping_disk_is_told_once_in_ten_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # F185, F192
    clock, real = Clock(), os.write
    written = journal(tmp_path / "outbox", clock)
    with caplog.at_level(logging.WARNING):
        for number in range(360):
            clock.now += 10
            with monkeypatch.context() as full:
                full.setattr(os, "write", lambda fd, line: real(fd, line[:9]))
                assert not written.append(entry(number))
            assert written.append(entry(1000 + number))
    assert len(caplog.records) <= 7


def test_a_leader_without_a_disk_leaves_most_views_in_the_journals(tmp_path: Path) -> None:
    # F082: the outbox file cannot be had, the journals can
    directory, clock = tmp_path / "outbox", Clock()
    written, books = journal(directory, clock), outbox(directory, clock)
    for number in range(3000):
        assert written.append(entry(number))
    (directory / "outbox.sqlite3").mkdir()
    while not (report := books.import_journals(100)).fault:
        assert report.imported
    assert report.fault == "degraded"
    assert books.stats().accepted == 3000
    rows = books.claim(10)
    assert len(rows) == 10
    books.delivered(rows[0])
    (directory / "outbox.sqlite3").rmdir()
    clock.now += 61
    fill(books, [])
    assert not books.file.degraded
    import_all(books)
    assert len(drain(books, 500)) == 2999
    assert books.stats().delivered == 3000
    assert books.stats().balanced
    books.close()


def test_many_processes_with_imported_files_are_no_overflow(tmp_path: Path) -> None:
    directory, clock = tmp_path / "outbox", Clock()
    stores = [journal(directory, clock, max_bytes=10_000) for _ in range(8)]
    books = outbox(directory, clock)
    for number in range(80):
        assert stores[number % 8].append(entry(number))
        import_all(books)
    assert sum(path.stat().st_size for path in segments.listed(directory)) > 10_000
    late = journal(directory, clock, max_bytes=10_000)
    assert late.append(entry(99))
    books.close()


def test_a_directory_that_cannot_be_made_again_is_waited_for(tmp_path: Path) -> None:
    # F088, F193: rows and lines of deleted files come back with the directory
    directory, clock = tmp_path / "shop" / "outbox", Clock()
    written, books = journal(directory, clock), outbox(directory, clock)
    fill(books, [entry(1)])
    assert written.append(entry(2))
    shutil.rmtree(tmp_path / "shop")
    (tmp_path / "shop").write_text("in the way")
    clock.now += 2
    assert not written.append(entry(3))
    fill(books, [entry(4)])
    assert books.file.degraded
    assert drain(books) == ["key-4"]
    (tmp_path / "shop").unlink()
    clock.now += 61
    assert written.append(entry(5))
    fill(books, [])
    import_all(books)
    assert not books.file.degraded
    assert sorted(drain(books)) == ["key-1", "key-2", "key-5"]
    assert books.stats().balanced
    books.close()


def test_a_directory_that_others_can_write_to_is_not_even_read(tmp_path: Path) -> None:
    # F096: anybody could have forged a journal there
    directory = tmp_path / "outbox"
    directory.mkdir()
    (directory / f"1{segments.SUFFIX}").write_bytes(b"\n" + entry(1).to_line())
    directory.chmod(0o777)
    books = outbox(directory)
    import_all_twice = [books.import_journals() for _ in range(2)]
    assert [report.imported for report in import_all_twice] == [0, 0]
    assert books.claim(1) == []
    books.close()


def test_a_descriptor_that_the_shop_closed_and_has_for_its_own_file_is_not_written(
    tmp_path: Path,
) -> None:
    clock = Clock()
    written, books = journal(tmp_path / "outbox", clock), outbox(tmp_path / "outbox", clock)
    assert written.append(entry(1))
    import_all(books)
    used = sorted({int(fd) for fd in os.listdir("/proc/self/fd")} - {0, 1, 2})
    ours = [fd for fd in used if target_of(fd).startswith(f"{tmp_path}/outbox/0")]
    assert len(ours) == 2
    for fd in ours:
        os.close(fd)
    orders = tmp_path / "orders"
    orders.write_bytes(b"order\n" * 200)
    theirs = [os.open(orders, os.O_RDWR | os.O_APPEND) for _ in ours]
    assert theirs == ours
    assert written.append(entry(2))
    import_all(books)
    assert orders.read_bytes() == b"order\n" * 200
    assert sorted(drain(books)) == ["key-1", "key-2"]
    written.close()
    books.close()
    for fd in theirs:
        os.close(fd)


def target_of(fd: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


@pytest.mark.parametrize("name", [b"\xff.journal", "ü.journal".encode()])
def test_a_file_of_others_that_is_called_like_a_journal_stops_nothing(
    tmp_path: Path, name: bytes
) -> None:
    place = tmp_path / "outbox"
    written, books = journal(place), outbox(place)
    assert written.append(entry(1))
    (place / os.fsdecode(name)).write_bytes(b"not ours\n")
    import_all(books)
    assert drain(books) == ["key-1"]
    written.close()
    books.close()


def test_a_link_to_itself_that_is_called_like_a_journal_stops_nothing(tmp_path: Path) -> None:
    place = tmp_path / "outbox"
    place.mkdir(mode=0o700)
    (place / "loop.journal").symlink_to(place / "loop.journal")
    written, books = journal(place), outbox(place)
    assert written.append(entry(1))
    import_all(books)
    assert drain(books) == ["key-1"]
    written.close()
    books.close()
