"""Where the process is not as usual: green threads, no place for files, no descriptors left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos, chaos_server
from tests.delivery.programs import Machine
from tests.delivery.test_processes import products, slow


@pytest.fixture
def chaos() -> Iterator[Chaos]:
    with chaos_server() as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path, chaos: Chaos) -> Iterator[Machine]:
    one = Machine(tmp_path / "outbox", chaos.base_url)
    yield one
    chaos.released.set()
    one.stop()


GREEN = """
import gevent
stalls = []
def beat():
    while True:
        before = time.monotonic()
        gevent.sleep(0.005)
        stalls.append(time.monotonic() - before - 0.005)
gevent.spawn(beat)
gevent.sleep(0.02)
for n in range(50):
    look(n)
    gevent.sleep(0.001)
assert delivery.flush(20), delivery.stats()
say(sorted(stalls)[-4])
"""


@pytest.mark.parametrize("patch", ["patch_all()", "patch_all(queue=False)"])
@pytest.mark.parametrize("early", [True, False])
def test_green_threads_never_stall(machine: Machine, chaos: Chaos, patch: str, early: bool) -> None:
    """F067, F068: patched before and after the import of the package."""
    chaos.otherwise = slow(0.05)
    # gevent itself warns of being late.
    quiet = "" if early else "import warnings; warnings.simplefilter('ignore')\n"
    monkey = f"{quiet}from gevent import monkey; monkey.{patch}\n"
    stall = float(machine.run(("" if early else monkey) + GREEN, first=monkey if early else ""))
    assert products(chaos) == [*range(50)]
    # Not the 0.05 s of each of fifty calls; the three longest may be the machine's own.
    assert stall <= 0.03


def test_a_place_that_cannot_be_used_costs_the_disk_and_not_the_views(
    tmp_path: Path, chaos: Chaos
) -> None:
    """F082, F097"""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    machine = Machine(tmp_path / "link", chaos.base_url)
    lines = """
import logging
records = []
class Keep(logging.Handler):
    def emit(self, record):
        records.append(record)
logging.getLogger().addHandler(Keep())
for n in range(30): look(n)
assert delivery.flush(20), delivery.stats()
stats = delivery.stats()
assert stats.balanced and stats.delivered == 30, stats
assert delivery.health().state == "degraded", delivery.health()
assert len(records) <= 2, records
"""
    machine.run(lines)
    assert products(chaos) == [*range(30)]
    assert list((tmp_path / "real").iterdir()) == []


def test_no_descriptor_to_be_had_is_a_passing_fault(machine: Machine, chaos: Chaos) -> None:
    """F049"""
    lines = """
import logging, resource
logging.getLogger().addHandler(logging.NullHandler())
look(0)
assert delivery.flush(20)
chosen = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, chosen[1]))
for n in range(1, 20): look(n)
assert not delivery.flush(0.5)
resource.setrlimit(resource.RLIMIT_NOFILE, chosen)
assert delivery.flush(30), delivery.stats()
assert delivery.stats().balanced
"""
    machine.run(lines)
    assert products(chaos) == [*range(20)]


def test_a_burst_is_taken_at_once_and_sent_as_fast_as_the_api_takes_it(
    machine: Machine, chaos: Chaos
) -> None:
    """F104"""
    chaos.otherwise = acts.ok
    lines = """
taken = []
for n in range(1000):
    begin = time.perf_counter()
    look(n)
    taken.append(time.perf_counter() - begin)
    time.sleep(0.0005)
taken.sort()
assert delivery.flush(60), delivery.stats()
say(taken[-10])
"""
    assert float(machine.run(lines, rate=400.0)) <= 0.03
    assert products(chaos) == [*range(1000)]
