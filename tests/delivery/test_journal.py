"""The journal: one write per view, whatever happens to the disk under it."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from pathlib import Path

import pytest

from tests.delivery.entry_making import (
    Clock,
    drain,
    entry,
    give_to_nobody,
    import_all,
    journal,
    outbox,
    output_of,
)
from topmail_flask.delivery import segments


def test_nothing_is_made_before_the_first_view(tmp_path: Path) -> None:
    # F071
    journal(tmp_path / "outbox")
    outbox(tmp_path / "outbox").stats()
    assert not list(tmp_path.iterdir())


def test_a_view_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = journal(tmp_path / "outbox")
    written.append(entry(0))
    real, calls = os.write, []

    def counted(fd: int, line: bytes) -> int:
        calls.append(line)
        return real(fd, line)

    monkeypatch.setattr(os, "write", counted)
    written.append(entry(1))
    assert calls == [b"\n" + entry(1).to_line()]


def test_lines_of_many_threads_never_interleave(tmp_path: Path) -> None:
    # F195
    written, books = journal(tmp_path / "outbox"), outbox(tmp_path / "outbox")

    def append(thread: int) -> None:
        for number in range(100):
            long = entry(body=b'{"x":"%b"}' % (b"x" * (80 * number)), key=f"{thread}-{number}")
            assert written.append(long)

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    import_all(books)
    assert books.stats().accepted == books.stats().pending == 400
    books.close()


def test_lines_of_many_greenlets_never_interleave(tmp_path: Path) -> None:
    # F195
    pytest.importorskip("gevent")
    text = """
from gevent import monkey
monkey.patch_all()
import gevent, sys
from pathlib import Path
from tests.delivery.entry_making import *
written, books = journal(Path(sys.argv[1])), outbox(Path(sys.argv[1]))
def append(greenlet):
    for number in range(20):
        assert written.append(entry(key=f"{greenlet}-{number}", body=b"x" * 400 * number))
        gevent.sleep(0)
gevent.joinall([gevent.spawn(append, number) for number in range(50)])
import_all(books)
print(books.stats().pending, books.stats().reasons, len(list(Path(sys.argv[1]).glob("*.journal"))))
books.close()
"""
    assert output_of(text, tmp_path / "outbox") == "1000 {} 1"


@pytest.mark.parametrize("harm", ["unlink", "replace", "rename", "remove", "move"])
def test_views_survive_what_befalls_the_file_of_a_live_process(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    # F193
    directory, clock = tmp_path / "outbox" / "app", Clock()
    written, books = journal(directory, clock), outbox(directory, clock)
    assert written.append(entry(1))
    import_all(books)  # this one is imported, the next is not
    assert written.append(entry(2))
    (segment,) = segments.listed(directory)
    if harm == "unlink":
        segment.unlink()
    elif harm == "replace":
        (directory / "other").write_bytes(b"")
        (directory / "other").rename(segment)
    elif harm == "rename":
        segment.rename(directory / "elsewhere")
    elif harm == "remove":
        shutil.rmtree(directory.parent)
    else:
        directory.rename(tmp_path / "moved")
    assert written.append(entry(3))  # nobody has noticed yet
    clock.now += 1
    with caplog.at_level(logging.WARNING):
        assert written.append(entry(4))
    clock.now += 1
    import_all(books)
    assert sorted(drain(books)) == ["key-1", "key-2", "key-3", "key-4"]
    assert books.stats().balanced
    assert caplog.text.count("a journal file was moved or deleted") == 1
    books.close()


def test_a_moved_directory_that_comes_back_brings_nothing_twice(tmp_path: Path) -> None:
    # F193
    directory, clock = tmp_path / "outbox" / "app", Clock()
    written, books = journal(directory, clock), outbox(directory, clock)
    assert written.append(entry(1))
    (segment,) = segments.listed(directory)
    segment.rename(tmp_path / segment.name)
    clock.now += 1
    assert written.append(entry(2))
    (tmp_path / segment.name).rename(segment)
    import_all(books)
    assert books.stats().accepted == 2
    books.close()


@pytest.mark.parametrize("taken", [0, 1, 200])
def test_a_short_write_spoils_no_other_line_and_is_no_torn_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    # F192
    written, books, real = journal(tmp_path / "outbox"), outbox(tmp_path / "outbox"), os.write
    assert written.append(entry(1))
    with monkeypatch.context() as short:
        short.setattr(os, "write", lambda fd, line: real(fd, line[:taken]))
        assert not written.append(entry(2))
        assert "full" in written.degraded
    assert written.append(entry(3))
    assert not written.degraded
    written.close()
    import_all(books)
    assert sorted(drain(books)) == ["key-1", "key-3"]
    assert books.stats().accepted == 2
    assert books.stats().balanced
    books.close()


def test_a_full_disk_is_survived_and_left_behind(tmp_path: Path) -> None:
    # F192: a real limit of the file's size, in a process of its own
    text = """
import resource, sys
from pathlib import Path
from tests.delivery.entry_making import *
directory, clock = Path(sys.argv[1]), Clock()
written = journal(directory, clock)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
kept = []
for number in range(40):
    clock.now += 0.3
    kept.append(written.append(entry(number)))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
clock.now += 2
assert written.append(entry(99))
written.close()
books = outbox(directory)
import_all(books)
assert 20 < sum(kept) < 40
assert books.stats().accepted == books.stats().pending == sum(kept) + 1, books.stats()
books.close()
print("whole")
"""
    assert output_of(text, tmp_path / "outbox") == "whole"


def test_a_directory_without_rights_is_left_alone_until_it_has_them(tmp_path: Path) -> None:
    # F082
    place = tmp_path / "shop"
    place.mkdir()
    give_to_nobody(place)
    text = """
import os, sys
from pathlib import Path
from tests.delivery.entry_making import *
os.setgid(65534), os.setuid(65534)
place, clock = Path(sys.argv[1]), Clock()
place.chmod(0o500)
written, books = journal(place / "outbox", clock), outbox(place / "outbox", clock)
assert not written.append(entry(1))
assert imported(books, [entry(2)]).imported == 1
print(bool(written.degraded), bool(books.file.degraded), end=" ")
place.chmod(0o700)
clock.now += 60
assert written.append(entry(3))
import_all(books)
imported(books, [])
why = repr(written.degraded), repr(books.file.degraded)
print(sorted(drain(books)), *why, books.stats().balanced)
written.close(), books.close()
"""
    wanted = "True True ['key-2', 'key-3'] '' '' True"
    assert output_of(text, place) == wanted


def test_a_large_file_is_left_for_a_new_one(tmp_path: Path) -> None:
    directory, clock = tmp_path / "outbox", Clock()
    written, books = journal(directory, clock, segment_bytes=2000), outbox(directory)
    for number in range(40):
        clock.now += 1
        assert written.append(entry(number))
    assert len(segments.listed(directory)) > 3
    import_all(books)
    clock.now += 1
    assert written.check() == ""  # what is imported is let go of
    import_all(books)
    assert len(segments.listed(directory)) == 1  # the one that is held
    assert books.stats().pending == 40
    books.close()


def test_files_that_are_full_are_saved_like_the_one_in_use(tmp_path: Path) -> None:
    """F193: nobody had imported them yet."""
    directory, clock = tmp_path / "outbox", Clock()
    written, books = journal(directory, clock, segment_bytes=2000), outbox(directory)
    for number in range(40):
        clock.now += 1
        assert written.append(entry(number))
    directory.rename(tmp_path / "elsewhere")
    clock.now += 1
    assert written.append(entry(40))
    import_all(books)
    assert sorted(drain(books)) == sorted(f"key-{number}" for number in range(41))


def test_files_that_threads_have_begun_at_once_are_all_saved(tmp_path: Path) -> None:
    """F193, F195: each of them thought that there was none."""
    directory, clock = tmp_path / "outbox", Clock()
    written, books = journal(directory, clock), outbox(directory)
    together = threading.Barrier(8)

    def look(number: int) -> None:
        together.wait()
        assert written.append(entry(number))

    threads = [threading.Thread(target=look, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    directory.rename(tmp_path / "elsewhere")
    clock.now += 1
    assert written.append(entry(8))
    import_all(books)
    assert sorted(drain(books)) == [f"key-{number}" for number in range(9)]


def test_the_journals_do_not_grow_for_ever_when_nobody_delivers(tmp_path: Path) -> None:
    # F094 before the outbox
    clock = Clock()
    written = journal(tmp_path / "outbox", clock, segment_bytes=2000, max_bytes=10_000)
    for number in range(200):
        clock.now += 1
        written.append(entry(number))
    assert "nobody delivers" in written.degraded
    assert sum(path.stat().st_size for path in segments.listed(tmp_path / "outbox")) < 15_000
