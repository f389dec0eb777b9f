"""The outbox's SQLite file: opened safely, one connection per process and thread, watched."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from topmail_flask.delivery import schema
from topmail_flask.delivery.files import (
    LEADER_LOCK,
    SUFFIXES,
    check_outbox,
    held_here,
    hold,
    one_at_a_time,
    prepare,
)
from topmail_flask.delivery.lifecycle import park, unforked

BUSY_SECONDS = 1.0
LOG_BYTES = 4 * 1024 * 1024
"""Size to which an emptied write-ahead log is cut."""
LOG_PAGES, FEWEST_LOG_PAGES = 512, 32
_PAGE_BYTES = 4096
_SHARE_OF_FREE_SPACE = 8
_KINDS = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "full",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_IOERR_SHORT_READ: "damaged",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_READONLY_DBMOVED: "moved",
}
Result = TypeVar("Result")
Inode = tuple[int, int]


class Fault(Exception):
    """The file cannot be used now.

    :ivar kind: ``full``, ``busy``, ``damaged``, ``older`` (made by an older version), ``moved``
        (not under its name any more), ``missing`` (for a reader, who makes none), ``read-only`` or
        ``unusable``.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"the outbox is {kind}")
        self.kind = kind


class NewerSchema(Exception):
    """The file was made by a newer version: it is theirs."""


class SqliteFile:
    """Connections to one file, or to memory if ``path`` is None.

    :param synchronous: ``NORMAL`` or ``FULL``.
    :ivar opened: how often it was opened to be written to.
    """

    def __init__(self, path: Path | None, synchronous: str = "NORMAL") -> None:
        self.path = path
        self._synchronous = synchronous
        self.opened = 0
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._of_thread = threading.local()
        self._connections: list[sqlite3.Connection] = []
        # An app that is let go closes its files: Python 3.13 warns of each one that is not closed.
        self._closing = weakref.finalize(self, _close, self._connections, self._pid)
        self._closing.atexit = False
        self._inodes: dict[str, Inode | None] = {}
        self._is_adrift = False
        self._lock = threading.RLock()

    def _notice_fork(self) -> None:
        if self._pid != os.getpid():
            for connection in self._connections:  # SQLite forbids to use or close it here
                park(connection)
            self._begin()

    def connection(self) -> sqlite3.Connection:
        """The connection of this process and thread, to write with. Makes a missing file.

        :raises Fault: the file cannot be used; ``moved``: it is not the one that was opened.
        :raises OSError: the directory or the file is refused.
        :raises NewerSchema: the file was made by a newer version.
        """
        self._notice_fork()
        if not self.is_in_place:
            raise Fault("moved")
        if self.path is None and self._connections:
            return self._connections[0]
        found: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            found = self._opened(makes=True)
            self._of_thread.connection = found
            self._connections.append(found)
            self.opened += 1
            if self.path is not None and not self._inodes:
                self._inodes = {suffix: inode_of(f"{self.path}{suffix}") for suffix in SUFFIXES}
        return found

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """``BEGIN IMMEDIATE`` … ``COMMIT``, rolled back on any error.

        :raises Fault: nothing was changed.
        """
        self._notice_fork()
        with unforked(), self._lock, translated():
            connection = self.connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                if not self.is_in_place:  # it was set aside while this waited for its lock
                    raise Fault("moved")  # noqa: TRY301  # as SQLite would
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.rollback()
                raise

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work``, which only reads, outside a transaction. Makes no file.

        :raises Fault: the file cannot be read.
        """
        self._notice_fork()
        with unforked(), translated():
            with self._lock:
                if hasattr(self._of_thread, "connection") and not self._is_adrift:
                    return work(self.connection())
                # Only what this process has open still shows what waits.
                if self._connections and (self.path is None or not self.is_in_place):
                    return work(self._connections[0])
            if self.path is None or not os.path.exists(self.path):
                raise Fault("missing")
            # A mere reader leaves nothing open: with gevent every request is a thread of its own.
            with closing(self._opened(makes=False)) as connection:
                return work(connection)

    @property
    def is_in_place(self) -> bool:
        """Whether the file under the name, its log included, is the one that was opened, or none
        was opened.
        """
        self._notice_fork()
        for suffix, inode in self._inodes.items():
            if inode_of(f"{self.path}{suffix}") != inode:
                return False
        return True

    @property
    def size(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        return sum(_size(f"{self.path}{suffix}") for suffix in ("", "-wal")) if self.path else 0

    @property
    def log_size(self) -> int:
        """Bytes of the write-ahead log."""
        return _size(f"{self.path}-wal") if self.path else 0

    @property
    def connections(self) -> list[sqlite3.Connection]:
        """What this process has open."""
        return self._connections if self._pid == os.getpid() else []

    @property
    def exists(self) -> bool:
        """Whether there is anything to read, without making it."""
        return self.path is None or os.path.exists(self.path) or bool(self.connections)

    def shrink(self) -> bool:
        """Gives free pages back to the disk, and empties the write-ahead log.

        :returns: whether the log is empty: nobody was reading what is in it.
        """
        with suppress(Fault, OSError, NewerSchema), unforked(), self._lock, translated():
            connection = self.connection()
            # Not by execute(), which would free one page only.
            connection.executescript("PRAGMA incremental_vacuum")
            (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not is_busy
        return False

    def write_log_back(self) -> bool:
        """Writes the log back to the file without waiting for anybody.

        :returns: whether the next transaction may begin it anew, in the space that it has.
        """
        with suppress(Fault, OSError, NewerSchema), unforked(), self._lock, translated():
            checkpoint = self.connection().execute("PRAGMA wal_checkpoint(PASSIVE)")
            (_, held, written) = checkpoint.fetchone()
            return bool(held == written > 0)
        return False

    def cast_off(self) -> None:
        """Removes what is left of it under its name, its log for one: the next file must not meet
        that. What this process has open stays open, to be read.
        """
        self._is_adrift = True
        for name, inode in self._inodes.items():  # an open file's inode is nobody else's
            if inode is not None and inode_of(f"{self.path}{name}") == inode:
                Path(f"{self.path}{name}").unlink(missing_ok=True)

    def close(self) -> None:
        """Closes what this process opened. The next call opens the file anew."""
        self._notice_fork()
        self._closing.detach()  # calling it does nothing any more while the interpreter ends
        with unforked(), self._lock:
            _close(self._connections, self._pid)
            self._begin()

    def _opened(self, *, makes: bool) -> sqlite3.Connection:
        try:
            with unforked(), translated():
                return self._open(makes=makes)
        except Fault as fault:
            if makes and self.path is not None and not os.path.exists(self.path):
                raise Fault("moved") from None  # it went at this very moment
            if fault.kind in ("unusable", "full"):
                raise OSError(f"{self.path} cannot be opened: {fault}") from None
            raise

    def _open(self, *, makes: bool) -> sqlite3.Connection:
        path = self.path
        if path is not None:
            prepare(path.parent)
            check_outbox(path)
            if makes and not os.path.exists(path):
                _make(path)
            inode = inode_of(path)
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw" if path else ":memory:",
            uri=path is not None,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._configure(connection, makes=makes)
        except BaseException:
            connection.close()
            raise
        if path is not None and inode_of(path) != inode:  # another one came meanwhile
            connection.close()
            raise Fault("moved" if makes else "missing")
        return connection

    def _configure(self, connection: sqlite3.Connection, *, makes: bool) -> None:
        connection.execute("BEGIN")  # one view of both: somebody else may be making the file
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        found = schema.tables(connection)
        connection.execute("COMMIT")
        if version > schema.VERSION:
            raise NewerSchema
        is_new = version == 0 and not found
        if is_new and not makes:
            raise Fault("missing")
        if not is_new and (version != schema.VERSION or not found >= schema.TABLES):
            raise Fault("older" if 0 < version < schema.VERSION else "damaged")
        if is_new:  # on any other file this would be a write
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {self._synchronous}",
            f"journal_size_limit = {LOG_BYTES}",
            f"wal_autocheckpoint = {_log_pages(self.path and self.path.parent)}",
            "secure_delete = ON",
            "trusted_schema = OFF",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if makes and not found >= schema.ALL_TABLES:
            schema.create(connection)


@contextmanager
def leading(directory: Path) -> Iterator[None]:
    """What only one process at a time may do: the leader, or whoever finds the need without one.

    :raises Fault: ``busy``: another process leads.
    """
    lock = directory / LEADER_LOCK
    own = held_here(lock) if os.path.exists(lock) else None
    if (held := own or hold(lock)) is None:
        raise Fault("busy")
    try:
        yield
    finally:
        if held is not own:
            held.release()


def _make(path: Path) -> None:
    """Makes an empty file, never beside the log of another one: SQLite would take that for its."""
    with one_at_a_time(path.parent):
        if not os.path.exists(path):
            for suffix in ("-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
            # Made by us, so that SQLite gives its own files the same mode.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _log_pages(directory: Path | None) -> int:
    """How many pages the log holds before it is written back to the file: an eighth of what is free
    on the disk, for a log that fills it cannot be written back either, and nothing frees it again.
    """
    if directory is None:
        return LOG_PAGES
    disk = os.statvfs(directory)
    free = disk.f_bavail * disk.f_frsize // _PAGE_BYTES
    return max(FEWEST_LOG_PAGES, min(LOG_PAGES, free // _SHARE_OF_FREE_SPACE))


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


def inode_of(path: Path | str) -> Inode | None:
    """What tells the file under a name from every other; None: there is none."""
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
