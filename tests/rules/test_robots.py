import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from topmail_flask.rules.robots import RobotKind, robot_kind

_HERE = Path(__file__).parent
_LIST = metadata.distribution("crawler-user-agents").locate_file(
    "crawleruseragents/crawler-user-agents.json"
)
_PEOPLE = (_HERE / "people.txt").read_text("utf-8").splitlines()
_ROBOTS = [
    line.split(" ", 1)
    for line in (_HERE / "robots.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


@pytest.mark.parametrize("user_agent", _PEOPLE)
def test_a_browser_of_people_counts_whatever_its_phone_is_called(user_agent: str) -> None:
    assert robot_kind(user_agent) is None


@pytest.mark.parametrize(("kind", "user_agent"), _ROBOTS)
def test_a_robot_is_known_with_its_kind(kind: str, user_agent: str) -> None:
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
        for entry in json.loads(Path(str(_LIST)).read_bytes())
        for example in entry["instances"]
        if robot_kind(example) is None
    ]
    expected = ("MetaIAB Facebook", "AP3A.240617.008", "Fluid/0.9.6")
    assert [agent for agent in people if not any(name in agent for name in expected)] == []


def test_the_end_of_an_endless_user_agent_is_not_read() -> None:
    """A shop's own proxy may let 100 KB through: they are neither searched nor kept."""
    endless = "Mozilla/5.0 " + "(Linux; Android 9; " * 5_000
    assert robot_kind("Googlebot/2.1") is not None
    assert robot_kind(endless + "Googlebot/2.1") is None


COMMON = (
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0"
        " Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0"
        " Mobile Safari/537.36"
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
        " Chrome/124.0.0.0 Safari/537.36 Edg/124.0.0.0"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
        " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/17.4.1 Safari/605.1.15"
    ),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:126.0) Gecko/20100101 Firefox/126.0",
    "Mozilla/5.0 (Android 14; Mobile; rv:126.0) Gecko/126.0 Firefox/126.0",
)


def test_the_list_is_not_loaded_for_the_common_browsers_of_people() -> None:
    program = (
        "import sys; from topmail_flask.rules import robots; opened = [];"
        "sys.addaudithook(lambda name, about: name == 'open' and opened.append(str(about[0])));"
        "is_loaded = lambda: any(path.endswith('crawler-user-agents.json') for path in opened);"
        f"assert [robots.robot_kind(one) for one in {COMMON!r}] == [None] * {len(COMMON)};"
        "assert not is_loaded();"
        "robots.robot_kind('curl/8');"
        "assert is_loaded()"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("common", COMMON)
def test_what_else_stands_in_the_name_of_a_common_browser_is_still_read(common: str) -> None:
    for added in (" GPTBot/1.1", " (compatible; bingbot/2.0)", " HeadlessChrome/124.0.0.0"):
        assert robot_kind(common + added) is not None
    assert robot_kind(common.replace(") ", "; Googlebot/2.1) ", 1)) is RobotKind.SEARCH
    if "Chrome/" in common:
        assert robot_kind(common.replace("Chrome/", "HeadlessChrome/")) is RobotKind.TOOL
