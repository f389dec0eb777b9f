"""What is given up: removed, counted, and handed on with its reason."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from topmail_flask.delivery.entry import IS_OF
from topmail_flask.delivery.kinds import HAPPENS_ONCE, IS_VIEW
from topmail_flask.delivery.schema import add
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

Dropped = list[tuple[bytes, Reason]]
"""Lines of entries that are given up, and why."""
MOST_CONTACTS, MOST_MOVES = 2000, 20_000
NAMES_KEPT, MOST_NAMES = 90 * 86_400.0, 20_000
"""Seconds for which, and number of the newest names of which, it is known that they were used."""
LONGEST_REFUSAL = 3600.0
"""Seconds for which TopMail is not asked again for a contact that it did not know."""
LONGEST_CALLS = 60.0
"""Seconds that a view has to come to an end that was sent just before its time was over."""
MOST_AHEAD = 1.0
"""Seconds by which a time may be in the future: all processes of a machine have one clock."""
UNTIL = f"(at <= ? OR at > ? + {MOST_AHEAD})"
"""Whether a row is from before a time; the values are that time, and now. What is later than now
waited before the clock was set back.
"""


def reason_of(text: object) -> Reason:
    """The reason of a withdrawal, whatever its row holds."""
    known = (reason for reason in Reason if str(reason) == text)
    return next(known, Reason.CONSENT_WITHDRAWN)


def count_dropped(
    connection: sqlite3.Connection, reason: Reason, amount: int, *, accepted: int = 0
) -> None:
    """Enters dropped views into the ledger."""
    add(connection, {"accepted": accepted, "dropped": amount, f"reason:{reason}": amount})


def remove(
    connection: sqlite3.Connection,
    rows: list[tuple[int, bytes]],
    reason: Reason,
    dropped: Dropped,
) -> None:
    """Deletes waiting rows and counts them under ``reason``."""
    if not rows:
        return
    connection.executemany("DELETE FROM waiting WHERE id = ?", [(row_id,) for row_id, _ in rows])
    if reason is Reason.EXPIRED:
        add(connection, {"expired": len(rows), f"reason:{reason}": len(rows)})
    else:
        count_dropped(connection, reason, len(rows))
    dropped += [(line, reason) for _, line in rows]


@dataclass(slots=True)
class Dropping:
    """What refusals and purchases take out of the outbox, in one transaction.

    :ivar now: seconds since the epoch.
    :ivar dropped: what was taken out.
    """

    connection: sqlite3.Connection
    now: float
    dropped: Dropped = field(default_factory=list)

    def waiting(self, identity: str, at: float, reason: Reason) -> None:
        """Drops what waits for an identity until a time."""
        query = f"SELECT id, line FROM waiting WHERE {IS_OF} AND {UNTIL}"  # noqa: S608  # our text
        self._drop(query, (*[identity] * 3, at, self.now), reason)

    def views(self, identity: str, at: float) -> None:
        """Drops the views that wait for who has bought at a time."""
        query = f"SELECT id, line FROM waiting WHERE identity = ? AND {UNTIL} AND {IS_VIEW}"  # noqa: S608
        self._drop(query, (identity, at, self.now), Reason.PURCHASED)

    def withdraw(self, identity: str, at: float, reason: Reason) -> None:
        """Drops what waits for an identity, and what is still on its way from other journals."""
        self.waiting(identity, at, reason)
        self.mark("withdrawals", identity, at, reason)

    def mark(self, table: str, identity: str, at: float, *reason: str) -> bool:
        """Remembers a purchase or a withdrawal, for what is still on its way; returns whether no
        later one is known. One of the future is of a clock that was ahead.
        """
        others = ", reason = excluded.reason" if reason else ""
        query = (
            f"INSERT INTO {table} VALUES ({', '.join('?' * (2 + len(reason)))}) ON CONFLICT "  # noqa: S608
            f"(identity) DO UPDATE SET at = excluded.at{others} WHERE excluded.at > at OR at > ?"
        )
        values = identity, at, *reason, self.now + MOST_AHEAD
        return self.connection.execute(query, values).rowcount > 0

    def _drop(self, query: str, values: tuple[object, ...], reason: Reason) -> None:
        rows = self.connection.execute(query, values).fetchall()
        remove(self.connection, rows, reason, self.dropped)


def set_times_right(connection: sqlite3.Connection, now: float) -> None:
    """Ends what a clock that was ahead has put into the future."""
    late = now + MOST_AHEAD
    query = "UPDATE waiting SET at = ? WHERE id IN (SELECT id FROM waiting WHERE at > ?)"
    connection.execute(query, (now, late))
    connection.execute("DELETE FROM purchases WHERE at > ?", (late,))
    connection.execute("DELETE FROM withdrawals WHERE at > ?", (late,))
    connection.execute("DELETE FROM moves WHERE at > ?", (late,))
    query = "UPDATE waiting SET failing_since = ? WHERE failing_since > ?"
    connection.execute(query, (now, late))
    query = "UPDATE notes SET value = ? WHERE name = 'last_success' AND value > ?"
    connection.execute(query, (now, late))
    # Times to wait for are in the future, but not by more than anybody waits.
    query = "UPDATE unknown_contacts SET ask_at = ? WHERE ask_at > ?"
    connection.execute(query, (now, late + LONGEST_REFUSAL))


def expire(connection: sqlite3.Connection, before: float, limit: int) -> Dropped:
    """Gives up what is older than ``before``; what is being sent has the time of a lease more."""
    query = (
        "SELECT id, line FROM waiting WHERE id IN (SELECT id FROM waiting WHERE at <= ? LIMIT ?) "
        "AND (tried = 0 OR at <= ?)"
    )
    asked = before, limit, before - LONGEST_CALLS
    rows = connection.execute(query, asked).fetchall()
    dropped: Dropped = []
    remove(connection, rows, Reason.EXPIRED, dropped)
    return dropped


def purge(connection: sqlite3.Connection, now: float, settings: Settings) -> None:
    """Deletes what is too old to be of use (fault F160)."""
    set_times_right(connection, now)
    longest = max(settings.repeat_window, settings.max_age)
    for statement, age in (
        ("DELETE FROM dead WHERE died_at < ?", settings.dead_letter_age),
        (f"DELETE FROM repeats WHERE {IS_VIEW} AND at < ?", settings.repeat_window),  # noqa: S608
        (f"DELETE FROM repeats WHERE NOT ({HAPPENS_ONCE}) AND at < ?", longest),  # noqa: S608
        ("DELETE FROM repeats WHERE at < ?", NAMES_KEPT),
        ("DELETE FROM withdrawals WHERE at < ?", settings.max_age),
        ("DELETE FROM purchases WHERE at < ?", settings.max_age),
        ("DELETE FROM moves WHERE at < ?", settings.max_age),
    ):
        connection.execute(statement, (now - age,))
    connection.execute(
        f"DELETE FROM repeats WHERE ({HAPPENS_ONCE}) AND at < (SELECT at FROM repeats "  # noqa: S608
        f"WHERE {HAPPENS_ONCE} ORDER BY at DESC LIMIT 1 OFFSET ?)",
        (MOST_NAMES,),
    )
    connection.execute("DELETE FROM contacts WHERE until < ?", (now,))
    connection.execute("DELETE FROM unknown_contacts WHERE ask_at < ?", (now - settings.max_age,))
    connection.execute(
        "DELETE FROM moves WHERE at < (SELECT at FROM moves ORDER BY at DESC LIMIT 1 OFFSET ?)",
        (MOST_MOVES,),
    )
    connection.execute(
        "DELETE FROM contacts WHERE rowid <= (SELECT max(rowid) FROM contacts) - ?",
        (MOST_CONTACTS,),
    )
