"""Entries come in: repeats and what has become needless stay out, the oldest make room, and what
is too old to be of use goes.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

from topmail_flask.delivery.dropping import (
    MOST_AHEAD,
    Dropped,
    Dropping,
    count_dropped,
    reason_of,
    remove,
)
from topmail_flask.delivery.entry import (
    CONTACT_ID,
    LATER,
    Entry,
    EntryHeader,
    header_of,
    with_contact_id,
)
from topmail_flask.delivery.kinds import BY_NAME
from topmail_flask.delivery.moves import carry_over, note_moves
from topmail_flask.delivery.policy import LONGEST_PAUSE
from topmail_flask.delivery.schema import AMONG, add
from topmail_flask.delivery.segments import Portion
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

EVICTED_AT_ONCE = 200
SMALL_SHARE = 20
"""Views that any shopper may have waiting before theirs make room for those of others."""
MEMORY_ROWS, MEMORY_BYTES = 10_000, 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the outbox holds, and for how long the same view counts once (seconds).

    :ivar as_written_until: what is older may have been sent by a leader that is gone, from memory:
        it keeps the bytes of its line. Seconds since the epoch.
    """

    rows: int
    bytes: int
    repeat_window: float
    as_written_until: float = float("-inf")

    @classmethod
    def of(cls, settings: Settings, began_at: float, *, in_memory: bool) -> Limits:
        """The limits of an outbox on disk, whose log takes a sixteenth, or in memory.

        :param began_at: when its leader began to lead.
        """
        rows, space = settings.max_rows, settings.max_bytes - settings.max_bytes // 16
        if in_memory:
            rows, space = min(rows, MEMORY_ROWS), min(space, MEMORY_BYTES)
            began_at = float("inf")
        return cls(rows, space, settings.repeat_window, began_at)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What one import brought.

    :ivar imported: entries that wait now.
    :ivar arrived: whose they are, by identity, in the order in which they came.
    :ivar dropped: entries that do not wait, as they came, each with its reason.
    :ivar kept_address: keys of claimed entries whose shopper has another address since, which is
        theirs once they are claimed again.
    :ivar more: whether the limit ended it.
    :ivar fault: empty, or why it could not be done: ``"full"``, ``"busy"``, ``"unusable"``.
    """

    imported: int = 0
    arrived: dict[str, None] = field(default_factory=dict)
    dropped: Dropped = field(default_factory=list)
    kept_address: list[str] = field(default_factory=list)
    more: bool = False
    fault: str = ""


@dataclass(slots=True)
class _Intake:
    """Lines on their way into the table, in one transaction."""

    drop: Dropping
    limits: Limits
    imported: int = 0
    arrived: dict[str, None] = field(default_factory=dict)
    kept_address: list[str] = field(default_factory=list)
    _rows: list[tuple[str, float, str, bytes, bool, float]] = field(default_factory=list)
    _contacts: dict[str, str] = field(default_factory=dict)
    _purchases: dict[str, float] = field(default_factory=dict)
    _withdrawn: dict[str, tuple[float, Reason]] = field(default_factory=dict)
    _withdrawn_ahead: dict[str, tuple[float, Reason]] = field(default_factory=dict)
    _known: dict[str, tuple[float, str]] = field(default_factory=dict)
    _seen: dict[str, tuple[float, str]] = field(default_factory=dict)
    _refused: Counter[Reason] = field(default_factory=Counter)

    def take(self, lines: Iterable[bytes]) -> None:
        """Imports lines, in this order."""
        headed = self._headed(lines)
        self._look_up([header for header, _ in headed])
        # First what a clock that was ahead says of views before it: those that are in the table.
        rest, moves = [], []
        for header, line in headed:
            if header.kind == "move":
                with suppress(ValueError):
                    moves.append(Entry.from_line(line))
            elif header.kind != "view" and self._says_of_others(header):
                self._take_from_ahead(header, line)
            else:
                rest.append((header, line))
        for header, line in rest:
            if header.kind == "cancellation":
                self._cancel(header)
            else:
                self._take(header, line)
        self._insert()
        for reason, amount in self._refused.items():
            count_dropped(self.drop.connection, reason, amount, accepted=amount)
        self.drop.connection.executemany(
            "INSERT OR REPLACE INTO repeats VALUES (?, ?, ?)",
            [(repeat, at, key) for repeat, (at, key) in sorted(self._seen.items())],
        )
        note_moves(self.drop.connection, moves, self.drop.now)
        concerned = {header.identity.partition(LATER)[0] for header, _ in headed}
        carried = carry_over(self.drop, concerned)
        self.arrived |= carried.arrived
        self.kept_address += carried.late

    def _headed(self, lines: Iterable[bytes]) -> list[tuple[EntryHeader, bytes]]:
        headed = []
        for line in lines:
            try:
                headed.append((header_of(line), line))
            except ValueError:
                self._refused[Reason.TORN] += 1
        return headed

    def _look_up(self, headers: Sequence[EntryHeader]) -> None:
        """Reads at once what is known of all shoppers and repeats."""
        names = {header.repeat.rpartition("-")[0] for header in headers} - {""}
        repeats = json.dumps([header.repeat for header in headers] + list(names))
        query = f"SELECT repeat, CAST(at AS REAL), key FROM repeats WHERE repeat {AMONG}"  # noqa: S608
        for repeat, at, key in self.drop.connection.execute(query, (repeats,)):
            self._known[repeat] = at, key
        shoppers = {header.identity.partition(LATER)[0] for header in headers}
        identities = json.dumps(list(shoppers))
        # A mark of a clock that was ahead says nothing about what is looked at now.
        known = identities, self.drop.now + MOST_AHEAD
        query = (
            f"SELECT identity, CAST(at AS REAL) FROM purchases WHERE identity {AMONG} AND at <= ?"  # noqa: S608
        )
        self._purchases.update(self.drop.connection.execute(query, known))
        query = f"SELECT identity, contact_id FROM contacts WHERE identity {AMONG}"  # noqa: S608
        for identity, contact_id in self.drop.connection.execute(query, (identities,)):
            if isinstance(contact_id, str) and CONTACT_ID.fullmatch(contact_id):
                self._contacts[identity] = contact_id
        query = (
            "SELECT identity, CAST(at AS REAL), reason FROM withdrawals "  # noqa: S608  # our text
            f"WHERE identity {AMONG} AND at <= ?"
        )
        for identity, at, reason in self.drop.connection.execute(query, known):
            self._withdrawn[identity] = at, reason_of(reason)

    def _says_of_others(self, header: EntryHeader) -> bool:
        ends = header.kind == "withdrawal" or (
            header.kind in BY_NAME and BY_NAME[header.kind].ends_browsing
        )
        return ends and self._is_ahead(header)

    def _is_ahead(self, header: EntryHeader) -> bool:
        return header.at > self.drop.now + MOST_AHEAD

    def _take_from_ahead(self, header: EntryHeader, line: bytes) -> None:
        """A withdrawal or a purchase whose time nobody knows: it is no mark for what comes later
        than this import, and of what comes with it only for what its own clock has dated.
        """
        kind, key, at, identity, repeat, _ = header
        if kind == "withdrawal":
            self.drop.waiting(identity, self.drop.now, Reason.CONSENT_WITHDRAWN)
            self._withdrawn_ahead[identity] = at, Reason.CONSENT_WITHDRAWN
        elif not repeat or self._counts(header, line):
            self.drop.views(identity, self.drop.now)
            self._withdrawn_ahead[identity] = at, Reason.PURCHASED
            self._rows.append((key, self.drop.now, identity, line, True, 0.0))

    def _take(self, header: EntryHeader, line: bytes) -> None:
        kind, key, at, identity, repeat, is_open = header
        shopper = identity.partition(LATER)[0]
        if self._is_ahead(header):  # it is no later than this import
            ended = self._withdrawn_ahead.get(shopper)
            if ended and at <= ended[0]:
                self._drop(line, ended[1])
                return
            at = self.drop.now
        if kind == "withdrawal":
            self._insert()
            self.drop.withdraw(identity, at, Reason.CONSENT_WITHDRAWN)
            if at >= self._withdrawn.get(identity, (at, None))[0]:
                self._withdrawn[identity] = at, Reason.CONSENT_WITHDRAWN
            return
        withdrawn = self._withdrawn.get(shopper)
        ends_browsing, is_view = BY_NAME[kind].ends_browsing, kind == "view"
        if withdrawn and at <= withdrawn[0]:
            self._drop(line, withdrawn[1])
        elif is_view and at <= self._purchases.get(identity, -1.0):
            self._drop(line, Reason.PURCHASED)
        elif not repeat or self._counts(header, line):
            if ends_browsing:
                self._end_browsing(identity, at)
            is_open = is_open and is_view and at > self.limits.as_written_until
            contact_id = self._contacts.get(identity) if is_open else None
            chosen = with_contact_id(line, contact_id) if contact_id else line
            due = Entry.from_line(line).due if shopper != identity else 0.0
            due = min(due, self.drop.now + LONGEST_PAUSE)
            self._rows.append((key, at, identity, chosen, ends_browsing or due > 0, due))

    def _end_browsing(self, identity: str, at: float) -> None:
        """Drops the views before a purchase, also those still on their way from other journals."""
        self._insert()
        self.drop.views(identity, at)
        self._purchases[identity] = max(at, self._purchases.get(identity, at))
        self.drop.mark("purchases", identity, at)

    def _counts(self, header: EntryHeader, line: bytes) -> bool:
        last = self._seen.get(header.repeat) or self._known.get(header.repeat)
        known = BY_NAME[header.kind].known
        if last is not None and known is not None:
            self._drop(line, known)
            return False
        cancelled = self._known.get(header.repeat.rpartition("-")[0]) if known else None
        if cancelled is not None and header.at <= cancelled[0]:
            self._drop(line, Reason.CANCELLED)
            return False
        if last is not None and last[1] == header.key:
            return False  # this very view: it was counted
        if last is not None and abs(header.at - last[0]) < self.limits.repeat_window:
            self._drop(line, Reason.REPEAT)
            return False
        self._seen[header.repeat] = header.at, header.key
        return True

    def _cancel(self, header: EntryHeader) -> None:
        """Drops what waits under a name, also what is still on its way; it may be said again."""
        name, at = header.repeat, min(header.at, self.drop.now)
        self._insert()
        query = "SELECT id, line, key FROM waiting WHERE key > ? AND key < ? AND at <= ?"
        found = self.drop.connection.execute(query, (f"{name}-", f"{name}.", at)).fetchall()
        rows = [(row_id, line) for row_id, line, _ in found]
        remove(self.drop.connection, rows, Reason.CANCELLED, self.drop.dropped)
        for _, _, key in found:
            self._seen.pop(key, None)
            self._known.pop(key, None)
            self.drop.connection.execute("DELETE FROM repeats WHERE repeat = ?", (key,))
        self._known[name] = self._seen[name] = at, name

    def _drop(self, line: bytes, reason: Reason) -> None:
        self.drop.dropped.append((line, reason))
        self._refused[reason] += 1

    def _insert(self) -> None:
        if not self._rows:
            return
        before = self.drop.connection.total_changes
        self.drop.connection.executemany(
            "INSERT OR IGNORE INTO waiting (key, at, identity, line, tried, due) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            self._rows,
        )
        inserted = self.drop.connection.total_changes - before
        self.imported += inserted
        add(self.drop.connection, {"accepted": inserted})
        self.arrived |= dict.fromkeys(identity for _, _, identity, _, _, _ in self._rows)
        self._rows.clear()


def import_lines(
    connection: sqlite3.Connection, lines: Iterable[bytes], limits: Limits, now: float
) -> ImportReport:
    """Imports lines and makes room.

    :param now: seconds since the epoch; what claims to be later happened now.
    """
    drop = Dropping(connection, now)
    intake = _Intake(drop, limits)
    intake.take(lines)
    make_room(connection, limits, drop.dropped)
    return ImportReport(intake.imported, intake.arrived, drop.dropped, intake.kept_address)


def import_portions(
    connection: sqlite3.Connection, portions: Iterable[Portion], limits: Limits, now: float
) -> tuple[ImportReport, list[Portion]]:
    """Imports portions of journals, each once, and makes room.

    :returns: also the portions that were imported here, and not by somebody else meanwhile.
    """
    own = _advance(connection, list(portions))
    lines = chain.from_iterable(portion.lines for portion in own)
    return import_lines(connection, lines, limits, now), own


def _advance(connection: sqlite3.Connection, portions: list[Portion]) -> list[Portion]:
    """Notes that portions are imported, except those that somebody else has imported meanwhile."""
    names = json.dumps([portion.segment.path.name for portion in portions])
    query = f"SELECT name, start FROM segments WHERE name {AMONG}"  # noqa: S608
    starts = dict(connection.execute(query, (names,)))
    own = []
    for portion in portions:
        start = starts.get(portion.segment.path.name, 0)
        if start == portion.start and portion.segment.still_holds(portion.chunk, start):
            own.append(portion)
    connection.executemany(
        "INSERT OR REPLACE INTO segments VALUES (?, ?, ?)",
        [(portion.segment.path.name, portion.end, portion.start) for portion in own],
    )
    return own


def forget_segments(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Forgets segments that are removed; no other ever has their names."""
    connection.executemany("DELETE FROM segments WHERE name = ?", [(name,) for name in names])


def make_room(connection: sqlite3.Connection, limits: Limits, dropped: Dropped) -> None:
    """Drops the oldest of whoever has the most waiting, until the rest is within the limits."""
    (rows,) = connection.execute("SELECT COUNT(*) FROM waiting").fetchone()
    excess = rows - limits.rows
    while excess > 0 or used_bytes(connection) > limits.bytes:
        at_once = min(excess, EVICTED_AT_ONCE) if excess > 0 else EVICTED_AT_ONCE
        oldest = _to_evict(connection, at_once)
        if not oldest:
            dead = connection.execute(
                "DELETE FROM dead WHERE id IN (SELECT id FROM dead ORDER BY id LIMIT ?)",
                (EVICTED_AT_ONCE,),
            )
            if not dead.rowcount:
                return
        remove(connection, oldest, Reason.OVERFLOW, dropped)
        excess -= len(oldest)


def _to_evict(connection: sqlite3.Connection, limit: int) -> list[tuple[int, bytes]]:
    most = connection.execute(
        "SELECT identity, COUNT(*) FROM waiting GROUP BY identity ORDER BY COUNT(*) DESC LIMIT 1"
    ).fetchone()
    if most is None or most[1] <= SMALL_SHARE:
        query = "SELECT id, line FROM waiting ORDER BY id LIMIT ?"
        return connection.execute(query, (limit,)).fetchall()
    query = "SELECT id, line FROM waiting WHERE identity = ? ORDER BY at, id LIMIT ?"
    # Two shoppers who flood take turns: neither is cut to less than half at once.
    return connection.execute(query, (most[0], min(limit, max(1, most[1] // 2)))).fetchall()


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
