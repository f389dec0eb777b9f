"""An outbox in the hands of a person at the command line, beside the store that uses it.

Every change is a short transaction: a leader that runs waits for milliseconds.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from topmail_flask.delivery.claiming import ASK_AGAIN_AFTER, wait_again
from topmail_flask.delivery.dropping import MOST_AHEAD, Dropped, Dropping, remove
from topmail_flask.delivery.entry import IS_OF, Entry
from topmail_flask.delivery.files import FILE_NAME, LEADER_LOCK, check_files, is_held, prepare
from topmail_flask.delivery.kinds import BY_NAME
from topmail_flask.delivery.lifecycle import Wakeup
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.delivery.repair import discard_set_aside
from topmail_flask.delivery.schema import LET_GO, note
from topmail_flask.delivery.segments import SUFFIX
from topmail_flask.delivery.sqlite_file import Fault
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.events import new_key
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper


@dataclass(frozen=True, slots=True)
class EntrySummary:
    """An entry of the outbox as it may be shown. Times in seconds since the epoch.

    :ivar kind: of :data:`~topmail_flask.delivery.kinds.KINDS`; empty: it cannot be read.
    :ivar at: when it happened.
    :ivar product_id: of a view; else empty.
    :ivar order_id: of a purchase; of a trigger the automation, of another conversion its type.
    :ivar shopper: masked, ``s***@example.com``.
    :ivar attempts: attempts that counted so far.
    :ivar due: when it is tried next; None: at once, or never.
    :ivar reason: why it is a dead letter, text of a :class:`~topmail_flask.Reason`; else empty.
    :ivar died_at: when it became one.
    """

    key: str
    kind: str
    at: float
    product_id: str
    order_id: str
    shopper: str
    attempts: int
    due: float | None = None
    reason: str = ""
    died_at: float | None = None


Table = Literal["waiting", "dead"]
COLUMNS: dict[Table, str] = {
    "waiting": "key, at, line, attempts, due, '', NULL",
    "dead": "key, at, line, attempts, NULL, reason, died_at",
}


@dataclass(frozen=True, slots=True)
class Selection:
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
        chosen = {said: value for said, value in known.items() if value is not None}
        return " AND ".join(["1", *chosen]), list(chosen.values())


def summary(row: tuple[Any, ...]) -> EntrySummary:
    """An entry as it may be shown: without the address."""
    key, at, line, attempts, due, reason, died_at = row
    entry, body = _read(line)
    return EntrySummary(
        key,
        entry.kind if entry else "",
        at,
        str(body.get("product_id") or ""),
        str(body.get("order_id") or (entry and entry.target) or body.get("type") or ""),
        _masked(body),
        attempts,
        due or None,
        reason,
        died_at,
    )


def revive(
    connection: sqlite3.Connection, keys: Sequence[str], oldest: float, now: float
) -> tuple[Counter[str], Dropped]:
    """Makes dead letters wait again.

    One that TopMail answers with a stored error gets a new key (fault F028); any other keeps its
    key, for TopMail may have taken it after all. One whose contact was unknown is sent under
    another key than the one by which it is known here, for TopMail may answer to that as before.

    :param oldest: time of the oldest view that may still be sent.
    :returns: how many were ``retried``, and how many were not: ``too_old``, ``withdrawn`` (their
        shopper has withdrawn consent since, or was forgotten), ``bought`` (views whose shopper has
        bought since), ``waiting`` (already), ``unreadable``.
    """
    ends: Counter[str] = Counter()
    query = "SELECT line, reason, attempts FROM dead WHERE key = ?"
    for key in keys:
        for line, reason, attempts in connection.execute(query, (key,)).fetchall():
            try:
                entry = Entry.from_line(line)
            except (ValueError, TypeError):
                ends["unreadable"] += 1
                continue
            why_not = "too_old" if entry.at <= oldest else _why_not(connection, entry, now)
            ends[why_not or _revive(connection, key, entry, reason, attempts)] += 1
    return ends, []


def _why_not(connection: sqlite3.Connection, entry: Entry, now: float) -> str:
    known = entry.shopper, entry.at, now + MOST_AHEAD
    withdrawn = "SELECT 1 FROM withdrawals WHERE identity = ? AND at >= ? AND at <= ?"
    if connection.execute(withdrawn, known).fetchone():
        return "withdrawn"
    bought = "SELECT 1 FROM purchases WHERE identity = ? AND at >= ? AND at <= ?"
    if entry.kind == "view" and connection.execute(bought, known).fetchone():
        return "bought"
    return ""


def _revive(
    connection: sqlite3.Connection, key: str, entry: Entry, reason: str, attempts: int
) -> str:
    if reason == Reason.CONTACT_NOT_FOUND:
        entry = entry.as_renewed()
    if reason == Reason.REPLAYED_ERROR:
        prefix = BY_NAME[entry.kind].prefix
        entry, attempts = replace(entry, key=prefix + new_key()), 0
    else:  # an attempt or more: the same key keeps the same bytes
        attempts = max(attempts, 1)
    if not wait_again(connection, key, entry, attempts, reason):
        return "waiting"
    # Who was unknown may be known by now: that is what a retry is for.
    connection.execute("DELETE FROM unknown_contacts WHERE identity = ?", (entry.identity,))
    return "retried"


def delete_entries(
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
    dead, drop = 0, Dropping(connection, now)
    for identity, shopper in shoppers.items():
        drop.withdraw(identity, now, Reason.FORGOTTEN)
        same = [identity] * 3
        dead += connection.execute(f"DELETE FROM dead WHERE {IS_OF}", same).rowcount  # noqa: S608
        contacts = "DELETE FROM contacts WHERE identity = ? OR contact_id = ?"
        connection.execute(contacts, (identity, shopper.contact_id))
        for table in ("purchases", "unknown_contacts"):
            connection.execute(f"DELETE FROM {table} WHERE {IS_OF}", same)  # noqa: S608
        addresses = "UPDATE moves SET email = '' WHERE successor = ? OR lower(email) = ?"
        connection.execute(addresses, (identity, (shopper.email or "-").casefold()))
    return Counter(removed=dead + len(drop.dropped)), drop.dropped


def tells_of(line: bytes, emails: Collection[str], contact_ids: Collection[str]) -> bool:
    """Whether a line tells of a shopper with one of these addresses (in lower case) or ids."""
    entry, body = _read(line)
    if entry is None:
        text = str(line, errors="replace").casefold() if isinstance(line, bytes) else str(line)
        return any(f'"{email}"' in text for email in emails)
    email = str(body.get("email") or "").casefold()
    known_as = {str(body.get("contact_id")), entry.contact_id}
    return email in emails or not known_as.isdisjoint(contact_ids)


def _read(line: bytes) -> tuple[Entry | None, dict[str, Any]]:
    """The entry of a line and its body; None where it cannot be read."""
    try:
        entry = Entry.from_line(line)
        body = json.loads(entry.body)
    except (ValueError, TypeError, RecursionError):
        return None, {}
    return entry, body if isinstance(body, dict) else {}


def _masked(body: dict[str, Any]) -> str:
    name, at, domain = str(body.get("email") or "").rpartition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    return "contact id" if body.get("contact_id") else ""


AT_ONCE = 200
BUSY_TRIES = 5
_FIXES = {
    "busy": "Somebody holds the outbox file for seconds. Try again.",
    "full": "The disk is full. Free some space and try again.",
    "damaged": "The outbox file is damaged. The store repairs it when it sends; or run: "
    "flask topmail drain",
    "newer": "The outbox file was made by a newer topmail-flask. Run the command of that version.",
}
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


class OutboxAdmin:
    """What a person may see and do of one outbox.

    To be used in a process that sends nothing, as the command line is.

    :param directory: the app's directory.
    :param tell: called with the lines of entries that were given up, each with its reason.
    :param identity_of: digests a shopper as the store does.
    :raises OutboxUnavailable: by every method.
    """

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        tell: Callable[[Dropped], object],
        identity_of: Callable[[Shopper], str],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.directory = directory
        self._settings = settings
        self.tell = tell
        self.identity_of = identity_of
        self._clock = clock
        self._outbox = Outbox(directory, settings, clock=clock)
        self._file = self._outbox.file

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
        return self._file.current.size

    def check(self) -> None:
        """Find out whether the outbox can be used at all."""
        if not self.exists:
            return
        try:
            prepare(self.directory)
            check_files(self.directory)
            self.rows("SELECT 1 FROM notes LIMIT 1")
        except OSError as error:
            raise OutboxUnavailable(str(error)) from None
        path = self._file.path
        if path is not None and path.name != FILE_NAME:
            raise OutboxUnavailable(_FIXES["newer"])

    def kept(self) -> dict[str, int]:
        """How many dead letters are kept, by reason; the most frequent first."""
        query = "SELECT reason, COUNT(*) FROM dead GROUP BY reason ORDER BY COUNT(*) DESC, reason"
        return dict(self.rows(query))

    def held(self) -> int:
        """How many dead letters are sent without a retry once TopMail knows their contact: it is
        asked for again after 1, 5 and 30 minutes.
        """
        query = (
            "SELECT COUNT(*) FROM dead WHERE reason = ? AND identity IN "
            "(SELECT identity FROM unknown_contacts WHERE refusals < ?)"
        )
        try:
            asked = str(Reason.CONTACT_NOT_FOUND), len(ASK_AGAIN_AFTER)
            return sum(count for (count,) in self.rows(query, asked))
        except OutboxUnavailable:  # a file of the version before has no such table
            return 0

    def listed(self, table: Table, selection: Selection, limit: int) -> list[EntrySummary]:
        """The newest of the chosen entries, without addresses."""
        if table == "waiting":
            self.bring_in()
        condition, values = selection.condition
        query = f"SELECT {COLUMNS[table]} FROM {table} WHERE {condition}"  # noqa: S608
        newest = self.rows(f"{query} ORDER BY id DESC LIMIT ?", [*values, limit])
        return [summary(row) for row in newest]

    def find(self, table: Table, selection: Selection) -> list[str]:
        """The keys of the chosen entries. What is in the journals comes into the outbox first."""
        if table == "waiting":
            self.bring_in()
        condition, values = selection.condition
        query = f"SELECT key FROM {table} WHERE {condition}"  # noqa: S608  # our names
        if not selection.keys:
            return [key for (key,) in self.rows(f"{query} ORDER BY id", values)]
        query += " AND key = ?"
        return [key for key in dict.fromkeys(selection.keys) if self.rows(query, [*values, key])]

    def retry(self, keys: Sequence[str]) -> Work:
        """Has dead letters sent again. Tells ``retried``, ``too_old``, ``withdrawn``, …"""
        now = self._clock()
        act = partial(revive, oldest=now - self._settings.max_age, now=now)
        return self.work(keys, act)

    def drop(self, table: Table, keys: Sequence[str]) -> Work:
        """Removes dead letters, or gives up what waits. Tells ``removed``."""
        return self.work(keys, partial(delete_entries, table=table, reason=Reason.REMOVED))

    def tidy(self) -> None:
        """Deletes what was kept long enough, and gives the space back to the disk."""
        if self.exists:
            self._outbox.tidy()

    def bring_in(self) -> None:
        """Brings what is in the journals into the outbox, and erases it there."""
        faults = 0
        while True:
            report = self._outbox.import_journals()
            self.tell(report.dropped)
            if report.fault:
                faults += 1
                if report.fault != "busy" or faults >= BUSY_TRIES:
                    raise _unavailable(report.fault, self._file.degraded)
            elif not report.more:
                return

    def erase_rest(self) -> None:
        """Leaves no byte of what was removed: not in damaged files, free pages or the log."""
        if self._file.path is not None:
            discard_set_aside(self._file.path, float("inf"))
        if not any(self._file.current.shrink() for _ in range(BUSY_TRIES)):
            raise OutboxUnavailable(_FIXES["busy"])

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work`` in one transaction on the file."""
        fault = Fault("busy")
        for _ in range(BUSY_TRIES):
            try:
                result = self._file.run(work)
            except Fault as found:
                fault = found
                if fault.kind != "busy":
                    break
            else:
                if not self._file.degraded:
                    return result
                break  # it was done in memory, for want of a file
        raise _unavailable(fault.kind, self._file.degraded)

    def work(self, keys: Sequence[str], act: Act) -> Work:
        """Does ``act`` with some rows at a time."""

        def steps() -> Iterator[Counter[str]]:
            for start in range(0, len(keys), AT_ONCE):
                some = keys[start : start + AT_ONCE]
                ends, dropped = self.run(partial(act, keys=some))
                self.tell(dropped)
                yield ends + Counter({"": len(some)})

        return Work(len(keys), steps())

    def close(self) -> None:
        """Closes the files."""
        self._outbox.close()

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        """The rows of one reading statement; none where there is no file."""
        try:
            return self._file.rows(query, values)
        except Fault as fault:
            raise _unavailable(fault.kind, self._file.degraded) from None


def _unavailable(kind: str, degraded: str) -> OutboxUnavailable:
    why = degraded or f"it is {kind}"
    return OutboxUnavailable(_FIXES.get(kind, f"The outbox cannot be used: {why}."))


LONGEST_CALL, ASK_INTERVAL = 20.0, 0.02
"""Seconds after which a call has ended, DNS left aside, and between two looks for the leader's
answer."""
_UNANSWERED = (
    "The shopper is erased, but the process that sends has not said that it will send nothing more "
    "of them: it hangs, or is of another version. End it, or run this again."
)


def forget(
    admin: OutboxAdmin,
    shoppers: Collection[Shopper],
    *,
    now: float,
    patience: float = LONGEST_CALL,
) -> Work:
    """Erases a shopper from one outbox. Tells how many views and dead letters were ``removed``.

    A leader that runs is asked to begin no other call for the shopper; the steps end when it has
    agreed and its calls for them have ended, which they tell of as ``under_way`` if these take too
    long. So nothing that happened before ``now`` leaves this machine afterwards.

    :param shoppers: all that is known of the one shopper: an address, contact ids.
    :param now: what happened until then is forgotten, in seconds since the epoch.
    :param patience: seconds to wait for the leader.
    :raises OutboxUnavailable: also by the steps: something is left, or may be.
    """

    def steps() -> Iterator[Counter[str]]:
        known = {admin.identity_of(each): each for each in shoppers}
        for shopper in by_contact_id(admin, list(known)):
            known[admin.identity_of(shopper)] = shopper
        mark = partial(mark_forgotten, shoppers=known, now=now)
        ends, dropped = admin.run(mark)
        admin.tell(dropped)
        yield ends
        emails = {each.email.casefold() for each in known.values() if each.email}
        contact_ids = {each.contact_id for each in known.values() if each.contact_id}
        tells = partial(tells_of, emails=emails, contact_ids=contact_ids)
        for table in COLUMNS:
            yield from _erase_by_name(admin, table, tells)
        admin.bring_in()  # it erases what another importer, killed, left behind
        admin.erase_rest()
        yield Counter(under_way=_calls_left(admin, patience))

    admin.bring_in()
    counted = admin.rows("SELECT (SELECT COUNT(*) FROM waiting) + (SELECT COUNT(*) FROM dead)")
    return Work(counted[0][0] if counted else 0, steps())


def _calls_left(admin: OutboxAdmin, patience: float) -> int:
    """How many calls the leader makes that name what was removed, once it begins no other."""
    asked, end, pause = admin.run(_ask_to_let_go), time.monotonic() + patience, Wakeup()
    while is_held(admin.directory / LEADER_LOCK):
        noted = dict(admin.rows(LET_GO))
        calls = int(noted.get("calls_left", 0)) if noted.get("let_go", 0) >= asked else None
        if calls == 0:
            break
        if time.monotonic() >= end:
            if calls is None:
                raise OutboxUnavailable(_UNANSWERED)
            return calls
        pause.wait(ASK_INTERVAL)
    return 0


def _ask_to_let_go(connection: sqlite3.Connection) -> int:
    asked = int(dict(connection.execute(LET_GO)).get("forgets", 0)) + 1
    note(connection, "forgets", asked)
    return asked


def by_contact_id(admin: OutboxAdmin, identities: Collection[str]) -> Iterator[Shopper]:
    """The same shoppers by TopMail's id of the contact, where that is known here."""
    query = "SELECT contact_id FROM contacts WHERE identity = ? AND contact_id IS NOT NULL"
    for identity in identities:
        for (contact_id,) in admin.rows(query, (identity,)):
            try:
                yield Shopper(contact_id=contact_id)
            except InvalidValueError:
                continue


def _erase_by_name(
    admin: OutboxAdmin, table: Table, tells: Callable[[bytes], bool]
) -> Iterator[Counter[str]]:
    """Removes rows that name the shopper under another identity, of a secret that was changed."""
    columns = f"SELECT id, key, line FROM {table}"  # noqa: S608  # our names
    last = 0
    while rows := admin.rows(f"{columns} WHERE id > ? ORDER BY id LIMIT {AT_ONCE}", (last,)):
        last = rows[-1][0]
        found = [key for _, key, line in rows if tells(line)]
        if found:
            act = partial(delete_entries, table=table, reason=Reason.FORGOTTEN)
            yield from admin.work(found, act).steps
        yield Counter({"": len(rows)})
