"""The books of delivery: what waits, what is being sent, and what became of everything.

Only the leader and the command line write; every process may read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from topmail_flask.delivery import claims, upkeep
from topmail_flask.delivery.adoption import adopt, move
from topmail_flask.delivery.balance import balance, known_segments, oldest_unimported
from topmail_flask.delivery.books import Books
from topmail_flask.delivery.claims import Find, Row
from topmail_flask.delivery.database import Fault
from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.importing import Limits, import_lines, import_portions
from topmail_flask.delivery.journal_reading import JournalReading, forget_segments
from topmail_flask.delivery.memories import Memories
from topmail_flask.delivery.reports import ImportReport, Standing
from topmail_flask.delivery.settlements import Settlements
from topmail_flask.model.ledger import Stats
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

__all__ = ["ImportReport", "Outbox", "Row", "Standing"]

DRAINED_BYTES = 768 * 1024
SHRINK_INTERVAL = 5.0


class Outbox(Memories):
    """The outbox of one app on this machine. Nothing is opened before the first call.

    No method raises because of the disk: an import reports the fault, a claim finds nothing, and
    settlings are remembered until they can be written.

    :param directory: the app's directory, see :mod:`topmail_flask.delivery.place`; None: memory
        only, with the same methods.
    """

    def __init__(
        self,
        directory: Path | None,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        books = Books(directory, settings.synchronous, clock=clock, monotonic=monotonic)
        super().__init__(books, Settlements(books), clock)
        self._journals = JournalReading(directory) if directory else None
        self._leased: dict[str, float] = {}
        self._shrink_at = 0.0
        self._moved = False

    @property
    def degraded(self) -> str:
        """Why nothing is kept on disk, or ""."""
        return self._books.degraded

    def import_journals(self, limit: int = 1000) -> ImportReport:
        """Brings in about ``limit`` lines of all processes' journals, each line once."""
        if self._journals is None or not self._books.may_import:
            return ImportReport(fault="degraded" if self._journals else "")
        with ExitStack() as opened:
            try:
                known = known_segments(self._books)
                in_memory = self._books.in_memory
                portions, more = self._journals.gather(known, limit, opened, erase=not in_memory)
                if not portions:
                    return ImportReport(more=more)
                work = partial(import_portions, portions=portions, limits=self._limits)
                report, imported = self._books.run(work)
                if self._books.in_memory:
                    return replace(report, more=more)  # the journals keep them until a file does
                if removed := self._journals.finish(imported):
                    self._books.run(partial(forget_segments, names=removed))
                return replace(report, more=more)
            except Fault as fault:
                return ImportReport(fault=fault.kind)

    def import_entries(self, entries: Iterable[Entry]) -> ImportReport:
        """Brings in entries that no journal took. After a fault they are still the caller's."""
        try:
            lines = [entry.to_line() for entry in entries]
            return self._books.run(partial(import_lines, lines=lines, limits=self._limits))
        except Fault as fault:
            return ImportReport(fault=fault.kind)

    def claim(self, limit: int, now: float | None = None) -> list[Row]:
        """What to send next: new views in turn with those that wait longest, for 60 seconds."""
        now = self._clock() if now is None else now
        self._settlements.write()
        self._leased = {key: end for key, end in self._leased.items() if end > now}
        taken = self._settlements.keys | self._leased.keys()
        find = partial(
            claims.due, limit=limit, now=now, max_age=self._settings.max_age, taken=taken
        )
        try:
            rows = self._books.run(partial(claims.claim, find=find, now=now))
        except Fault as fault:
            rows = self._claim_in_memory(find, now) if fault.kind == "full" else []
        if not rows:
            self._shrink_if_drained()
        return rows

    def still_waiting(self, rows: Collection[Row]) -> list[Row]:
        """The claimed rows that are still to be sent: nobody has withdrawn, forgotten or removed
        them since.
        """
        query = f"SELECT key FROM waiting WHERE key IN ({','.join('?' * len(rows))})"  # noqa: S608
        with suppress(Fault):  # what is on an unreadable disk was claimed, and can be sent
            left = {key for (key,) in self._books.rows(query, [row.entry.key for row in rows])}
            return [row for row in rows if row.entry.key in left]
        return list(rows)

    def batch(self) -> AbstractContextManager[None]:
        """One transaction for all settlings inside."""
        return self._settlements.batch()

    def delivered(self, row: Row) -> None:
        """TopMail took it."""
        self._settlements.add(claims.delivered(row, self._clock()))

    def retry(self, row: Row, due: float, *, counts: bool = True) -> None:
        """To be sent again at ``due``, in seconds since the epoch.

        :param counts: whether this was an attempt.
        """
        self._leased.pop(row.entry.key, None)
        self._settlements.add(claims.again(row, due, tried=True, counts=counts))

    def renew(self, row: Row, due: float) -> None:
        """To be sent at ``due`` by the address: TopMail does not know the contact's id."""
        self._leased.pop(row.entry.key, None)
        self._settlements.add(claims.renewed(row, due))

    def bury(self, row: Row, reason: Reason) -> None:
        """TopMail will never take it."""
        self._settlements.add(claims.buried(row, reason, self._clock()))

    def drop(self, row: Row, reason: Reason) -> None:
        """Not to be sent, and not to be kept either."""
        self._settlements.add(claims.dropped(row, reason))

    def release(self, rows: Iterable[Row]) -> None:
        """Gives back what was claimed and not sent."""
        for row in (given := list(rows)):
            self._leased.pop(row.entry.key, None)
        self._settlements.add(
            *(claims.again(row, 0.0, tried=row.goes_first, counts=False) for row in given)
        )

    def end_leases(self) -> None:
        """What a leader that is gone had claimed is due: in one step, for the next may die too."""
        with suppress(Fault):
            self._books.run(partial(claims.end_leases, now=self._clock()))

    def expire(self, now: float | None = None, limit: int = 5000) -> list[Entry]:
        """Gives up what waits longer than ``TOPMAIL_MAX_AGE``; at most ``limit`` a call."""
        before = (self._clock() if now is None else now) - self._settings.max_age
        with suppress(Fault):
            return self._books.run(partial(claims.expire, before=before, limit=limit))
        return []

    def tidy(self, now: float | None = None) -> None:
        """To be called once a minute: deletes what was kept long enough, frees the space."""
        now, settings = self._clock() if now is None else now, self._settings
        with suppress(Fault):
            self._books.run(partial(upkeep.purge, now=now, settings=settings))
        if self._books.path is not None:
            upkeep.discard_set_aside(self._books.path, now - settings.dead_letter_age)
        if self._journals is not None:
            self._journals.remove_unborn(now)
        self._books.shrink()

    def stats(self) -> Stats:
        """The ledger of all processes of this machine; it always balances."""
        return balance(self._books, self._journals, self._settlements)

    def standing(self) -> Standing:
        """How delivery stands. Reads only, and makes no file."""
        standing = super().standing()
        known = (standing.oldest_pending, oldest_unimported(self._books, self._journals))
        return replace(standing, oldest_pending=min(filter(None, known), default=None))

    def pending(self) -> int:
        """Views that wait in the outbox and in the journals."""
        return self.stats().pending

    def adopt(self, sibling: Path) -> bool:
        """Takes over what another key of this app left behind, if nobody lives there (F187)."""
        other = Outbox(sibling, self._settings, clock=self._clock, monotonic=self._monotonic)
        try:
            return adopt(self._books, sibling, other._import_all)
        except Fault:
            return False
        finally:
            other.close()

    def move_to(self, directory: Path) -> bool:
        """Whether all that is in memory is in a directory now; then this one is to be closed."""
        disk = Books(directory, self._settings.synchronous, clock=self._clock)
        self._moved = self._settlements.write() and move(self._books, disk)
        return self._moved

    def unsaved(self) -> list[Entry]:
        """What waits in memory only, and is lost when this is closed."""
        return [] if self._moved else self._books.unsaved()

    def close(self) -> None:
        """Closes the file. The next call opens it again."""
        self._settlements.write()
        self._books.close()

    @property
    def _limits(self) -> Limits:
        return Limits.of(self._settings, in_memory=self._books.in_memory)

    def _import_all(self) -> bool:
        while (report := self.import_journals()).more:
            pass
        self.close()  # before the file goes: what is open would be saved
        return not report.fault

    def _claim_in_memory(self, find: Find, now: float) -> list[Row]:
        """A full disk takes no lease, yet what is on it can be sent (faults F083, F084)."""
        try:
            rows = self._books.read(partial(claims.readable, find=find, now=now))
        except Fault:
            return []
        self._leased |= {row.entry.key: row.lease for row in rows}
        return rows

    def _shrink_if_drained(self) -> None:
        if self._monotonic() < self._shrink_at or self._books.size < DRAINED_BYTES:
            return
        self._shrink_at = self._monotonic() + SHRINK_INTERVAL
        with suppress(Fault):
            if not self._books.rows("SELECT 1 FROM waiting LIMIT 1"):
                self.tidy()
