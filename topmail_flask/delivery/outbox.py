"""The books of delivery: one SQLite file that the leader writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.journal import Journal
from topmail_flask.domain.ledger import Stats
from topmail_flask.domain.product_view import ProductView
from topmail_flask.domain.reasons import Reason
from topmail_flask.domain.settings import Settings

LEASE = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """A claimed entry: nobody else gets it before its lease ends.

    :ivar entry: key, body bytes, identity, time.
    :ivar view: the view that the body tells; None for a purchase.
    :ivar attempts: attempts that counted so far.
    """

    id: int
    entry: Entry
    view: ProductView | None
    attempts: int
    lease: float


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What one import brought.

    :ivar imported: entries that wait now.
    :ivar dropped: entries that do not, each with its reason.
    :ivar torn: lines that could not be read.
    :ivar more: whether the limit ended it.
    :ivar fault: empty, or why the import could not go on: ``"full"``, ``"busy"``, ``"damaged"`` ...
    """

    imported: int = 0
    dropped: tuple[tuple[Entry, Reason], ...] = ()
    torn: int = 0
    more: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An entry that TopMail will never take. ``shopper`` is masked."""

    key: str
    kind: str
    at: float
    died_at: float
    reason: str
    product_id: str
    shopper: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What every process may know of the delivery on this machine (for ``health()``)."""

    paused_until: float | None = None
    pause_reason: str = ""
    last_success: float | None = None
    oldest_pending: float | None = None
    degraded: str = ""


class Outbox:
    """SIGNATURES: being filled. ``directory`` None: memory only (the same methods)."""

    def __init__(
        self, directory: Path | None, settings: Settings, *, clock: Callable[[], float] = time.time
    ) -> None: ...

    @property
    def degraded(self) -> str: ...  # sentence why nothing is kept on disk, or ""

    def import_journals(self, own: Journal | None = None, limit: int = 1000) -> ImportReport: ...

    def import_entries(self, entries: Iterable[Entry]) -> ImportReport: ...  # from the memory ring

    def claim(self, limit: int, now: float | None = None) -> list[Row]: ...

    @contextmanager
    def batch(self) -> Iterator[None]: ...  # the settlings inside become one transaction

    def delivered(self, row: Row) -> None: ...

    def retry(self, row: Row, due: float, *, counts: bool = True) -> None: ...

    def bury(self, row: Row, reason: Reason) -> None: ...

    def release(self, rows: Iterable[Row]) -> None: ...

    def expire(self, now: float | None = None, limit: int = 500) -> list[Entry]: ...

    def tidy(self, now: float | None = None) -> None: ...  # once a minute: purge, shrink

    def remembered_contact(self, identity: str) -> str | None: ...

    def remember_contact(self, identity: str, contact_id: str) -> None: ...

    def unknown_contact(self, identity: str) -> bool: ...  # 404 within the last hour

    def remember_unknown(self, identity: str, seconds: float = 3600.0) -> None: ...

    def pause(self, until: float, reason: str) -> None: ...

    def resume(self) -> None: ...

    def standing(self) -> Standing: ...

    def stats(self) -> Stats: ...

    def pending(self) -> int: ...  # rows and unimported lines

    def next_due(self) -> float | None: ...  # 0.0: something is due already

    def forget(self, identities: Collection[str]) -> int: ...

    def adopt(self, sibling: Path) -> bool: ...  # F187; only while the caller leads the sibling too

    def dead_letters(self, limit: int = 1000) -> list[DeadLetter]: ...

    def retry_dead(self, keys: Sequence[str] | None = None) -> int: ...  # None: all; a new key each

    def drop_dead(self, keys: Sequence[str] | None = None) -> int: ...

    def drop_pending(self, keys: Sequence[str] | None = None) -> int: ...

    def close(self) -> None: ...
