"""Stores with different settings in one directory, as in a deployment: the newest one's hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.delivery.chaos import Chaos, chaos_server
from tests.delivery.programs import Machine, heard
from tests.delivery.waiting import until
from topmail_flask.delivery.leader import LASTS, NOTE, ConfigPrecedence
from topmail_flask.model.settings import Secret, Settings

KEY = Secret("tm_test_0123456789abcdef")
# A store that is looked at until it is killed.
BUSY = """
say("up")
n = 0
while True:
    n += 1
    look(os.getpid() * 10_000 + n)
    time.sleep(0.05)
"""


@pytest.fixture
def first() -> Iterator[Chaos]:
    with chaos_server() as server:
        yield server


@pytest.fixture
def second() -> Iterator[Chaos]:
    with chaos_server() as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path, first: Chaos) -> Iterator[Machine]:
    made = Machine(tmp_path / "outbox", first.base_url)
    yield made
    made.stop()


def goes_on(chaos: Chaos) -> Callable[[], bool]:
    begin = len(chaos.calls)
    return lambda: len(chaos.calls) > begin + 20


def test_a_new_store_with_another_address_is_obeyed_while_old_workers_drain(
    machine: Machine, first: Chaos, second: Chaos
) -> None:
    """A deployment whose old workers live on for a while: they neither keep the lead nor take it
    back.
    """
    old = [machine.start(BUSY) for _ in range(2)]
    for process in old:
        heard(process, "up")
    first.wait_for(20)
    new = machine.start(BUSY, base_url=second.base_url)
    heard(new, "up")
    until(goes_on(second), "the new address is called", 30)
    before = len(first.calls)
    until(goes_on(second), "and goes on to be called")
    until(goes_on(second), "and goes on to be called")
    assert len(first.calls) == before
    new.kill()
    new.wait(10)
    until(goes_on(first), "the new store is gone: the old one sends again")
    keys = first.keys + second.keys
    assert len(keys) - len(set(keys)) <= 16  # not yet written when the lead changed hands


class Stores:
    """Stores of one directory at a time that the test moves; real is the note."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = 0.0

    def store(self, rate: float, born: float) -> ConfigPrecedence:
        # Each check is a second later, so that none is spared.
        settings = Settings(api_key=KEY, rate=rate)
        return ConfigPrecedence(
            self.directory, settings, born, monotonic=self._tick, clock=self._clock
        )

    def _tick(self) -> float:
        self.now += 1.0
        return self.now

    def _clock(self) -> float:
        return (self.directory / NOTE).stat().st_mtime + self.late

    late = 0.0


def test_of_many_stores_the_newest_rules_in_whatever_order_they_ask(tmp_path: Path) -> None:
    stores = Stores(tmp_path)
    every = [stores.store(number % 3 + 1, float(number)) for number in range(9)]
    for store in [*every[4:], *every, *reversed(every)]:
        store.is_newest()
    assert [store.is_newest() for store in every] == [number % 3 == 2 for number in range(9)]


def test_two_stores_of_one_age_never_change_places(tmp_path: Path) -> None:
    stores = Stores(tmp_path)
    first, two = stores.store(1, 1.0), stores.store(2, 1.0)
    first.is_newest()
    two.is_newest()
    answers = [(first.is_newest(), two.is_newest()) for _ in range(5)]
    assert len(set(answers)) == 1
    assert sorted(answers[0]) == [False, True]


def test_a_newer_store_that_is_gone_rules_no_more(tmp_path: Path) -> None:
    stores = Stores(tmp_path)
    old, new = stores.store(1, 1.0), stores.store(2, 2.0)
    assert new.is_newest()
    stores.late = LASTS - 1
    assert not old.is_newest()
    stores.late = LASTS + 1
    assert old.is_newest()
    stores.late = 0.0
    assert new.is_newest()  # it stood still only
    assert not old.is_newest()


@pytest.mark.parametrize("content", [b"", b"\xff", b"1.0", b"soon abc", b"1.0 abc def\n"])
def test_a_note_that_says_nothing_is_written_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NOTE).write_bytes(content)
    stores = Stores(tmp_path)
    assert stores.store(1, 1.0).is_newest()
    assert (tmp_path / NOTE).read_bytes() != content
    assert not stores.store(2, 0.5).is_newest()


def test_the_note_does_not_tell_the_key_and_is_for_the_owner_only(tmp_path: Path) -> None:
    assert Stores(tmp_path).store(1, 1.0).is_newest()
    (note,) = tmp_path.iterdir()
    assert b"tm_test" not in note.read_bytes()
    assert note.stat().st_mode & 0o777 == 0o600
