"""Whose segment is whose: forks, locks that POSIX drops, and names that never collide."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.delivery.entry_making import (
    Clock,
    drain,
    entry,
    import_all,
    journal,
    outbox,
    output_of,
    program,
)
from topmail_flask.delivery import segments
from topmail_flask.delivery.files import hold

HOLD = """
import sys
from pathlib import Path
from tests.delivery.entry_making import *
written = journal(Path(sys.argv[1]))
assert written.append(entry(7))
print("held", flush=True)
sys.stdin.read()
"""


def alive(directory: Path) -> list[bool]:
    """For each segment, as a leader in another process sees it."""
    text = """
import sys
from pathlib import Path
from topmail_flask.delivery import segments
for path in segments.listed(Path(sys.argv[1])):
    with segments.opened(path) as segment:
        print(int(not segment.dead), end="")
"""
    return [mark == "1" for mark in output_of(text, directory)]


def test_a_forked_child_writes_to_a_file_of_its_own(tmp_path: Path) -> None:
    # F060
    text = """
import os, sys
from pathlib import Path
from tests.delivery.entry_making import *
directory = Path(sys.argv[1])
written, books = journal(directory), outbox(directory)
assert written.append(entry(1))
import_all(books)
if os.fork() == 0:
    assert written.append(entry(2))
    written.close()
    os._exit(0)
assert os.wait()[1] == 0
assert written.append(entry(3))
from topmail_flask.delivery import segments
print(len(segments.listed(directory)), end=" ")
import_all(books)
print(sorted(drain(books)), len(segments.listed(directory)), books.stats().balanced)
books.close()
"""
    assert output_of(text, tmp_path / "box") == "2 ['key-1', 'key-2', 'key-3'] 1 True"


def test_the_end_of_a_forked_child_frees_no_lock_of_its_parent(tmp_path: Path) -> None:
    # F062, F063
    written = journal(tmp_path / "outbox")
    assert written.append(entry(1))
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        written.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert alive(tmp_path / "outbox") == [True]
    written.close()
    assert alive(tmp_path / "outbox") == [False]


def test_a_living_child_keeps_no_lock_of_its_dead_parent(tmp_path: Path) -> None:
    # F063: what flock would get wrong
    text = """
import os, sys
from pathlib import Path
from tests.delivery.entry_making import *
written = journal(Path(sys.argv[1]))
assert written.append(entry(1))
if os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.read()
    os._exit(0)
os._exit(0)
"""
    running = program(text, tmp_path / "outbox", stdin=-1)
    assert running.stdout is not None
    assert running.stdout.readline() == "forked\n"
    os.waitpid(running.pid, 0)
    running.returncode = 0
    assert alive(tmp_path / "outbox") == [False]
    running.communicate(timeout=10)


def test_the_leader_never_takes_its_own_process_for_dead(tmp_path: Path) -> None:
    # F199: reading, erasing, counting and closing must not drop the lock
    directory = tmp_path / "outbox"
    written, second, books = journal(directory), journal(directory), outbox(directory)
    for number in range(3):
        assert written.append(entry(number))
        assert second.append(entry(100 + number))
        books.stats()
        import_all(books)
        books.close()
        outbox(directory).stats()
        assert alive(directory) == [True, True]
    assert len(drain(books)) == 6
    books.close()


def test_a_segment_outlives_its_leader_but_not_its_owner(tmp_path: Path) -> None:
    # F196: liveness is the lock; the file's name, age and pid say nothing
    owner = program(HOLD, tmp_path / "outbox", stdin=-1)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "held\n"
    books = outbox(tmp_path / "outbox")
    import_all(books)
    (segment,) = segments.listed(tmp_path / "outbox")
    impostor = segment.with_name(f"0000000000000000-{os.getpid():x}-00{segments.SUFFIX}")
    impostor.write_bytes(b"\n" + entry(8).to_line())
    import_all(books)
    assert segments.listed(tmp_path / "outbox") == [segment]
    owner.kill()
    owner.communicate()
    import_all(books)
    assert not segments.listed(tmp_path / "outbox")
    assert sorted(drain(books)) == ["key-7", "key-8"]
    books.close()


def test_names_of_segments_never_collide(tmp_path: Path) -> None:
    # F196: same process, same time
    journals = [journal(tmp_path / "outbox", Clock()) for _ in range(20)]
    assert all(journal.append(entry(number)) for number, journal in enumerate(journals))
    assert len(segments.listed(tmp_path / "outbox")) == 20


def test_a_lock_is_had_once_even_within_one_process(tmp_path: Path) -> None:
    # F199
    first = hold(tmp_path / "lock")
    assert first is not None
    assert hold(tmp_path / "lock") is None
    text = """
import sys
from pathlib import Path
from topmail_flask.delivery.files import hold
print(hold(Path(sys.argv[1])) is not None)
"""
    assert output_of(text, tmp_path / "lock") == "False"
    first.release()
    assert output_of(text, tmp_path / "lock") == "True"
    assert hold(tmp_path / "lock") is not None


def test_a_lock_file_that_was_deleted_does_not_count(tmp_path: Path) -> None:
    first = hold(tmp_path / "lock")
    assert first is not None
    (tmp_path / "lock").unlink()
    assert not first.in_place
    second = hold(tmp_path / "lock")
    assert second is not None
    assert second.in_place
    first.release()
    assert hold(tmp_path / "lock") is None
