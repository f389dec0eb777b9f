"""Changes of address. Each counts from its own time on, in whatever order the journals tell of it
and of what was looked at before: it is remembered for as long as that may come in.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from topmail_flask.delivery.dropping import (
    MOST_AHEAD,
    Dropping,
    reason_of,
    remove,
)
from topmail_flask.delivery.entry import IS_OF, LATER, NOT_WITHDRAWN, Entry
from topmail_flask.delivery.kinds import BY_NAME, HAPPENS_ONCE
from topmail_flask.delivery.schema import AMONG
from topmail_flask.model.reasons import Reason

_KEPT = f"""
SELECT identity FROM waiting UNION SELECT identity FROM dead UNION SELECT identity FROM purchases
UNION SELECT identity FROM withdrawals UNION SELECT repeat FROM repeats WHERE {HAPPENS_ONCE}
"""  # noqa: S608
"""Of whom anything is kept."""


@dataclass(frozen=True, slots=True)
class Move:
    """From a time on a shopper is another one, who is known by an address."""

    at: float
    successor: str
    email: str


def note_moves(connection: sqlite3.Connection, orders: Iterable[Entry], now: float) -> None:
    """Remembers changes of address; that of a clock which was ahead is of now."""
    for order in orders:
        with suppress(ValueError, TypeError, KeyError):
            email = str(json.loads(order.body)["email"])
            values = order.identity, min(order.at, now), order.repeat, email
            connection.execute("INSERT OR IGNORE INTO moves VALUES (?, ?, ?, ?)", values)


def carry_over(drop: Dropping, identities: Collection[str] | None) -> Carried:
    """Has what is kept of shoppers be whose it is by now.

    What was sent perhaps keeps its bytes: under its key it counts once.

    :param identities: of the shoppers of whom something is new; None: of all.
    """
    if identities is None:
        identities = {_shopper(name) for (name,) in drop.connection.execute(_KEPT)}
    query = f"SELECT DISTINCT identity FROM moves WHERE identity {AMONG}"  # noqa: S608  # our text
    carried = Carried(drop)
    for (identity,) in drop.connection.execute(query, (json.dumps(list(identities)),)).fetchall():
        carried.carry(identity)
    return carried


def _shopper(name: str) -> str:
    """The identity in that of a lane, or in what happens once under a name."""
    return name.partition(LATER)[0].rpartition("-")[2]


@dataclass
class Carried:
    """What is carried over, in one transaction.

    :ivar arrived: lanes into which something came.
    :ivar late: keys of what is claimed, or was, and has the former address until it is claimed.
    """

    drop: Dropping
    arrived: dict[str, None] = field(default_factory=dict)
    late: list[str] = field(default_factory=list)
    _known: dict[str, list[Move]] = field(default_factory=dict)

    def carry(self, identity: str) -> None:
        """Carries over what is kept of one shopper."""
        self._carry_names(identity)
        query = (
            "SELECT id, line, at, COALESCE(moved_at, at), due, attempts = 0 AND "  # noqa: S608
            f"(tried = 0 OR due = 0), attempts = 0 FROM waiting WHERE {IS_OF} ORDER BY at, id"
        )
        for row in self.drop.connection.execute(query, [identity] * 3).fetchall():
            with suppress(ValueError, TypeError):  # what cannot be read is not sent either
                self._carry_row(identity, row)
        self._carry_refused(identity)
        self._carry_marks(identity)

    def path(self, identity: str, at: float) -> list[Move]:
        """The changes, one after the other, of who was known by an identity at a time."""
        found: list[Move] = []
        while moves := [m for m in self._of(identity) if m.at >= at and m not in found]:
            found.append(min(moves, key=lambda move: move.at))
            identity, at = found[-1].successor, found[-1].at
        return found

    def _of(self, identity: str) -> list[Move]:
        if identity not in self._known:
            # A later one is of a clock that was ahead.
            query = "SELECT at, successor, email FROM moves WHERE identity = ? AND at <= ?"
            found = self.drop.connection.execute(query, (identity, self.drop.now + MOST_AHEAD))
            self._known[identity] = [Move(*row) for row in found]
        return self._known[identity]

    def _carry_row(
        self, identity: str, row: tuple[int, bytes, float, float, float, bool, bool]
    ) -> None:
        row_id, line, at, since, due, is_unsent, is_untried = row
        if not (path := self.path(identity, since)):
            return
        entry, last = Entry.from_line(line), path[-1]
        # A lease ends later, and what memory has given back was sent from there perhaps.
        is_unsent = is_unsent or entry.due > self.drop.now or 0 < due <= entry.due
        is_unsent = is_unsent and (entry.contact_id != "" or entry.renewed > 0)
        if reason := self._why_not(entry, at, path, is_unsent=is_unsent):
            remove(self.drop.connection, [(row_id, line)], reason, self.drop.dropped)
            return
        lane = entry.identity.replace(entry.shopper, last.successor, 1)
        changed = entry.moved(lane, last.email if is_unsent else None)
        is_late = is_untried and not is_unsent
        query = "UPDATE waiting SET identity = ?, line = ?, moved_at = ?, address = ? WHERE id = ?"
        values = lane, changed.to_line(), last.at, last.email if is_late else None, row_id
        self.drop.connection.execute(query, values)
        self.arrived[lane] = None
        self.late += [entry.key] if is_late else []

    def _why_not(
        self, entry: Entry, at: float, path: list[Move], *, is_unsent: bool
    ) -> Reason | None:
        """Why it is not sent to who its shopper is by now."""
        last, late = path[-1], self.drop.now + MOST_AHEAD
        for move in path:
            query = "SELECT reason FROM withdrawals WHERE identity = ? AND at BETWEEN ? AND ?"
            asked = move.successor, move.at, late
            for (reason,) in self.drop.connection.execute(query, asked):
                return reason_of(reason)
            if not move.email:  # it was forgotten
                return Reason.FORGOTTEN
            query = "SELECT 1 FROM purchases WHERE identity = ? AND at BETWEEN ? AND ?"
            asked = move.successor, at, late
            if entry.kind == "view" and self.drop.connection.execute(query, asked).fetchone():
                return Reason.PURCHASED
        name = entry.repeat.replace(entry.shopper, last.successor)
        if not is_unsent or name == entry.repeat:
            return None
        query = "SELECT key FROM repeats WHERE repeat = ? AND key <> ?"
        is_known = self.drop.connection.execute(query, (name, entry.key)).fetchone()
        return BY_NAME[entry.kind].known if is_known else None

    def _carry_refused(self, identity: str) -> None:
        """What TopMail refused for an address that it did not know is tried with the new one."""
        query = f"SELECT id, line FROM dead WHERE {IS_OF} AND reason = ? AND {NOT_WITHDRAWN}"  # noqa: S608
        asked = *[identity] * 3, Reason.CONTACT_NOT_FOUND
        for row_id, line in self.drop.connection.execute(query, asked).fetchall():
            with suppress(ValueError, TypeError):
                entry = Entry.from_line(line)
                if not (path := self.path(identity, entry.at)):
                    continue
                lane = entry.identity.replace(entry.shopper, path[-1].successor, 1)
                changed = entry.moved(lane, path[-1].email).to_line()
                query = "UPDATE dead SET identity = ?, line = ? WHERE id = ?"
                self.drop.connection.execute(query, (lane, changed, row_id))
                query = "INSERT OR IGNORE INTO unknown_contacts VALUES (?, 0, ?)"
                self.drop.connection.execute(query, (lane, self.drop.now))

    def _carry_names(self, identity: str) -> None:
        """What happened once under a name has happened to who the shopper is by now."""
        query = "SELECT repeat, at, key FROM repeats WHERE repeat GLOB ?"
        for name, at, key in self.drop.connection.execute(query, (f"*-{identity}",)).fetchall():
            for move in self.path(identity, at)[-1:]:
                values = name.replace(identity, move.successor), at, key
                self.drop.connection.execute(
                    "INSERT OR IGNORE INTO repeats VALUES (?, ?, ?)", values
                )

    def _carry_marks(self, identity: str) -> None:
        """A purchase or a refusal was that of who the shopper is by now."""
        for successor, at in self._marks("SELECT at FROM purchases WHERE identity = ?", identity):
            if self.drop.mark("purchases", successor, at):
                self.drop.views(successor, at)
        query = "SELECT at, reason FROM withdrawals WHERE identity = ?"
        for successor, at, reason in self._marks(query, identity):
            if self.drop.mark("withdrawals", successor, at, reason):
                self.drop.waiting(successor, at, reason_of(reason))

    def _marks(self, query: str, identity: str) -> Iterator[tuple[Any, ...]]:
        for at, *reason in self.drop.connection.execute(query, (identity,)).fetchall():
            for move in self.path(identity, at):
                yield move.successor, at, *reason
