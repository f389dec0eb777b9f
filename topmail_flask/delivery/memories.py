"""What the leader remembers of contacts and pauses, for itself after a crash and for others."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from topmail_flask.delivery.books import Books
from topmail_flask.delivery.claims import Settling
from topmail_flask.delivery.database import Fault
from topmail_flask.delivery.entries import CONTACT_ID
from topmail_flask.delivery.reports import Standing
from topmail_flask.delivery.schema import note
from topmail_flask.delivery.settlements import Settlements

CONTACT_SECONDS = 7 * 86_400.0
UNKNOWN_SECONDS = 3600.0


class Memories:
    """Contacts by the digest of their identity, and the pause of the whole delivery."""

    def __init__(self, books: Books, settlements: Settlements, clock: Callable[[], float]) -> None:
        self._books = books
        self._settlements = settlements
        self._clock = clock

    def standing(self) -> Standing:
        """How delivery stands. Reads only, and makes no file."""
        told: dict[str, Any] = {}
        oldest: list[Any] = []
        with suppress(Fault):
            if self._books.exists:
                told = dict(self._books.rows("SELECT name, value FROM notes"))
                oldest = self._books.rows("SELECT at FROM waiting ORDER BY id LIMIT 1")
        return Standing(
            paused_until=_number(told.get("paused_until")),
            pause_reason=str(told.get("pause_reason") or ""),
            last_success=_number(told.get("last_success")),
            oldest_pending=_number(oldest[0][0]) if oldest else None,
            degraded=self._books.degraded,
        )

    def pause(self, until: float, reason: str) -> None:
        """Tells every process that nothing is sent until then, in seconds since the epoch."""
        plain = reason.encode("ascii", "replace").decode()
        self._note(paused_until=until, pause_reason=plain)

    def resume(self) -> None:
        """Tells every process that the pause is over."""
        self._note(paused_until=None, pause_reason=None)

    def remember_contact(self, identity: str, contact_id: str) -> None:
        """Remembers TopMail's id of a contact for a week: entries that come into the books tell it
        instead of the address. What can be no contact's id is not remembered.
        """
        if CONTACT_ID.fullmatch(contact_id):
            self._remember(identity, contact_id, CONTACT_SECONDS)

    def unknown_contacts(self, identities: Iterable[str]) -> set[str]:
        """Those of which TopMail said lately that it does not know them."""
        query = (
            "SELECT identity FROM contacts WHERE contact_id IS NULL AND until > ? "
            "AND identity IN (SELECT value FROM json_each(?))"
        )
        with suppress(Fault):
            asked = json.dumps(list(identities))
            return {known for (known,) in self._books.rows(query, (self._clock(), asked))}
        return set()

    def remember_unknown(self, identity: str, seconds: float = UNKNOWN_SECONDS) -> None:
        """Remembers that TopMail does not know it."""
        self._remember(identity, None, seconds)

    def forget_contact(self, identity: str) -> None:
        """Forgets its id, which TopMail does not know any more."""
        self._remember(identity, None, 0.0)

    def _remember(self, identity: str, contact_id: str | None, seconds: float) -> None:
        until = self._clock() + seconds
        self._settlements.add(
            Settling(
                lambda connection: connection.execute(
                    # Who was forgotten while a call was under way is not remembered by its answer.
                    "INSERT OR REPLACE INTO contacts SELECT ?, ?, ? "
                    "WHERE NOT EXISTS (SELECT 1 FROM withdrawals WHERE identity = ?)",
                    (identity, contact_id, until, identity),
                )
            )
        )

    def _note(self, **values: str | float | None) -> None:
        def apply(connection: sqlite3.Connection) -> None:
            for name, value in values.items():
                note(connection, name, value)

        self._settlements.add(Settling(apply))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
