"""Entries come in: repeats and withdrawn consent stay out, and the oldest make room."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.journal_reading import Portion, advance
from topmail_flask.delivery.reports import ImportReport
from topmail_flask.delivery.schema import add
from topmail_flask.domain.reasons import Reason
from topmail_flask.domain.settings import Settings

Dropped = list[tuple[Entry, Reason]]
SHED_AT_ONCE = 200
MEMORY_ROWS, MEMORY_BYTES = 10_000, 8 * 1024 * 1024
_REASONS = {str(reason): reason for reason in Reason}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the outbox holds, and for how long the same view counts once (seconds)."""

    rows: int
    bytes: int
    repeat_window: float

    @classmethod
    def of(cls, settings: Settings, *, in_memory: bool) -> Limits:
        """The limits of an outbox on disk, whose log takes a sixteenth, or in memory."""
        rows, space = settings.max_rows, settings.max_bytes - settings.max_bytes // 16
        if in_memory:
            rows, space = min(rows, MEMORY_ROWS), min(space, MEMORY_BYTES)
        return cls(rows, space, settings.repeat_window)


@dataclass(slots=True)
class Intake:
    """Entries on their way into the table, in one transaction."""

    connection: sqlite3.Connection
    repeat_window: float
    imported: int = 0
    dropped: Dropped = field(default_factory=list)
    _rows: list[tuple[str, float, str, bytes]] = field(default_factory=list)
    _seen: dict[str, tuple[float, str]] = field(default_factory=dict)
    _refused: Counter[Reason] = field(default_factory=Counter)

    def take(self, entries: Iterable[Entry]) -> None:
        """Imports entries, in this order."""
        known = self.connection.execute(
            "SELECT identity, CAST(at AS REAL), reason FROM withdrawals"
        )
        withdrawn = {
            identity: (at, _REASONS.get(reason, Reason.CONSENT_WITHDRAWN))
            for identity, at, reason in known
        }
        for entry in entries:
            if entry.kind == "withdrawal":
                self._insert()
                withdraw(self.connection, entry, Reason.CONSENT_WITHDRAWN, self.dropped)
                withdrawn[entry.identity] = entry.at, Reason.CONSENT_WITHDRAWN
                continue
            gone = withdrawn.get(entry.identity)
            if gone and entry.at <= gone[0]:
                self._drop(entry, gone[1])
            elif not entry.repeat or self._counts(entry):
                self._rows.append((entry.key, entry.at, entry.identity, entry.to_line()))
        self._insert()
        for reason, amount in self._refused.items():
            count_dropped(self.connection, reason, amount, accepted=amount)
        self.connection.executemany(
            "INSERT OR REPLACE INTO repeats VALUES (?, ?, ?)",
            [(repeat, at, key) for repeat, (at, key) in self._seen.items()],
        )

    def _counts(self, entry: Entry) -> bool:
        last = self._seen.get(entry.repeat)
        if last is None:
            query = "SELECT CAST(at AS REAL), key FROM repeats WHERE repeat = ?"
            last = self.connection.execute(query, (entry.repeat,)).fetchone()
        if last is not None and last[1] == entry.key:
            return False  # this very view: it was counted
        if last is not None and abs(entry.at - last[0]) < self.repeat_window:
            self._drop(entry, Reason.REPEAT)
            return False
        self._seen[entry.repeat] = entry.at, entry.key
        return True

    def _drop(self, entry: Entry, reason: Reason) -> None:
        self.dropped.append((entry, reason))
        self._refused[reason] += 1

    def _insert(self) -> None:
        before = self.connection.total_changes
        self.connection.executemany(
            "INSERT OR IGNORE INTO waiting (key, at, identity, line) VALUES (?, ?, ?, ?)",
            self._rows,
        )
        inserted = self.connection.total_changes - before
        self.imported += inserted
        add(self.connection, {"accepted": inserted})
        self._rows.clear()


def import_entries(
    connection: sqlite3.Connection, entries: Iterable[Entry], limits: Limits
) -> ImportReport:
    """Imports entries and makes room."""
    intake = Intake(connection, limits.repeat_window)
    intake.take(entries)
    shed(connection, limits, intake.dropped)
    return ImportReport(imported=intake.imported, dropped=tuple(intake.dropped))


def import_portions(
    connection: sqlite3.Connection, portions: Iterable[Portion], limits: Limits
) -> tuple[ImportReport, list[Portion]]:
    """Imports portions of journals, each once, and makes room.

    :returns: also the portions that were imported here, and not by somebody else meanwhile.
    """
    own = [portion for portion in portions if advance(connection, portion)]
    entries: list[Entry] = []
    torn = 0
    for portion in own:
        read, damaged = portion.entries()
        entries += read
        torn += damaged
    count_dropped(connection, Reason.TORN, torn, accepted=torn)
    return replace(import_entries(connection, entries, limits), torn=torn), own


def count_dropped(
    connection: sqlite3.Connection, reason: Reason, amount: int, *, accepted: int = 0
) -> None:
    """Enters dropped views into the ledger."""
    add(connection, {"accepted": accepted, "dropped": amount, f"reason:{reason}": amount})


def withdraw(
    connection: sqlite3.Connection, entry: Entry, reason: Reason, dropped: Dropped
) -> None:
    """Drops what waits for an identity, and what is still on its way from other journals."""
    gone = connection.execute(
        "SELECT id, line FROM waiting WHERE identity = ? AND at <= ?", (entry.identity, entry.at)
    ).fetchall()
    remove(connection, gone, reason, dropped)
    connection.execute(
        "INSERT OR REPLACE INTO withdrawals VALUES (?, ?, ?)", (entry.identity, entry.at, reason)
    )


def remove(
    connection: sqlite3.Connection,
    rows: list[tuple[int, bytes]],
    reason: Reason,
    dropped: Dropped,
) -> None:
    """Deletes waiting rows and counts them under ``reason``."""
    connection.executemany("DELETE FROM waiting WHERE id = ?", [(row_id,) for row_id, _ in rows])
    if reason is Reason.EXPIRED:
        add(connection, {"expired": len(rows), f"reason:{reason}": len(rows)})
    else:
        count_dropped(connection, reason, len(rows))
    for _, line in rows:
        try:
            dropped.append((Entry.from_line(line), reason))
        except (ValueError, TypeError):
            continue  # nobody can say which view it was


def shed(connection: sqlite3.Connection, limits: Limits, dropped: Dropped) -> None:
    """Drops the oldest until the rest is within the limits (fault F094)."""
    (rows,) = connection.execute("SELECT COUNT(*) FROM waiting").fetchone()
    excess = rows - limits.rows
    while excess > 0 or used_bytes(connection) > limits.bytes:
        oldest = connection.execute(
            "SELECT id, line FROM waiting ORDER BY id LIMIT ?",
            (min(excess, SHED_AT_ONCE) if excess > 0 else SHED_AT_ONCE,),
        ).fetchall()
        if not oldest:
            letters = connection.execute(
                "DELETE FROM dead WHERE id IN (SELECT id FROM dead ORDER BY id LIMIT ?)",
                (SHED_AT_ONCE,),
            )
            if not letters.rowcount:
                return
        remove(connection, oldest, Reason.OVERFLOW, dropped)
        excess -= len(oldest)


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
