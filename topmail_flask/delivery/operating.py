"""An outbox in the hands of a person at the command line, beside the store that uses it.

Every change is a short transaction: a leader that runs waits for milliseconds.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from topmail_flask.delivery import by_hand, upkeep
from topmail_flask.delivery.books import Books
from topmail_flask.delivery.by_hand import Choice, Table
from topmail_flask.delivery.database import Fault
from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.importing import Dropped
from topmail_flask.delivery.mending import FILE_NAME
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.delivery.place import prepare
from topmail_flask.delivery.reports import EntrySummary
from topmail_flask.delivery.segments import SUFFIX
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper

AT_ONCE = 200
BUSY_TRIES = 5
_CURES = {
    "busy": "Somebody holds the outbox file for seconds. Try again.",
    "full": "The disk is full. Free some space and try again.",
    "damaged": "The outbox file is damaged. The store mends it when it sends; or run: "
    "flask topmail drain",
    "newer": "The outbox file was made by a newer topmail-flask. Run the command of that version.",
}
Told = Callable[[Entry, Reason], object]
Act = Callable[..., tuple[Counter[str], Dropped]]
"""What is done in one transaction: takes a connection and the ``keys`` of some rows."""
Result = TypeVar("Result")


class OutboxUnavailable(Exception):
    """The outbox cannot be read or changed now. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Work:
    """Something long: ``steps`` does it, one transaction at a time.

    :ivar total: about how many entries there are to look at.
    :ivar steps: yields what became of how many, and under ``""`` how many were looked at.
    """

    total: int
    steps: Iterator[Counter[str]]


class Operator:
    """What a person may see and do of one outbox.

    To be used in a process that sends nothing, as the command line is.

    :param directory: the app's directory.
    :param told: called with each entry that was given up, and the reason.
    :param identity_of: digests a shopper as the store does.
    :raises OutboxUnavailable: by every method.
    """

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        told: Told,
        identity_of: Callable[[Shopper], str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.directory = directory
        self._settings = settings
        self._told = told
        self.identity_of = identity_of
        self._clock = clock
        self._outbox = Outbox(directory, settings, clock=clock)
        self._books = Books(directory, settings.synchronous, clock=clock)

    @property
    def exists(self) -> bool:
        """Whether the store has ever kept anything here."""
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return False
        except OSError as error:
            why = f"{self.directory}: {error.strerror}. Run the command as the store's user."
            raise OutboxUnavailable(why) from None
        return any(name.endswith((".sqlite3", SUFFIX)) for name in names)

    @property
    def bytes(self) -> int:
        """Bytes on disk, the write-ahead log included."""
        return self._books.size

    def check(self) -> None:
        """Find out whether the outbox can be used at all."""
        if not self.exists:
            return
        try:
            prepare(self.directory)
            self.rows("SELECT 1 FROM notes LIMIT 1")
        except OSError as error:
            raise OutboxUnavailable(str(error)) from None
        path = self._books.path
        if path is not None and path.name != FILE_NAME:
            raise OutboxUnavailable(_CURES["newer"])

    def kept(self) -> dict[str, int]:
        """How many dead letters are kept, by reason; the most frequent first."""
        query = "SELECT reason, COUNT(*) FROM dead GROUP BY reason ORDER BY COUNT(*) DESC, reason"
        return dict(self.rows(query))

    def listed(self, table: Table, choice: Choice, limit: int) -> list[EntrySummary]:
        """The newest of the chosen entries, without addresses."""
        self._look_into_journals(table)
        condition, values = choice.condition
        query = f"SELECT {by_hand.COLUMNS[table]} FROM {table} WHERE {condition}"  # noqa: S608
        newest = self.rows(f"{query} ORDER BY id DESC LIMIT ?", [*values, limit])
        return [by_hand.summary(row) for row in newest]

    def find(self, table: Table, choice: Choice) -> list[str]:
        """The keys of the chosen entries. What is in the journals comes into the books first."""
        self._look_into_journals(table)
        condition, values = choice.condition
        query = f"SELECT key FROM {table} WHERE {condition}"  # noqa: S608  # our names
        if not choice.keys:
            return [key for (key,) in self.rows(f"{query} ORDER BY id", values)]
        query += " AND key = ?"
        return [key for key in dict.fromkeys(choice.keys) if self.rows(query, [*values, key])]

    def retry(self, keys: Sequence[str]) -> Work:
        """Has dead letters sent again. Tells ``retried``, ``too_old``, ``withdrawn``, …"""
        oldest = self._clock() - self._settings.max_age
        return self.work(keys, partial(by_hand.revive, oldest=oldest))

    def drop(self, table: Table, keys: Sequence[str]) -> Work:
        """Removes dead letters, or gives up what waits. Tells ``removed``."""
        return self.work(keys, partial(by_hand.take_out, table=table, reason=Reason.REMOVED))

    def tidy(self) -> None:
        """Deletes what was kept long enough, and gives the space back to the disk."""
        if self.exists:
            self._outbox.tidy()

    def bring_in(self) -> None:
        """Brings what is in the journals into the books, and erases it there."""
        faults = 0
        while True:
            report = self._outbox.import_journals()
            self.tell(report.dropped)
            if report.fault:
                faults += 1
                if report.fault != "busy" or faults >= BUSY_TRIES:
                    raise _unavailable(report.fault, self._outbox.degraded)
            elif not report.more:
                return

    def erase_rest(self) -> None:
        """Leaves no byte of what was removed: not in damaged files, free pages or the log."""
        if self._books.path is not None:
            upkeep.discard_set_aside(self._books.path, float("inf"))
        if not any(self._books.shrink() for _ in range(BUSY_TRIES)):
            raise OutboxUnavailable(_CURES["busy"])

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work`` in one transaction on the file."""
        fault = Fault("busy")
        for _ in range(BUSY_TRIES):
            try:
                result = self._books.run(work)
            except Fault as found:
                fault = found
                if fault.kind != "busy":
                    break
            else:
                if not self._books.degraded:
                    return result
                break  # it was done in memory, for want of a file
        raise _unavailable(fault.kind, self._books.degraded)

    def work(self, keys: Sequence[str], act: Act) -> Work:
        """Does ``act`` with some rows at a time."""

        def steps() -> Iterator[Counter[str]]:
            for start in range(0, len(keys), AT_ONCE):
                some = keys[start : start + AT_ONCE]
                ends, dropped = self.run(partial(act, keys=some))
                self.tell(dropped)
                yield ends + Counter({"": len(some)})

        return Work(len(keys), steps())

    def tell(self, dropped: Sequence[tuple[Entry, Reason]]) -> None:
        """Tells the shop of entries that were given up."""
        for entry, reason in dropped:
            self._told(entry, reason)

    def close(self) -> None:
        """Closes the files."""
        self._outbox.close()
        self._books.close()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """The rows of one reading statement; none where there is no file."""
        if not self._books.exists:
            return []
        try:
            return self._books.rows(query, values)
        except Fault as fault:
            raise _unavailable(fault.kind, self._books.degraded) from None

    def _look_into_journals(self, table: Table) -> None:
        if table == "waiting":
            self.bring_in()


def _unavailable(kind: str, degraded: str) -> OutboxUnavailable:
    why = degraded or f"it is {kind}"
    return OutboxUnavailable(_CURES.get(kind, f"The outbox cannot be used: {why}."))
