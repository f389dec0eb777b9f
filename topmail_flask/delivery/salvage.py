"""What can still be read of another outbox file is taken into this one, and balanced."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.schema import ENDS, add, note, notes
from topmail_flask.model.reasons import Reason

AT_ONCE = 200
STEP = 4
DAMAGED, SALVAGED = "damaged", "corrupt"
SUFFIXES = ("-wal", "-shm", "")  # the log first: it must never meet another file's name
_COPIED = {
    "repeats": ("repeat", "at", "key"),
    "withdrawals": ("identity", "at", "reason"),
    "purchases": ("identity", "at"),
    "contacts": ("identity", "contact_id", "until"),
}


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
    before = target.total_changes
    for row in readable(source, "waiting"):
        _copy(target, "waiting", row, ("attempts", "tried", "due"))
    for row in readable(source, "views"):  # before version 1
        _copy(target, "waiting", row, ("attempts",))
    waiting = target.total_changes - before
    for row in readable(source, "dead"):
        _copy(target, "dead", row, ("attempts", "reason", "died_at"))
    for table, columns in _COPIED.items():
        if same_key or table != "contacts":
            for row in readable(source, table):
                _insert(target, table, {name: row.get(name) for name in columns})
    for row in readable(source, "segments"):
        _advance(target, row)
    if twin:
        add(target, {"accepted": waiting})
    else:
        _balance(source, target, waiting)
    return waiting


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
    query = f"SELECT rowid, * FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {AT_ONCE}"  # noqa: S608
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


def rescue(connection: sqlite3.Connection, path: Path, now: float) -> None:
    """Writes what an open connection still sees of a file without a name beside ``path``."""
    aside = f"{path}.{DAMAGED}-{int(now)}-{os.urandom(3).hex()}"
    os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(aside)) as target:
        connection.backup(target)


def set_aside(path: Path, mark: str, now: float, like: Path | None = None) -> None:
    """Gives a file and its log another name, that of ``like`` with a mark, and mode 0600."""
    _rename(path, Path(f"{like or path}.{mark}-{int(now)}-{os.urandom(3).hex()}"))


def keep_damaged(aside: Path) -> None:
    """Marks a file that was set aside as salvaged: it is kept for people only."""
    _rename(aside, Path(str(aside).replace(f".{DAMAGED}-", f".{SALVAGED}-")))


def discard(path: Path) -> None:
    """Removes a file and its log."""
    for suffix in SUFFIXES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def set_aside_files(path: Path, mark: str) -> list[Path]:
    """The files that were set aside under this mark, without their logs."""
    found = path.parent.glob(f"{path.name}.{mark}-*")
    return sorted(one for one in found if not one.name.endswith(("-wal", "-shm")))


def _rename(path: Path, to: Path) -> None:
    for suffix in SUFFIXES:
        with suppress(FileNotFoundError):
            os.chmod(f"{path}{suffix}", 0o600)
            os.rename(f"{path}{suffix}", f"{to}{suffix}")
