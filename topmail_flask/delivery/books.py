"""The outbox's file whatever happens to it: refused, full, damaged, moved, or made by others."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from topmail_flask.delivery import database, salvage, schema
from topmail_flask.delivery.database import Database, Fault, NewerSchema
from topmail_flask.delivery.held_files import held_here, hold
from topmail_flask.delivery.place import LEADER_LOCK, prepare

_log = logging.getLogger("topmail_flask.delivery")
FILE_NAME = "outbox.sqlite3"
OLD_FILE_NAME = f"outbox-v{schema.VERSION}.sqlite3"  # beside a file of a newer version
RETRY_INTERVAL = 5.0
MEMORY_IMPORTS = 500
Result = TypeVar("Result")


class Books:
    """Runs work in transactions, and mends what it runs on.

    :param directory: where the file lives; None: memory only.
    :ivar degraded: why nothing is kept on disk, or "".
    """

    def __init__(
        self,
        directory: Path | None,
        synchronous: str,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = directory
        self.degraded = "" if directory else "TOPMAIL_OUTBOX keeps nothing on disk"
        self._synchronous = synchronous
        self._clock = clock
        self._monotonic = monotonic
        self._memory = Database(None)
        self._retry_at = 0.0
        self._recovered = False
        self._trusted = False
        self._disk = self._database(FILE_NAME) if directory else None

    def _database(self, name: str) -> Database:
        return Database((self.directory or Path()) / name, self._synchronous, self._monotonic)

    @property
    def in_memory(self) -> bool:
        """Whether the rows are in memory now."""
        return self._disk is None or self.degraded != ""

    @property
    def may_import(self) -> bool:
        """Whether journals may be read: of a trusted place, and but a few into memory."""
        try:
            if not self._trusted and self.directory is not None:
                prepare(self.directory)
                self._trusted = True
            if not self.degraded:
                return True
            return bool(self.rows("SELECT COUNT(*) FROM waiting")[0][0] < MEMORY_IMPORTS)
        except (OSError, Fault):
            return False

    @property
    def exists(self) -> bool:
        """Whether there is anything to read, without making it."""
        path = self._disk.path if self._disk else None
        return self.degraded != "" or (path is not None and path.exists())

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work`` in one transaction. It may be begun anew on a mended file.

        :raises Fault: it could not be done; nothing was changed.
        """
        self._leave_memory()
        for _ in range(5):
            try:
                self._recover(self._current)
                with self._current.transaction() as connection:
                    return work(connection)
            except NewerSchema:
                self._disk = self._database(OLD_FILE_NAME)
            except Fault as fault:
                self._repair(fault)
            except OSError as error:
                if self.in_memory:
                    raise Fault("unusable") from None
                self._degrade(error)
        raise Fault("unusable")

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work``, which only reads, outside a transaction.

        :raises Fault: it could not be done; nothing is mended for a reader.
        """
        for _ in range(3):
            try:
                return self._current.read(work)
            except Fault as fault:
                if fault.kind != "moved" or self._disk is None:
                    raise
                self._disk.close()
            except NewerSchema:
                self._disk = self._database(OLD_FILE_NAME)
            except OSError:
                break
        raise Fault("unusable")

    def rows(self, query: str, values: Any = (), *, mend: bool = False) -> list[Any]:
        """The rows of one reading statement.

        :param mend: whether a file that cannot be used is to be mended or replaced first.
        :raises Fault: they cannot be read.
        """

        def work(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(query, values).fetchall()

        try:
            return self.read(work)
        except Fault as fault:
            if not mend or fault.kind not in ("damaged", "unusable"):
                raise
            return self.run(work)

    def shrink(self) -> bool:
        """Gives free space back to the disk and empties the write-ahead log.

        :returns: whether the log is empty.
        """
        if self.in_memory:
            return True
        with suppress(Fault, OSError, NewerSchema), database.translated():
            return database.shrink(self._current.connection())
        return False

    @property
    def size(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        total = 0
        for suffix in ("", "-wal"):
            with suppress(OSError):
                total += os.stat(f"{self.path}{suffix}").st_size
        return total

    @property
    def path(self) -> Path | None:
        """The file in use."""
        return None if self.in_memory or self._disk is None else self._disk.path

    def close(self) -> None:
        """Closes all connections of this process."""
        for one in (self._disk, self._memory):
            if one is not None:
                one.close()

    @property
    def _current(self) -> Database:
        return self._memory if self._disk is None or self.degraded else self._disk

    def _degrade(self, error: OSError) -> None:
        self.degraded = error.strerror or str(error)
        self._retry_at = self._monotonic() + RETRY_INTERVAL
        self._trusted = False
        _log.warning("TopMail: the outbox is in memory only. %s.", self.degraded)

    def _leave_memory(self) -> None:
        if not self.degraded or self._disk is None or self._monotonic() < self._retry_at:
            return
        self._retry_at = self._monotonic() + RETRY_INTERVAL
        try:
            memory = self._memory.connection()
            if self._disk.connections and not self._disk.is_current:
                self._rescue(self._disk)
            with self._disk.transaction() as connection:
                salvage.absorb(memory, connection, same_key=True)
        except (Fault, OSError, NewerSchema):
            return
        self._memory.close()
        self.degraded = ""

    def _repair(self, fault: Fault) -> None:
        try:
            if fault.kind == "moved" and self._disk is not None:
                self._rescue(self._disk)
            elif fault.kind == "damaged" and self._disk is not None:
                self._mend(self._disk)
            else:
                raise fault
        except OSError as error:
            self._degrade(error)

    def _mend(self, disk: Database) -> None:
        """Sets the damaged file aside; what can be read of it comes back with the new one.

        Only the leader does, for it goes on writing; without one, whoever finds the damage.
        """
        path = disk.path or Path()
        leading = path.with_name(LEADER_LOCK)
        own = held_here(leading) if leading.exists() else None
        if (guard := own or hold(leading)) is None:
            raise Fault("busy")
        is_current = disk.is_current
        disk.close()
        if is_current:
            salvage.set_aside(path, salvage.DAMAGED, self._clock())
            _log.warning("TopMail: the outbox file was damaged; what can be read is kept.")
        self._recovered = False
        if guard is not own:
            guard.release()

    def _rescue(self, disk: Database) -> None:
        """Saves the rows of a file that was deleted or replaced while it was open (fault F088)."""
        path = disk.path or Path()
        prepare(path.parent)
        try:
            with database.translated():
                salvage.rescue(disk.connections[0], path, self._clock())
        except Fault as fault:
            if fault.kind in ("full", "busy"):
                raise
        disk.remove_log()
        disk.close()
        self._recovered = False
        _log.warning("TopMail: the outbox file was moved or deleted; its rows are kept.")

    def _recover(self, disk: Database) -> None:
        """Takes over what was set aside, also by a process that died meanwhile."""
        if self._recovered or disk.path is None:
            return
        disk.connection()
        stray = disk.path.with_name(OLD_FILE_NAME)
        if disk.path.name == FILE_NAME and stray.exists():  # whose newer neighbour is gone
            salvage.set_aside(stray, salvage.DAMAGED, self._clock(), like=disk.path)
        for path in salvage.set_aside_files(disk.path, salvage.DAMAGED):
            with database.other_file(path) as source, disk.transaction() as connection:
                salvage.absorb(source, connection, same_key=True)
            salvage.keep_damaged(path)
        self._recovered = True
