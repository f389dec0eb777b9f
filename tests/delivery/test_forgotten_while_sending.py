"""A shopper is forgotten while a sender has their views in its hands."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
from tests.delivery.entry_making import total
from tests.delivery.simulation import OneByOne, World, world
from topmail_flask.delivery.admin import OutboxAdmin, OutboxUnavailable, forget
from topmail_flask.delivery.attempt import Job, Lot, SenderThreads
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.files import LEADER_LOCK, hold
from topmail_flask.delivery.lifecycle import Wakeup
from topmail_flask.delivery.schema import LET_GO
from topmail_flask.model.events import ProductView
from topmail_flask.model.product import Product
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

ADA, BOB = Shopper("ada@shop.example"), Shopper("bob@shop.example")
LIMIT = 60.0


class Late(OneByOne):
    """Threads that have their lots, and that the machine does not let run yet."""

    def __init__(self, client: TopMailClient) -> None:
        super().__init__(client)
        self.given: list[Lot] = []

    def submit(self, lot: Sequence[Job]) -> bool:
        work = Lot(tuple(lot))
        self.given.append(work)
        self._under_way[id(work)] = work
        return True

    def run(self) -> None:
        for lot in self.given:
            self.do_here(lot)
        self.given.clear()


class Loaded(World):
    """A machine whose threads come late."""

    threads = Late


class Threaded(World):
    """A machine with real threads."""

    threads = staticmethod(lambda client: SenderThreads(client, Wakeup()))  # type: ignore[assignment]


def looks(shop: World, shopper: Shopper, *numbers: int) -> list[str]:
    keys = []
    for number in numbers:
        product = Product(id=f"p{number}", name="Lamp", url="https://shop.example/lamp")
        keys.append(shop.tell(ProductView(product, shopper, viewed_at=shop.clock())))
    return keys


class Command:
    """``flask topmail forget``, beside a leader that the test turns."""

    def __init__(self, shop: World, shopper: Shopper, patience: float = LIMIT) -> None:
        self._shop, self._shopper, self._patience = shop, shopper, patience
        self.said: Counter[str] = Counter()
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        shop = self._shop
        digest = shop.identities.of
        admin = OutboxAdmin(
            shop.directory, shop.settings, lambda *_: None, digest, clock=shop.clock
        )
        try:
            work = forget(admin, [self._shopper], now=shop.clock(), patience=self._patience)
            self.said = total(work)
        except OutboxUnavailable as error:
            self.error = error
        finally:
            admin.close()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def beside(self, turn: Callable[[], object]) -> Counter[str]:
        """What it said, while the leader takes its turns, ten a second."""
        while not self.is_over:
            turn()
            self._shop.passed += 0.1
            self._thread.join(0.002)
        return self.said


def agree(shop: World) -> None:
    """The leader takes turns until it has told a command that one call is under way."""
    while dict(shop.outbox.file.rows(LET_GO)).get("calls_left") != 1:
        shop.sender.turn()
        shop.passed += 0.1


@pytest.fixture
def led(tmp_path: Path) -> Iterator[Path]:
    """A directory that this process leads."""
    tmp_path.chmod(0o700)
    lock = hold(tmp_path / LEADER_LOCK)
    assert lock is not None
    yield tmp_path
    assert lock.is_open
    lock.release()


def test_a_thread_that_comes_late_sends_nothing_of_who_was_forgotten(led: Path) -> None:
    with world(led, kind=Loaded) as shop:
        looks(shop, ADA, 1, 2)
        shop.sender.turn()
        assert isinstance(shop.crew, Late)
        assert shop.crew.given
        said = Command(shop, ADA).beside(shop.sender.turn)
        assert (said["removed"], said["under_way"]) == (2, 0)
        shop.crew.run()
        looks(shop, BOB, 3)
        shop.run(1)
        shop.crew.run()
        shop.run(1)
        assert [b"ada@" in call.body for call in shop.chaos.calls] == [False]
        assert (shop.stats.delivered, shop.stats.reasons) == (1, {Reason.FORGOTTEN: 2})


def test_what_comes_back_from_a_thread_is_not_handed_out_again(led: Path) -> None:
    with world(led, kind=Loaded, senders=1) as shop:
        looks(shop, BOB, 1)
        shop.sender.turn()
        assert isinstance(shop.crew, Late)
        shop.crew.run()
        shop.sender.turn()  # the way is open: now lots have many views
        looks(shop, ADA, *range(5))
        shop.passed += 1
        shop.sender.turn()
        assert len(shop.crew.given) == 1
        Command(shop, ADA).beside(shop.sender.turn)
        shop.crew.run()
        for _ in range(9):
            shop.sender.turn()
            shop.crew.run()
        assert not any(b"ada@" in call.body for call in shop.chaos.calls)


def test_a_command_waits_for_the_call_that_is_under_way(led: Path) -> None:
    with world(led, kind=Threaded, timeout=LIMIT) as shop:
        looks(shop, ADA, 1, 2)
        shop.chaos.answers(acts.hang)
        shop.sender.turn()
        shop.chaos.wait_for(1)
        command = Command(shop, ADA)
        agree(shop)
        assert not command.is_over, "it would promise too much"
        shop.chaos.released.set()
        said = command.beside(shop.sender.turn)
        assert (said["removed"], said["under_way"]) == (2, 0)
        for _ in range(5):
            shop.passed += 1
            shop.sender.turn()
        assert len(shop.chaos.calls) == 1


def test_a_call_that_takes_too_long_is_told_of(led: Path) -> None:
    with world(led, kind=Threaded, timeout=LIMIT) as shop:
        looks(shop, ADA, 1, 2, 3)
        shop.chaos.answers(acts.hang)
        shop.sender.turn()
        shop.chaos.wait_for(1)
        said = Command(shop, ADA, patience=2.0).beside(shop.sender.turn)
        assert (said["removed"], said["under_way"]) == (3, 1)
        shop.chaos.released.set()


def test_no_contact_is_made_of_who_was_forgotten_while_a_call_was_under_way(led: Path) -> None:
    with world(led, kind=Threaded, timeout=LIMIT, unknown_contacts="create") as shop:
        looks(shop, ADA, 1)

        def unknown(exchange: acts.Exchange) -> None:
            shop.chaos.released.wait(LIMIT)
            acts.error(404, "contact_not_found")(exchange)

        shop.chaos.answers(unknown)
        shop.sender.turn()
        shop.chaos.wait_for(1)
        command = Command(shop, ADA)
        agree(shop)
        shop.chaos.released.set()
        command.beside(shop.sender.turn)
        shop.passed += 1
        shop.sender.turn()
        assert [call.path for call in shop.chaos.calls] == ["/api/v1/track/product-view"]


def test_a_sender_that_does_not_answer_is_named(led: Path) -> None:
    with world(led) as shop:
        looks(shop, ADA, 1)
        command = Command(shop, ADA, patience=0.0)
        command.beside(lambda: None)
        assert "End it, or run this again" in str(command.error)


def test_where_nobody_sends_nobody_is_waited_for(tmp_path: Path) -> None:
    with world(tmp_path) as shop:
        looks(shop, ADA, 1)
        assert Command(shop, ADA).beside(lambda: None)["removed"] == 1
