"""Makes what leads, for any home. Here all that sends is loaded, and never in a request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from topmail_flask.delivery.bells import Bell
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.crew import Crew
from topmail_flask.delivery.journal import Journal
from topmail_flask.delivery.leader import Leader
from topmail_flask.delivery.memory_ring import MemoryRing
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.delivery.sender import Sender
from topmail_flask.delivery.succession import Succession
from topmail_flask.model.settings import Settings

BROKER_RATE = 10_000.0
"""Tasks per second that are handed to a broker at the most."""


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
    born: float = 0.0,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> Leader:
    """The one loop, wherever it runs.

    :param while_waiting: done once a second while another process leads.
    :param born: when the settings were read, by the monotonic clock of the machine.
    """
    bell = Bell()
    rules = Succession(directory, settings, born).rules if directory else lambda: True

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

    return Leader(
        directory,
        open_sender,
        bell,
        while_waiting=while_waiting,
        rules=rules,
        monotonic=monotonic,
    )
