"""Processes that fork: every child sends its own views, and nobody's else."""

from __future__ import annotations

import os

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos
from tests.delivery.programs import Machine, ended, heard
from tests.delivery.test_processes import FLUSH, TELL, products, slow

FORKING = """
import faulthandler

def fork(act, patience=15):
    child = os.fork()
    if child:
        return child
    faulthandler.dump_traceback_later(patience, exit=True)  # where it hangs
    try:
        act()
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)

def gone(*children):
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0, status
"""


def test_a_fork_with_views_queued_and_a_sender_at_work_doubles_nothing(
    machine: Machine, chaos: Chaos
) -> None:
    """F060, F062"""
    chaos.otherwise = slow(0.02)
    lines = """
look(0)
assert delivery.flush(20)  # this process leads, and goes on leading
for n in range(1, 100): look(n)
def child(number):
    for n in range(20): look(number * 1000 + n)
    delivery.flush(0.5)
gone(*[fork(lambda: child(number)) for number in range(1, 6)])
assert delivery.flush(30), delivery.stats()
"""
    machine.run(FORKING + lines + TELL)
    expected = [*range(100)] + [number * 1000 + n for number in range(1, 6) for n in range(20)]
    assert products(chaos) == expected
    assert len(chaos.keys) == len(set(chaos.keys))


def test_a_fork_while_a_lock_is_held_blocks_no_child(machine: Machine, chaos: Chaos) -> None:
    """F061: each lock of the package that can be found is held by a thread during the fork."""
    chaos.otherwise = slow(0.001)
    lines = """
import gc, threading
look(0)
assert delivery.flush(20)
lock_type = type(threading.Lock())
def ours():
    seen, found, waiting = set(), [], [delivery]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (type, types.ModuleType, types.FunctionType)):
            continue
        seen.add(id(one))
        if isinstance(one, lock_type):
            found.append(one)
        elif len(seen) < 20_000:
            waiting += gc.get_referents(one)
    return found
locks = [lock for lock in ours() if not lock.locked()]
assert locks
for number, lock in enumerate(locks):
    if not lock.acquire(timeout=1):
        continue
    child = fork(lambda: look(10 + number))
    lock.release()
    gone(child)
say(len(locks))
"""
    held = int(machine.run(FORKING + lines))
    machine.run(FLUSH + TELL)
    assert products(chaos) == [0, *range(10, 10 + held), 999_999]


def test_forks_at_any_moment_of_a_busy_sender_block_no_child(
    machine: Machine, chaos: Chaos
) -> None:
    """F061"""
    chaos.otherwise = acts.ok
    lines = """
for number in range(40):
    for n in range(5): look(number * 10 + n)
    gone(fork(lambda: look(number * 10 + 9)))
assert delivery.flush(30)
"""
    machine.run(FORKING + lines + TELL)
    assert products(chaos) == [n * 10 + k for n in range(40) for k in (0, 1, 2, 3, 4, 9)]


def test_a_child_of_a_dead_leader_keeps_nobody_from_leading(machine: Machine, chaos: Chaos) -> None:
    """F063"""
    lines = """
look(0)
assert delivery.flush(20)
child = fork(lambda: time.sleep(60), patience=90)
say(child)
os.kill(os.getpid(), signal.SIGKILL)
"""
    leader = machine.start(FORKING + lines)
    assert leader.stdout is not None
    child = int(leader.stdout.readline())
    leader.wait(10)
    machine.run(FLUSH + TELL)
    os.kill(child, 9)


def test_the_next_process_leads_within_five_seconds(machine: Machine, chaos: Chaos) -> None:
    """F063, F051"""
    first = machine.start("look(0); assert delivery.flush(20); say('led'); time.sleep(60)")
    heard(first, "led")
    second = machine.start(
        "look(1); delivery.flush(20); say('ready'); time.sleep(2); time.sleep(60)"
    )
    heard(second, "ready")
    assert len(chaos.keys) == 2
    chaos.wait_for(2)
    first.kill()
    third = machine.start("look(2); say('put'); os._exit(0)")
    heard(third, "put")
    chaos.wait_for(1, limit=5)
    assert products(chaos) == [0, 1, 2]


def test_a_process_that_only_prepares_for_its_children_opens_nothing(
    machine: Machine, chaos: Chaos
) -> None:
    """F059"""
    lines = """
import threading
assert threading.active_count() == 1
children = [fork(lambda: (look(number), delivery.flush(10))) for number in range(3)]
gone(*children)
assert threading.active_count() == 1
files = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
assert not [name for name in files if "outbox" in name]
"""
    ended(machine.start(FORKING + lines))
    assert products(chaos) == [0, 1, 2]


def test_eight_processes_keep_one_rate_together(machine: Machine, chaos: Chaos) -> None:
    """F048"""
    lines = "for n in range(20): look({} * 100 + n)\ndelivery.flush(60); assert True"
    for process in [machine.start(lines.format(number), rate=40.0) for number in range(8)]:
        ended(process)
    times = sorted(call.at for call in chaos.views)
    assert len(times) == len(set(chaos.keys)) == 160
    busiest = max(sum(start <= moment < start + 1 for moment in times) for start in times)
    # The calls are evenly spaced when they leave; on the way they may bunch by a few.
    assert busiest <= 40 + 4


def test_a_fork_while_the_sender_is_loaded_leaves_its_modules_to_the_child(
    machine: Machine, chaos: Chaos
) -> None:
    chaos.otherwise = acts.ok
    lines = """
import threading
loading, gone_on = threading.Event(), threading.Event()
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "requests" and threading.current_thread() is not threading.main_thread():
            loading.set()
            gone_on.wait(0.5)
sys.meta_path.insert(0, Slow())
look(0)
assert "requests" not in sys.modules  # the request waits for none of it
assert loading.wait(10)
def child():
    import requests
    look(1)
gone(fork(child))
assert delivery.flush(30)
"""
    machine.run(FORKING + lines + TELL)
    assert products(chaos) == [0, 1]
