import subprocess
import sys
import timeit
from pathlib import Path

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from topmail_flask.visits.robots import RobotKind, robot_kind

_HERE = Path(__file__).parent
_PEOPLE = (_HERE / "people.txt").read_text().splitlines()
_ROBOTS = [
    line.split(" ", 1)
    for line in (_HERE / "robots.txt").read_text().splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize("user_agent", _PEOPLE)
def test_a_browser_of_people_counts_whatever_its_phone_is_called(user_agent: str) -> None:
    assert robot_kind(user_agent) is None


@pytest.mark.parametrize(("kind", "user_agent"), _ROBOTS)
def test_a_robot_is_known_with_its_kind(kind: str, user_agent: str) -> None:
    """F158."""
    assert robot_kind(user_agent) is RobotKind(kind)


def test_every_kind_of_robot_has_examples() -> None:
    assert {kind for kind, _ in _ROBOTS} == set(RobotKind)


@pytest.mark.parametrize("missing", [None, "", " ", "\t"])
def test_a_visitor_without_a_user_agent_is_a_tool(missing: str | None) -> None:
    assert robot_kind(missing) is RobotKind.TOOL


def test_all_but_three_examples_of_the_list_are_robots() -> None:
    """What we corrected is named here; a new edition of the list must not lose others."""
    people = [
        example
        for entry in CRAWLER_USER_AGENTS_DATA
        for example in entry["instances"]
        if robot_kind(example) is None
    ]
    expected = ("MetaIAB Facebook", "AP3A.240617.008", "Fluid/0.9.6")
    assert [one for one in people if not any(name in one for name in expected)] == []


def test_an_endless_user_agent_costs_no_time() -> None:
    """A shop's own proxy may let 100 KB through: they are neither searched nor kept."""
    endless = "Mozilla/5.0 " + "(Linux; Android 9; " * 5_000
    robot_kind(endless)
    assert min(timeit.repeat(lambda: robot_kind(endless), number=100, repeat=5)) / 100 < 20e-6


def test_many_different_user_agents_are_no_leak_and_no_slowness() -> None:
    names = [f"Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Firefox/{n}.0" for n in range(2_100)]
    took = timeit.timeit(lambda: [robot_kind(name) for name in names], number=1)
    assert took / len(names) < 1e-3


def test_the_list_is_not_loaded_before_somebody_asks() -> None:
    program = (
        "import sys; from topmail_flask.visits import robots;"
        "assert 'crawleruseragents' not in sys.modules;"
        "robots.robot_kind('curl/8');"
        "assert 'crawleruseragents' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
