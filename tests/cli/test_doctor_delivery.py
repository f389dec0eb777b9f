"""The doctor says how delivery stands on this machine, and who should be sending."""

from __future__ import annotations

from tests.cli.examined import found, tea_app
from tests.cli.operated import OperatedStore
from topmail_flask.sandbox import Sandbox


def test_views_that_wait_for_a_drain_that_nobody_runs_are_told_of(operated: OperatedStore) -> None:
    operated.looks(1, 2)
    finding = found(operated.app, "delivery")
    assert finding.level == "warning"
    assert finding.what.startswith("Nobody sends at the moment; 2 views waiting")
    assert "flask topmail drain --follow" in finding.fix


def test_delivered_views_are_counted(operated: OperatedStore, topmail: Sandbox) -> None:
    operated.looks(1, 2)
    operated.run("drain")
    finding = found(operated.app, "delivery")
    assert (finding.level, finding.what) == (
        "ok",
        "0 waiting, 2 delivered, 0 dead letters; `flask topmail drain --follow` sends.",
    )


def test_dead_letters_are_a_warning_that_says_where_to_look(operated: OperatedStore) -> None:
    operated.looks(1, shopper="nobody@shop.example")
    operated.run("drain", status=0)
    finding = found(operated.app, "delivery")
    assert (finding.level, finding.fix) == ("warning", "See: flask topmail outbox list")


def test_dead_letters_that_were_dealt_with_are_no_warning(operated: OperatedStore) -> None:
    operated.looks(1, shopper="nobody@shop.example")
    operated.run("drain", status=0)
    operated.run("outbox", "drop", "--all", "--yes")
    finding = found(operated.app, "delivery")
    assert (finding.level, "0 dead letters" in finding.what) == ("ok", True)


def test_a_pause_is_an_error_with_its_fix(operated: OperatedStore, topmail: Sandbox) -> None:
    topmail.inject_faults(script=[401] * 50)
    operated.looks(1)
    operated.run("drain", "--timeout", "0.5", status=1)
    finding = found(operated.app, "delivery")
    assert finding.level == "error"
    assert "paused: unauthorized" in finding.what
    assert "TOPMAIL_API_KEY" in finding.fix


def test_what_is_in_memory_is_known_to_the_store_alone(topmail: Sandbox) -> None:
    finding = found(tea_app(topmail), "delivery")
    assert (finding.level, "topmail.stats()" in finding.what) == ("ok", True)
