"""A leader without threads, in a time that the test moves: everything else is real."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.delivery.chaos import Chaos, chaos_server
from tests.delivery.entry_making import Written
from topmail_flask.delivery.attempt import Job, Lot, SenderThreads
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.entry import Entry, Identities
from topmail_flask.delivery.health import health_of
from topmail_flask.delivery.journal import RingBuffer
from topmail_flask.delivery.lifecycle import Wakeup
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.delivery.sender import Chance, Sender
from topmail_flask.model.events import Event, ProductView, Purchase, new_key
from topmail_flask.model.ledger import Health, Stats
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Receipt, Shopper

KEY = "tm_test_0123456789abcdef"


class OneByOne(SenderThreads):
    """Makes each call at once, in the leader's own thread."""

    def __init__(self, client: TopMailClient) -> None:
        super().__init__(client, Wakeup())

    def submit(self, lot: Sequence[Job]) -> bool:
        return self.do_here(Lot(tuple(lot)))


class World:
    """One machine with one leader.

    :cvar threads: who makes the calls.
    """

    threads = OneByOne

    def __init__(self, directory: Path, chaos: Chaos, seed: int, **settings: Any) -> None:
        self.begin = time.time()
        self.passed = 0.0
        self.chaos = chaos
        self.directory = directory
        self.random = random.Random(seed)
        self.identities = Identities(b"a secret of the store")
        chosen: dict[str, Any] = {"api_key": KEY, "base_url": chaos.base_url, "timeout": 0.5}
        self.settings = Settings(**chosen | settings)
        self.delivered: list[tuple[Any, Receipt]] = []
        self.dropped: list[tuple[Any, Reason]] = []
        self.journal = Written(directory, clock=self.clock, monotonic=self.monotonic)
        self.start()

    def clock(self) -> float:
        return self.begin + self.passed

    def monotonic(self) -> float:
        return self.passed

    def start(self) -> None:
        """A leader begins, as after a restart of the store."""
        self.crew = self.threads(TopMailClient.of(self.settings))
        self.outbox = Outbox(
            self.directory, self.settings, clock=self.clock, monotonic=self.monotonic
        )
        self.sender = Sender(
            self.outbox,
            self.crew,
            self.settings,
            Receivers(
                lambda view, receipt: self.delivered.append((view, receipt)),
                lambda view, reason: self.dropped.append((view, reason)),
            ),
            RingBuffer(),
            self.journal,
            Chance(self.clock, self.monotonic, self.random.random),
        )

    def look(self, shopper: str = "ada@shop.example", product: str = "") -> str:
        """A shopper looks at a product; returns the view's key."""
        product = product or f"p{self.random.getrandbits(60)}"
        seen = Product(id=product, name="Lamp", url="https://shop.example/lamp")
        view = ProductView(seen, Shopper(email=shopper), viewed_at=self.clock())
        identity = f"id-{abs(hash(shopper))}"
        assert self.journal.append(Entry.of(view, identity=identity))
        return view.key

    def buy(self, order: str, shopper: str = "ada@shop.example", revenue: float = 5.0) -> str:
        """A shopper buys something; returns the purchase's key."""
        purchase = Purchase(
            order,
            Shopper(email=shopper),
            revenue=Decimal(str(revenue)),
            currency="EUR",
            bought_at=self.clock(),
        )
        identity = f"id-{abs(hash(shopper))}"
        assert self.journal.append(Entry.of(purchase, identity=identity))
        return purchase.key

    def tell(self, event: Event) -> str:
        """The store tells of an event; returns the key of its entry."""
        entry = self.entry(event)
        assert self.journal.append(entry)
        return entry.key

    def entry(self, event: Event) -> Entry:
        """What the store's journal has of an event."""
        return Entry.from_line(self.identities.line(event))

    def order(self, kind: str, identity: str, repeat: str = "", body: bytes = b"") -> None:
        """The store says what becomes of what waits."""
        assert self.journal.append(Entry(kind, new_key(), self.clock(), identity, repeat, body))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.passed + seconds
        while True:
            wait = self.sender.turn()
            if self.crew._done:
                continue
            if self.passed >= end:
                return
            self.passed = min(end, self.passed + max(wait, 0.01))

    @property
    def stats(self) -> Stats:
        stats = self.outbox.stats()
        assert stats.balanced, stats
        return stats

    @property
    def health(self) -> Health:
        pending = self.outbox.pending()
        state, now = self.outbox.state(), self.clock()
        return health_of(state, degraded="", stuck_for=0.0, pending=pending, now=now)

    def times(self) -> list[float]:
        """When the calls came in, in seconds since the begin."""
        return [call.at - self.begin for call in self.chaos.calls]


@contextmanager
def world(
    directory: Path, seed: int = 1, kind: type[World] = World, **settings: Any
) -> Iterator[World]:
    directory.chmod(0o700)
    with chaos_server() as chaos:
        made = kind(directory, chaos, seed, **settings)
        chaos.clock = made.clock
        yield made
        made.sender.close()
        made.journal.close()
