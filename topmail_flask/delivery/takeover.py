"""What another outbox file holds is taken over, once, with its ledger: of a file that lost its name
while it was open, was set aside, was made by another version, or belongs to a former key.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from topmail_flask.delivery.dropping import Dropping, reason_of
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.moves import carry_over
from topmail_flask.delivery.receivers import logger
from topmail_flask.delivery.schema import ENDS, add, name_outbox, note, notes
from topmail_flask.delivery.sqlite_file import translated
from topmail_flask.model.reasons import Reason

ROWS_AT_ONCE = 200
STEP = 4
ABSORBED, VANISHED = "absorbed:", "vanished:"
"""How the notes begin that tell which files are taken over, and which are counted as gone."""
_COPIED = {
    "repeats": ("repeat", "at", "key"),
    "withdrawals": ("identity", "at", "reason"),
    "purchases": ("identity", "at"),
    "contacts": ("identity", "contact_id", "until"),
    "unknown_contacts": ("identity", "refusals", "ask_at"),
    "moves": ("identity", "at", "successor", "email"),
}
_OF_ONE_WORKSPACE = ("contacts", "unknown_contacts")


def absorb(source: sqlite3.Connection, target: sqlite3.Connection, *, same_key: bool) -> None:
    """Takes the rows and the ledger of ``source`` over, once. To be called in a transaction.

    :param same_key: whether the contacts are those of the same TopMail workspace.
    """
    name = outbox_name(source)
    twin = name != "" and name == notes(target).get("outbox")  # a copy of one and the same file
    if name and not twin:
        if f"{ABSORBED}{name}" in notes(target):
            return
        _uncount_vanished(target, name)
        note(target, f"{ABSORBED}{name}", 1)
    if twin:
        _set_right(target, source)
    found, new = _take_waiting(source, target)
    _take_rest(source, target, same_key=same_key)
    if twin:
        _balance_twin(source, target)
    else:
        _balance(source, target, found, new)
    drop = Dropping(target, time.time())
    _drop_ended(drop)
    carry_over(drop, None)


def _set_right(copy: sqlite3.Connection, source: sqlite3.Connection) -> None:
    """The leases and retries of a copy are of the time when it was made. What ``source`` has no
    more was sent since, and is sent once more.
    """
    copy.execute("UPDATE waiting SET due = 0 WHERE tried = 1")
    copy.executemany(
        "UPDATE waiting SET attempts = :attempts, tried = :tried, due = :due, "
        "failing_since = :failing_since WHERE key = :key",
        readable(source, "waiting"),
    )


def _take_waiting(source: sqlite3.Connection, target: sqlite3.Connection) -> tuple[int, int]:
    """How many rows could be read, and how many of them were not there yet."""
    known = ("attempts", "tried", "due", "failing_since", "moved_at", "address")
    (before,) = target.execute("SELECT COUNT(*) FROM waiting").fetchone()
    found = sum(_copy(target, "waiting", row, known) for row in readable(source, "waiting"))
    # What versions before the first number of a schema called them:
    found += sum(_copy(target, "waiting", row, known[:1]) for row in readable(source, "views"))
    (after,) = target.execute("SELECT COUNT(*) FROM waiting").fetchone()
    return found, after - before


def _take_rest(source: sqlite3.Connection, target: sqlite3.Connection, *, same_key: bool) -> None:
    for row in readable(source, "dead"):
        _copy(target, "dead", row, ("attempts", "reason", "died_at"))
    for table, columns in _COPIED.items():
        if same_key or table not in _OF_ONE_WORKSPACE:
            for row in readable(source, table):
                _insert(target, table, {name: row.get(name) for name in columns})
    for row in readable(source, "segments"):
        _advance(target, row)
    for row in readable(source, "notes"):
        if str(row.get("name")).startswith((ABSORBED, VANISHED)):
            _insert(target, "notes", {"name": row["name"], "value": row["value"]})


def _drop_ended(drop: Dropping) -> None:
    """Drops what waited here while its shopper withdrew consent, or bought, there."""
    withdrawn = "SELECT identity, at, reason FROM withdrawals WHERE at <= ?"
    for identity, at, reason in drop.connection.execute(withdrawn, (drop.now,)).fetchall():
        drop.waiting(identity, at, reason_of(reason))
    bought = "SELECT identity, at FROM purchases WHERE at <= ?"
    for identity, at in drop.connection.execute(bought, (drop.now,)).fetchall():
        drop.views(identity, at)


@contextmanager
def emptied(source: sqlite3.Connection) -> Iterator[None]:
    """Nobody writes to it in the block; after it nothing is in it: its rows are kept elsewhere.

    :raises Fault: ``busy``: somebody is writing to it.
    """
    with translated():
        try:
            source.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise
        except sqlite3.DatabaseError:
            pass  # damaged: what can be read of it is taken over
    try:
        yield
        with suppress(sqlite3.DatabaseError):
            for table in ("waiting", "dead", "counts"):
                source.execute(f"DELETE FROM {table}")  # noqa: S608  # our names
            note(source, f"{ABSORBED}{outbox_name(source)}", 1)
            name_outbox(source)  # what comes into it from now on was not absorbed before
            source.execute("COMMIT")
    finally:
        with suppress(sqlite3.DatabaseError):
            source.rollback()


def ledger_of(connection: sqlite3.Connection) -> dict[str, Any]:
    """The ledger of a file, with the file's name and how many wait in it."""
    (waiting,) = connection.execute("SELECT COUNT(*) FROM waiting").fetchone()
    counts = dict(connection.execute("SELECT name, n FROM counts"))
    return {"outbox": outbox_name(connection), "waiting": waiting, "counts": counts}


def count_vanished(target: sqlite3.Connection, ledger: bytes) -> None:
    """Goes on with the ledger of a file that is gone, of which nothing else could be saved yet."""
    if (kept := _counts_of(ledger)) is None:
        return
    (name, counts), known = kept, notes(target)
    if name == known.get("outbox") or {f"{ABSORBED}{name}", f"{VANISHED}{name}"} & known.keys():
        return
    note(target, f"{VANISHED}{name}", ledger.decode())
    add(target, counts)
    if lost := counts.get(f"reason:{Reason.LOST}"):
        logger.warning(
            "TopMail: the outbox file is gone; %d views that waited are lost, unless a process "
            "that still has it open saves them.",
            lost,
        )


def _counts_of(ledger: bytes) -> tuple[str, dict[str, int]] | None:
    """The name of the file whose ledger this is, and its counts with all that waited as lost."""
    try:
        kept = json.loads(ledger)
        counts = Counter({str(key): int(value) for key, value in kept["counts"].items()})
        lost = int(kept["waiting"])
        name = str(kept["outbox"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    counts.update({"dropped": lost, f"reason:{Reason.LOST}": lost})
    return (name, counts) if name else None


def _uncount_vanished(target: sqlite3.Connection, name: str) -> None:
    """A file that was counted as gone is here after all."""
    counted = _counts_of(str(notes(target).get(f"{VANISHED}{name}", "")).encode())
    if counted is not None:
        add(target, {key: -amount for key, amount in counted[1].items()})
        note(target, f"{VANISHED}{name}", None)


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


def _copy(
    target: sqlite3.Connection, table: str, row: dict[str, Any], kept: tuple[str, ...]
) -> bool:
    """Whether it is an entry."""
    try:
        entry = _entry(row)
    except (ValueError, TypeError):
        return False
    values: dict[str, Any] = {name: row[name] for name in kept if row.get(name) is not None}
    values |= {"key": entry.key, "at": entry.at, "identity": entry.identity}
    _insert(target, table, values | {"line": entry.to_line()})
    return True


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


def _counts(source: sqlite3.Connection) -> dict[str, int]:
    return {
        row["name"]: row["n"]
        for row in readable(source, "counts")
        if isinstance(row.get("name"), str) and isinstance(row.get("n"), int)
    }


def _balance(source: sqlite3.Connection, target: sqlite3.Connection, found: int, new: int) -> None:
    """Adds the ledger; what can be read no more is counted, what was here as well counts once."""
    counts = _counts(source)
    lost = counts.get("accepted", 0) - sum(counts.get(end, 0) for end in ENDS) - found
    add(target, counts)
    add(target, {"accepted": new - found})
    if lost > 0:
        add(target, {"dropped": lost, f"reason:{Reason.INVALID_ROW}": lost})
    else:
        add(target, {"accepted": -lost})


def _balance_twin(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Of two that went on from one ledger, whoever has counted further is right."""
    counts, known = _counts(source), _counts(target)
    further = {name: max(n, known.get(name, 0)) - known.get(name, 0) for name, n in counts.items()}
    (waiting,) = target.execute("SELECT COUNT(*) FROM waiting").fetchone()
    ended = sum(known.get(end, 0) + further.get(end, 0) for end in ENDS)
    add(target, further | {"accepted": waiting + ended - known.get("accepted", 0)})
