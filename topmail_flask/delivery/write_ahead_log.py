"""The write-ahead log of the outbox: how long it may grow, and how it is emptied."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

SIZE_LIMIT = 4 * 1024 * 1024
PAGES = 512
FEWEST_PAGES = 32
_PAGE_BYTES = 4096
_SHARE = 8


def pages(directory: Path | None) -> int:
    """How many pages the log holds before it is written back to the file: an eighth of what is free
    on the disk, for a log that fills it cannot be written back either, and nothing frees it again.

    :param directory: of the file; None: in memory.
    """
    if directory is None:
        return PAGES
    disk = os.statvfs(directory)
    return max(FEWEST_PAGES, min(PAGES, disk.f_bavail * disk.f_frsize // _PAGE_BYTES // _SHARE))


def write_back(connection: sqlite3.Connection) -> bool:
    """Writes the log back to the file without waiting for anybody.

    :returns: whether the next transaction may begin it anew, in the space that it has.
    """
    (_, held, written) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return bool(held == written > 0)


def shrink(connection: sqlite3.Connection) -> bool:
    """Gives free pages back to the disk, and empties the log.

    :returns: whether the log is empty: nobody was reading what is in it.
    """
    connection.executescript("PRAGMA incremental_vacuum")  # execute() would free one page only
    (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy
