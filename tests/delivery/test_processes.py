"""Processes that are killed, told to end, or forked: no view is lost, none has two keys."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos
from tests.delivery.programs import Machine, ended, heard, interpreters

FLUSH = "look(999_999); assert delivery.flush(30), delivery.stats(); "
TELL = "stats = delivery.stats(); assert stats.balanced, stats; say(stats.delivered)"


def slow(seconds: float) -> acts.Act:
    def act(exchange: acts.Exchange) -> None:
        exchange.chaos.released.wait(seconds)
        acts.ok(exchange)

    return act


def products(chaos: Chaos) -> list[int]:
    """The numbers of the products that were sent, one for each key."""
    bodies = {call.key: call.body for call in chaos.views}
    return sorted(int(json.loads(body)["product_id"][1:]) for body in bodies.values())


def test_what_a_killed_process_had_queued_is_sent_by_the_next(
    machine: Machine, chaos: Chaos
) -> None:
    """F051"""
    chaos.otherwise = slow(0.05)
    first = machine.start("for n in range(1000): look(n)\nsay('ready'); time.sleep(60)")
    heard(first, "ready")
    first.kill()
    first.wait(10)
    assert len(chaos.calls) < 1000
    chaos.otherwise = acts.ok
    machine.run(FLUSH + TELL)
    assert products(chaos) == [*range(1000), 999_999]


def test_a_view_whose_answer_came_too_late_is_sent_again_under_its_key(
    machine: Machine, chaos: Chaos
) -> None:
    """F053"""
    processes: list[subprocess.Popen[str]] = []

    def answer_and_kill(exchange: acts.Exchange) -> None:
        acts.ok(exchange)
        processes[0].kill()

    chaos.otherwise = answer_and_kill
    processes.append(machine.start("look(1); time.sleep(60)"))
    processes[0].wait(20)
    chaos.otherwise = acts.ok
    assert machine.run(FLUSH + TELL).strip() == "2"
    assert products(chaos) == [1, 999_999]
    assert len({call.sha for call in chaos.views if b'"p1"' in call.body}) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_told_to_end_sends_what_it_can_in_two_seconds(
    machine: Machine, chaos: Chaos, number: int
) -> None:
    """F054, F056, F080: all of them would take half a minute."""
    chaos.otherwise = slow(0.2)
    lines = "signal.signal(signal.SIGINT, lambda *_: sys.exit(0))\n"
    lines += "for n in range(600): look(n)\nsay('ready'); time.sleep(60)"
    process = machine.start(lines)
    heard(process, "ready")
    process.send_signal(number)
    ended(process, limit=9.0)
    chaos.otherwise = acts.ok
    machine.run(FLUSH + TELL)
    assert products(chaos) == [*range(600), 999_999]


@pytest.mark.parametrize("seconds", [0.01, 0.3])
def test_a_process_told_to_end_settles_the_calls_that_it_is_making(
    machine: Machine, chaos: Chaos, seconds: float
) -> None:
    """F054: TopMail may ignore idempotency keys, so what it took must not be sent once more."""
    chaos.otherwise = slow(seconds)
    process = machine.start("for n in range(2000): look(n)\nsay('ready'); time.sleep(60)")
    heard(process, "ready")
    chaos.wait_for(8)
    process.terminate()
    ended(process, limit=9.0)
    assert 8 <= len(chaos.views) < 2000
    chaos.otherwise = acts.ok
    machine.run(FLUSH + TELL)
    assert products(chaos) == [*range(2000), 999_999]
    assert len(chaos.views) == 2001


def test_a_leader_that_stands_back_settles_the_calls_that_it_is_making(
    machine: Machine, chaos: Chaos
) -> None:
    """F054, F188: a deployment with other settings follows while calls are under way."""
    chaos.otherwise = slow(0.8)
    first = machine.start("for n in range(8): look(n)\nsay('ready'); time.sleep(60)")
    heard(first, "ready")
    chaos.wait_for(3)
    machine.run(FLUSH + TELL, senders=8)
    assert products(chaos) == [*range(8), 999_999]
    assert len(chaos.views) == 9


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_cut_the_end_short(
    machine: Machine, chaos: Chaos, number: int
) -> None:
    """F056: terminals and systemd tell all processes, and a master tells its workers once more."""
    chaos.otherwise = slow(0.1)
    lines = "for n in range(40): look(n)\natexit.register(say, 'ending')\n"
    lines += "say('ready'); time.sleep(60)"
    # A busy machine may take longer than the usual two seconds to send them all.
    process = machine.start(lines, shutdown_timeout=15.0)
    heard(process, "ready")
    process.terminate()
    heard(process, "ending")
    for _ in range(3):
        told = len(chaos.calls)
        while len(chaos.calls) == told:
            chaos.wait_for(1)
        process.send_signal(number)
    ended(process, limit=20.0)
    assert products(chaos) == [*range(40)]


def test_an_api_that_never_answers_does_not_hold_the_end_up(machine: Machine, chaos: Chaos) -> None:
    """F055"""
    chaos.otherwise = acts.hang
    process = machine.start("for n in range(20): look(n)\nsay('ready'); time.sleep(60)")
    heard(process, "ready")
    chaos.wait_for(1)
    process.terminate()
    ended(process, limit=9.0)
    chaos.otherwise = acts.ok
    machine.run(FLUSH + TELL)
    assert products(chaos) == [*range(20), 999_999]


def test_a_name_server_that_never_answers_does_not_hold_the_end_up(machine: Machine) -> None:
    """F040, F042"""
    lines = "import socket\nsocket.getaddrinfo = lambda *a, **k: (say('asked'), time.sleep(60))\n"
    process = machine.start(lines + "look(1)\ntime.sleep(60)", base_url="https://topmail.invalid/")
    heard(process, "asked")
    process.terminate()
    ended(process, limit=9.0)


def test_many_apps_share_one_budget_at_the_end(machine: Machine, chaos: Chaos) -> None:
    """F055, F072"""
    chaos.otherwise = acts.hang
    lines = """
settings = Settings(**json.loads(os.environ["SETTINGS"]))
apps = [
    Delivery(settings, Shop(f"app{n}", b"s"), Path(os.environ["OUTBOX"]))
    for n in range(10)
]
for n, app in enumerate(apps):
    look(n, app)
say('ready'); time.sleep(60)
"""
    process = machine.start(lines)
    heard(process, "ready")
    chaos.wait_for(10)
    process.terminate()
    ended(process, limit=9.0)


@pytest.mark.parametrize("python", interpreters())
def test_the_end_of_the_interpreter_is_no_bad_moment(
    machine: Machine, chaos: Chaos, python: str
) -> None:
    """F076"""
    lines = """
class Last:
    def __del__(self, look=look):
        look(2)

atexit.register(look, 1)
look(0)
last = Last()
sys.modules["kept"] = last
"""
    ended(machine.start(lines, python=python))
    ended(machine.start("atexit.register(look, 3)", python=python))
    machine.run(FLUSH + TELL)
    assert products(chaos) == [0, 1, 2, 3, 999_999]


@pytest.mark.parametrize("python", interpreters())
def test_a_script_that_ends_after_its_view_has_sent_it(
    machine: Machine, chaos: Chaos, python: str
) -> None:
    # A busy machine may take longer than the usual two seconds to load what sends.
    ended(machine.start("look(0)", python=python, shutdown_timeout=20.0))
    assert products(chaos) == [0]


def test_idle_processes_hardly_wake(machine: Machine, chaos: Chaos) -> None:
    """F109"""
    lines = "look({}); assert delivery.flush(20); say('ready'); time.sleep(60)"
    both = [machine.start(lines.format(n)) for n in range(2)]
    for process in both:
        heard(process, "ready")

    def wakes(pid: int) -> int:
        return sum(
            int(line.split()[1])
            for task in Path(f"/proc/{pid}/task").iterdir()
            for line in (task / "status").read_text().splitlines()
            if line.startswith("voluntary_ctxt_switches")
        )

    before = [wakes(process.pid) for process in both]
    time.sleep(5)  # nothing happens that could be waited for: that is the promise
    for process, earlier in zip(both, before, strict=True):
        # Who leads looks into the journals four times a second.
        assert wakes(process.pid) - earlier <= 25
