"""What is kept for a while only, and the space that it leaves."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from topmail_flask.delivery import salvage
from topmail_flask.delivery.schema import IS_PURCHASE
from topmail_flask.model.settings import Settings

MAX_CONTACTS = 2000


def purge(connection: sqlite3.Connection, now: float, settings: Settings) -> None:
    """Deletes what is too old to be of use (fault F160)."""
    for statement, age in (
        ("DELETE FROM dead WHERE died_at < ?", settings.dead_letter_age),
        (f"DELETE FROM repeats WHERE NOT {IS_PURCHASE} AND at < ?", settings.repeat_window),  # noqa: S608  # our text
        ("DELETE FROM repeats WHERE at < ?", max(settings.repeat_window, settings.max_age)),
        ("DELETE FROM withdrawals WHERE at < ?", settings.max_age),
        ("DELETE FROM purchases WHERE at < ?", settings.max_age),
    ):
        connection.execute(statement, (now - age,))
    connection.execute("DELETE FROM contacts WHERE until < ?", (now,))
    connection.execute(
        "DELETE FROM contacts WHERE rowid <= (SELECT max(rowid) FROM contacts) - ?",
        (MAX_CONTACTS,),
    )


def discard_set_aside(path: Path, before: float) -> None:
    """Deletes damaged files that were set aside before a time (seconds since the epoch)."""
    for mark in (salvage.SALVAGED, salvage.DAMAGED):
        for aside in salvage.set_aside_files(path, mark):
            when = aside.name.rpartition(f".{mark}-")[2].partition("-")[0]
            if when.isdigit() and int(when) < before:
                salvage.discard(aside)
