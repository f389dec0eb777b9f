"""One outbox takes another over: what a rotated key left behind when nobody lives there any more
(fault F187), and what was in memory while the disk could not be used (fault F082).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from topmail_flask.delivery import salvage, segments
from topmail_flask.delivery.books import Books
from topmail_flask.delivery.database import Fault, other_file
from topmail_flask.delivery.held_files import hold
from topmail_flask.delivery.place import LEADER_LOCK, prepare


def adopt(books: Books, sibling: Path, import_all: Callable[[], bool]) -> bool:
    """Takes the views of another directory over and removes it.

    :param import_all: imports the sibling's journals into the sibling's outbox; whether it could.
    :returns: False if somebody lives there, or it could not be done now.
    """
    try:
        prepare(sibling)
        leading = hold(sibling / LEADER_LOCK)
    except OSError:
        return False
    if leading is None or inhabited(sibling) or not import_all():
        return False
    for path in sorted(sibling.glob("outbox*.sqlite3")):
        with other_file(path) as source:
            books.run(partial(salvage.absorb, source, same_key=False))
        salvage.discard(path)
    leading.release()
    with suppress(OSError):
        for left in sibling.iterdir():
            if left.suffix != segments.SUFFIX:
                left.unlink()
        sibling.rmdir()
    return True


def move(memory: Books, disk: Books) -> bool:
    """Copies all that is in memory, ledger and all, to a disk that can be used again.

    :returns: whether it is there.
    """

    def copy(source: sqlite3.Connection) -> bool:
        disk.run(partial(salvage.absorb, source, same_key=True))
        return not disk.in_memory

    try:
        return memory.run(copy)
    except Fault:
        return False
    finally:
        disk.close()


def inhabited(directory: Path) -> bool:
    """Whether a process of a store has its journal here."""
    for path in segments.listed(directory):
        with suppress(FileNotFoundError), segments.opened(path) as segment:
            if not segment.dead:
                return True
    return False
