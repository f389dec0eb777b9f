"""The suite behind ``make bench`` in its smallest form: whether it works, not how fast it is."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.measuring import MET, NOISE, NOT_MET, judged
from benchmarks.plots import bars
from benchmarks.report import comparison, for_owners, goals_table

ROOT = Path(__file__).parents[2]
PEERS = ("segment", "extruct", "lxml", "huey", "persistqueue", "litequeue", "trustme")
MISSING = [name for name in PEERS if importlib.util.find_spec(name) is None]
VERDICTS = {MET, NOISE, NOT_MET}
GOAL = {"name": "p50", "goal": 0.3, "sign": "≤", "spread": 0.02, "verdict": "met"}


def parts(value: float) -> dict[str, dict[str, object]]:
    return {"peers": {"goals": [{**GOAL, "value": value}]}}


@pytest.mark.skipif(bool(MISSING), reason=f"the extra bench is not installed: {MISSING}")
@pytest.mark.timeout(100)
@pytest.mark.parametrize("part", ["delivering", "queues"])
def test_a_part_of_the_suite_ends_with_its_figures_and_its_goals(part: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"benchmarks.{part}", "--smallest"]
    env = os.environ | {"BENCHMARK_RESULTS": str(tmp_path)}
    ran = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90, check=False
    )

    assert ran.returncode == 0, ran.stderr
    told = json.loads((tmp_path / "parts" / f"{part}.json").read_text())
    assert told["size"] == "smallest"
    assert told["goals"]
    assert {goal["verdict"] for goal in told["goals"]} <= VERDICTS


@pytest.mark.skipif(bool(MISSING), reason=f"the extra bench is not installed: {MISSING}")
@pytest.mark.timeout(100)
def test_a_part_that_fails_costs_no_other_part(tmp_path: Path) -> None:
    (tmp_path / "parts" / "start.json").mkdir(parents=True)  # nothing can be kept here
    env = os.environ | {"BENCHMARK_RESULTS": str(tmp_path)}
    command = [sys.executable, "-m", "benchmarks", "--smallest", "start", "growth"]
    ran = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90, check=False
    )

    assert ran.returncode == 1
    page = (tmp_path / "smallest.md").read_text()
    assert "**Gave no result:** start" in page
    assert "## Growth" in page
    assert str(ROOT) not in page


@pytest.mark.parametrize(
    ("value", "verdict"), [(0.25, MET), (0.3, MET), (0.31, NOISE), (0.33, NOT_MET)]
)
def test_a_goal_is_missed_only_beyond_the_spread(value: float, verdict: str) -> None:
    assert judged(value, 0.3, 0.02) == verdict
    assert judged(-value, -0.3, 0.02, at_least=True) == verdict


def test_a_share_of_what_lies_within_the_noise_is_not_judged() -> None:
    assert judged(0.1, 0.3, told_apart=False) == judged(9.0, 0.3, told_apart=False) == NOISE


def test_every_goal_stands_in_one_table_with_its_verdict() -> None:
    assert goals_table(parts(0.25))[1] == [["peers", "p50", "≤ 0.3", "0.25", "0.02", "met"]]


@pytest.mark.parametrize(("value", "says"), [(0.25, "agree"), (0.35, "higher"), (0.1, "lower")])
def test_a_run_is_held_against_an_earlier_one(value: float, says: str, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps({"parts": parts(0.22)}))

    _, rows = comparison(parts(value), earlier)

    assert [row[-1] for row in rows] == [says]


def test_a_plot_shows_every_figure_and_escapes_the_names() -> None:
    drawn = bars("CPU", "us", {"ours": 12.34, "<theirs>": 1234.0}, "ours")

    assert "12.3" in drawn
    assert "1,234" in drawn
    assert "&lt;theirs&gt;" in drawn


def test_the_page_opens_with_what_an_owner_wants_to_know() -> None:
    cases = (
        report.TRACKED,
        report.FIRST,
        "no product: listing",
        "anonymous",
        "robot",
        "static file",
    )
    figures: dict[str, dict[str, object]] = {
        "request_cost": {"cases": {name: {"added_us": 200.0, "bare_us": 1400.0} for name in cases}},
        "delivering": {"costs": {report.SENT: {"cpu_us": 700.0}}},
        "store_load": {load: {report.BUSY: {"ratio": 0.9}} for load in ("seen", "first")},
        "peers": {name: {"added_us": 1760.0} for name in report.PEERS},
    }
    page = "\n".join(
        for_owners({name: {"figures": told} for name, told in figures.items()}, "then")
    )

    assert "| 0.2 ms on 1.4 ms |" in page
    assert "| a day of 100,000 such pages and their views | 90 s of CPU |" in page
    assert "0.90 of the pages a second" in page
    assert all(f"| {name} | 1.8 ms |" in page for name in report.PEERS)
    assert for_owners({}, "then") == []


def test_a_plot_can_be_read_on_a_phone() -> None:
    drawn = bars("A long title of a plot that needs two lines of a phone", "us", {"a": 1.0}, "a")

    assert 'width="380"' in drawn
    assert drawn.count('font-weight="600"') == 2


def test_every_picture_of_the_page_of_results_is_there() -> None:
    page = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", page)
    assert pictures
    assert [picture for picture in pictures if not (ROOT / "benchmarks" / picture).is_file()] == []
