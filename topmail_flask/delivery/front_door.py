"""The front door of delivery: what the store calls, and all that it waits for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topmail_flask.delivery import exits
from topmail_flask.delivery.bells import Bell
from topmail_flask.delivery.entries import Entry, Told
from topmail_flask.delivery.homes import home_of
from topmail_flask.delivery.identities import Identities
from topmail_flask.delivery.journal import Journal
from topmail_flask.delivery.learned import Learned
from topmail_flask.delivery.lock_holders import holder, silent_for
from topmail_flask.delivery.memory_ring import MemoryRing
from topmail_flask.delivery.notices import logger
from topmail_flask.delivery.place import LEADER_LOCK, app_directory, siblings
from topmail_flask.delivery.receivers import IsWithdrawn, OnDelivered, OnDropped, Receivers
from topmail_flask.delivery.standing import health_of
from topmail_flask.model.events import new_key
from topmail_flask.model.ledger import Health, Stats
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper

if TYPE_CHECKING:
    from topmail_flask.delivery.operating import Operator
    from topmail_flask.delivery.outbox import Outbox

FLUSH_INTERVAL = 0.02


class Delivery:
    """Takes views over from the store and sees to it that they reach TopMail.

    Nothing is opened or started before the first accepted view. It may be used from any thread,
    greenlet, signal handler or finaliser, and goes on in a forked child.

    :param settings: of the app.
    :param app_name: tells the app from others that share ``directory``.
    :param directory: where each app has its own directory; None: in memory only.
    :param secret: keys the digests by which shoppers are told apart in the files.
    :param owner: tells the shop from others in ``directory`` that run the same program.
    :param on_delivered: called with each view that TopMail took, and its receipt.
    :param on_dropped: called with each accepted view that will not be sent, and the reason.
    :param is_heard: whether anybody listens to these two.
    :param celery: returns the shop's Celery app, or None.
    :param is_withdrawn: asked before a view is sent: whether its shopper has withdrawn consent.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        app_name: str,
        directory: Path | None,
        secret: bytes,
        owner: bytes = b"",
        on_delivered: OnDelivered | None = None,
        on_dropped: OnDropped | None = None,
        is_heard: Callable[[], bool] = lambda: True,
        celery: Callable[[], Any] = lambda: None,
        is_withdrawn: IsWithdrawn | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self.exit_budget = settings.shutdown_timeout
        self._receivers = Receivers(on_delivered, on_dropped, is_withdrawn, is_heard)
        self._clock, self._monotonic = clock, monotonic
        self._identities = Identities(secret)
        self._enabled = settings.api_key is not None and settings.enabled is not False
        named = app_name, settings.api_key
        self._directory = directory and app_directory(directory, *named, owner=owner)
        self.learned = Learned(self._directory, "consent")
        place, durable = self._directory, settings.synchronous == "FULL"
        self._journal = Journal(place, durable=durable, clock=clock) if place else None
        self._ring = MemoryRing()
        self._home = home_of(
            settings,
            self._directory,
            self._receivers,
            journal=self._journal,
            ring=self._ring,
            pour=self._pour,
            account=app_directory(Path(), *named).name,
            celery=celery,
            clock=clock,
            monotonic=monotonic,
        )
        self._reader: Outbox | None = None
        self._ended, self._registered, self._resumed_in = False, False, 0

    def resume(self) -> None:
        """Go on with what earlier processes left behind; to be called with each request."""
        if self._enabled and self._resumed_in != os.getpid():
            self._resumed_in = os.getpid()
            if self._directory and (self._directory.exists() or siblings(self._directory)):
                self._wake()

    def follow(self) -> None:
        """Send whatever comes, or wait to; to be called every second or so, until :meth:`close`."""
        if self._enabled:
            self._wake()

    def accept(self, told: Told) -> Reason | None:
        """Take over a view, or a purchase, which drops the views of its shopper that wait.

        Never raises, and waits for one write to a file at the most.

        :returns: None; or why the view is not accepted.
        """
        if not self._enabled:
            return Reason.DISABLED
        if told.shopper is None:
            return Reason.ANONYMOUS
        try:
            entry = self._identities.entry(told)
        except ValueError:
            return Reason.INVALID_PRODUCT
        self._keep(entry)
        return None

    def withdraw(self, shopper: Shopper) -> None:
        """Drop what waits for a shopper who has withdrawn consent."""
        if not self._enabled:
            return
        identity = self._identities.of(shopper)
        for entry in self._ring.forget({identity}, Reason.CONSENT_WITHDRAWN):
            self._receivers.dropped(entry, Reason.CONSENT_WITHDRAWN)
        self._keep(Entry("withdrawal", new_key(), self._clock(), identity))

    def stats(self) -> Stats:
        """The books of this machine's outbox, with what this process holds in memory."""
        return self._books().stats().plus(self._ring.stats())

    def health(self) -> Health:
        """Whether views reach TopMail, as far as this machine knows."""
        if not self._enabled:
            return Health("disabled")
        books = self._books()
        journal = self._journal.check() if self._journal else ""
        self._pour()
        elsewhere = silent_for(self._directory / LEADER_LOCK) if self._directory else None
        return health_of(
            books.standing(),
            degraded=books.degraded or journal,
            stuck_for=max(self._home.stuck_for or 0.0, elsewhere or 0.0),
            nobody_can=elsewhere is None and not self._home.can_run,
            pending=self._waiting(),
            now=self._clock(),
        )

    def led_by(self) -> int:
        """The id of another process that sends, or 0; to be asked after :meth:`close` (F199)."""
        return (holder(self._directory / LEADER_LOCK) if self._directory else None) or 0

    def operators(self) -> list[Operator]:
        """This machine's outboxes in a person's hands: that of the key, then of former keys."""
        from topmail_flask.delivery.operating import Operator  # noqa: PLC0415  # not for a request

        told, identity_of = self._receivers.dropped, self._identities.of
        places = [self._directory, *siblings(self._directory)] if self._directory else []
        return [Operator(one, self._settings, told, identity_of) for one in places]

    def flush(self, timeout: float) -> bool:
        """Wait until nothing waits any more, for ``timeout`` seconds at the most.

        :returns: whether that was reached.
        """
        end, pause, quiet = self._monotonic() + timeout, Bell(), 0
        # Twice: a view on its way from memory to the books is in neither for a moment.
        while quiet < 2:
            quiet = 0 if self._waiting() else quiet + 1
            if quiet == 0:
                if self._monotonic() >= end:
                    return False
                self._wake()
            pause.wait(FLUSH_INTERVAL)
        return True

    def close(self) -> None:
        """Send what can be sent within ``TOPMAIL_SHUTDOWN_TIMEOUT``, and end the threads.

        What could not be sent stays on the disk. A view accepted later is kept there as well.
        """
        moment = self._monotonic() + self.exit_budget
        self.end_by(moment)
        self.await_end(moment)

    def end_by(self, moment: float) -> None:
        """Begin to end; see :meth:`await_end`."""
        self._ended = True
        self._home.end_by(moment)

    def await_end(self, moment: float) -> None:
        """Wait for the threads until a moment of the monotonic clock, and let go of the files."""
        self._home.await_end(moment)
        self._pour()
        for entry in self._journal.close() if self._journal else []:
            self._ring.put(entry)
        lost = self._ring.give_up(Reason.UNDELIVERED)
        if lost:
            logger.warning("TopMail: %d views were in memory only and are lost.", len(lost))
        for entry in lost:
            self._receivers.dropped(entry, Reason.UNDELIVERED)

    def begin_anew(self) -> None:
        """Forget threads and files: they are the parent's, after a fork."""
        self._home.begin_anew()
        self._ended = False

    def _keep(self, entry: Entry) -> None:
        self._pour()
        if self._journal is None or not self._journal.append(entry):
            for dropped in self._ring.put(entry):
                self._receivers.dropped(dropped, Reason.OVERFLOW)
        self._wake()

    def _wake(self) -> None:
        if self._ended:
            return
        if not self._registered:
            self._registered = True
            exits.register(self)
        self._home.wake()

    def _pour(self) -> None:
        if self._journal is not None and len(self._ring):
            self._ring.pour(self._journal.append)

    def _waiting(self) -> int:
        try:
            return len(self._ring) + self._books().pending()
        except OSError:  # no descriptor left to look: something may wait
            return 1

    def _books(self) -> Outbox:
        """The leader's books if they are in this process's memory only, else the files'."""
        if (leading := self._home.outbox) is not None:
            return leading
        if self._reader is None:
            from topmail_flask.delivery.outbox import Outbox  # noqa: PLC0415  # as for operators

            self._reader = Outbox(self._directory, self._settings, clock=self._clock)
        return self._reader

    def __repr__(self) -> str:
        return "<Delivery>"
