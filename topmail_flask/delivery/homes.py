"""Where the leader lives: one loop, four homes (``TOPMAIL_DELIVERY``).

``"background"``: a thread of a store process. ``"process"``: a courier, which such a thread starts
and watches. ``"worker"``: ``flask topmail drain``; the store's processes only put. ``"celery"``: a
thread again, which hands on to the broker what the others send to TopMail.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from topmail_flask.delivery.background import Background
from topmail_flask.delivery.bells import Bell
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.crew import Crew
from topmail_flask.delivery.journal import Journal
from topmail_flask.delivery.leader import Leader
from topmail_flask.delivery.memory_ring import MemoryRing
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.delivery.place import app_directory
from topmail_flask.delivery.receivers import OnDelivered, OnDropped, Receivers
from topmail_flask.delivery.sender import Sender
from topmail_flask.delivery.watch import Watch
from topmail_flask.domain.errors import ConfigurationError
from topmail_flask.domain.settings import Settings

BROKER_RATE = 10_000.0
"""Tasks per second that are handed to a broker at the most."""


class Home(Protocol):
    """What the front door knows of the leader's home."""

    @property
    def outbox(self) -> Outbox | None:
        """The books, while a thread of this process leads."""

    @property
    def stuck_for(self) -> float | None:
        """Seconds for which the leader has given no sign of life."""

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
    is_heard: Callable[[], bool],
    account: str,
    celery: Callable[[], Any],
    clock: Callable[[], float],
    monotonic: Callable[[], float],
) -> Home:
    """The home that the settings choose. What is in memory only can be sent by a thread only.

    :param directory: of the app; None: in memory.
    :param pour: moves what waits in memory to the disk, if it can.
    :param is_heard: whether the shop listens to the ends of views.
    :param account: names the app and its key to a Celery worker.
    :param celery: returns the shop's Celery app, or None.
    """
    lead = partial(
        make_leader,
        settings,
        directory,
        receivers,
        journal=journal,
        ring=ring,
        while_waiting=pour,
        account=account,
        celery=celery,
        clock=clock,
        monotonic=monotonic,
    )
    if directory is None or settings.delivery in ("background", "celery"):
        return Background(lead, monotonic=monotonic)
    if settings.delivery == "worker":
        return Elsewhere(pour)
    watch = partial(
        Watch,
        directory,
        settings,
        receivers,
        make_leader=lead,
        while_waiting=pour,
        is_heard=is_heard,
        monotonic=monotonic,
    )
    return Background(watch, monotonic=monotonic)


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


def make_leader(
    settings: Settings,
    directory: Path | None,
    receivers: Receivers,
    *,
    journal: Journal | None = None,
    ring: MemoryRing | None = None,
    while_waiting: Callable[[], None] = lambda: None,
    account: str = "",
    celery: Callable[[], Any] = lambda: None,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> Leader:
    """The one loop, for any home."""
    bell = Bell()

    def open_sender(place: Path | None) -> Sender:
        if settings.delivery == "celery":
            from topmail_flask.delivery.celery import Forwarder  # noqa: PLC0415  # an extra

            crew = Crew(Forwarder(account, celery), bell, Forwarder.forward)
            # TOPMAIL_RATE is for the workers, and what they send they tell themselves.
            chosen = replace(settings, rate=BROKER_RATE)
            told = Receivers(None, receivers.dropped, receivers.withdrew)
        else:
            crew, chosen, told = Crew(TopMailClient.of(settings), bell), settings, receivers
        return Sender(
            Outbox(place, settings, clock=clock),
            crew,
            chosen,
            told,
            directory=place,
            journal=journal if place else None,
            ring=ring,
            clock=clock,
            monotonic=monotonic,
        )

    return Leader(directory, open_sender, bell, while_waiting=while_waiting, monotonic=monotonic)
