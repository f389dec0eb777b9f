"""The default memory of looks: one small SQLite file for all processes of a machine."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from topmail_flask.delivery.place import check_file, prepare
from topmail_flask.storefront.looks import (
    KEPT_PER_VISITOR,
    KEPT_SECONDS,
    VIEWERS_ASKED,
    Companion,
    Look,
)

ROWS_LIMIT = 500_000
UNUSED_SECONDS = 30 * 86_400
_BUSY_SECONDS = 0.025
_NOTE_SECONDS = 3600
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS looks (
    visitor BLOB, product TEXT, at REAL, PRIMARY KEY (visitor, product)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS looks_product ON looks (product, at);
CREATE INDEX IF NOT EXISTS looks_at ON looks (at);
CREATE TABLE IF NOT EXISTS products (
    product TEXT PRIMARY KEY, viewers INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value REAL) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS one_more AFTER INSERT ON looks BEGIN
    INSERT INTO products VALUES (new.product, 1)
        ON CONFLICT (product) DO UPDATE SET viewers = viewers + 1;
END;
CREATE TRIGGER IF NOT EXISTS one_less AFTER DELETE ON looks BEGIN
    UPDATE products SET viewers = viewers - 1 WHERE product = old.product;
    DELETE FROM products WHERE product = old.product AND viewers < 1;
END;
COMMIT;
"""
_REMEMBER = """
INSERT INTO looks VALUES (?, ?, ?)
    ON CONFLICT (visitor, product) DO UPDATE SET at = MAX(at, excluded.at)
"""
_TOO_MANY = """
DELETE FROM looks WHERE visitor = ? AND at <
    (SELECT at FROM looks WHERE visitor = ? ORDER BY at DESC LIMIT 1 OFFSET ?)
"""
_SEEN_BY = "SELECT product, at FROM looks WHERE visitor = ? AND at > ? ORDER BY at DESC LIMIT ?"
_SEEN_WITH = """
WITH asked AS (
    SELECT visitor FROM looks INDEXED BY looks_product WHERE product = ? ORDER BY at DESC LIMIT ?),
found AS (
    SELECT product, COUNT(*) AS both FROM asked CROSS JOIN looks USING (visitor)
    WHERE product <> ? GROUP BY product HAVING both > 1)
SELECT product, both, viewers FROM found JOIN products USING (product)
"""
_WORN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY_DBMOVED)
# A connection inherited over a fork is neither used nor closed: SQLite forbids both.
_parked: list[sqlite3.Connection] = []


class LookFile:
    """Looks in a file, or in memory if ``path`` is None.

    Bounded: 500,000 looks (about 60 MB), then the oldest go. A damaged file is replaced: a lost
    strip of products is no lost sale. For the same reason nothing is synced to the disk.

    :param clock: in seconds since the epoch.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._writes = 0
        self._note_at = 0.0

    def remember(self, looks: Sequence[Look]) -> None:
        """Keep the looks."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_REMEMBER, [(_raw(who), what, at) for who, what, at in looks])
            for visitor in {_raw(look.visitor) for look in looks}:
                connection.execute(_TOO_MANY, (visitor, visitor, KEPT_PER_VISITOR - 1))
            if self._writes % 500 == 0:
                self._tidy(connection)
            self._writes += 1
            connection.execute("COMMIT")

    def seen_by(self, visitor: str) -> list[Look]:
        """What the visitor looked at, newest first."""
        oldest = self._clock() - KEPT_SECONDS
        with self._open() as connection:
            self._note_use(connection)
            asked = (_raw(visitor), oldest, KEPT_PER_VISITOR)
            return [Look(visitor, *row) for row in connection.execute(_SEEN_BY, asked)]

    def seen_with(self, product: str) -> list[Companion]:
        """What the latest viewers of ``product`` saw besides."""
        with self._open() as connection:
            self._note_use(connection)
            asked = (product, VIEWERS_ASKED, product)
            return [Companion(*row) for row in connection.execute(_SEEN_WITH, asked)]

    def forget(self, visitors: Sequence[str]) -> int:
        """Erase all looks of these visitors, and their bytes from the file."""
        if not self.is_there:
            return 0
        with self._open() as connection:
            erased = [
                connection.execute("DELETE FROM looks WHERE visitor = ?", (_raw(one),)).rowcount
                for one in visitors
            ]
            if any(erased):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return sum(erased)

    @property
    def is_there(self) -> bool:
        """Whether something may be remembered."""
        return self._connection is not None or (self.path is not None and self.path.exists())

    @property
    def is_unused(self) -> bool:
        """Whether nobody has asked for a look for 30 days."""
        with self._open() as connection:
            used = connection.execute("SELECT value FROM notes WHERE name = 'used'").fetchone()
            return used is not None and used[0] < self._clock() - UNUSED_SECONDS

    def remove(self) -> None:
        """Remove the file. The next look makes a new one."""
        with self._lock:
            self._drop()

    def _note_use(self, connection: sqlite3.Connection) -> None:
        now = self._clock()
        if now >= self._note_at:
            self._note_at = now + _NOTE_SECONDS
            with suppress(sqlite3.OperationalError):  # busy: an hour later will do
                connection.execute("INSERT OR REPLACE INTO notes VALUES ('used', ?)", (now,))

    def _tidy(self, connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM looks WHERE at < ?", (self._clock() - KEPT_SECONDS,))
        # At the most a few hundred more than last time: this never takes long.
        (rows,) = connection.execute("SELECT SUM(viewers) FROM products").fetchone()
        if rows is not None and rows > ROWS_LIMIT:
            oldest = "SELECT at FROM looks ORDER BY at LIMIT 1 OFFSET ?"
            connection.execute(f"DELETE FROM looks WHERE at < ({oldest})", (rows - ROWS_LIMIT,))  # noqa: S608  # our text

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if self._pid != os.getpid():
            _parked.extend([self._connection] if self._connection else [])
            self._begin()
        with self._lock:
            try:
                if self._connection is not None and self._inode != _inode(self.path):
                    self._close()  # somebody removed the file: begin a new one
                if self._connection is None:
                    self._connection = self._opened()
                yield self._connection
            except sqlite3.Error as error:
                if self._connection is not None and self._connection.in_transaction:
                    self._connection.rollback()
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _WORN:
                    self._drop()
                raise

    def _opened(self) -> sqlite3.Connection:
        path = self.path
        if path is not None:
            prepare(path.parent)
            for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                check_file(name)
            with suppress(FileExistsError):
                # Made by us, so that SQLite gives its own files the same mode.
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._inode = _inode(path)
        connection = sqlite3.connect(
            path or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        weakref.finalize(self, _close, connection, os.getpid())
        try:
            for pragma in (
                "journal_mode = WAL",
                "synchronous = OFF",
                "secure_delete = ON",
                "trusted_schema = OFF",
                "journal_size_limit = 1048576",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                connection.executescript(_SCHEMA)
                made = "INSERT OR IGNORE INTO notes VALUES ('used', ?)"
                connection.execute(made, (self._clock(),))
        except sqlite3.Error as error:
            connection.close()
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _WORN:
                self._drop()
            raise
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _drop(self) -> None:
        self._close()
        for suffix in ("", "-wal", "-shm") if self.path else ():
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)


def _close(connection: sqlite3.Connection, opened_by: int) -> None:
    if opened_by == os.getpid():
        connection.close()


def _raw(visitor: str) -> bytes:
    return bytes.fromhex(visitor)


def _inode(path: Path | None) -> int | None:
    try:
        return os.stat(path, follow_symlinks=False).st_ino if path else None
    except OSError:
        return None
