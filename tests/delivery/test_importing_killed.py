"""`kill -9` between any two instructions loses nothing and brings nothing twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.delivery.entry_making import import_all, outbox, program

ROUNDS = 200
# One process: forks appenders and importers, kills each at a random moment, and begins again. What
# an appender has been promised it tells through a file of its own, one key a line.
KILLING = """
import os, random, signal, sys, time
from pathlib import Path
from tests.delivery.entry_making import *
directory, told, rounds, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), 7
dice = random.Random(seed)

def append(number):
    written = journal(directory, Clock(NOW + number), segment_bytes=3000)
    fd = os.open(told, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for count in range(10_000):
        one = entry(key=f"{number}-{count}", repeat=f"{number}-{count}")
        os.write(fd, b"? %b\\n" % one.key.encode())
        if written.append(one):
            os.write(fd, b"+ %b\\n" % one.key.encode())
        if count > 30:
            time.sleep(0.001)

def deliver(number):
    books = outbox(directory)
    fd = os.open(f"{told}.sent", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    while True:
        books.import_journals(20)
        rows = books.claim(3)
        for row in rows:
            os.write(fd, b"%b\\n" % row.entry.key.encode())
            books.delivered(row)

def start(work, number):
    child = os.fork()
    if child == 0:
        try:
            work(number)
        finally:
            os._exit(9)
    return child

for number in range(rounds):
    children = [start(append, number), start(deliver, number)]
    for child in dice.sample(children, 2):
        time.sleep(dice.random() * 0.04)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""


def test_two_hundred_kills_lose_nothing_and_send_nothing_under_two_keys(tmp_path: Path) -> None:
    # F052, F053, F190
    directory, told = tmp_path / "outbox", tmp_path / "told"
    killing = program(KILLING, directory, told, ROUNDS)
    _, errors = killing.communicate(timeout=500)
    assert killing.returncode == 0, errors
    report = told.read_text().split("\n")
    tried = {line[2:] for line in report if line.startswith("? ")}
    promised = {line[2:] for line in report if line.startswith("+ ")}
    listed = Path(f"{told}.sent")
    sent = listed.read_text().split() if listed.exists() else []  # a busy machine kills early
    books = outbox(directory)
    import_all(books)
    in_flight = {row.entry.key for row in books.claim(100_000, now=books._clock() + 100)}
    stats = books.stats()
    assert promised - set(sent) - in_flight == set()
    assert (set(sent) | in_flight) <= tried
    assert stats.balanced
    assert stats.delivered + stats.pending == stats.accepted == len(set(sent) | in_flight)
    assert all(sent.count(key) <= 1 + 1 for key in set(sent))  # once more after a crash, same key
    books.close()
    with closing(sqlite3.connect(directory / "outbox.sqlite3")) as file, file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    file.close()
    assert len(promised) > 1000


def test_a_row_whose_answer_was_not_written_down_is_sent_again_under_its_key(
    tmp_path: Path,
) -> None:
    # F053
    text = """
import os, signal, sys
from pathlib import Path
from tests.delivery.entry_making import *
books = outbox(Path(sys.argv[1]))
fill(books, [entry(1)])
(row,) = books.claim(1)
print(row.entry.key, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = program(text, tmp_path / "outbox")
    first, _ = killed.communicate(timeout=20)
    books = outbox(tmp_path / "outbox")
    assert books.claim(1) == []  # the lease still runs
    (row,) = books.claim(1, now=books._clock() + 61)
    assert row.entry.key == first.strip()
    assert row.attempts == 0
    books.close()
