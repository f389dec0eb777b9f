"""What the outbox tells: of an import, of its dead letters, of the state of delivery."""

from __future__ import annotations

from dataclasses import dataclass

from topmail_flask.delivery.entries import Entry
from topmail_flask.model.reasons import Reason


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What one import brought.

    :ivar imported: entries that wait now.
    :ivar dropped: entries that do not, each with its reason.
    :ivar torn: lines that could not be read.
    :ivar more: whether the limit ended it.
    :ivar fault: empty, or why it could not be done: ``"full"``, ``"busy"``, ``"unusable"``.
    """

    imported: int = 0
    dropped: tuple[tuple[Entry, Reason], ...] = ()
    torn: int = 0
    more: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class EntrySummary:
    """An entry of the outbox as it may be shown. Times in seconds since the epoch.

    :ivar kind: ``"view"`` or ``"purchase"``; empty: it cannot be read.
    :ivar at: when it happened.
    :ivar product_id: of a view; else empty.
    :ivar order_id: of a purchase; else empty.
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


@dataclass(frozen=True, slots=True)
class Standing:
    """What every process may know of the delivery on this machine. Times since the epoch.

    :ivar paused_until: end of a pause, or None.
    :ivar pause_reason: why, e.g. ``"unauthorized"``.
    :ivar last_success: when TopMail last took a view.
    :ivar oldest_pending: time of the view that waits longest in the outbox.
    :ivar degraded: why nothing is kept on disk, or "".
    """

    paused_until: float | None = None
    pause_reason: str = ""
    last_success: float | None = None
    oldest_pending: float | None = None
    degraded: str = ""
