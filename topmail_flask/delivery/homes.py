"""Where the leader runs: one loop, three places (``TOPMAIL_DELIVERY``).

``"background"``: a thread of a store process. ``"worker"``: ``flask topmail drain``; the store's
processes only put. ``"celery"``: a thread again, which hands on to the broker what the others send
to TopMail.

What sends (SQLite, requests: 100 ms to load) is loaded by the thread that needs it: the request
that accepts the first view must not wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from topmail_flask.delivery.background import Background
from topmail_flask.delivery.exits import unforked
from topmail_flask.delivery.journal import Journal
from topmail_flask.delivery.memory_ring import MemoryRing
from topmail_flask.delivery.place import app_directory
from topmail_flask.delivery.receivers import OnDelivered, OnDropped, Receivers
from topmail_flask.model.errors import ConfigurationError
from topmail_flask.model.settings import Settings

if TYPE_CHECKING:
    from topmail_flask.delivery.leader import Leader
    from topmail_flask.delivery.outbox import Outbox


class Home(Protocol):
    """What the front door knows of the leader's home."""

    @property
    def outbox(self) -> Outbox | None:
        """The books, while a thread of this process leads."""

    @property
    def stuck_for(self) -> float | None:
        """Seconds for which the leader has given no sign of life."""

    @property
    def can_run(self) -> bool:
        """Whether the server lets run here what the home needs."""

    def wake(self) -> None:
        """A view was accepted."""

    def begin_anew(self) -> None:
        """Forget what is the parent's, after a fork."""

    def end_by(self, moment: float) -> None:
        """Begin to end."""

    def await_end(self, moment: float) -> bool:
        """Wait for the end until a moment of the monotonic clock."""


class Elsewhere:
    """The home of a leader that is none of this process's business: no thread, no lock.

    :param pour: moves what waits in memory to the disk, if it can.
    """

    outbox: Outbox | None = None
    stuck_for: float | None = None
    can_run = True

    def __init__(self, pour: Callable[[], None]) -> None:
        self.wake = pour

    def begin_anew(self) -> None:
        """Nothing to forget."""

    def end_by(self, moment: float) -> None:
        """Nothing to end."""

    def await_end(self, moment: float) -> bool:  # noqa: ARG002  # a home's signature
        """Nothing to wait for."""
        return True


def home_of(
    settings: Settings,
    directory: Path | None,
    receivers: Receivers,
    *,
    journal: Journal | None,
    ring: MemoryRing,
    pour: Callable[[], None],
    account: str,
    celery: Callable[[], Any],
    clock: Callable[[], float],
    monotonic: Callable[[], float],
) -> Home:
    """The home that the settings choose. What is in memory only can be sent by a thread only.

    :param directory: of the app; None: in memory.
    :param pour: moves what waits in memory to the disk, if it can.
    :param account: names the app and its key to a Celery worker.
    :param celery: returns the shop's Celery app, or None.
    """
    if directory is not None and settings.delivery == "worker":
        return Elsewhere(pour)
    born = time.monotonic()

    def look_after() -> None:
        if journal is not None:
            journal.check()
        pour()

    def make_leader() -> Leader:
        with unforked():
            from topmail_flask.delivery import leaders  # noqa: PLC0415  # see above

        return leaders.make_leader(
            settings,
            directory,
            receivers,
            journal=journal,
            ring=ring,
            while_waiting=look_after,
            account=account,
            celery=celery,
            born=born,
            clock=clock,
            monotonic=monotonic,
        )

    return Background(make_leader, monotonic=monotonic)


def serve(
    settings: Settings, app_name: str, on_delivered: OnDelivered, on_dropped: OnDropped
) -> object:
    """Have this process send the app's views if it is a Celery worker.

    :returns: to be kept for as long as the app lives.
    :raises ConfigurationError: Celery is chosen and not installed.
    """
    if settings.delivery != "celery" or settings.api_key is None:
        return None
    try:
        from topmail_flask.delivery import celery  # noqa: PLC0415  # an extra
    except ImportError:
        cure = "pip install 'topmail-flask[celery]'"
        raise ConfigurationError(f'TOPMAIL_DELIVERY "celery" needs Celery: {cure}') from None
    account = app_directory(Path(), app_name, settings.api_key).name
    return celery.serve(account, settings, Receivers(on_delivered, on_dropped))
