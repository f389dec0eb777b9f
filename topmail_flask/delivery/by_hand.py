"""What a person does with dead letters and waiting entries: one short transaction each."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.importing import Dropped, remove, withdraw
from topmail_flask.delivery.reports import EntrySummary
from topmail_flask.delivery.schema import add
from topmail_flask.model.events import KEY_PREFIX, new_key
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

Table = Literal["waiting", "dead"]
COLUMNS = {
    "waiting": "key, at, line, attempts, due, '', NULL",
    "dead": "key, at, line, attempts, NULL, reason, died_at",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries of a table are meant: those for which all that is told is true.

    :ivar keys: they have one of these keys; empty: whatever key.
    :ivar reason: why they died; empty: whatever reason.
    :ivar died_before: when they died at the latest, in seconds since the epoch.
    """

    keys: tuple[str, ...] = ()
    reason: str = ""
    died_before: float | None = None

    @property
    def condition(self) -> tuple[str, list[object]]:
        """What it says of rows, whatever their keys, in SQL."""
        known = {"reason = ?": self.reason or None, "died_at <= ?": self.died_before}
        told = {said: value for said, value in known.items() if value is not None}
        return " AND ".join(["1", *told]), list(told.values())


def summary(row: tuple[Any, ...]) -> EntrySummary:
    """An entry as it may be shown: without the address."""
    key, at, line, attempts, due, reason, died_at = row
    try:
        entry = Entry.from_line(line)
        body = json.loads(entry.body)
    except (ValueError, TypeError, RecursionError):
        return EntrySummary(key, "", at, "", "", "", attempts, due or None, reason, died_at)
    told = body if isinstance(body, dict) else {}
    return EntrySummary(
        key,
        entry.kind,
        at,
        str(told.get("product_id") or ""),
        str(told.get("order_id") or ""),
        _masked(told),
        attempts,
        due or None,
        reason,
        died_at,
    )


def revive(
    connection: sqlite3.Connection, keys: Sequence[str], oldest: float
) -> tuple[Counter[str], Dropped]:
    """Makes dead letters wait again.

    One that TopMail answers with a stored error gets a new key (fault F028); any other keeps its
    key, for TopMail may have taken it after all.

    :param oldest: time of the oldest view that may still be sent.
    :returns: how many were ``retried``, and how many were not: ``too_old``, ``withdrawn`` (their
        shopper has withdrawn consent since, or was forgotten), ``bought`` (views whose shopper has
        bought since), ``waiting`` (already), ``unreadable``.
    """
    ends: Counter[str] = Counter()
    query = "SELECT line, reason, attempts FROM dead WHERE key = ?"
    for key in keys:
        for line, reason, attempts in connection.execute(query, (key,)).fetchall():
            ends[_revive(connection, key, line, reason, attempts, oldest)] += 1
    return ends, []


def _revive(
    connection: sqlite3.Connection,
    key: str,
    line: bytes,
    reason: str,
    attempts: int,
    oldest: float,
) -> str:
    try:
        entry = Entry.from_line(line)
    except (ValueError, TypeError):
        return "unreadable"
    if entry.at <= oldest:
        return "too_old"
    withdrawn = "SELECT 1 FROM withdrawals WHERE identity = ? AND at >= ?"
    if connection.execute(withdrawn, (entry.identity, entry.at)).fetchone():
        return "withdrawn"
    bought = "SELECT 1 FROM purchases WHERE identity = ? AND at >= ?"
    if entry.kind == "view" and connection.execute(bought, (entry.identity, entry.at)).fetchone():
        return "bought"
    if reason == Reason.REPLAYED_ERROR:
        prefix = KEY_PREFIX if entry.kind == "purchase" else ""
        entry, attempts = replace(entry, key=prefix + new_key()), 0
    else:  # an attempt or more: the same key keeps the same bytes
        attempts = max(attempts, 1)
    inserted = connection.execute(
        "INSERT OR IGNORE INTO waiting (key, at, identity, line, attempts) VALUES (?, ?, ?, ?, ?)",
        (entry.key, entry.at, entry.identity, entry.to_line(), attempts),
    )
    if not inserted.rowcount:
        return "waiting"
    # Who was unknown an hour ago may be known by now: that is what a retry is for.
    unknown = "DELETE FROM contacts WHERE identity = ? AND contact_id IS NULL"
    connection.execute(unknown, (entry.identity,))
    connection.execute("DELETE FROM dead WHERE key = ?", (key,))
    add(connection, {"dead": -1, f"reason:{reason}": -1})
    return "retried"


def take_out(
    connection: sqlite3.Connection, table: Table, keys: Sequence[str], reason: Reason
) -> tuple[Counter[str], Dropped]:
    """Gives up what waits, or removes dead letters, which the ledger keeps counting as dead.

    :returns: how many were ``removed``, and the entries that waited, to be told of.
    """
    removed, dropped = 0, Dropped()
    query = "SELECT id, line FROM waiting WHERE key = ?"
    for key in keys:
        if table == "dead":
            removed += connection.execute("DELETE FROM dead WHERE key = ?", (key,)).rowcount
            continue
        rows = connection.execute(query, (key,)).fetchall()
        remove(connection, rows, reason, dropped)
        removed += len(rows)
    return Counter(removed=removed), dropped


def mark_forgotten(
    connection: sqlite3.Connection, shoppers: Mapping[str, Shopper], now: float
) -> tuple[Counter[str], Dropped]:
    """Removes all that is kept of shoppers under their identities, and what is on its way.

    :returns: how many views and dead letters were ``removed``, and the entries that waited.
    """
    letters, dropped = 0, Dropped()
    for identity, shopper in shoppers.items():
        mark = Entry("withdrawal", "forgotten", now, identity)
        withdraw(connection, mark, Reason.FORGOTTEN, dropped)
        letters += connection.execute("DELETE FROM dead WHERE identity = ?", (identity,)).rowcount
        contacts = "DELETE FROM contacts WHERE identity = ? OR contact_id = ?"
        connection.execute(contacts, (identity, shopper.contact_id))
        connection.execute("DELETE FROM purchases WHERE identity = ?", (identity,))
    return Counter(removed=letters + len(dropped)), dropped


def tells_of(line: bytes, emails: Collection[str], contact_ids: Collection[str]) -> bool:
    """Whether a line tells of a shopper with one of these addresses (in lower case) or ids."""
    try:
        entry = Entry.from_line(line)
        body = json.loads(entry.body)
    except (ValueError, TypeError, RecursionError):
        text = str(line, errors="replace").casefold() if isinstance(line, bytes) else str(line)
        return any(f'"{email}"' in text for email in emails)
    told = body if isinstance(body, dict) else {}
    email = str(told.get("email") or "").casefold()
    known_as = {str(told.get("contact_id")), entry.contact_id}
    return email in emails or not known_as.isdisjoint(contact_ids)


def _masked(told: dict[str, Any]) -> str:
    name, at, domain = str(told.get("email") or "").rpartition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    return "contact id" if told.get("contact_id") else ""
