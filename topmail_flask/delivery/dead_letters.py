"""Dead letters, and what a person at the command line does with them and with waiting entries."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.importing import Dropped, remove, withdraw
from topmail_flask.delivery.reports import DeadLetter
from topmail_flask.delivery.schema import add
from topmail_flask.domain.product_view import new_key
from topmail_flask.domain.reasons import Reason


def letter(row: tuple[str, float, bytes, str, float]) -> DeadLetter:
    """A dead letter as it may be shown: without the address."""
    key, at, line, reason, died_at = row
    try:
        entry = Entry.from_line(line)
        body = json.loads(entry.body)
    except (ValueError, TypeError, RecursionError):
        return DeadLetter(key, "", at, died_at, reason, "", "")
    shown = body if isinstance(body, dict) else {}
    shopper = _masked(str(shown.get("email") or ""))
    return DeadLetter(
        key, entry.kind, at, died_at, reason, str(shown.get("product_id") or ""), shopper
    )


def revive(connection: sqlite3.Connection, keys: Sequence[str] | None) -> int:
    """Makes dead letters wait again, each under a new key. None: all of them."""
    revived = 0
    for row_id, line, reason in _rows(connection, "SELECT id, line, reason FROM dead", keys):
        try:
            entry = replace(Entry.from_line(line), key=new_key())
        except (ValueError, TypeError):
            continue
        connection.execute(
            "INSERT INTO waiting (key, at, identity, line) VALUES (?, ?, ?, ?)",
            (entry.key, entry.at, entry.identity, entry.to_line()),
        )
        connection.execute("DELETE FROM dead WHERE id = ?", (row_id,))
        add(connection, {"dead": -1, f"reason:{reason}": -1})
        revived += 1
    return revived


def drop_dead(connection: sqlite3.Connection, keys: Sequence[str] | None) -> int:
    """Removes dead letters; the ledger keeps counting them as dead."""
    rows = _rows(connection, "SELECT id FROM dead", keys)
    connection.executemany("DELETE FROM dead WHERE id = ?", rows)
    return len(rows)


def drop_waiting(connection: sqlite3.Connection, keys: Sequence[str] | None) -> int:
    """Gives up waiting entries."""
    rows = _rows(connection, "SELECT id, line FROM waiting", keys)
    remove(connection, rows, Reason.REMOVED, [])
    return len(rows)


def forget(connection: sqlite3.Connection, identities: Collection[str], now: float) -> int:
    """Removes all that is kept of these shoppers, and what is still on its way.

    :returns: how many views and dead letters were removed.
    """
    removed = 0
    for identity in identities:
        dropped: Dropped = []
        mark = Entry("withdrawal", "forgotten", now, identity)
        withdraw(connection, mark, Reason.FORGOTTEN, dropped)
        gone = connection.execute("DELETE FROM dead WHERE identity = ?", (identity,))
        connection.execute("DELETE FROM contacts WHERE identity = ?", (identity,))
        removed += len(dropped) + gone.rowcount
    return removed


def _rows(connection: sqlite3.Connection, query: str, keys: Sequence[str] | None) -> list[Any]:
    if keys is None:
        return connection.execute(query).fetchall()
    of_key = query + " WHERE key = ?"
    return [row for key in keys for row in connection.execute(of_key, (key,))]


def _masked(email: str) -> str:
    name, at, domain = email.rpartition("@")
    return f"{name[:1]}***@{domain}" if at else ""
