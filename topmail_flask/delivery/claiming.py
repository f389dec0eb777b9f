"""Which views are sent next: shoppers take turns, each with the oldest of their views."""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Any

from topmail_flask.delivery.dropping import LONGEST_REFUSAL, Dropped, remove, set_times_right
from topmail_flask.delivery.entry import NOT_WITHDRAWN, Entry
from topmail_flask.delivery.kinds import BY_NAME, IS_VIEW
from topmail_flask.delivery.policy import LONGEST_PAUSE
from topmail_flask.delivery.schema import AMONG, add
from topmail_flask.model.events import Event
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

LEASE = 60.0
LONGEST_WAIT = LONGEST_PAUSE + LEASE
"""Seconds; a row that is due later was given its time by a clock that has jumped (fault F101)."""
ASK_AGAIN_AFTER = (60.0, 300.0, 1800.0, LONGEST_REFUSAL)
"""Seconds after which TopMail is asked again for a contact that it did not know: after the first
three refusals with the views that are kept for it, from then on with its next view."""
TO_ASK_AGAIN = f"""
SELECT identity FROM unknown_contacts AS unknown WHERE ask_at <= ? AND refusals < ? AND EXISTS (
    SELECT 1 FROM dead WHERE dead.identity = unknown.identity AND reason = ? AND {NOT_WITHDRAWN})
LIMIT 100
"""  # noqa: S608
LATE_AFTER, MOST_LATE = 900.0, 20
"""Of one shopper only the newest views are sent once some have waited for so many seconds."""
_HEADS = """
SELECT w.identity, w.key, w.line, w.attempts, w.tried, w.due, w.failing_since, w.address
FROM json_each(?) AS shopper JOIN waiting AS w ON w.id IN (
    SELECT id FROM waiting WHERE identity = shopper.value AND at > ? ORDER BY at, id LIMIT ?)
ORDER BY shopper.key, w.at, w.id
"""
NEXT_SHOPPERS = """
WITH RECURSIVE shopper (identity) AS (
    SELECT MIN(identity) FROM waiting WHERE identity >= ?
    UNION ALL
    SELECT (SELECT MIN(identity) FROM waiting WHERE identity > shopper.identity)
    FROM shopper WHERE shopper.identity IS NOT NULL)
SELECT identity FROM shopper WHERE identity IS NOT NULL LIMIT ?
"""
SHOPPERS_DUE = (
    "SELECT DISTINCT identity FROM (SELECT identity FROM waiting "
    "WHERE tried = 1 AND (due <= ? OR due > ?) ORDER BY due LIMIT ?)"
)
LONGEST_LINE = 10_000
"""Shoppers that are remembered as being in line; of more, a sweep reminds."""
Page = Callable[[str, int], list[str]]
"""The next shoppers in the table behind one of them, at most so many, in the table's order."""


class Turns:
    """The line of shoppers, by identity. A shopper with views under way has no other turn.

    What is known here is a shortcut: the outbox's table is the truth, and is swept through for
    whoever waits in it and is not in line.
    """

    def __init__(self) -> None:
        self._line: deque[str] = deque()
        self._again: deque[str] = deque()
        self._in_line: set[str] = set()
        self._under_way: dict[str, tuple[set[str], float]] = {}
        self._more: set[str] = set()
        self._swept: deque[str] = deque()
        self._swept_to: str | None = ""

    def arrived(self, identities: Iterable[str]) -> None:
        """New views of these shoppers wait."""
        for identity in identities:
            if identity in self._under_way:
                self._more.add(identity)
            elif identity not in self._in_line:
                self._enter(self._line, identity)

    def sweep(self) -> None:
        """Have everybody in the table get a turn: others may have put something there."""
        self._swept_to = ""

    @property
    def sweeps(self) -> bool:
        """Whether a sweep is under way."""
        return bool(self._swept) or self._swept_to is not None

    def next(self, limit: int, due: list[str], page: Page, now: float) -> list[str]:
        """Who has the next turns: in turn those who are due, the one who came last, the one who has
        waited longest in line, one with more views after a turn, and one of the sweep.

        :param due: whose retry or purchase is due, the longest due first.
        """
        if not self._swept and self._swept_to is not None:
            self._swept.extend(page(self._swept_to, limit))
            self._swept_to = self._swept[-1] if len(self._swept) == limit else None
        waiting_due = deque(due)
        sources = (
            (waiting_due, waiting_due.popleft),
            (waiting_due, waiting_due.popleft),
            (self._line, self._line.pop),
            (self._line, self._line.popleft),
            (self._again, self._again.popleft),
            (self._swept, self._swept.popleft),
        )
        chosen: dict[str, None] = {}
        goes_on = True
        while goes_on:
            goes_on = False
            for line, leave in sources:
                if line and len(chosen) < limit:
                    goes_on = True
                    identity = leave()
                    self._in_line.discard(identity)
                    _, until = self._under_way.get(identity, (None, 0.0))
                    if not now < until <= now + LEASE:
                        self._under_way.pop(identity, None)
                        chosen[identity] = None
        return list(chosen)

    def began(self, identity: str, keys: Iterable[str], until: float, *, more: bool) -> None:
        """Views of a shopper are under way.

        :param until: when their lease ends.
        :param more: whether others of theirs wait behind these.
        """
        self._under_way[identity] = set(keys), until
        if more:
            self._more.add(identity)

    def ended(self, identity: str, key: str, *, waits: bool = False) -> None:
        """A view is not under way any more.

        :param waits: whether it waits for its next turn, which is due now.
        """
        keys, _ = self._under_way.get(identity, (set(), 0.0))
        if key not in keys:
            return
        keys.discard(key)
        if waits:
            self._more.add(identity)
        if not keys:
            del self._under_way[identity]
            if identity in self._more:
                self._more.discard(identity)
                self._enter(self._again, identity)

    def _enter(self, line: deque[str], identity: str) -> None:
        if len(self._line) + len(self._again) >= LONGEST_LINE:
            self._in_line.discard((self._line or self._again).popleft())
            self.sweep()
        self._in_line.add(identity)
        line.append(identity)


@dataclass(frozen=True)
class Row:
    """A claimed entry: nobody else gets it before its lease ends.

    :ivar entry: key, body bytes, identity, time.
    :ivar attempts: attempts that counted so far.
    :ivar lease: when it ends, in seconds since the epoch.
    :ivar failing_since: when it began to fail while others passed, in seconds since the epoch.
    """

    entry: Entry = field(repr=False)
    attempts: int
    lease: float
    failing_since: float | None = None

    @cached_property
    def event(self) -> Event:
        """The event that the body tells."""
        return self.entry.event()

    @property
    def shopper(self) -> Shopper | None:
        """Whose it is."""
        return self.event.shopper

    @property
    def is_tried(self) -> bool:
        """Whether it is due at once when it is given back, and does not wait for a turn."""
        return self.attempts > 0 or BY_NAME[self.entry.kind].ends_browsing


@dataclass(frozen=True, slots=True)
class UnknownContact:
    """A contact that TopMail did not know.

    :ivar refusals: how often it has said so in a row.
    :ivar ask_at: when it is asked for again, in seconds since the epoch. Views that come before are
        dead letters at once.
    """

    refusals: int
    ask_at: float

    @classmethod
    def after(cls, known: UnknownContact | None, now: float) -> UnknownContact:
        """What is remembered after one more refusal."""
        refusals = known.refusals + 1 if known else 1
        return cls(refusals, now + ASK_AGAIN_AFTER[min(refusals, len(ASK_AGAIN_AFTER)) - 1])


@dataclass
class Claim:
    """The oldest views of some shoppers, claimed in one transaction.

    :ivar each: views of one shopper at the most.
    :ivar oldest: views that are not younger are not sent any more.
    :ivar unwritten: what rows came to, by key, that could not be written yet; "": they wait.
    :ivar more: shoppers of whom more can be sent after these.
    :ivar superseded: what was given up for newer ones.
    """

    identities: Sequence[str]
    each: int
    now: float
    oldest: float
    unwritten: dict[str, str]
    more: set[str] = field(default_factory=set)
    superseded: Dropped = field(default_factory=list)
    _invalid: list[str] = field(default_factory=list)
    _moved: list[tuple[bytes, str]] = field(default_factory=list)

    def take(self, connection: sqlite3.Connection) -> list[Row]:
        """Takes them for the time of a lease. What cannot be read becomes a dead letter."""
        self.superseded = []
        self._drop_superseded(connection)
        rows = self.find(connection, {})
        for key in self._invalid:
            kill(connection, key, Reason.INVALID_ROW, self.now)
        query = "UPDATE waiting SET line = ?, address = NULL WHERE key = ?"
        connection.executemany(query, self._moved)
        keys = json.dumps([row.entry.key for row in rows])
        query = f"UPDATE waiting SET tried = 1, due = ? WHERE key {AMONG}"  # noqa: S608
        connection.execute(query, (self.now + LEASE, keys))
        return rows

    def find(self, connection: sqlite3.Connection, leased: dict[str, float]) -> list[Row]:
        """The rows that :meth:`take` would take, and nothing is written.

        :param leased: what is taken though the file does not tell of it.
        """
        self.more.clear()
        self._invalid.clear()
        self._moved.clear()
        limit = self.each + 1 + len(self.unwritten)
        asked = json.dumps(list(self.identities)), self.oldest, limit
        found = connection.execute(_HEADS, asked).fetchall()
        rows: list[Row] = []
        for identity, of_one in groupby(found, itemgetter(0)):
            rows += self._of_one(identity, list(of_one), leased)
        return rows

    def _of_one(
        self, identity: str, found: list[tuple[Any, ...]], leased: dict[str, float]
    ) -> list[Row]:
        rows: list[Row] = []
        for _, key, line, attempts, tried, due, failing_since, address in found:
            if self.unwritten.get(key):
                continue
            waits = tried and self.now < due <= self.now + LONGEST_WAIT
            if waits or key in leased or key in self.unwritten:
                break
            if len(rows) == self.each:
                self.more.add(identity)
                break
            try:
                row = _row(key, line, attempts, self.now + LEASE, failing_since)
                if address is not None and attempts == 0 and (not tried or due == 0):
                    row = replace(row, entry=row.entry.moved(identity, str(address)))
                    self._moved.append((row.entry.to_line(), key))
                rows.append(row)
            except (ValueError, TypeError, RecursionError):
                self._invalid.append(key)
                self.more.add(identity)
        return rows

    def _drop_superseded(self, connection: sqlite3.Connection) -> None:
        """Of views that wait for long only the newest of each shopper are still of use."""
        late = self.now - LATE_AFTER
        query = (
            "SELECT value, (SELECT COUNT(*) FROM waiting WHERE identity = value) FROM json_each(?) "
            "WHERE EXISTS (SELECT 1 FROM waiting WHERE identity = value AND at <= ?)"
        )
        asked = json.dumps(list(self.identities)), late
        for identity, count in connection.execute(query, asked).fetchall():
            if (excess := count - MOST_LATE) > 0:
                query = (
                    "SELECT id, line FROM waiting WHERE identity = ? AND at <= ? "  # noqa: S608
                    f"AND {IS_VIEW} ORDER BY at, id LIMIT ?"
                )
                rows = connection.execute(query, (identity, late, excess)).fetchall()
                remove(connection, rows, Reason.SUPERSEDED, self.superseded)


def _row(
    key: str, line: object, attempts: object, lease: float, failing_since: float | None
) -> Row:
    """The row, checked: nothing in the file is believed.

    :raises ValueError: it is not what a journal's line told (faults F100, F174).
    """
    if not isinstance(line, bytes) or not isinstance(attempts, int):
        raise ValueError("a column of the row has a wrong type")
    entry = Entry.from_line(line)
    if entry.key != key:
        raise ValueError("the row's key is not that of its entry")
    entry.check_body()
    return Row(entry, attempts, lease, number(failing_since))


def kill(connection: sqlite3.Connection, key: str, reason: Reason, now: float) -> None:
    """Makes a waiting row a dead letter."""
    connection.execute(
        "INSERT OR REPLACE INTO dead (key, at, identity, line, attempts, reason, died_at) "
        "SELECT key, at, identity, line, attempts, ?, ? FROM waiting WHERE key = ?",
        (reason, now, key),
    )
    gone = delete(connection, key)
    add(connection, {"dead": gone, f"reason:{reason}": gone})


def give_back(connection: sqlite3.Connection, identities: Sequence[str], oldest: float) -> None:
    """Has the newest dead letters of contacts that were unknown wait again, each for another call.

    :param oldest: time of the oldest view that may still be sent.
    """
    reason = Reason.CONTACT_NOT_FOUND
    query = (
        "SELECT key, line, attempts FROM dead WHERE identity = ? AND reason = ? "  # noqa: S608
        f"AND at > ? AND {NOT_WITHDRAWN} ORDER BY at DESC, id DESC LIMIT ?"
    )
    for identity in identities:
        asked = identity, reason, oldest, MOST_LATE
        for key, line, attempts in connection.execute(query, asked).fetchall():
            with suppress(ValueError, TypeError):
                renewed = Entry.from_line(line).as_renewed()
                wait_again(connection, key, renewed, max(attempts, 1), reason)


def wait_again(
    connection: sqlite3.Connection, key: str, entry: Entry, attempts: int, reason: str
) -> bool:
    """Has a dead letter wait again, as ``entry``; returns whether it did not wait already.

    :param key: by which it is known as a dead letter.
    """
    inserted = connection.execute(
        "INSERT OR IGNORE INTO waiting (key, at, identity, line, attempts) "
        "SELECT ?, at, ?, ?, ? FROM dead WHERE key = ?",
        (entry.key, entry.identity, entry.to_line(), attempts, key),
    )
    if inserted.rowcount:
        connection.execute("DELETE FROM dead WHERE key = ?", (key,))
        add(connection, {"dead": -1, f"reason:{reason}": -1})
    return inserted.rowcount > 0


def end_leases(connection: sqlite3.Connection, now: float) -> None:
    """What a leader that is gone had claimed, and has sent perhaps, is due; times in the future are
    now.
    """
    set_times_right(connection, now)
    query = "UPDATE waiting SET attempts = max(attempts, 1), due = 0 WHERE tried = 1 AND due > ? "
    connection.execute(f"{query}AND due <= ?", (now, now + LEASE))


def delete(connection: sqlite3.Connection, key: str) -> int:
    """Removes a waiting row; whether it was there."""
    return connection.execute("DELETE FROM waiting WHERE key = ?", (key,)).rowcount


def number(value: object) -> float | None:
    """What a column that should hold a number holds; None: no number."""
    return float(value) if isinstance(value, (int, float)) else None
