"""Outcomes into the books, several in one transaction, and then to the shop's receivers."""

from __future__ import annotations

from contextlib import ExitStack

from topmail_flask.delivery.contacts import Outcome
from topmail_flask.delivery.outbox import Outbox, Row
from topmail_flask.delivery.reactions import Reactions
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Receipt

LONGEST = 0.02
"""Seconds that an outcome may wait for others to be written with it."""
MOST = 64


class Settling:
    """Settles outcomes; the shop is told of none before it is written."""

    def __init__(self, outbox: Outbox, reactions: Reactions, receivers: Receivers) -> None:
        self._outbox = outbox
        self._reactions = reactions
        self._receivers = receivers
        self._open: ExitStack | None = None
        self._ended: list[tuple[Row, Receipt | Reason]] = []
        self._count = 0
        self._due = 0.0

    def add(self, outcome: Outcome, now: float, wall: float) -> None:
        """Settle an outcome, in memory at first."""
        self._begin(now)
        end = self._reactions.settle(outcome, now, wall)
        if end is not None:
            self._ended.append((outcome.job.row, end))

    def bury(self, row: Row, reason: Reason, now: float) -> None:
        """Give a view up that needs no call."""
        self._begin(now)
        self._ended.append((row, self._reactions.bury(row, reason)))

    def wait(self, now: float) -> float | None:
        """Seconds until what is open has to be written; None if nothing is."""
        if self._open is None:
            return None
        return 0.0 if self._count >= MOST else max(0.0, self._due - now)

    def write(self) -> None:
        """Write what is open, and tell the shop."""
        if self._open is None:
            return
        opened, ended = self._open, self._ended
        self._open, self._ended, self._count = None, [], 0
        opened.close()
        for row, end in ended:
            if isinstance(end, Receipt):
                self._receivers.delivered(row.told, end)
            else:
                self._receivers.dropped(row.told, end)

    def _begin(self, now: float) -> None:
        self._count += 1
        if self._open is None:
            self._open = ExitStack()
            self._open.enter_context(self._outbox.batch())
            self._due = now + LONGEST
