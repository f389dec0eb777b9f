"""The tables of the outbox, its ledger, and what a change of the tables means for other versions.

A column, table or index that an older version may ignore is added to the file as it is
(:func:`complete`), so that either version goes on with it. Anything else raises :data:`VERSION`:
a newer version takes over what an older one left, and an older one leaves a newer file alone and
keeps its own beside it until the newer version is back.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping

VERSION = 1
# tried = 0: never sent. tried = 1: not before it is due, for a retry or for the end of a lease;
# a purchase is due from the start.
_TABLES = """
CREATE TABLE waiting (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, at REAL NOT NULL, identity TEXT NOT NULL,
    line BLOB NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, tried INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0);
CREATE INDEX waiting_due ON waiting (due) WHERE tried = 1;
CREATE TABLE dead (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, at REAL NOT NULL, identity TEXT NOT NULL,
    line BLOB NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL,
    died_at REAL NOT NULL);
CREATE INDEX dead_died_at ON dead (died_at);
CREATE INDEX dead_identity ON dead (identity);
CREATE TABLE repeats (repeat TEXT PRIMARY KEY, at REAL NOT NULL, key TEXT NOT NULL);
CREATE TABLE withdrawals (identity TEXT PRIMARY KEY, at REAL NOT NULL, reason TEXT NOT NULL);
CREATE TABLE purchases (identity TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE TABLE contacts (identity TEXT PRIMARY KEY, contact_id TEXT, until REAL NOT NULL);
CREATE TABLE segments (name TEXT PRIMARY KEY, start INTEGER NOT NULL, erased INTEGER NOT NULL);
CREATE TABLE counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE notes (name TEXT PRIMARY KEY, value);
"""
TABLES = frozenset(
    {
        *("waiting", "dead", "repeats", "withdrawals", "purchases", "contacts", "segments"),
        *("counts", "notes"),
    }
)
# What came later and changes nothing for a version that does not know it, by the table that is the
# mark of it.
_ADDED = {
    "unknown_contacts": """
ALTER TABLE waiting ADD COLUMN failing_since REAL;
DROP INDEX IF EXISTS waiting_identity;
DROP INDEX IF EXISTS waiting_fresh;
CREATE INDEX waiting_turn ON waiting (identity, at);
CREATE TABLE unknown_contacts (
    identity TEXT PRIMARY KEY, refusals INTEGER NOT NULL, ask_at REAL NOT NULL);
""",
    # moved_at: since when it is its shopper's. address: theirs, where the line has a former one.
    "moves": """
ALTER TABLE waiting ADD COLUMN moved_at REAL;
ALTER TABLE waiting ADD COLUMN address TEXT;
CREATE TABLE moves (
    identity TEXT NOT NULL, at REAL NOT NULL, successor TEXT NOT NULL, email TEXT NOT NULL,
    PRIMARY KEY (identity, at, successor));
""",
}
ALL_TABLES = TABLES | _ADDED.keys()
AMONG = "IN (SELECT value FROM json_each(?))"
IS_LATER = "identity GLOB '*-later-*' AND tried = 1 AND due > ?"
"""Whether a row waits for its time, which is the value."""
# One statement sees one state of the file.
LEDGER = """
SELECT 'count', name, n FROM counts
UNION ALL SELECT 'waiting', '', COUNT(*) FROM waiting
UNION ALL SELECT 'segment', name, start FROM segments
"""
LET_GO = "SELECT name, value FROM notes WHERE name IN ('forgets', 'let_go', 'calls_left')"
"""How often a command has forgotten somebody, which of these the leader has taken note of, and how
many calls were under way then that name what was removed."""
ENDS = ("delivered", "dead", "expired", "dropped")


def create(connection: sqlite3.Connection) -> None:
    """Makes the tables in an empty file, and adds to a file what it lacks."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = tables(connection)
        if not found:
            _execute(connection, _TABLES)
            name_outbox(connection)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        for table, statements in _ADDED.items():
            if table not in found:
                _execute(connection, statements)
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def name_outbox(connection: sqlite3.Connection) -> None:
    """Gives the file a name of its own, by which others know what they have taken over."""
    note(connection, "outbox", secrets.token_hex(16))


def tables(connection: sqlite3.Connection) -> set[str]:
    """The names of the tables that are there."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in found}


def add(connection: sqlite3.Connection, amounts: Mapping[str, int]) -> None:
    """Adds to the ledger. To be called in the transaction that moves the rows."""
    connection.executemany(
        "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
        [(name, amount) for name, amount in amounts.items() if amount],
    )


def note(connection: sqlite3.Connection, name: str, value: str | float | None) -> None:
    """Keeps a value for every process to read; None removes it."""
    if value is None:
        connection.execute("DELETE FROM notes WHERE name = ?", (name,))
    else:
        connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))


def notes(connection: sqlite3.Connection) -> dict[str, str | float]:
    """All that was noted."""
    return dict(connection.execute("SELECT name, value FROM notes"))


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";\n"):
        connection.execute(statement)
