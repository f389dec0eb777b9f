"""The tables of the outbox, and its ledger."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping

from topmail_flask.model.events import KEY_PREFIX

VERSION = 1
# tried = 0: never sent, waits in the order of its time. tried = 1: waits until it is due, for a
# retry or for the end of a lease; a purchase is due from the start.
_TABLES = """
CREATE TABLE waiting (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, at REAL NOT NULL, identity TEXT NOT NULL,
    line BLOB NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, tried INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0);
CREATE INDEX waiting_fresh ON waiting (at) WHERE tried = 0;
CREATE INDEX waiting_due ON waiting (due) WHERE tried = 1;
CREATE INDEX waiting_identity ON waiting (identity);
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
IS_PURCHASE = f"key GLOB '{KEY_PREFIX}*'"
ENDS = ("delivered", "dead", "expired", "dropped")


def create(connection: sqlite3.Connection) -> None:
    """Makes the tables in an empty file."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not tables(connection):
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
            note(connection, "outbox", secrets.token_hex(16))
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


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
