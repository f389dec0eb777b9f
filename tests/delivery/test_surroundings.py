"""Where the process is not as usual: green threads, no place for files, no descriptors left."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos
from tests.delivery.programs import Machine, ended, heard
from tests.delivery.test_processes import products
from tests.delivery.waiting import until


def held(chaos: Chaos) -> threading.Event:
    """What TopMail waits for before it answers any call."""
    answered = threading.Event()

    def act(exchange: acts.Exchange) -> None:
        answered.wait(60)
        acts.ok(exchange)

    chaos.otherwise = act
    return answered


GREEN = """
import gevent
look(0)
while not os.path.exists(os.environ["OUTBOX"] + ".called"):
    gevent.sleep(0.005)
for n in range(1, 50):
    look(n)
    gevent.sleep(0.001)
say("alive")
assert delivery.flush(20), delivery.stats()
"""


# Under the 60 s after which a call is given up.
@pytest.mark.timeout(55)
@pytest.mark.parametrize("patch", ["patch_all()", "patch_all(queue=False)"])
@pytest.mark.parametrize("early", [True, False])
def test_green_threads_never_stall(machine: Machine, chaos: Chaos, patch: str, early: bool) -> None:
    """F067, F068: patched before and after the import of the package; other greenlets go on while
    a call is open that TopMail does not answer.
    """
    answered = held(chaos)
    # gevent itself warns of being late.
    quiet = "" if early else "import warnings; warnings.simplefilter('ignore')\n"
    monkey = f"{quiet}from gevent import monkey; monkey.{patch}\n"
    process = machine.start(
        ("" if early else monkey) + GREEN, first=monkey if early else "", timeout=60.0
    )
    chaos.wait_for(1)
    machine.directory.with_name("outbox.called").touch()
    heard(process, "alive")
    answered.set()
    ended(process)
    assert products(chaos) == [*range(50)]


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
delivery.flush(0.5)
resource.setrlimit(resource.RLIMIT_NOFILE, chosen)
assert delivery.flush(30), delivery.stats()
assert delivery.stats().balanced
"""
    machine.run(lines)
    assert products(chaos) == [*range(20)]


@pytest.mark.timeout(55)
def test_a_burst_is_taken_while_the_api_answers_nothing(machine: Machine, chaos: Chaos) -> None:
    """F104"""
    answered = held(chaos)
    lines = "for n in range(1000): look(n)\nsay('taken')\nassert delivery.flush(60)"
    process = machine.start(lines, rate=400.0, timeout=60.0)
    heard(process, "taken")
    chaos.wait_for(1)
    answered.set()
    ended(process)
    assert products(chaos) == [*range(1000)]


def test_after_a_drain_the_directory_is_small_though_the_store_lives(
    machine: Machine, chaos: Chaos
) -> None:
    """F095: live processes let go of the files whose lines are imported. What is remembered for
    TOPMAIL_REPEAT_WINDOW takes its room as long.
    """
    chaos.otherwise = acts.ok
    lines = (
        "say('ready')\nfor n in range(1500): look({} * 10_000 + n)\nsay('done'); time.sleep(120)"
    )
    processes = [machine.start(lines.format(n), repeat_window=1.0) for n in range(3)]
    for process in processes:
        heard(process, "done")
    chaos.wait_for(4500, limit=60)

    def small() -> bool:
        try:
            return sum(path.stat().st_size for path in machine.directory.rglob("*")) <= 1024 * 1024
        except FileNotFoundError:  # the leader removed one at this moment
            return False

    until(small, "one megabyte at the most", 30)
    assert all(process.poll() is None for process in processes)
    machine.run("look(999_999); assert delivery.flush(20); assert delivery.stats().balanced")


def test_a_store_that_imports_requests_while_the_sender_loads_it_gets_the_whole_of_it() -> None:
    """A view may do that: half of a package would be an ImportError on its page."""
    program = """
import sys, threading, time
from topmail_flask.delivery import runners

loader = threading.Thread(target=runners._load)

def is_kept_waiting():
    frame = sys._current_frames().get(loader.ident)
    return frame is not None and frame.f_code.co_name == "acquire"

def in_the_middle_of_it(frame, event, _):
    if frame.f_code.co_name == "check_compatibility":
        sys.setprofile(None)
        loader.start()
        end = time.monotonic() + 20
        while not is_kept_waiting() and time.monotonic() < end:
            pass

sys.setprofile(in_the_middle_of_it)
import requests
requests.get
loader.join(20)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
