"""Forks beside an open outbox: no connection is shared, no lock is inherited."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from tests.delivery.entry_making import drain, entry, fill, imported, outbox, program


def test_a_forked_child_opens_the_file_anew_and_harms_nothing(tmp_path: Path) -> None:
    # F062
    books = outbox(tmp_path / "box")
    for number in range(30):
        fill(books, [entry(number)])
        inherited = id(books.file.current.connection())
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            fill(books, [entry(1000 + number)])
            own = id(books.file.current.connection()) != inherited
            books.close()
            os._exit(0 if own else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert books.file.rows("PRAGMA integrity_check") == [("ok",)]
    assert len(drain(books)) == books.stats().accepted == 60
    books.close()


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_fork_in_the_middle_of_a_transaction_blocks_no_child(
    tmp_path: Path, on_disk: bool
) -> None:
    # F061: each lock of the outbox held by another thread at the moment of the fork
    books = outbox(tmp_path / "box" if on_disk else None)
    fill(books, [entry(1)])
    inside, go_on = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        inside.set()
        go_on.wait(20)

    thread = threading.Thread(target=books.file.run, args=(hold,))
    thread.start()
    assert inside.wait(10)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        stats = books.stats()
        report = imported(books, [entry(2)])
        # On disk the parent holds SQLite's own lock: a bounded wait, then a fault, no deadlock.
        right = report.fault == "busy" if on_disk else report.imported == 1
        os._exit(0 if right and stats.accepted == on_disk else 1)
    assert os.waitpid(child, 0)[1] == 0
    go_on.set()
    thread.join(10)
    assert books.stats().accepted == 1
    books.close()


def test_threads_share_no_connection(tmp_path: Path) -> None:
    books, seen = outbox(tmp_path / "box"), []
    barrier = threading.Barrier(3, timeout=10)

    def open_one() -> None:
        seen.append(books.file.current.connection())
        barrier.wait()

    threads = [threading.Thread(target=open_one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(part) for part in seen}) == 3
    books.close()


def test_processes_that_make_the_file_at_once_make_one(tmp_path: Path) -> None:
    text = """
import sys, time
from pathlib import Path
from tests.delivery.entry_making import *
number = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for turn in range(20):
    books = outbox(Path(sys.argv[1]) / str(turn))
    while (fault := imported(books, [entry(key=f"{number}-{turn}")]).fault):
        assert fault == "busy", fault
        time.sleep(0.001)
    books.close()
"""
    racing = [program(text, tmp_path, number, stdin=-1) for number in range(3)]
    for process in racing:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in racing:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[1] for process in racing] == ["", "", ""]
    for turn in range(20):
        books = outbox(tmp_path / str(turn))
        assert books.stats().pending == 3
        books.close()
    assert not list(tmp_path.rglob("*corrupt*"))
