"""The front door of delivery: what the store calls, and all that it waits for."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import finalize

from topmail_flask.delivery.entry import Entry, Identities
from topmail_flask.delivery.files import (
    HAS_LOCKS,
    LEADER_LOCK,
    CachedFlag,
    SharedCounts,
    account_name,
    app_directory,
    holder,
    prepare,
    read_note,
    seconds_since_heartbeat,
    siblings,
    why_unusable,
    write_note,
)
from topmail_flask.delivery.health import health_of
from topmail_flask.delivery.journal import Journal, RingBuffer
from topmail_flask.delivery.lifecycle import Wakeup
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.delivery.runners import Runner, Wiring
from topmail_flask.model.events import Event, ProductView, new_key
from topmail_flask.model.ledger import Health, Stats
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper

if TYPE_CHECKING:
    from topmail_flask.delivery.admin import OutboxAdmin
    from topmail_flask.delivery.outbox import Outbox

FLUSH_INTERVAL = 0.02
_SECONDS_AFTER_WAIT = 60.0
"""After an answer has waited for its view in vain, none waits for so long."""
_TROUBLE = "internal-error"
_TROUBLE_LIMIT = 200
_TROUBLE_SECONDS = 3600.0


@dataclass(frozen=True)
class Shop:
    """Whose views are delivered.

    :ivar name: tells the app from others that share a directory.
    :ivar secret: keys the digests by which shoppers are told apart in the files.
    :ivar owner: tells the shop from others that run the same program.
    """

    name: str
    secret: bytes = field(repr=False)
    owner: bytes = field(default=b"", repr=False)


class Delivery:
    """Takes views over from the store and sees to it that they reach TopMail.

    Nothing is opened or started before the first accepted view. It may be used from any thread,
    greenlet, signal handler or finaliser, and goes on in a forked child.

    :param settings: of the app.
    :param shop: whose views they are.
    :param directory: where each app has its own directory; None: in memory only.
    :param receivers: told what became of each view.
    :param celery: returns the shop's Celery app, or None.
    """

    def __init__(
        self,
        settings: Settings,
        shop: Shop,
        directory: Path | None,
        *,
        receivers: Receivers | None = None,
        celery: Callable[[], Any] = lambda: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._receivers = receivers or Receivers()
        self._clock, self._monotonic = clock, monotonic
        self._identities = Identities(shop.secret)
        self._enabled = settings.api_key is not None and settings.enabled is not False
        key, owner = settings.api_key, shop.owner
        directory = directory if HAS_LOCKS else None
        self._directory = directory and app_directory(directory, shop.name, key, owner=owner)
        self.learned = CachedFlag(self._directory, "consent")
        self.unreadable_banners = SharedCounts(self._directory, "unreadable-banners")
        place, durable = self._directory, settings.synchronous == "FULL"
        self._journal = Journal(place, durable=durable, clock=clock) if place else None
        self._ring = RingBuffer()
        self._wiring = Wiring(
            settings=replace(settings, image_base=None, product_url=None),  # the shop's functions
            directory=self._directory,
            receivers=self._receivers.weakly(),
            journal=self._journal,
            ring=self._ring,
            banners=self.unreadable_banners,
            account=account_name(shop.name, key, owner),
            celery=celery,
            clock=clock,
            monotonic=monotonic,
        )
        self._runner = Runner(self._wiring)
        finalize(self, self._runner.let_go).atexit = False
        self._reader: Outbox | None = None
        self._resumed_in = 0
        self._wait_again_at = 0.0

    def resume(self) -> None:
        """Go on with what earlier processes left behind; to be called with each request."""
        if self._enabled and self._resumed_in != os.getpid():
            self._resumed_in = os.getpid()
            if self._directory and (os.path.exists(self._directory) or siblings(self._directory)):
                self._runner.accepted()

    def follow(self) -> None:
        """Send whatever comes, or wait to; to be called every second or so, until :meth:`close`."""
        if self._enabled:
            self._runner.accepted()

    def accept(self, event: Event) -> Reason | None:
        """Take over an event. A purchase drops the views of its shopper that wait.

        Never raises, and waits for one write to a file at the most; with
        ``TOPMAIL_SEND_BEFORE_ANSWER`` also for TopMail, for so many seconds.

        :returns: None; or why the view is not accepted.
        """
        if not self._enabled:
            return Reason.DISABLED
        if event.shopper is None:
            return Reason.ANONYMOUS
        try:
            line = self._identities.line(event)
        except ValueError:
            is_view = isinstance(event, ProductView)
            return Reason.INVALID_PRODUCT if is_view else Reason.INVALID_EVENT
        if limit := self._settings.send_before_answer:
            self._keep_and_wait(line, limit)
        else:
            self._keep(line)
        return None

    def note_unreadable(self, banners: Iterable[str]) -> None:
        """Count consent banners whose cookies could not be read, for the doctor and the status."""
        self.unreadable_banners.add(banners)

    def note_trouble(self, what: str) -> None:
        """Tell the other processes of the machine what went wrong in this one before delivery."""
        if self._enabled and self._directory is not None:
            with suppress(OSError):
                prepare(self._directory)
                write_note(
                    self._directory / _TROUBLE, what[:_TROUBLE_LIMIT].encode("ascii", "replace")
                )

    def trouble(self) -> str:
        """What any process of the machine told of within the last hour, or ""."""
        if not self._enabled or self._directory is None:
            return ""
        text, at = read_note(self._directory / _TROUBLE)
        is_recent = abs(self._clock() - at) < _TROUBLE_SECONDS
        return text[:_TROUBLE_LIMIT].decode("ascii", "replace") if is_recent else ""

    def withdraw(self, shopper: Shopper) -> None:
        """Drop what waits for a shopper who has withdrawn consent."""
        if not self._enabled:
            return
        identity = self._identities.of(shopper)
        self._receivers.all_dropped(self._ring.forget(identity, Reason.CONSENT_WITHDRAWN))
        self._keep(Entry("withdrawal", new_key(), self._clock(), identity).to_line())

    def cancel(self, once: str) -> None:
        """Drop the triggers that wait under this name, whoever's they are."""
        if self._enabled:
            name = self._identities.named("trigger", once)
            self._keep(Entry("cancellation", new_key(), self._clock(), "", name).to_line())

    def move(self, old: Shopper, new: Shopper) -> None:
        """Have what waits for one shopper be another's, who is known by an address."""
        if self._enabled:
            identities, body = self._identities, json.dumps({"email": new.email}).encode()
            old_identity, new_identity = identities.of(old), identities.of(new)
            if old_identity != new_identity:
                at = self._clock()
                move = Entry("move", new_key(), at, old_identity, new_identity, body)
                self._keep(move.to_line())

    def stats(self) -> Stats:
        """The ledger of this machine's outbox, with what this process holds in memory."""
        return self._outbox().stats().plus(self._ring.stats())

    def health(self) -> Health:
        """Whether views reach TopMail, as far as this machine knows."""
        if not self._enabled:
            return Health("disabled")
        outbox = self._outbox()
        journal = self._journal.check() if self._journal else ""
        self._wiring.save_ring()
        directory, file = self._directory, outbox.file
        elsewhere = seconds_since_heartbeat(directory / LEADER_LOCK) if directory else None
        refused = why_unusable(directory) if directory else ""
        return health_of(
            outbox.state(),
            degraded=file.degraded or file.shortage or journal or refused,
            stuck_for=max(self._runner.stuck_for or 0.0, elsewhere or 0.0),
            nobody_can=elsewhere is None and not self._runner.can_run,
            pending=self._waiting(),
            now=self._clock(),
        )

    def held_until(self, shopper: Shopper) -> float | None:
        """When TopMail is asked again for a shopper whom it does not know, in seconds since the
        epoch; None: it is not known to be so. Reads a file.
        """
        if not self._enabled:
            return None
        identity = self._identities.of(shopper)
        unknown = self._outbox().unknown_contacts([identity]).get(identity)
        return unknown.ask_at if unknown and unknown.ask_at > self._clock() else None

    def led_by(self) -> int:
        """The id of another process that sends, or 0; to be asked after :meth:`close` (F199)."""
        return (holder(self._directory / LEADER_LOCK) if self._directory else None) or 0

    def admins(self) -> list[OutboxAdmin]:
        """This machine's outboxes in a person's hands: that of the key, then of former keys."""
        from topmail_flask.delivery.admin import OutboxAdmin  # noqa: PLC0415  # not for a request

        tell, identity_of = self._receivers.all_dropped, self._identities.of
        directories = [self._directory, *siblings(self._directory)] if self._directory else []
        return [OutboxAdmin(each, self._settings, tell, identity_of) for each in directories]

    def flush(self, timeout: float) -> bool:
        """Wait until nothing waits any more, for ``timeout`` seconds at the most.

        :returns: whether that was reached.
        """
        return self._wait(timeout, 0)

    def _wait(self, timeout: float, number: int) -> bool:
        """Wait until no more than ``number`` views wait; returns whether that was reached."""
        end, pause, quiet = self._monotonic() + timeout, Wakeup(), 0
        # Twice: a view on its way from memory to the outbox is in neither for a moment.
        while quiet < 2:
            quiet = 0 if self._waiting() > number else quiet + 1
            if quiet == 0:
                if self._monotonic() >= end:
                    return False
                self._runner.accepted()
            pause.wait(FLUSH_INTERVAL)
        return True

    def close(self) -> None:
        """Send what can be sent within ``TOPMAIL_SHUTDOWN_TIMEOUT``, and end the threads.

        What could not be sent stays on the disk. A view accepted later is kept there as well.
        """
        moment = self._monotonic() + self._runner.exit_budget
        self._runner.stop(moment)
        self._runner.join(moment)

    def _keep(self, line: bytes) -> None:
        if self._ring.lines:
            self._wiring.save_ring()
        if self._journal is None or not self._journal.append(line):
            self._receivers.all_dropped(self._ring.put(line))
        self._runner.accepted()

    def _keep_and_wait(self, line: bytes, limit: float) -> None:
        if self._monotonic() < self._wait_again_at:
            self._keep(line)
            return
        before = self._waiting()
        self._keep(line)
        if not self._wait(limit, before):
            self._wait_again_at = self._monotonic() + _SECONDS_AFTER_WAIT

    def _waiting(self) -> int:
        try:
            return len(self._ring) + self._outbox().pending()
        except OSError:  # no descriptor left to look: something may wait
            return 1

    def _outbox(self) -> Outbox:
        """The leader's outbox if the leader is a thread of this process, else one to read."""
        if (leading := self._runner.outbox) is not None:
            return leading
        if self._reader is None:
            from topmail_flask.delivery.outbox import Outbox  # noqa: PLC0415  # as for admins

            self._reader = Outbox(self._directory, self._settings, clock=self._clock)
        return self._reader

    def __repr__(self) -> str:
        return "<Delivery>"
