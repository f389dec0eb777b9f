"""The outbox's file whatever happens to it: refused, full, damaged, moved, or made by others.

Whoever leads goes on with the file under the name. What it cannot go on with is set aside under
another name and taken over, row by row: a damaged file, one of an older version, and a copy of one
that lost its name while it was open. While the directory is refused, the rows are in memory.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from topmail_flask.delivery import schema
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.files import (
    LEADER_LOCK,
    hold,
    prepare,
    read_note,
    refusal,
    write_note,
)
from topmail_flask.delivery.schema import ENDS, FILE_NAME, add, name_outbox, note, notes
from topmail_flask.delivery.segments import SUFFIX, inhabited
from topmail_flask.delivery.sqlite_file import (
    Fault,
    NewerSchema,
    SqliteFile,
    leading,
    other_file,
    translated,
)
from topmail_flask.model.reasons import Reason

_log = logging.getLogger("topmail_flask.delivery")
RETRY_INTERVAL = 5.0
MEMORY_IMPORTS = 500
ROWS_AT_ONCE = 200
STEP = 4
LEDGER = "ledger"
DAMAGED, SALVAGED, WHOLE = "damaged", "corrupt", "-whole"
SUFFIXES = ("-wal", "-shm", "")  # the log first: it must never meet another file's name
_BESIDE = re.compile(r"outbox-v(\d{1,9})\.sqlite3\Z")
_COPIED = {
    "repeats": ("repeat", "at", "key"),
    "withdrawals": ("identity", "at", "reason"),
    "purchases": ("identity", "at"),
    "contacts": ("identity", "contact_id", "until"),
    "unknown_contacts": ("identity", "refusals", "ask_at"),
}
_OF_ONE_WORKSPACE = ("contacts", "unknown_contacts")
Result = TypeVar("Result")


class OutboxFile:
    """Runs work in transactions, and repairs what it runs on.

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
        self._memory = SqliteFile(None)
        self._disk = self._named(FILE_NAME) if directory else None
        self._retry_at = 0.0
        self._trusted = False
        self._looked_at = 0
        self._kept_ledger: dict[str, Any] = {}

    def _named(self, name: str) -> SqliteFile:
        path = (self.directory or Path()) / name
        return SqliteFile(path, self._synchronous, self._monotonic)

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
        """Whether there is anything to read, without making it."""
        return self.current.exists

    @property
    def may_import(self) -> bool:
        """Whether journals may be read: of a trusted directory, and but a few into memory."""
        try:
            if not self._trusted and self.directory is not None:
                prepare(self.directory)
                self._trusted = True
            if not self.degraded:
                return True
            waiting = self.rows("SELECT COUNT(*) FROM waiting")
            return not waiting or bool(waiting[0][0] < MEMORY_IMPORTS)
        except (OSError, Fault):
            return False

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work`` in one transaction. It may be begun anew on a repaired file.

        :raises Fault: it could not be done; nothing was changed.
        """
        self._leave_memory_in_time()
        for attempt in range(5):
            try:
                self._take_over()
                with self.current.transaction() as connection:
                    return work(connection)
            except NewerSchema:
                self._disk = self._named(f"outbox-v{schema.VERSION}.sqlite3")
            except Fault as fault:
                if attempt or fault.kind != "full" or not self.current.write_log_back():
                    self._repair(fault)
            except OSError as error:
                if self.in_memory:
                    raise Fault("unusable") from None
                self._degrade(error)
        raise Fault("unusable")

    def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work``, which only reads, outside a transaction.

        :raises Fault: it could not be done; only a file that lost its name is saved for a reader.
        """
        for _ in range(3):
            try:
                return self.current.read(work)
            except Fault as fault:
                if fault.kind != "moved":
                    raise
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
            return self.read(work)
        except Fault as fault:
            if fault.kind == "missing":
                return []
            if not repairs or fault.kind not in ("damaged", "older", "unusable"):
                raise
            return self.run(work)

    def unsaved(self) -> list[Entry]:
        """What is lost when this is closed: rows in memory, or in a file without a name that
        cannot be saved under it now. They keep the name of the contact that was chosen for them.
        """
        if self.degraded and self._retry_at < float("inf"):
            self.leave_memory()  # also the counts, if the directory takes them
        self._save()
        adrift = [self._disk] if self._disk and not self._disk.is_in_place else []
        sources = [each.connections[0] for each in (*adrift, self._memory) if each.connections]
        found: list[Entry] = []
        for row in (row for source in sources for row in readable(source, "waiting")):
            with suppress(ValueError, TypeError, AttributeError):
                entry = Entry.from_line(row["line"])
                found.append(replace(entry, contact_id=entry.contact_id or ""))
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
            self._rescue_if_adrift()
            with self._disk.transaction() as connection:
                absorb(memory, connection, same_key=True)
        except (Fault, OSError, NewerSchema):
            return False
        self._memory.close()
        self.degraded = ""
        return True

    def close(self) -> None:
        """Closes all connections of this process; a file that lost its name is saved before."""
        self._save()
        for file in (self._disk, self._memory):
            if file is not None:
                file.close()

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
        _log.warning(
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
        _log.warning("TopMail: the outbox is in memory only. %s.", self.degraded)

    def _repair(self, fault: Fault) -> None:
        disk = self._disk
        try:
            if fault.kind == "moved" and disk is not None:
                self._rescue_if_adrift()
            elif fault.kind in ("damaged", "older") and disk is not None:
                self._set_aside(disk, WHOLE if fault.kind == "older" else "")
                if fault.kind == "damaged":
                    _log.warning("TopMail: the outbox file was damaged; what can be read is kept.")
            else:
                raise fault
        except OSError as error:
            self._degrade(error)

    def _save(self) -> None:
        if self._disk is not None and self._disk.connections and not self._disk.is_in_place:
            with suppress(Fault, OSError):
                self.run(lambda _: None)

    def _rescue_if_adrift(self) -> None:
        """Saves the rows of a file that was deleted or moved while it was open (fault F088).

        They are taken over from a copy beside the file under the name, and the one that was moved
        is emptied: should it come back, nothing in it is sent or counted twice.
        """
        disk = self._disk
        if disk is None or disk.path is None or not disk.connections or disk.is_in_place:
            return
        prepare(disk.path.parent)
        source = disk.connections[0]
        try:
            with translated():
                aside = self._aside(disk.path, WHOLE)
                os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                with closing(sqlite3.connect(aside)) as target:
                    source.backup(target)
            with suppress(Fault), translated():
                _empty(source)
            _log.warning("TopMail: the outbox file was moved or deleted; its rows are kept.")
        except Fault as fault:
            if fault.kind in ("full", "busy"):
                raise
            _log.warning("TopMail: the outbox file was moved or deleted, and cannot be read.")
        disk.remove_log()
        disk.close()

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
            if path.name.endswith(WHOLE):
                discard(path)
            else:
                rename(path, Path(str(path).replace(f".{DAMAGED}-", f".{SALVAGED}-")))
        text, _ = read_note(disk.path.with_name(LEDGER))
        if text:
            with disk.transaction() as connection:
                count_vanished(connection, text)
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


def absorb(source: sqlite3.Connection, target: sqlite3.Connection, *, same_key: bool) -> int:
    """Takes the rows and the ledger of ``source`` over, once. To be called in a transaction.

    :param same_key: whether the contacts are those of the same TopMail workspace.
    :returns: how many waiting views were taken over.
    """
    name = outbox_name(source)
    twin = name != "" and name == notes(target).get("outbox")  # a copy of one and the same file
    if name and not twin:
        if f"absorbed:{name}" in notes(target):
            return 0
        note(target, f"absorbed:{name}", 1)
    waiting = _take_waiting(source, target)
    for row in readable(source, "dead"):
        _copy(target, "dead", row, ("attempts", "reason", "died_at"))
    for table, columns in _COPIED.items():
        if same_key or table not in _OF_ONE_WORKSPACE:
            for row in readable(source, table):
                _insert(target, table, {name: row.get(name) for name in columns})
    for row in readable(source, "segments"):
        _advance(target, row)
    if twin:
        add(target, {"accepted": waiting})
    else:
        _balance(source, target, waiting)
    return waiting


def _take_waiting(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    before = target.total_changes
    for row in readable(source, "waiting"):
        _copy(target, "waiting", row, ("attempts", "tried", "due", "failing_since"))
    for row in readable(source, "views"):  # before version 1
        _copy(target, "waiting", row, ("attempts",))
    return target.total_changes - before


def ledger_of(connection: sqlite3.Connection) -> dict[str, Any]:
    """The ledger of a file, with the file's name and how many wait in it."""
    (waiting,) = connection.execute("SELECT COUNT(*) FROM waiting").fetchone()
    counts = dict(connection.execute("SELECT name, n FROM counts"))
    return {"outbox": outbox_name(connection), "waiting": waiting, "counts": counts}


def count_vanished(target: sqlite3.Connection, ledger: bytes) -> None:
    """Goes on with the ledger of a file that is gone, of which nothing else could be saved."""
    try:
        kept = json.loads(ledger)
        name, waiting = str(kept["outbox"]), int(kept["waiting"])
        counts = {str(key): int(value) for key, value in kept["counts"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return
    known = notes(target)
    if name and name != known.get("outbox") and f"absorbed:{name}" not in known:
        note(target, f"absorbed:{name}", 1)
        add(target, counts)
        add(target, {"dropped": waiting, f"reason:{Reason.LOST}": waiting})
        if waiting:
            _log.warning(
                "TopMail: the outbox file is gone; %d views that waited are lost.", waiting
            )


def outbox_name(source: sqlite3.Connection) -> str:
    """The name that a file was given at birth, or "" if it cannot be read."""
    named = (row.get("value") for row in readable(source, "notes") if row.get("name") == "outbox")
    return str(next(named, ""))


def readable(source: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table that can be read; what lies in a damaged page is stepped over."""
    try:
        described = source.execute(f"PRAGMA table_info({table})").fetchall()
        (last,) = source.execute(f"SELECT max(rowid) FROM {table}").fetchone()  # noqa: S608  # our names
    except sqlite3.DatabaseError:
        described, last = [], None
    columns = [str(column[1]) for column in described]
    if not columns:
        return
    query = f"SELECT rowid, * FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {ROWS_AT_ONCE}"  # noqa: S608
    at, end = 0, last if isinstance(last, int) else 1_000_000
    while at < end:
        try:
            for row in source.execute(query, (at,)):
                at = row[0]
                yield dict(zip(columns, row[1:], strict=False))
            if last is None or at >= end:
                return
        except sqlite3.DatabaseError:
            at += STEP


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


def _empty(source: sqlite3.Connection) -> None:
    """Leaves nothing in a file whose rows and ledger are kept elsewhere."""
    source.execute("BEGIN IMMEDIATE")
    try:
        for table in ("waiting", "dead", "counts"):
            source.execute(f"DELETE FROM {table}")  # noqa: S608  # our names
        note(source, f"absorbed:{outbox_name(source)}", 1)
        name_outbox(source)  # what comes into it from now on was not absorbed before
        source.execute("COMMIT")
    except BaseException:
        source.rollback()
        raise


def _copy(
    target: sqlite3.Connection, table: str, row: dict[str, Any], kept: tuple[str, ...]
) -> None:
    try:
        entry = _entry(row)
    except (ValueError, TypeError):
        return
    values: dict[str, Any] = {name: row[name] for name in kept if row.get(name) is not None}
    values |= {"key": entry.key, "at": entry.at, "identity": entry.identity}
    _insert(target, table, values | {"line": entry.to_line()})


def _entry(row: dict[str, Any]) -> Entry:
    if isinstance(row.get("line"), bytes):
        return Entry.from_line(row["line"])
    body = row.get("body", b"")
    return Entry(
        kind=row.get("kind", "view"),
        key=row.get("key", ""),
        at=row.get("at", row.get("viewed_at", row.get("created_at", 0.0))),
        identity=row.get("identity") or "",
        body=body.encode() if isinstance(body, str) else body,
    )


def _insert(target: sqlite3.Connection, table: str, values: dict[str, Any]) -> None:
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    with suppress(sqlite3.IntegrityError):
        query = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        target.execute(query, tuple(values.values()))


def _advance(target: sqlite3.Connection, row: dict[str, Any]) -> None:
    """Whoever has read further into a segment is right: its lines were imported once."""
    with suppress(sqlite3.IntegrityError):
        target.execute(
            "INSERT INTO segments VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET start = max(start, excluded.start)",
            (row.get("name"), row.get("start"), row.get("erased")),
        )


def _balance(source: sqlite3.Connection, target: sqlite3.Connection, waiting: int) -> None:
    counts = {
        row["name"]: row["n"]
        for row in readable(source, "counts")
        if isinstance(row.get("name"), str) and isinstance(row.get("n"), int)
    }
    lost = counts.get("accepted", 0) - sum(counts.get(end, 0) for end in ENDS) - waiting
    add(target, counts)
    if lost > 0:
        add(target, {"dropped": lost, f"reason:{Reason.INVALID_ROW}": lost})
    else:
        add(target, {"accepted": -lost})
