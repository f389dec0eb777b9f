"""A retry carries the key and the bytes of the first try, whatever is learned meanwhile (F051)."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos
from tests.delivery.entry_making import entry, fill, journal, outbox
from tests.delivery.programs import Machine
from tests.delivery.simulation import world

ADA = "ada@shop.example"


def bodies(chaos: Chaos) -> dict[str, set[bytes]]:
    """What was sent under each key."""
    sent: dict[str, set[bytes]] = defaultdict(set)
    for call in chaos.views:
        if len(call.body) == int(call.headers["content-length"]):  # whole: nobody was killed
            sent[call.key].add(call.body)
    return sent


def test_a_view_tried_by_address_is_tried_again_by_address_when_the_id_is_known(
    tmp_path: Path,
) -> None:
    with world(tmp_path, rate=1.0) as shop:
        first = shop.look(ADA)
        shop.sender.turn()
        assert len(shop.chaos.calls) == 1  # TopMail took it, and the leader dies without knowing
        shop.start()
        shop.passed += 1
        second = shop.look(ADA)
        shop.run(60)
        assert [call.key for call in shop.chaos.views] == [first, first, second]
        assert [len(value) for value in bodies(shop.chaos).values()] == [1, 1]
        assert shop.stats.delivered == 2


def test_a_view_tried_by_id_is_tried_again_by_id_when_the_id_is_forgotten(tmp_path: Path) -> None:
    with world(tmp_path) as shop:
        shop.look(ADA)
        shop.run(5)
        shop.chaos.answers(500, acts.error(404, "contact_not_found"))
        shop.look(ADA)
        shop.look(ADA)
        shop.run(600)
        told = bodies(shop.chaos)
        assert [len(value) for value in told.values()] == [1] * len(told)
        assert shop.stats.delivered == 3


def test_a_view_that_was_sent_from_memory_keeps_its_bytes(tmp_path: Path) -> None:
    """F083: the leader is killed, its successor can use the disk, and knows the contact's id."""
    with world(tmp_path) as shop:
        shop.look(ADA)
        shop.run(5)
        shop.outbox.file.keep_in_memory("the disk is full")
        key = shop.look(ADA)
        shop.passed += 1
        shop.sender.turn()
        assert shop.chaos.keys[-1] == key
        shop.start()
        shop.passed += 1
        shop.look(ADA)
        shop.run(60)
        told = bodies(shop.chaos)
        assert len(shop.chaos.views) == 4
        assert all(len(sent) == 1 for sent in told.values())


def test_what_a_shop_hears_of_names_the_address_however_the_view_was_sent(tmp_path: Path) -> None:
    with world(tmp_path) as shop:
        for _ in range(2):
            shop.look(ADA)
            shop.run(5)
        assert b"contact_id" in shop.chaos.views[1].body
        shoppers = [view.shopper for view, _ in shop.delivered]
        assert [shopper and shopper.email for shopper in shoppers] == [ADA, ADA]


def test_what_memory_gives_back_keeps_the_form_that_it_may_have_been_sent_in(
    tmp_path: Path,
) -> None:
    """A leader in memory ends, and what it had is brought into the books of the next."""
    memory = outbox(None)
    fill(memory, [entry(1)])
    (unsaved,) = memory.file.unsaved()
    memory.close()
    books, written = outbox(tmp_path / "box"), journal(tmp_path / "box")
    books.remember_contact("ada", "c-1")
    assert written.append(unsaved)
    assert written.append(entry(2))
    books.import_journals()
    told = {row.entry.key: row.entry.sent_body for row in books.claim(2)}
    assert told["key-1"] == entry(1).body
    assert b'"contact_id":"c-1"' in told["key-2"]
    books.close()
    written.close()


def test_leaders_killed_at_any_moment_leave_one_body_to_each_key(
    machine: Machine, chaos: Chaos
) -> None:
    """Shoppers are new in each round, so that their ids become known between kill and retry."""

    def slow(exchange: acts.Exchange) -> None:
        exchange.chaos.released.wait(0.005)
        acts.ok(exchange)

    chaos.otherwise = slow
    lines = """
shoppers = [Shopper(email=f"{os.getpid()}-{n}@shop.example") for n in range(6)]
for n in range(200):
    product = Product(id=f"p{os.getpid()}-{n}", name="Lamp", url="https://shop.example/lamp")
    delivery.accept(ProductView(product, shoppers[n % 6]))
    time.sleep(0.01)
time.sleep(60)
"""
    for number in range(8):
        process = machine.start(lines)
        chaos.wait_for(70 + number)  # of three imports, the last by ids that the first brought
        process.kill()
        process.wait(10)
    machine.run("look(0); assert delivery.flush(60), delivery.stats()")
    told = bodies(chaos)
    assert len(told) > 8 * 20
    assert len(chaos.views) > len(told)
    assert any(b"contact_id" in body for value in told.values() for body in value)
    assert [key for key, item in told.items() if len(item) > 1] == []
