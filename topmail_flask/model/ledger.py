"""The books as a shop reads them: what was accepted, what became of it, is all well?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of views since the outbox was made. They always balance::

        accepted == delivered + dead + expired + dropped + pending

    :ivar accepted: views that the store handed over for delivery.
    :ivar delivered: views that TopMail took.
    :ivar dead: dead letters: views that TopMail will never take.
    :ivar expired: views that waited longer than ``TOPMAIL_MAX_AGE``.
    :ivar dropped: views given up for any other reason (repeat, overflow, consent withdrawn ...).
    :ivar pending: views still waiting, in the journals, the outbox or memory.
    :ivar reasons: how many views were not sent, by :class:`~topmail_flask.Reason`; includes those
        that this process never accepted (robots, anonymous visitors ...).
    """

    accepted: int = 0
    delivered: int = 0
    dead: int = 0
    expired: int = 0
    dropped: int = 0
    pending: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether every accepted view is accounted for."""
        ended = self.delivered + self.dead + self.expired + self.dropped
        return self.accepted == ended + self.pending

    def plus(self, other: Stats) -> Stats:
        """These books and others as one."""
        return Stats(
            accepted=self.accepted + other.accepted,
            delivered=self.delivered + other.delivered,
            dead=self.dead + other.dead,
            expired=self.expired + other.expired,
            dropped=self.dropped + other.dropped,
            pending=self.pending + other.pending,
            reasons=self.with_refusals(other.reasons).reasons,
        )

    def with_refusals(self, refusals: Mapping[str, int]) -> Stats:
        """These books, with what a process never accepted among the reasons."""
        reasons = Counter(self.reasons)
        reasons.update(refusals)
        return replace(self, reasons=dict(reasons))


@dataclass(frozen=True, slots=True)
class Health:
    """Whether views reach TopMail.

    :ivar state: ``"healthy"``; ``"disabled"`` (nothing is sent, as configured); ``"degraded"``
        (views are kept in memory only); ``"paused"`` (no calls until :attr:`until`); ``"stuck"``
        (the sender does not move, or no thread can run that sends); ``"not_delivering"`` (views
        wait, none was delivered for minutes).
    :ivar reason: why, e.g. ``"unauthorized"`` or ``"rate_limited"``; empty when healthy.
    :ivar fix: what to do about it.
    :ivar until: when a pause ends, in seconds since the epoch.
    :ivar oldest_pending: age of the oldest waiting view, in seconds.
    :ivar last_success: when a view was last delivered, in seconds since the epoch.
    """

    state: str = "healthy"
    reason: str = ""
    fix: str = ""
    until: float | None = None
    oldest_pending: float | None = None
    last_success: float | None = None

    @property
    def ok(self) -> bool:
        """Nothing for anybody to do."""
        return self.state in ("healthy", "disabled")
