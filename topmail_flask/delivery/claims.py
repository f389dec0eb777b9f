"""Which entries are sent next, and what became of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Set
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, zip_longest

from topmail_flask.delivery.entries import Entry, Told
from topmail_flask.delivery.importing import Dropped, count_dropped, remove
from topmail_flask.delivery.schema import IS_PURCHASE, add, note
from topmail_flask.model.events import Purchase
from topmail_flask.model.reasons import Reason

LEASE = 60.0
DELIVERED = "delivered"
# A row that is due later than this was given its time by a clock that has jumped (fault F101).
LONGEST_WAIT = 3600.0
_COLUMNS = "SELECT key, line, attempts FROM waiting WHERE"
Found = tuple[str, bytes, int]
Find = Callable[[sqlite3.Connection], list[Found]]


@dataclass(frozen=True, slots=True)
class Row:
    """A claimed entry: nobody else gets it before its lease ends.

    :ivar entry: key, body bytes, identity, time.
    :ivar told: the view or purchase that the body tells.
    :ivar attempts: attempts that counted so far.
    :ivar lease: when it ends, in seconds since the epoch.
    """

    entry: Entry
    told: Told
    attempts: int
    lease: float

    @property
    def goes_first(self) -> bool:
        """Whether it is due at once when it is given back, and not when its time comes."""
        return self.attempts > 0 or isinstance(self.told, Purchase)


@dataclass(frozen=True, slots=True)
class Settling:
    """Something to be written: applied in a transaction, now or when the disk allows it.

    :ivar key: of the row that it settles; empty: of none.
    :ivar ends: the ledger's name of the end that the row has come to; empty: it still waits.
    :ivar at: when it came to it, in seconds since the epoch.
    """

    apply: Callable[[sqlite3.Connection], object]
    key: str = ""
    ends: str = ""
    at: float = 0.0


def settle(connection: sqlite3.Connection, settlings: Iterable[Settling]) -> None:
    """Applies them; what was delivered, the most by far, all at once."""
    taken = {}
    for one in settlings:
        if one.ends == DELIVERED:
            taken[one.key] = one.at
        else:
            one.apply(connection)
    if taken:
        query = "DELETE FROM waiting WHERE key IN (SELECT value FROM json_each(?))"
        gone = connection.execute(query, (json.dumps(list(taken)),))
        add(connection, {DELIVERED: gone.rowcount})
        note(connection, "last_success", max(taken.values()))


def due(
    connection: sqlite3.Connection, limit: int, now: float, max_age: float, taken: Set[str]
) -> list[Found]:
    """What to send: the newest, never tried, and the longest waiting, one by one in turn.

    :param taken: keys of rows that are not to be had.
    """
    oldest, enough = now - max_age, limit + len(taken)
    fresh = connection.execute(
        f"{_COLUMNS} tried = 0 AND at > ? ORDER BY at DESC LIMIT ?", (oldest, enough)
    ).fetchall()
    backlog = connection.execute(
        f"{_COLUMNS} tried = 1 AND due <= ? AND at > ? ORDER BY due LIMIT ?", (now, oldest, enough)
    ).fetchall()
    if len(backlog) < enough:
        backlog += connection.execute(
            f"{_COLUMNS} tried = 1 AND due > ? AND at > ? ORDER BY due LIMIT ?",
            (now + LONGEST_WAIT, oldest, enough),
        ).fetchall()
        backlog += connection.execute(
            f"{_COLUMNS} tried = 0 AND at > ? ORDER BY at LIMIT ?", (oldest, enough)
        ).fetchall()
    chosen: dict[str, Found] = {}
    for row in chain.from_iterable(zip_longest(fresh, backlog)):
        if row is not None and row[0] not in taken and len(chosen) < limit:
            chosen.setdefault(row[0], row)
    return list(chosen.values())


def read(found: Found, lease: float) -> Row:
    """The row, checked: nothing in the file is believed.

    :raises ValueError: it is not what a journal's line told (faults F100, F174).
    """
    key, line, attempts = found
    if not isinstance(line, bytes) or not isinstance(attempts, int):
        raise ValueError("a column of the row has a wrong type")
    entry = Entry.from_line(line)
    if entry.key != key:
        raise ValueError("the row's key is not that of its entry")
    return Row(entry, entry.told(), attempts, lease)


def claim(connection: sqlite3.Connection, find: Find, now: float) -> list[Row]:
    """Takes what is due for the time of a lease. What cannot be read becomes a dead letter."""
    rows = []
    for found in find(connection):
        try:
            rows.append(read(found, now + LEASE))
        except (ValueError, TypeError, RecursionError):
            bury(connection, found[0], Reason.INVALID_ROW, now)
    connection.executemany(
        "UPDATE waiting SET tried = 1, due = ? WHERE key = ?",
        [(row.lease, row.entry.key) for row in rows],
    )
    return rows


def end_leases(connection: sqlite3.Connection, now: float) -> None:
    """Makes due what is leased, as if it had not been claimed."""
    connection.execute(
        f"UPDATE waiting SET tried = attempts > 0 OR {IS_PURCHASE}, due = 0 "  # noqa: S608  # our text
        "WHERE tried = 1 AND due > ? AND due <= ?",
        (now, now + LEASE),
    )


def readable(connection: sqlite3.Connection, find: Find, now: float) -> list[Row]:
    """The rows that :func:`claim` would take, and nothing is written."""
    rows = []
    for found in find(connection):
        with suppress(ValueError, TypeError, RecursionError):
            rows.append(read(found, now + LEASE))
    return rows


def expire(connection: sqlite3.Connection, before: float, limit: int) -> list[Entry]:
    """Gives up what is older than ``before``; what is being sent has the time of a lease more."""
    rows = connection.execute(
        "SELECT id, line FROM waiting WHERE tried = 0 AND at <= ? LIMIT ?", (before, limit)
    ).fetchall()
    if len(rows) < limit:
        rows += connection.execute(
            "SELECT id, line FROM waiting WHERE tried = 1 AND at <= ? LIMIT ?",
            (before - LEASE, limit - len(rows)),
        ).fetchall()
    dropped: Dropped = []
    remove(connection, rows, Reason.EXPIRED, dropped)
    return [entry for entry, _ in dropped]


def delivered(row: Row, now: float) -> Settling:
    """TopMail took it. Also true when the lease has ended meanwhile (fault F092)."""
    return Settling(lambda _: None, row.entry.key, DELIVERED, now)


def again(row: Row, due_at: float, *, tried: bool, counts: bool) -> Settling:
    """Not now. Nothing changes if the lease has ended and somebody else has the row."""
    key = row.entry.key

    def apply(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE waiting SET tried = ?, due = ?, attempts = attempts + ? "
            "WHERE key = ? AND (due = ? OR tried = 0)",
            (tried, due_at, counts, key, row.lease),
        )

    return Settling(apply, key)


def renewed(row: Row, due_at: float) -> Settling:
    """Told by the address from now on, at ``due_at``."""
    key, line = row.entry.key, row.entry.by_address().to_line()

    def apply(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE waiting SET line = ?, due = ? WHERE key = ?", (line, due_at, key)
        )

    return Settling(apply, key)


def buried(row: Row, reason: Reason, now: float) -> Settling:
    """TopMail will never take it."""
    key = row.entry.key
    return Settling(lambda connection: bury(connection, key, reason, now), key, "dead")


def dropped(row: Row, reason: Reason) -> Settling:
    """It must not be sent any more, and nothing of it is kept."""
    key = row.entry.key

    def apply(connection: sqlite3.Connection) -> None:
        gone = connection.execute("DELETE FROM waiting WHERE key = ?", (key,)).rowcount
        count_dropped(connection, reason, gone)

    return Settling(apply, key, "dropped")


def bury(connection: sqlite3.Connection, key: str, reason: Reason, now: float) -> None:
    """Makes a waiting row a dead letter."""
    connection.execute(
        "INSERT OR REPLACE INTO dead (key, at, identity, line, attempts, reason, died_at) "
        "SELECT key, at, identity, line, attempts, ?, ? FROM waiting WHERE key = ?",
        (reason, now, key),
    )
    gone = connection.execute("DELETE FROM waiting WHERE key = ?", (key,)).rowcount
    add(connection, {"dead": gone, f"reason:{reason}": gone})
