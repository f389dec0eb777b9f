"""The outbox's SQLite file: opened safely, one connection per process and thread, watched."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

from topmail_flask.delivery import schema, write_ahead_log
from topmail_flask.delivery.exits import unforked
from topmail_flask.delivery.place import check_file, prepare

BUSY_SECONDS = 1.0
CHECK_INTERVAL = 1.0
_KINDS = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "full",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_IOERR_SHORT_READ: "damaged",
    sqlite3.SQLITE_READONLY_DBMOVED: "moved",
}
Result = TypeVar("Result")
Inode = tuple[int, int]
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
        # An app that is let go closes its files: Python 3.13 warns of each one that is not closed.
        self._closing = weakref.finalize(self, _close, self._connections, self._pid)
        self._closing.atexit = False
        self._inode: Inode | None = None
        self._log_inode: Inode | None = None
        self._check_at = 0.0
        self._shared_by = threading.RLock() if self.path is None else nullcontext()

    def _notice_fork(self) -> None:
        if self._pid != os.getpid():
            _parked.extend(self._connections)
            self._begin()

    def connection(self) -> sqlite3.Connection:
        """The connection of this process and thread.

        :raises Fault: the file cannot be used; ``moved``: it is not the one that was opened.
        :raises OSError: the place is refused.
        :raises NewerSchema: the file was made by a newer version.
        """
        self._notice_fork()
        if self._monotonic() >= self._check_at and self.path is not None:
            if self._connections and _inode(self.path) != self._inode:
                raise Fault("moved")
            self._check_at = self._monotonic() + CHECK_INTERVAL
        if self.path is None and self._connections:
            return self._connections[0]
        found: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            self._inode = _inode(self.path or "")
            found = self._of_thread.connection = self._opened()
            self._inode, self._log_inode = _inode(self.path or ""), _inode(f"{self.path}-wal")
            self._connections.append(found)
        return found

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """``BEGIN IMMEDIATE`` … ``COMMIT``, rolled back on any error.

        :raises Fault: nothing was changed.
        """
        self._notice_fork()
        with unforked(), self._shared_by, translated():
            connection = self.connection()
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
        self._notice_fork()
        with unforked(), self._shared_by, translated():
            if self.path is None or hasattr(self._of_thread, "connection"):
                return work(self.connection())
            # A mere reader leaves nothing open: with gevent every request is a thread of its own.
            with closing(self._opened()) as connection:
                return work(connection)

    @property
    def is_current(self) -> bool:
        """Whether the file under the name is the one that was opened, or is about to be."""
        return self.path is None or self._inode in (None, _inode(self.path))

    def remove_log(self) -> None:
        """Removes the log of a file that lost its name: the next file must not meet it."""
        if self._log_inode is not None and _inode(f"{self.path}-wal") == self._log_inode:
            for suffix in ("-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    @property
    def connections(self) -> list[sqlite3.Connection]:
        """What this process has open."""
        return self._connections if self._pid == os.getpid() else []

    def close(self) -> None:
        """Closes what this process opened. The next call opens the file anew."""
        self._notice_fork()
        self._closing.detach()  # calling it does nothing any more while the interpreter ends
        with unforked():
            _close(self._connections, self._pid)
        self._begin()

    def _opened(self) -> sqlite3.Connection:
        try:
            with unforked(), translated():
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
        connection.execute("BEGIN")  # one view of both: somebody else may be making the file
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        found = schema.tables(connection)
        connection.execute("COMMIT")
        if version > schema.VERSION:
            raise NewerSchema
        is_new = version == 0 and not found
        if not is_new and (version != schema.VERSION or not found >= schema.TABLES):
            raise Fault("damaged")
        if is_new:  # on any other file this would be a write
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {self._synchronous}",
            f"journal_size_limit = {write_ahead_log.SIZE_LIMIT}",
            f"wal_autocheckpoint = {write_ahead_log.pages(self.path and self.path.parent)}",
            "secure_delete = ON",
            "trusted_schema = OFF",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if is_new:
            schema.create(connection)


def _close(connections: list[sqlite3.Connection], opened_by: int) -> None:
    if opened_by == os.getpid():
        for connection in connections:
            with suppress(sqlite3.Error):
                connection.close()


@contextmanager
def translated() -> Iterator[None]:
    """Turns what SQLite says into a :class:`Fault`."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        kind = _KINDS.get(code) or _KINDS.get(code & 0xFF, "unusable")
        lacking = code == sqlite3.SQLITE_ERROR and "no such" in str(error)  # table or column
        raise Fault("damaged" if lacking else kind) from None


@contextmanager
def other_file(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a file that was set aside, or that belongs to another key."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _inode(path: Path | str) -> Inode | None:
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return status.st_dev, status.st_ino
