"""A queueing network, view by view: what the formulas of the calculation are held against."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Service = Callable[[random.Random], float]


@dataclass(frozen=True)
class Station:
    """Servers with one queue, first come, first served.

    :ivar servers: how many work at once: senders, cores, worker processes.
    :ivar service: draws the seconds that one view takes.
    """

    servers: int
    service: Service


def fixed(seconds: float) -> Service:
    return lambda _: seconds


def answers(latency: float) -> Service:
    """An API's answers: never under half of its mean, with a tail."""
    return lambda dice: latency * (0.5 + 0.5 * dice.expovariate(1.0))


def arrivals(rate: float, seconds: float, dice: random.Random) -> list[float]:
    """Views of independent shoppers: a Poisson process."""
    at, found = 0.0, []
    while (at := at + dice.expovariate(rate)) < seconds:
        found.append(at)
    return found


def through(station: Station, times: Iterable[float], dice: random.Random) -> list[float]:
    """When each view leaves the station, in that order."""
    free = [0.0] * station.servers
    left = []
    for time in sorted(times):
        end = max(time, heapq.heappop(free)) + station.service(dice)
        heapq.heappush(free, end)
        left.append(end)
    left.sort()
    return left


@dataclass(frozen=True)
class Outcome:
    """What became of the views of a period.

    :ivar rate: views per second that were delivered while the load lasted.
    :ivar backlog: views that waited at its end.
    :ivar drained: seconds after its end until the last one was delivered.
    """

    rate: float
    backlog: int
    drained: float


def simulate(
    machines: int,
    views_per_second: float,
    own: list[Station],
    shared: list[Station],
    seconds: float,
) -> Outcome:
    """Every machine's views pass its own stations, then all of them the shared ones."""
    dice = random.Random(7)
    views: list[float] = []
    for _ in range(machines):
        times = arrivals(views_per_second / machines, seconds, dice)
        for station in own:
            times = through(station, times, dice)
        views += times
    for station in shared:
        views = through(station, views, dice)
    in_time = sum(time < seconds for time in views)
    return Outcome(in_time / seconds, len(views) - in_time, max(0.0, max(views) - seconds))
