"""The outbox's SQLite file: opened safely, one connection per process and thread, watched."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

from topmail_flask.delivery import schema
from topmail_flask.delivery.place import check_file, prepare

BUSY_SECONDS = 1.0
CHECK_INTERVAL = 1.0
WAL_LIMIT = 4 * 1024 * 1024
_KINDS = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "full",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_ERROR: "damaged",  # a table or a column is missing
    sqlite3.SQLITE_IOERR_SHORT_READ: "damaged",
    sqlite3.SQLITE_READONLY_DBMOVED: "moved",
}
Result = TypeVar("Result")
# A connection inherited over a fork is neither used nor closed: SQLite forbids both.
_parked: list[sqlite3.Connection] = []


class Fault(Exception):
    """The file cannot be used now. ``kind``: full, busy, damaged, moved or unusable."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"the outbox is {kind}")
        self.kind = kind


class NewerSchema(Exception):
    """The file was made by a newer version: it is theirs."""


class Database:
    """Connections to one file, or to memory if ``path`` is None.

    :param synchronous: ``NORMAL`` or ``FULL``.
    """

    def __init__(
        self,
        path: Path | None,
        synchronous: str = "NORMAL",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._synchronous = synchronous
        self._monotonic = monotonic
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._of_thread = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._inode: tuple[int, int] | None = None
        self._check_at = 0.0
        self._shared_by = threading.RLock() if self.path is None else nullcontext()

    def connection(self) -> sqlite3.Connection:
        """The connection of this process and thread.

        :raises Fault: the file cannot be used; ``moved``: it is not the one that was opened.
        :raises OSError: the place is refused.
        :raises NewerSchema: the file was made by a newer version.
        """
        if self._pid != os.getpid():
            _parked.extend(self._connections)
            self._begin()
        if self._monotonic() >= self._check_at and self.path is not None:
            if self._inode is not None and self._inode_now() != self._inode:
                raise Fault("moved")
            self._check_at = self._monotonic() + CHECK_INTERVAL
        if self.path is None and self._connections:
            return self._connections[0]
        found: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            found = self._of_thread.connection = self._opened()
            self._connections.append(found)
        return found

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """``BEGIN IMMEDIATE`` … ``COMMIT``, or part of the one that is under way in this thread.

        :raises Fault: nothing was changed.
        """
        with self._shared_by, translated():
            connection = self.connection()
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.rollback()
                raise

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work``, which only reads, outside a transaction.

        :raises Fault: the file cannot be read.
        """
        with self._shared_by, translated():
            return work(self.connection())

    @property
    def is_current(self) -> bool:
        """Whether the file under the name is the one that was opened, or is about to be."""
        return self._inode is None or self._inode_now() == self._inode

    def take_over(self) -> list[sqlite3.Connection]:
        """Gives up the connections without closing them: the next ones open the file anew."""
        connections = self._connections if self._pid == os.getpid() else []
        self._begin()
        return connections

    def close(self) -> None:
        """Closes what this process opened."""
        for connection in self.take_over():
            with suppress(sqlite3.Error):
                connection.close()

    def _inode_now(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self.path or "", follow_symlinks=False)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _opened(self) -> sqlite3.Connection:
        try:
            with translated():
                return self._open()
        except Fault as fault:
            if fault.kind in ("damaged", "busy"):
                raise
            raise OSError(f"{self.path} cannot be opened: {fault}") from None

    def _open(self) -> sqlite3.Connection:
        path = self.path
        if path is not None:
            prepare(path.parent)
            for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                check_file(name)
            with suppress(FileExistsError):
                # Made by us, so that SQLite gives its own files the same mode.
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            self._inode = self._inode_now()
        connection = sqlite3.connect(
            path or ":memory:", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._configure(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _configure(self, connection: sqlite3.Connection) -> None:
        for pragma in (
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            f"synchronous = {self._synchronous}",
            f"journal_size_limit = {WAL_LIMIT}",
            "secure_delete = ON",
            "trusted_schema = OFF",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > schema.VERSION:
            raise NewerSchema
        found = schema.tables(connection)
        if version == 0 and not found:
            schema.create(connection)
        elif version != schema.VERSION or not found >= schema.TABLES:
            raise Fault("damaged")


@contextmanager
def translated() -> Iterator[None]:
    """Turns what SQLite says into a :class:`Fault`."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        raise Fault(_KINDS.get(code) or _KINDS.get(code & 0xFF, "unusable")) from None


@contextmanager
def other_file(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that was set aside, or that belongs to another key."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def shrink(connection: sqlite3.Connection) -> None:
    """Gives free pages back to the disk, and empties the write-ahead log."""
    connection.executescript("PRAGMA incremental_vacuum")  # execute() would free one page only
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
