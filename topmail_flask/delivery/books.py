"""The outbox's file whatever happens to it: refused, full, damaged, moved, or made by others."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from topmail_flask.delivery import database, salvage, write_ahead_log
from topmail_flask.delivery.database import Database, Fault, NewerSchema
from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.exits import unforked
from topmail_flask.delivery.mending import FILE_NAME, OLD_FILE_NAME, Mending
from topmail_flask.delivery.place import prepare

_log = logging.getLogger("topmail_flask.delivery")
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
        self._monotonic = monotonic
        self._memory = Database(None)
        self._retry_at = 0.0
        self._mending = Mending(clock)
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
        for attempt in range(5):
            try:
                self._mending.recover(self._current)
                with self._current.transaction() as connection:
                    return work(connection)
            except NewerSchema:
                self._disk = self._database(OLD_FILE_NAME)
            except Fault as fault:
                if attempt or fault.kind != "full" or not self._log_is_written_back():
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
        with suppress(Fault, OSError, NewerSchema), unforked(), database.translated():
            return write_ahead_log.shrink(self._current.connection())
        return False

    def _log_is_written_back(self) -> bool:
        """Whether a full disk has room for one more transaction: the log's own."""
        with suppress(Fault, OSError, NewerSchema), unforked(), database.translated():
            return write_ahead_log.write_back(self._current.connection())
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

    def unsaved(self) -> list[Entry]:
        """What is lost when this is closed: rows in memory, or in a file without a name that
        cannot be saved under it now. They keep the name of the contact that was chosen for them.
        """
        self._save()
        lost = self._disk if self._is_adrift else None
        sources = [one.connections[0] for one in (lost, self._memory) if one and one.connections]
        found: list[Entry] = []
        for row in (row for source in sources for row in salvage.readable(source, "waiting")):
            with suppress(ValueError, TypeError, AttributeError):
                entry = Entry.from_line(row["line"])
                found.append(replace(entry, contact_id=entry.contact_id or ""))
        return found

    def close(self) -> None:
        """Closes all connections of this process; a file that lost its name is saved before."""
        self._save()
        for one in (self._disk, self._memory):
            if one is not None:
                one.close()

    def _save(self) -> None:
        if self._is_adrift and self._disk is not None:
            with suppress(Fault, OSError):
                self._mending.rescue(self._disk)
                self.run(lambda _: None)

    @property
    def _is_adrift(self) -> bool:
        """Whether the file that is open is not the one under the name any more."""
        disk = self._disk
        return disk is not None and bool(disk.connections) and not disk.is_current

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
            if self._is_adrift:
                self._mending.rescue(self._disk)
            with self._disk.transaction() as connection:
                salvage.absorb(memory, connection, same_key=True)
        except (Fault, OSError, NewerSchema):
            return
        self._memory.close()
        self.degraded = ""

    def _repair(self, fault: Fault) -> None:
        try:
            if fault.kind == "moved" and self._disk is not None:
                self._mending.rescue(self._disk)
            elif fault.kind == "damaged" and self._disk is not None:
                self._mending.mend(self._disk)
            else:
                raise fault
        except OSError as error:
            self._degrade(error)
