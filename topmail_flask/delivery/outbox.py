"""The outbox: what waits, what is being sent, and what became of everything.

Only the leader and the command line write; every process may read.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from topmail_flask.delivery.claiming import (
    ASK_AGAIN_AFTER,
    LEASE,
    LONGEST_WAIT,
    NEXT_SHOPPERS,
    SHOPPERS_DUE,
    TO_ASK_AGAIN,
    Claim,
    Row,
    Turns,
    UnknownContact,
    delete,
    end_leases,
    give_back,
    kill,
    number,
)
from topmail_flask.delivery.dropping import Dropped, count_dropped, expire, purge
from topmail_flask.delivery.entry import CONTACT_ID, Entry
from topmail_flask.delivery.health import DeliveryState
from topmail_flask.delivery.importing import (
    ImportReport,
    Limits,
    forget_segments,
    import_lines,
    import_portions,
)
from topmail_flask.delivery.repair import TRIES_TO_SAVE, OutboxFile, adopt, discard_set_aside
from topmail_flask.delivery.schema import AMONG, IS_LATER, LEDGER, LET_GO, add, note
from topmail_flask.delivery.segments import Journals
from topmail_flask.delivery.sqlite_file import Fault
from topmail_flask.model.ledger import Stats
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings

CONTACT_SECONDS = 7 * 86_400.0
DRAINED_BYTES, LONGEST_LOG = 768 * 1024, 16 * 1024 * 1024
SHRINK_INTERVAL, LEDGER_INTERVAL = 5.0, 1.0
TRIES_TO_COUNT, EXPIRED_AT_ONCE = 10, 5000


@dataclass(frozen=True, slots=True)
class _Change:
    """To be written now, or when the disk allows it; ``ends``: what becomes of the row ``key``."""

    apply: Callable[[sqlite3.Connection], object] | None
    key: str = ""
    ends: str = ""
    at: float = 0.0


class Outbox:
    """The outbox of one app on this machine. Nothing is opened before the first call.

    No method raises because of the disk: an import reports the fault, a claim finds nothing, and
    what became of rows is remembered until it can be written (fault F084); these are not sent
    meanwhile.

    :param directory: the app's directory, see :mod:`topmail_flask.delivery.files`; None: memory
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
        self._clock = clock
        self._monotonic = monotonic
        self.file = OutboxFile(directory, settings.synchronous, clock=clock, monotonic=monotonic)
        self._journals = Journals(directory) if directory else None
        self._turns = Turns()
        self._changes: list[_Change] = []
        self._batches = 0
        self._leased: dict[str, float] = {}
        self._superseded: Dropped = []
        self._began_at = float("-inf")
        self._shrink_at = self._log_checked_at = 0.0
        self._ledger_kept_at = float("-inf")
        self._seen_version: tuple[object, ...] = ()

    def leave_memory(self) -> bool:
        """Whether all that was in memory is in the directory now; then this is to be closed."""
        return self.write() and self.file.leave_memory()

    # What comes in

    def import_journals(self, limit: int = 1000) -> ImportReport:
        """Brings in about ``limit`` lines of all processes' journals, each once."""
        if self._journals is None or not self.file.may_import:
            return ImportReport(fault="degraded" if self._journals else "")
        with ExitStack() as opened:
            try:
                in_memory = self.file.in_memory
                known = {
                    name: (start, erased)
                    for name, start, erased in self.file.rows(
                        "SELECT name, start, erased FROM segments", repairs=True
                    )
                }
                portions, more = self._journals.gather(known, limit, opened, erase=not in_memory)
                if not portions:
                    return ImportReport(more=more)
                work = partial(
                    import_portions, portions=portions, limits=self._limits, now=self._clock()
                )
                report, imported = self.file.run(work)
                self._turns.arrived(report.arrived)
                if self.file.in_memory:
                    return replace(report, more=more)  # the journals keep them until a file does
                self._look_after_file()
                if removed := self._journals.finish(imported):
                    self.file.run(partial(forget_segments, names=removed))
                return replace(report, more=more)
            except Fault as fault:
                return ImportReport(fault=fault.kind)

    def import_lines(self, lines: Iterable[bytes]) -> ImportReport:
        """Brings in lines that no journal took. After a fault they are still the caller's."""
        work = partial(import_lines, lines=lines, limits=self._limits, now=self._clock())
        try:
            report = self.file.run(work)
        except Fault as fault:
            return ImportReport(fault=fault.kind)
        self._turns.arrived(report.arrived)
        return report

    # What goes out

    def claim(self, limit: int, now: float | None = None) -> list[Row]:
        """What to send next, for 60 seconds: shoppers take turns; the views of one follow each
        other, the oldest first, and no other view of theirs is claimed before all of them ended.
        """
        now = self._clock() if now is None else now
        self.write()
        self._leased = {key: end for key, end in self._leased.items() if end > now}
        rows: list[Row] = []
        with suppress(Fault):
            self._sweep_if_changed()
            while len(rows) < limit:
                chosen = self._next_shoppers(limit - len(rows), now)
                if chosen:
                    rows += self._claim(chosen, limit - len(rows), now)
                elif not self._turns.sweeps:
                    break
        if not rows:
            self._shrink_if_drained()
        return rows

    def filter_waiting(self, rows: Collection[Row]) -> list[Row]:
        """The claimed rows that are still to be sent: nobody has withdrawn, forgotten or removed
        them since.
        """
        left = {row.entry.key for row in rows}
        with suppress(Fault):  # what is on an unreadable disk was claimed, and can be sent
            left = self.waiting_keys(rows)
        for row in rows:
            if row.entry.key not in left:
                self._turns.ended(row.entry.identity, row.entry.key)
        return [row for row in rows if row.entry.key in left]

    def waiting_keys(self, rows: Iterable[Row]) -> set[str]:
        """The keys of those that wait still.

        :raises Fault: that cannot be read.
        """
        asked = json.dumps([row.entry.key for row in rows])
        query = f"SELECT key FROM waiting WHERE key {AMONG}"  # noqa: S608  # our text
        return {key for (key,) in self.file.rows(query, (asked,))}

    def asked_to_let_go(self) -> int:
        """The number of the last command that forgot somebody, if it waits; see :meth:`let_go`.

        :raises Fault: that cannot be read.
        """
        noted = dict(self.file.rows(LET_GO))
        done = noted.get("let_go") == noted.get("forgets") and not noted.get("calls_left")
        return 0 if done else int(noted.get("forgets", 0))

    def let_go(self, forgets: int, calls: int) -> None:
        """No call will be begun for what that command, or one before it, has removed.

        :param calls: how many such are under way.
        """
        self._note(let_go=forgets, calls_left=calls)

    def begin_lead(self) -> None:
        """What a leader that is gone had claimed is due: in one step, for the next may die too.

        Times that are in the future, of a clock that was ahead, are set to now.
        """
        now = self._began_at = self._clock()
        if self.file.exists:
            with suppress(Fault):
                self.file.run(partial(end_leases, now=now))
        self._turns = Turns()

    # What became of it

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction for all that becomes of rows inside."""
        self._batches += 1
        try:
            yield
        finally:
            self._batches -= 1
            self.write()

    def delivered(self, row: Row) -> None:
        """TopMail took it. Also true when the lease has ended meanwhile (fault F092)."""
        self._end(row, "delivered", None)

    def retry(
        self,
        row: Row,
        due: float,
        *,
        counts: bool = True,
        renewed: Entry | None = None,
        failing_since: float | None = None,
    ) -> None:
        """To be sent again at ``due``, in seconds since the epoch; later views of its shopper wait.

        :param counts: whether this was an attempt.
        :param renewed: what is to be sent from now on, under another key.
        :param failing_since: see :class:`~topmail_flask.delivery.claiming.Row`.
        """
        query = (
            "UPDATE waiting SET tried = 1, due = ?, attempts = attempts + ?, failing_since = ?, "
            "line = COALESCE(?, line) WHERE key = ? AND (due = ? OR tried = 0)"
        )
        # Nothing changes if the lease has ended and somebody else has the row.
        line = renewed and renewed.to_line()
        values = due, counts, failing_since, line, row.entry.key, row.lease
        self._give_back(row, query, values)

    def sweep(self) -> None:
        """Has everybody in the file get a turn."""
        self._turns.sweep()

    def release(self, rows: Iterable[Row]) -> None:
        """Gives back what was claimed and not sent."""
        query = "UPDATE waiting SET tried = ?, due = 0 WHERE key = ? AND (due = ? OR tried = 0)"
        with self.batch():
            for row in rows:
                values = row.is_tried, row.entry.key, row.lease
                self._give_back(row, query, values, waits=True)

    def dead_letter(self, row: Row, reason: Reason) -> None:
        """TopMail will never take it."""
        now = self._clock()
        self._end(row, "dead", lambda connection: kill(connection, row.entry.key, reason, now))

    def drop(self, row: Row, reason: Reason) -> None:
        """Not to be sent, and not to be kept either."""

        def apply(connection: sqlite3.Connection) -> None:
            count_dropped(connection, reason, delete(connection, row.entry.key))

        self._end(row, "dropped", apply)

    def expire(self) -> Dropped:
        """Gives up what waits longer than ``TOPMAIL_MAX_AGE``, so many at once; their lines."""
        before = self._clock() - self._settings.max_age
        with suppress(Fault):
            return self.file.run(partial(expire, before=before, limit=EXPIRED_AT_ONCE))
        return []

    def take_superseded(self) -> Dropped:
        """The lines of views that were given up for newer ones since the last time."""
        taken, self._superseded = self._superseded, []
        return taken

    def write(self) -> bool:
        """Writes what is not written yet, unless a batch is under way.

        :returns: whether nothing is left.
        """
        if self._batches or not self._changes:
            return not self._changes
        try:
            written = {id(change) for change in self.file.run(self._write)}
        except Fault:
            return False
        self._changes = [change for change in self._changes if id(change) not in written]
        self._look_after_file()
        return not self._changes

    def _write(self, connection: sqlite3.Connection) -> list[_Change]:
        """Writes all changes; while memory stands in for the disk, those of its own rows."""
        changes = list(self._changes)
        if self.file.in_memory and self.file.directory:
            here = {key for (key,) in connection.execute("SELECT key FROM waiting")} | {""}
            changes = [change for change in changes if change.key in here]
        taken = {change.key: change.at for change in changes if change.apply is None}
        for change in changes:
            if change.apply is not None:
                change.apply(connection)
        if taken:  # what was delivered, the most by far: all at once
            query = f"DELETE FROM waiting WHERE key {AMONG}"  # noqa: S608  # our text
            gone = connection.execute(query, (json.dumps(list(taken)),))
            add(connection, {"delivered": gone.rowcount})
            note(connection, "last_success", max(taken.values()))
        return changes

    def _look_after_file(self) -> None:
        now = self._monotonic()
        if now >= self._ledger_kept_at + LEDGER_INTERVAL:
            self._ledger_kept_at = now
            self.file.keep_ledger()
        if now >= self._log_checked_at + SHRINK_INTERVAL:
            self._log_checked_at = now
            self._bound_log()

    def _bound_log(self) -> None:
        """While somebody reads the log cannot begin anew: goes on in a new file in time."""
        if self.file.current.log_size > LONGEST_LOG and not self.file.current.shrink():
            with suppress(Fault):
                self.file.start_afresh()

    # What is remembered of contacts and pauses, for the next leader and for others

    def pause(self, until: float, reason: str) -> None:
        """Tells every process that nothing is sent until then, in seconds since the epoch."""
        plain = reason.encode("ascii", "replace").decode()
        self._note(paused_until=until, pause_reason=plain)

    def resume(self) -> None:
        """Tells every process that the pause is over."""
        self._note(paused_until=None, pause_reason=None)

    def remember_contact(self, identity: str, contact_id: str) -> None:
        """Remembers TopMail's id of a contact for a week: entries that come in from now on tell it
        instead of the address. What can be no contact's id is not remembered.
        """
        # Who was forgotten while a call was under way is not remembered by its answer.
        query = (
            "INSERT OR REPLACE INTO contacts SELECT ?, ?, ? "
            "WHERE NOT EXISTS (SELECT 1 FROM withdrawals WHERE identity = ?)"
        )
        if CONTACT_ID.fullmatch(contact_id):
            self._do(query, identity, contact_id, self._clock() + CONTACT_SECONDS, identity)

    def forget_contact(self, identity: str) -> None:
        """Forgets its id, which TopMail does not know any more."""
        self._do("DELETE FROM contacts WHERE identity = ?", identity)

    def unknown_contacts(self, identities: Iterable[str]) -> dict[str, UnknownContact]:
        """Those of which TopMail said that it does not know them."""
        query = f"SELECT identity, refusals, ask_at FROM unknown_contacts WHERE identity {AMONG}"  # noqa: S608
        with suppress(Fault):
            rows = self.file.rows(query, (json.dumps(list(identities)),))
            return {identity: UnknownContact(*known) for identity, *known in rows}
        return {}

    def remember_unknown(self, identity: str, unknown: UnknownContact) -> None:
        """Remembers that TopMail does not know it, and when to ask again."""
        query = (
            "INSERT OR REPLACE INTO unknown_contacts SELECT ?, ?, ? "
            "WHERE NOT EXISTS (SELECT 1 FROM withdrawals WHERE identity = ?)"
        )
        self._do(query, identity, unknown.refusals, unknown.ask_at, identity)

    def forget_unknown(self, identity: str) -> None:
        """TopMail knows it now."""
        self._do("DELETE FROM unknown_contacts WHERE identity = ?", identity)

    def ask_again(self) -> None:
        """To be called every few seconds: gives back the views of contacts who may have been made
        since TopMail did not know them.
        """
        with suppress(Fault):
            asked = self._clock(), len(ASK_AGAIN_AFTER), str(Reason.CONTACT_NOT_FOUND)
            if identities := [name for (name,) in self.file.rows(TO_ASK_AGAIN, asked)]:
                oldest = self._clock() - self._settings.max_age
                self.file.run(partial(give_back, identities=identities, oldest=oldest))
                self._turns.arrived(identities)

    # What is told of it

    def stats(self) -> Stats:
        """The ledger of all processes of this machine; it always balances. Makes no file."""
        ledger, unimported = self._ledger(), 0
        for _ in range(TRIES_TO_COUNT):
            starts = ledger.get("segment", {})
            unimported = self._journals.unimported(starts) if self._journals else 0
            again = self._ledger() if self._journals else ledger
            if again.get("segment", {}) == starts:
                break
            ledger = again  # lines were imported, and erased, before they could be counted
        counts = ledger.get("count", {})
        unwritten = Counter(change.ends for change in self._changes if change.ends)
        return Stats(
            accepted=counts.get("accepted", 0) + unimported,
            delivered=counts.get("delivered", 0) + unwritten["delivered"],
            dead=counts.get("dead", 0) + unwritten["dead"],
            expired=counts.get("expired", 0),
            dropped=counts.get("dropped", 0) + unwritten["dropped"],
            pending=ledger.get("waiting", {}).get("", 0) + unimported - unwritten.total(),
            reasons={
                name.removeprefix("reason:"): n
                for name, n in counts.items()
                if name.startswith("reason:") and n
            },
        )

    def state(self) -> DeliveryState:
        """How delivery stands. Reads only, and makes no file."""
        noted: dict[str, Any] = {}
        starts: dict[str, int] = {}
        waiting: list[float | None] = []
        with suppress(Fault):
            noted = dict(self.file.rows("SELECT name, value FROM notes"))
            query = f"SELECT at FROM waiting WHERE NOT ({IS_LATER}) ORDER BY id LIMIT 1"  # noqa: S608
            oldest = self.file.rows(query, (self._clock(),))
            waiting = [number(at) for (at,) in oldest]
            starts = dict(self.file.rows("SELECT name, start FROM segments"))
        waiting.append(self._journals.oldest(starts) if self._journals else None)
        return DeliveryState(
            paused_until=number(noted.get("paused_until")),
            pause_reason=str(noted.get("pause_reason") or ""),
            last_success=number(noted.get("last_success")),
            oldest_pending=min(filter(None, waiting), default=None),
        )

    def pending(self) -> int:
        """What waits in the outbox and in the journals, and not for its time."""
        later = 0
        with suppress(Fault):
            query = f"SELECT COUNT(*) FROM waiting WHERE {IS_LATER}"  # noqa: S608  # our text
            later = sum(count for (count,) in self.file.rows(query, (self._clock(),)))
        return self.stats().pending - later

    # Its upkeep

    def tidy(self) -> None:
        """To be called once a minute: deletes what was kept long enough, frees the space."""
        now, settings = self._clock(), self._settings
        with suppress(Fault):
            self.file.run(partial(purge, now=now, settings=settings))
        if self.file.path is not None:
            discard_set_aside(self.file.path, now - settings.dead_letter_age)
        if self._journals is not None:
            self._journals.remove_unfinished(now)
        if not self.file.in_memory:
            self.file.current.shrink()

    def adopt(self, sibling: Path) -> bool:
        """Takes over what another key of this app left behind, if nobody lives there (F187)."""
        other = Outbox(sibling, self._settings, clock=self._clock, monotonic=self._monotonic)
        try:
            return adopt(self.file, sibling, other._import_all)
        except Fault:
            return False
        finally:
            other.close()
            self._turns.sweep()

    def close(self) -> None:
        """Closes the file. The next call opens it again."""
        any(self.write() for _ in range(TRIES_TO_SAVE))  # whoever leads by now may be writing
        self.file.keep_ledger()
        self.file.close()
        self._turns = Turns()

    @property
    def _limits(self) -> Limits:
        return Limits.of(self._settings, self._began_at, in_memory=self.file.in_memory)

    def _next_shoppers(self, limit: int, now: float) -> list[str]:
        asked = now, now + LONGEST_WAIT, limit
        due = [identity for (identity,) in self.file.rows(SHOPPERS_DUE, asked)]
        return self._turns.next(limit, due, self._shoppers_behind, now)

    def _shoppers_behind(self, identity: str, limit: int) -> list[str]:
        first = f"{identity}\0" if identity else ""
        return [name for (name,) in self.file.rows(NEXT_SHOPPERS, (first, limit))]

    def _sweep_if_changed(self) -> None:
        """Others have written to the file, or another file's rows came in: it is anybody's turn."""
        for version in self.file.rows("PRAGMA data_version"):
            seen = *self.file.edition, *version
            if seen != self._seen_version:
                self._seen_version = seen
                self._turns.sweep()

    def _claim(self, identities: Sequence[str], limit: int, now: float) -> list[Row]:
        each = max(1, limit // len(identities))
        unwritten = {change.key: change.ends for change in self._changes if change.key}
        claim = Claim(identities, each, now, now - self._settings.max_age, unwritten)
        try:
            found = self.file.run(claim.take)
        except Fault as fault:
            if fault.kind != "full":
                self._turns.arrived(identities)
                raise
            # A full disk takes no lease, yet what is on it can be sent (faults F083, F084).
            found = self.file.read(partial(claim.find, leased=self._leased))
            self._leased |= {row.entry.key: row.lease for row in found}
        self._superseded += claim.superseded
        for identity, rows in groupby(found, attrgetter("entry.identity")):
            keys = [row.entry.key for row in rows]
            self._turns.began(identity, keys, now + LEASE, more=identity in claim.more)
        return found

    def _end(
        self, row: Row, ends: str, apply: Callable[[sqlite3.Connection], object] | None
    ) -> None:
        self._changes.append(_Change(apply, row.entry.key, ends, self._clock()))
        self._turns.ended(row.entry.identity, row.entry.key)
        self.write()

    def _give_back(
        self, row: Row, query: str, values: Sequence[object], *, waits: bool = False
    ) -> None:
        self._leased.pop(row.entry.key, None)
        change = _Change(lambda connection: connection.execute(query, values), row.entry.key)
        self._changes.append(change)
        self._turns.ended(row.entry.identity, row.entry.key, waits=waits)
        self.write()

    def _do(self, query: str, *values: object) -> None:
        self._changes.append(_Change(lambda connection: connection.execute(query, values)))
        self.write()

    def _note(self, **values: str | float | None) -> None:
        def apply(connection: sqlite3.Connection) -> None:
            for name, value in values.items():
                note(connection, name, value)

        self._changes.append(_Change(apply))
        self.write()

    def _ledger(self) -> dict[str, dict[str, int]]:
        rows: list[tuple[str, str, int]] = []
        with suppress(Fault):
            rows = self.file.rows(LEDGER)
        ledger: dict[str, dict[str, int]] = {}
        for kind, name, amount in rows:
            ledger.setdefault(kind, {})[name] = amount
        return ledger

    def _import_all(self) -> bool:
        while (report := self.import_journals()).more:
            pass
        self.close()  # before the file goes: what is open would be saved
        return not report.fault

    def _shrink_if_drained(self) -> None:
        if self._monotonic() < self._shrink_at or self.file.current.size < DRAINED_BYTES:
            return
        self._shrink_at = self._monotonic() + SHRINK_INTERVAL
        with suppress(Fault):
            if not self.file.rows("SELECT 1 FROM waiting LIMIT 1"):
                self.tidy()
