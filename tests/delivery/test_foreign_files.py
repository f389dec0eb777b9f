"""What is no plain file under a name of ours: views are sent all the same, and it is told where."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.delivery.chaos import Chaos
from tests.delivery.programs import Machine, ended
from tests.delivery.test_processes import products
from topmail_flask.delivery.files import LEADER_LOCK, app_directory
from topmail_flask.model.settings import Secret

SENDING = """
look(1)
assert delivery.flush(20)
health = delivery.health()
say(health.state); say(health.reason); say(health.fix)
"""
TELLING = """
health = delivery.health()
say(health.state); say(health.reason); say(health.fix)
"""


def a_directory(path: Path) -> None:
    path.mkdir()
    (path / "something").touch()


def a_link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def a_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        fd = os.open(path.parent, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{fd}/{path.name}")
        os.close(fd)


KINDS = [a_directory, a_link_to_nowhere, a_pipe, a_socket]
NAMES = [LEADER_LOCK, *(f"outbox.sqlite3{suffix}" for suffix in ("", "-wal", "-shm", "-journal"))]


@pytest.fixture
def place(machine: Machine) -> Path:
    key = Secret("tm_test_0123456789abcdef")
    directory = app_directory(machine.directory, "shop", key)
    directory.mkdir(mode=0o700, parents=True)
    machine.directory.chmod(0o700)
    return directory


@pytest.mark.parametrize("harm", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_views_are_sent_and_every_process_tells_which_path_and_what_to_do(
    machine: Machine, chaos: Chaos, place: Path, name: str, harm: Callable[[Path], None]
) -> None:
    harm(place / name)
    sends = machine.start(SENDING)
    out, log = sends.communicate(timeout=40)
    others = ended(machine.start(TELLING, delivery="worker"))
    for told in (out, others):
        state, reason, fix = told.splitlines()
        assert state == "degraded"
        assert reason == f"{place / name} is a symbolic link or no plain file"
        assert fix == "Remove it."
    assert products(chaos) == [1]
    assert log.count(f"{place / name} is a symbolic link or no plain file. Remove it.") == 1


@pytest.mark.parametrize(
    "name",
    ["leader.order", "ledger", "consent", "internal-error", "unreadable-banners", "a.journal"],
)
@pytest.mark.parametrize("harm", KINDS)
def test_nobody_waits_for_what_stands_under_the_name_of_a_note(
    machine: Machine, chaos: Chaos, place: Path, name: str, harm: Callable[[Path], None]
) -> None:
    harm(place / name)
    lines = """
delivery.note_unreadable(["banner"])
delivery.note_trouble("it broke")
delivery.learned.keep("a function", True)
delivery.learned.answer("a function")
"""
    out = ended(machine.start(f"{lines}{SENDING}delivery.trouble()\ndelivery.stats()"))
    assert out.splitlines()[0] == "healthy"
    assert products(chaos) == [1]


def test_the_store_goes_back_to_the_disk_once_it_is_removed(
    machine: Machine, chaos: Chaos, place: Path
) -> None:
    a_directory(place / LEADER_LOCK)
    lines = """
look(1)
assert delivery.flush(20)
import shutil
shutil.rmtree(os.environ["OUTBOX"] + "/" + PLACE + "/leader.lock")
end = time.monotonic() + 20
while delivery.health().state != "healthy" and time.monotonic() < end:
    time.sleep(0.05)
look(2)
assert delivery.flush(20)
say(delivery.health().state)
"""
    process = machine.start(lines.replace("PLACE", repr(place.name)))
    out, _ = process.communicate(timeout=60)
    assert out.split() == ["healthy"]
    assert products(chaos) == [1, 2]
    assert (place / LEADER_LOCK).is_file()
