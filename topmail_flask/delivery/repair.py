"""The outbox's file whatever happens to it: refused, full, damaged, moved, or made by others.

Whoever leads goes on with the file under the name. What it cannot go on with is taken over, row by
row: a damaged file and one of an older version are set aside under another name for that, and one
that lost its name stays open. While the directory is refused, the rows are in memory.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from topmail_flask.delivery import schema
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.files import (
    FILE_NAME,
    LEADER_LOCK,
    SUFFIXES,
    DirectoryRefused,
    hold,
    is_held,
    prepare,
    read_note,
    refusal,
    write_note,
)
from topmail_flask.delivery.lifecycle import unforked
from topmail_flask.delivery.receivers import logger
from topmail_flask.delivery.segments import SUFFIX, inhabited
from topmail_flask.delivery.sqlite_file import (
    Fault,
    NewerSchema,
    SqliteFile,
    leading,
    other_file,
)
from topmail_flask.delivery.takeover import (
    absorb,
    count_vanished,
    emptied,
    ledger_of,
    outbox_name,
    readable,
)

RETRY_INTERVAL = 5.0
MEMORY_IMPORTS = 500
ATTEMPTS, TRIES_TO_SAVE = 5, 3
CLOCK_TICK = 50_000_000
"""Nanoseconds within which two changes of a directory may have one time."""
LEDGER = "ledger"
DAMAGED, SALVAGED, WHOLE = "damaged", "corrupt", "-whole"
_BESIDE = re.compile(r"outbox-v(\d{1,9})\.sqlite3\Z")
Result = TypeVar("Result")


class OutboxFile:
    """Runs work in transactions, and repairs what it runs on.

    :param directory: where the file lives; None: memory only.
    :ivar degraded: why nothing is kept on disk, or "".
    :ivar shortage: why the disk took nothing the last time, or "".
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
        self._memory = SqliteFile(None)
        self._disk = self._named(FILE_NAME) if directory else None
        self._retry_at = 0.0
        self._adrift: list[SqliteFile] = []
        """What lost its name while it was open, until it is taken over."""
        self._trusted, self.shortage = False, ""
        self._looked_at = self._taken_over = 0
        self._kept_ledger: dict[str, Any] = {}

    def _named(self, name: str) -> SqliteFile:
        path = (self.directory or Path()) / name
        return SqliteFile(path, self._synchronous)

    @property
    def in_memory(self) -> bool:
        """Whether the rows are in memory now."""
        return self._disk is None or self.degraded != ""

    @property
    def current(self) -> SqliteFile:
        """The file in use."""
        return self._memory if self._disk is None or self.degraded else self._disk

    @property
    def path(self) -> Path | None:
        """Where the file in use is; None: in memory."""
        return self.current.path

    @property
    def exists(self) -> bool:
        """Whether there is anything to read or to take over, without making it."""
        aside = self.path is not None and set_aside_files(self.path, DAMAGED)
        return self.current.exists or bool(self._adrift or aside)

    @property
    def edition(self) -> tuple[object, ...]:
        """Something else as soon as rows may have come into it that nobody imported."""
        return self.current, self.current.opened, self._taken_over

    @property
    def may_import(self) -> bool:
        """Whether journals may be read: of a trusted directory, and but a few into memory, if
        nobody leads on the disk.
        """
        try:
            self._leave_memory_in_time()
            if not self._trusted and self.directory is not None:
                prepare(self.directory)
                self._trusted = True
            if not self.degraded:
                return True
            alone = self._retry_at == float("inf")
            if alone and self.directory and is_held(self.directory / LEADER_LOCK):
                return False  # they are whoever's who leads there: else both send them
            waiting = self.rows("SELECT COUNT(*) FROM waiting")
            return not waiting or bool(waiting[0][0] < MEMORY_IMPORTS)
        except (OSError, Fault):
            return False

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work`` in one transaction. It may be begun anew on a repaired file.

        :raises Fault: it could not be done; nothing was changed.
        """
        self._leave_memory_in_time()
        for attempt in range(ATTEMPTS):
            try:
                self._take_over()
                with self.current.transaction() as connection:
                    result = work(connection)
                self.shortage = ""
                return result
            except NewerSchema:
                self._disk = self._named(f"outbox-v{schema.VERSION}.sqlite3")
            except Fault as fault:
                if fault.kind == "full":
                    self.shortage = f"{self.path} cannot grow. Free some space on its disk"
                if attempt or fault.kind != "full" or not self.current.write_log_back():
                    self._repair(fault)
            except OSError as error:
                if self.in_memory:
                    raise Fault("unusable") from None
                if not isinstance(error, FileNotFoundError) or attempt + 1 == ATTEMPTS:
                    self._degrade(error)  # else the directory goes at this very moment
        raise Fault("unusable")

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work``, which only reads, outside a transaction.

        :raises Fault: it could not be done; only a file that lost its name is saved for a reader.
        """
        for _ in range(3):
            try:
                # What is adrift has what waits until it is taken over.
                adrift = () if self.in_memory else self._adrift
                return next(iter(adrift), self.current).read(work)
            except Fault as fault:
                if fault.kind != "moved":
                    raise
                with suppress(Fault):  # else what is adrift is looked at as it is
                    self.run(lambda _: None)
            except NewerSchema:
                self._disk = self._named(f"outbox-v{schema.VERSION}.sqlite3")
            except OSError:
                break
        raise Fault("unusable")

    def rows(self, query: str, values: Any = (), *, repairs: bool = False) -> list[Any]:
        """The rows of one reading statement; none where there is no file.

        :param repairs: whether a file that cannot be used is to be repaired or replaced first.
        :raises Fault: they cannot be read.
        """

        def work(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(query, values).fetchall()

        try:
            if repairs and self._adrift:
                return self.run(work)
            return self.read(work)
        except Fault as fault:
            if fault.kind == "missing":
                return []
            if not repairs or fault.kind not in ("damaged", "older", "read-only", "unusable"):
                raise
            return self.run(work)

    def unsaved(self) -> list[bytes]:
        """The lines that are lost when this is closed: of rows in memory, or in a file without a
        name that cannot be saved under it now. They keep the contact that was chosen for them.
        """
        if self.degraded and self._retry_at < float("inf"):
            self.leave_memory()  # also the counts, if the directory takes them
        self._save()
        sources = [
            each.connections[0] for each in (*self._adrift, self._memory) if each.connections
        ]
        found: list[bytes] = []
        for row in (row for source in sources for row in readable(source, "waiting")):
            with suppress(ValueError, TypeError, AttributeError):
                entry = Entry.from_line(row["line"])
                found.append(replace(entry, contact_id=entry.contact_id or "").to_line())
        return found

    def keep_in_memory(self, why: str) -> None:
        """Use no file until :meth:`leave_memory`: somebody else may lead in the directory."""
        if self._disk is not None:
            self.degraded, self._retry_at = why, float("inf")

    def leave_memory(self) -> bool:
        """Whether all that was in memory, ledger and all, is in the directory now."""
        if self._disk is None:
            return False
        if not self.degraded:
            return True
        try:
            memory = self._memory.connection()
            self._cast_off_if_moved()
            with self._disk.transaction() as connection:
                absorb(memory, connection, same_key=True)
        except (Fault, OSError, NewerSchema):
            return False
        self._memory.close()
        self.degraded = ""
        self._taken_over += 1
        return True

    def close(self) -> None:
        """Closes all connections of this process; a file that lost its name is saved before."""
        self._save()
        for file in (*self._adrift, self._disk, self._memory):
            if file is not None:
                file.close()
        self._adrift.clear()

    def keep_ledger(self) -> None:
        """Keeps the ledger beside the file as well: should that vanish while nobody has it open,
        the next one goes on with the counts, and counts what waited as lost.
        """
        if self.current is not self._disk or not self._disk.connections:
            return
        with suppress(Fault, OSError, NewerSchema):
            ledger = self._disk.read(ledger_of)
            if ledger != self._kept_ledger:
                write_note(self._disk.path.with_name(LEDGER), json.dumps(ledger).encode())  # type: ignore[union-attr]  # a file on disk has one
                self._kept_ledger = ledger

    def start_afresh(self) -> None:
        """Goes on with a new file: somebody who reads the old one keeps its log from ending.

        :raises Fault: it cannot be done now.
        """
        disk = self._disk
        if disk is None or disk.path is None or self.degraded:
            return
        self._set_aside(disk, WHOLE)
        logger.warning(
            "TopMail: a reader of %s does not end, so that its write-ahead log cannot; the outbox "
            "goes on in a new file.",
            disk.path,
        )
        self.run(lambda _: None)

    def _leave_memory_in_time(self) -> None:
        if self.degraded and self._disk is not None and self._monotonic() >= self._retry_at:
            self._retry_at = self._monotonic() + RETRY_INTERVAL
            self.leave_memory()

    def _degrade(self, error: OSError) -> None:
        self.degraded = refusal(self.directory or Path(), error)
        self._retry_at = self._monotonic() + RETRY_INTERVAL
        self._trusted = False
        logger.warning("TopMail: the outbox is in memory only. %s.", self.degraded)

    def _repair(self, fault: Fault) -> None:
        disk = self._disk
        try:
            if fault.kind == "moved" and disk is not None:
                self._cast_off_if_moved()
            elif fault.kind in ("damaged", "older") and disk is not None:
                self._set_aside(disk, WHOLE if fault.kind == "older" else "")
                if fault.kind == "damaged":
                    logger.warning("TopMail: the outbox file is damaged; what can be read is kept.")
            elif fault.kind == "read-only" and disk is not None:
                disk.close()  # what is open stays as it was opened
                raise DirectoryRefused(
                    f"{disk.path} is read-only. Let its user write it, and its -wal and -shm"
                )
            else:
                raise fault
        except OSError as error:
            self._degrade(error)

    def _save(self) -> None:
        for _ in range(TRIES_TO_SAVE):
            if self._disk is not None and (self._adrift or not self._disk.is_in_place):
                with suppress(Fault, OSError):
                    self.run(lambda _: None)

    def _cast_off_if_moved(self) -> None:
        """Goes on with a new file if the one in use was deleted or moved (fault F088), it or its
        log. It stays open until its rows are in the new one.
        """
        disk = self._disk
        if disk is not None and disk.path is not None and not disk.is_in_place:
            disk.cast_off()
            self._adrift.append(disk)
            self._disk = self._named(disk.path.name)

    def _take_over_adrift(self, disk: SqliteFile) -> None:
        """Takes over what lost its name, and empties it: should it come back, nothing in it is sent
        or counted twice.
        """
        for adrift in list(self._adrift):
            with unforked():  # who reads meanwhile waits, and finds it in the one file or the other
                for source in adrift.connections[:1]:
                    with emptied(source), disk.transaction() as target:
                        is_readable = outbox_name(source) != ""
                        absorb(source, target, same_key=True)
                    what = "its rows are kept" if is_readable else "it cannot be read"
                    logger.warning("TopMail: the outbox file was moved or deleted; %s.", what)
                self._taken_over += 1
                self._adrift.remove(adrift)
                adrift.close()

    def _set_aside(self, disk: SqliteFile, condition: str = "") -> None:
        """Gives the file another name; what can be read of it comes back with the new one."""
        path = disk.path or Path()
        with leading(path.parent):
            was_in_place = disk.is_in_place
            disk.close()
            if was_in_place:
                rename(path, self._aside(path, condition))

    def _take_over(self) -> None:
        """Takes over what was set aside, also by a process that died meanwhile, and what an older
        version kept beside a newer file that is gone, or is this version's own.
        """
        disk = self._disk
        if disk is None or disk.path is None or self.degraded:
            return
        disk.connection()
        self._take_over_adrift(disk)
        changed_at = os.stat(disk.path.parent).st_mtime_ns
        if changed_at == self._looked_at:
            return
        for stray in strays(disk.path):
            with suppress(Fault), leading(disk.path.parent):  # else whoever leads is at work on it
                rename(stray, self._aside(disk.path, WHOLE))
        for path in set_aside_files(disk.path, DAMAGED):
            with other_file(path) as source, disk.transaction() as connection:
                with suppress(sqlite3.Error):
                    source.execute("BEGIN IMMEDIATE")  # after whoever is still writing to it
                absorb(source, connection, same_key=True)
            self._taken_over += 1
            if path.name.endswith(WHOLE):
                discard(path)
            else:
                rename(path, Path(str(path).replace(f".{DAMAGED}-", f".{SALVAGED}-")))
        text, _ = read_note(disk.path.with_name(LEDGER))
        if text:
            with disk.transaction() as connection:
                count_vanished(connection, text)
        if time.time_ns() - changed_at > CLOCK_TICK:  # else more may have come at the same time
            self._looked_at = changed_at

    def _aside(self, path: Path, condition: str = "") -> Path:
        name = f"{path}.{DAMAGED}-{int(self._clock())}-{os.urandom(3).hex()}{condition}"
        return Path(name)


def adopt(file: OutboxFile, sibling: Path, import_all: Callable[[], bool]) -> bool:
    """Takes over what a former key of this app left in its directory, and removes that (F187).

    :param import_all: imports the sibling's journals into the sibling's outbox; whether it could.
    :returns: False if somebody lives there, or it could not be done now.
    """
    try:
        prepare(sibling)
        lead = hold(sibling / LEADER_LOCK)
    except OSError:
        return False
    if lead is None or inhabited(sibling) or not import_all():
        return False
    for path in sorted(sibling.glob("outbox*.sqlite3")):
        with other_file(path) as source:
            file.run(partial(absorb, source, same_key=False))
        discard(path)
    lead.release()
    with suppress(OSError):
        for left in sibling.iterdir():
            if left.suffix != SUFFIX:
                left.unlink()
        sibling.rmdir()
    return True


def set_aside_files(path: Path, mark: str) -> list[Path]:
    """The files that were set aside under this mark, without their logs."""
    found = path.parent.glob(f"{path.name}.{mark}-*")
    return sorted(each for each in found if not each.name.endswith(("-wal", "-shm")))


def discard_set_aside(path: Path, before: float) -> None:
    """Deletes files that were set aside before a time (seconds since the epoch)."""
    for mark in (SALVAGED, DAMAGED):
        for aside in set_aside_files(path, mark):
            when = aside.name.rpartition(f".{mark}-")[2].partition("-")[0]
            if when.isdigit() and int(when) < before:
                discard(aside)


def discard(path: Path) -> None:
    """Removes a file and its log."""
    for suffix in SUFFIXES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def strays(path: Path) -> list[Path]:
    """Files that versions up to this one kept beside a newer file, except the one in use."""
    found = []
    for beside in path.parent.glob("outbox-v*.sqlite3"):
        version = _BESIDE.match(beside.name)
        if version and int(version[1]) <= schema.VERSION and beside != path:
            found.append(beside)
    return sorted(found)


def rename(path: Path, to: Path) -> None:
    """Gives a file and its log another name, and mode 0600."""
    for suffix in SUFFIXES:
        with suppress(FileNotFoundError):
            if stat.S_ISREG(os.lstat(f"{path}{suffix}").st_mode):
                os.chmod(f"{path}{suffix}", 0o600)
            os.rename(f"{path}{suffix}", f"{to}{suffix}")
