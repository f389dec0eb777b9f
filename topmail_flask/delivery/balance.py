"""The ledger, read in one piece: what was accepted, and what became of it."""

from __future__ import annotations

from contextlib import suppress

from topmail_flask.delivery.books import Books
from topmail_flask.delivery.database import Fault
from topmail_flask.delivery.journal_reading import JournalReading
from topmail_flask.delivery.settlements import Settlements
from topmail_flask.model.ledger import Stats

TRIES = 10
# One statement sees one state of the file.
_QUERY = """
SELECT 'count', name, n FROM counts
UNION ALL SELECT 'waiting', '', COUNT(*) FROM waiting
UNION ALL SELECT 'segment', name, start FROM segments
"""


def balance(books: Books, journals: JournalReading | None, settlements: Settlements) -> Stats:
    """The ledger of all processes of this machine. Makes no file."""
    of_kind, unimported = _read(books), 0
    for _ in range(TRIES):
        starts = of_kind.get("segment")
        unimported = journals.unimported(starts or {}) if journals else 0
        again = _read(books) if journals else of_kind
        if again.get("segment") == starts:
            break
        of_kind = again  # lines were imported, and erased, before they could be counted
    counts = of_kind.get("count", {})
    unwritten = settlements.ends
    return Stats(
        accepted=counts.get("accepted", 0) + unimported,
        delivered=counts.get("delivered", 0) + unwritten["delivered"],
        dead=counts.get("dead", 0) + unwritten["dead"],
        expired=counts.get("expired", 0),
        dropped=counts.get("dropped", 0) + unwritten["dropped"],
        pending=of_kind.get("waiting", {}).get("", 0) + unimported - unwritten.total(),
        reasons={
            name.removeprefix("reason:"): n
            for name, n in counts.items()
            if name.startswith("reason:") and n
        },
    )


def _read(books: Books) -> dict[str, dict[str, int]]:
    rows: list[tuple[str, str, int]] = []
    with suppress(Fault):
        rows = books.rows(_QUERY) if books.exists else []
    return {kind: {name: n for one, name, n in rows if one == kind} for kind, _, _ in rows}


def oldest_unimported(books: Books, journals: JournalReading | None) -> float | None:
    """Time of the view that waits longest in the journals, in seconds since the epoch."""
    starts: dict[str, int] = {}
    with suppress(Fault):
        starts = dict(books.rows("SELECT name, start FROM segments")) if books.exists else {}
    return journals.oldest(starts) if journals else None


def known_segments(books: Books) -> dict[str, tuple[int, int]]:
    """For each segment how far it is imported, and how far that was known to be erased.

    :raises Fault: the outbox cannot be read.
    """
    if not books.exists:
        return {}
    query = "SELECT name, start, erased FROM segments"
    return {name: (start, erased) for name, start, erased in books.rows(query, mend=True)}
