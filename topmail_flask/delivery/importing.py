"""Entries come in: repeats and what has become needless stay out, and the oldest make room."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from topmail_flask.delivery.entries import CONTACT_ID, Entry
from topmail_flask.delivery.headings import Heading, heading_of, with_contact_id
from topmail_flask.delivery.journal_reading import Portion, advance
from topmail_flask.delivery.reports import ImportReport
from topmail_flask.delivery.schema import IS_PURCHASE, add
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

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
    """Lines on their way into the table, in one transaction."""

    connection: sqlite3.Connection
    repeat_window: float
    imported: int = 0
    torn: int = 0
    dropped: Dropped = field(default_factory=list)
    _rows: list[tuple[str, float, str, bytes, bool]] = field(default_factory=list)
    _contacts: dict[str, str] = field(default_factory=dict)
    _purchases: dict[str, float] = field(default_factory=dict)
    _known: dict[str, tuple[float, str]] = field(default_factory=dict)
    _seen: dict[str, tuple[float, str]] = field(default_factory=dict)
    _refused: Counter[Reason] = field(default_factory=Counter)

    def take(self, lines: Iterable[bytes]) -> None:
        """Imports lines, in this order."""
        headed = self._headed(lines)
        self._look_up([heading for heading, _ in headed])
        known = self.connection.execute(
            "SELECT identity, CAST(at AS REAL), reason FROM withdrawals"
        )
        withdrawn = {
            identity: (at, _REASONS.get(reason, Reason.CONSENT_WITHDRAWN))
            for identity, at, reason in known
        }
        for heading, line in headed:
            kind, key, at, identity, repeat, is_open = heading
            if kind == "withdrawal":
                self._insert()
                mark = Entry.from_line(line)
                withdraw(self.connection, mark, Reason.CONSENT_WITHDRAWN, self.dropped)
                withdrawn[identity] = at, Reason.CONSENT_WITHDRAWN
                continue
            gone = withdrawn.get(identity)
            is_purchase = kind == "purchase"
            if gone and at <= gone[0]:
                self._drop(line, gone[1])
            elif not is_purchase and at <= self._purchases.get(identity, -1.0):
                self._drop(line, Reason.PURCHASED)
            elif not repeat or self._counts(heading, line):
                if is_purchase:
                    self._end_browsing(identity, at)
                contact_id = None if is_purchase or not is_open else self._contacts.get(identity)
                chosen = with_contact_id(line, contact_id) if contact_id else line
                self._rows.append((key, at, identity, chosen, is_purchase))
        self._insert()
        count_dropped(self.connection, Reason.TORN, self.torn, accepted=self.torn)
        for reason, amount in self._refused.items():
            count_dropped(self.connection, reason, amount, accepted=amount)
        self.connection.executemany(
            "INSERT OR REPLACE INTO repeats VALUES (?, ?, ?)",
            [(repeat, at, key) for repeat, (at, key) in sorted(self._seen.items())],
        )

    def _headed(self, lines: Iterable[bytes]) -> list[tuple[Heading, bytes]]:
        headed = []
        for line in lines:
            try:
                headed.append((heading_of(line), line))
            except ValueError:
                self.torn += 1
        return headed

    def _look_up(self, headings: Sequence[Heading]) -> None:
        """Reads at once what is known of all shoppers and repeats."""
        among = "IN (SELECT value FROM json_each(?))"
        repeats = json.dumps([heading.repeat for heading in headings])
        query = f"SELECT repeat, CAST(at AS REAL), key FROM repeats WHERE repeat {among}"  # noqa: S608
        for repeat, at, key in self.connection.execute(query, (repeats,)):
            self._known[repeat] = at, key
        identities = json.dumps(list({heading.identity for heading in headings}))
        query = f"SELECT identity, CAST(at AS REAL) FROM purchases WHERE identity {among}"  # noqa: S608
        self._purchases.update(self.connection.execute(query, (identities,)))
        query = f"SELECT identity, contact_id FROM contacts WHERE identity {among}"  # noqa: S608
        for identity, contact_id in self.connection.execute(query, (identities,)):
            if isinstance(contact_id, str) and CONTACT_ID.fullmatch(contact_id):
                self._contacts[identity] = contact_id

    def _end_browsing(self, identity: str, at: float) -> None:
        """Drops the views before a purchase, also those still on their way from other journals."""
        self._insert()
        query = f"SELECT id, line FROM waiting WHERE identity = ? AND at <= ? AND NOT {IS_PURCHASE}"  # noqa: S608
        views = self.connection.execute(query, (identity, at)).fetchall()
        remove(self.connection, views, Reason.PURCHASED, self.dropped)
        last = self._purchases[identity] = max(at, self._purchases.get(identity, at))
        query = "INSERT OR REPLACE INTO purchases VALUES (?, ?)"
        self.connection.execute(query, (identity, last))

    def _counts(self, heading: Heading, line: bytes) -> bool:
        last = self._seen.get(heading.repeat) or self._known.get(heading.repeat)
        if last is not None and heading.kind == "purchase":
            self._drop(line, Reason.KNOWN_ORDER)
            return False
        if last is not None and last[1] == heading.key:
            return False  # this very view: it was counted
        if last is not None and abs(heading.at - last[0]) < self.repeat_window:
            self._drop(line, Reason.REPEAT)
            return False
        self._seen[heading.repeat] = heading.at, heading.key
        return True

    def _drop(self, line: bytes, reason: Reason) -> None:
        self.dropped.append((Entry.from_line(line), reason))
        self._refused[reason] += 1

    def _insert(self) -> None:
        before = self.connection.total_changes
        self.connection.executemany(
            "INSERT OR IGNORE INTO waiting (key, at, identity, line, tried) VALUES (?, ?, ?, ?, ?)",
            self._rows,
        )
        inserted = self.connection.total_changes - before
        self.imported += inserted
        add(self.connection, {"accepted": inserted})
        self._rows.clear()


def import_lines(
    connection: sqlite3.Connection, lines: Iterable[bytes], limits: Limits
) -> ImportReport:
    """Imports lines and makes room."""
    intake = Intake(connection, limits.repeat_window)
    intake.take(lines)
    shed(connection, limits, intake.dropped)
    return ImportReport(imported=intake.imported, torn=intake.torn, dropped=tuple(intake.dropped))


def import_portions(
    connection: sqlite3.Connection, portions: Iterable[Portion], limits: Limits
) -> tuple[ImportReport, list[Portion]]:
    """Imports portions of journals, each once, and makes room.

    :returns: also the portions that were imported here, and not by somebody else meanwhile.
    """
    own = [portion for portion in portions if advance(connection, portion)]
    lines = chain.from_iterable(portion.lines for portion in own)
    return import_lines(connection, lines, limits), own


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
