"""``flask topmail outbox``: what waits and what died is seen and put in order."""

from __future__ import annotations

import os
import pty
import sqlite3
import time
from contextlib import closing

import pytest

from tests.cli.operated import ANN, BOB, LivingStore, OperatedStore
from tests.delivery.entry_making import Written, entry
from topmail_flask.sandbox import Sandbox


def keys(store: OperatedStore, *words: str) -> list[str]:
    return [row["key"] for row in store.told("outbox", "list", *words)]


def refused(store: OperatedStore, count: int) -> None:
    """Views of a shopper whom TopMail does not know have become dead letters."""
    store.looks(*range(count), shopper=BOB)
    assert store.told("drain")["given_up"] == count


def test_a_store_without_views_has_no_outbox_and_asking_makes_none(operated: OperatedStore) -> None:
    for words in (("status",), ("list",), ("purge",), ("retry", "--all"), ("drop", "--all")):
        operated.run("outbox", *words)
    assert "There is no outbox yet" in operated.run("outbox", "status")
    assert "0 removed" in operated.run("forget", ANN)
    assert not operated.place.exists()


def test_the_status_counts_what_waits_and_what_became_of_the_rest(operated: OperatedStore) -> None:
    """F173"""
    operated.looks(1, 2)
    refused(operated, 3)
    operated.looks(4)
    told = operated.told("outbox", "status")
    assert told["state"] == "healthy"
    assert told["ok"]
    ends = ("accepted", "delivered", "dead", "expired", "dropped", "pending")
    assert [told[end] for end in ends] == [6, 2, 3, 0, 0, 1]
    assert told["dead_letters"] == told["reasons"] == {"contact_not_found": 3}
    text = operated.run("outbox", "status")
    assert "pending:       1" in text
    assert "not sent:      3 contact_not_found" in text


def test_no_command_prints_an_address(operated: OperatedStore) -> None:
    """F173"""
    refused(operated, 2)
    operated.looks(5, 6)
    for words in (
        *(("status",), ("status", "--json"), ("list",), ("list", "--json"), ("list", "--pending")),
        *(("retry", "--all"), ("drop", "--all", "--yes"), ("purge",)),
    ):
        printed = operated.run("outbox", *words)
        assert ANN not in printed
        assert BOB not in printed
    assert "a***@shop.example" in operated.run("outbox", "list", "--pending")


def test_what_waits_and_what_died_is_listed_newest_first(operated: OperatedStore) -> None:
    refused(operated, 3)
    operated.looks(7)
    rows = operated.told("outbox", "list", "--limit", "2")
    assert [row["reason"] for row in rows] == ["contact_not_found"] * 2
    assert {row["shopper"] for row in rows} == {"b***@shop.example"}
    assert operated.told("outbox", "list", "--reason", "rejected") == []
    (waiting,) = operated.told("outbox", "list", "--pending")
    assert (waiting["product_id"], waiting["attempts"]) == ("7", 0)


def test_a_purchase_is_listed_as_one_by_the_number_of_its_order(operated: OperatedStore) -> None:
    operated.looks(7)
    operated.buys("A-1042", BOB)
    (bought, seen) = operated.told("outbox", "list", "--pending")
    assert (bought["kind"], bought["order_id"], bought["product_id"]) == ("purchase", "A-1042", "")
    assert (seen["kind"], seen["order_id"], seen["product_id"]) == ("view", "", "7")
    first, second = operated.run("outbox", "list", "--pending").splitlines()
    assert first.split()[-3:] == ["purchase", "A-1042", "b***@shop.example"]
    assert second.split()[-3:] == ["view", "7", "a***@shop.example"]


def test_a_dead_letter_is_sent_again_under_its_key_when_the_contact_is_there(
    operated: OperatedStore, topmail: Sandbox
) -> None:
    refused(operated, 3)
    before = set(keys(operated))
    topmail.add_contact(BOB)
    told = operated.told("outbox", "retry", "--reason", "contact_not_found")
    assert told == {"retried": 3, "delivered": 0, "dead": 0, "waiting": 3}
    assert set(keys(operated, "--pending")) == before
    assert operated.told("drain")["delivered"] == 3
    assert len(topmail.views) == 3
    assert (operated.stats.dead, operated.stats.balanced) == (0, True)


def test_a_retry_says_what_became_of_it(operated: OperatedStore, topmail: Sandbox) -> None:
    refused(operated, 2)
    text = operated.run("outbox", "retry", keys(operated)[0])
    assert "1 dead letter given back to the queue.\n1 still waiting." in text
    assert "Nobody sends on this machine now" in text
    with LivingStore(TOPMAIL_OUTBOX=str(operated.place)) as living:
        living.looks(50, 1, shopper=ANN)  # it leads, and sends what was given back
        topmail.wait_for_views(1)
        refused_again = operated.run("outbox", "retry", "--all", "--wait", "20")
        assert "1 refused again" in refused_again or "2 refused again" in refused_again
        topmail.add_contact(BOB)
        assert "2 delivered." in operated.run("outbox", "retry", "--all", "--wait", "20")


def test_only_the_named_dead_letters_are_sent_again_or_dropped(operated: OperatedStore) -> None:
    refused(operated, 3)
    first, second, third = keys(operated)
    assert operated.told("outbox", "retry", first)["retried"] == 1
    assert operated.told("outbox", "drop", second) == {"removed": 1}
    assert keys(operated) == [third]
    for command in ("retry", "drop"):
        told = operated.told("outbox", command, "no-such-key", status=1)
        assert told["unknown"] == 1
    assert operated.stats.balanced


def test_what_waits_is_dropped_after_a_question(operated: OperatedStore) -> None:
    operated.looks(1, 2, 3)
    assert "Remove 3 waiting views" in operated.run(
        "outbox", "drop", "--pending", "--all", status=1
    )
    assert operated.stats.pending == 3
    operated.run("outbox", "drop", "--pending", "--all", "--yes")
    stats = operated.stats
    assert (stats.pending, stats.dropped, dict(stats.reasons)) == (0, 3, {"removed": 3})
    assert stats.balanced


def test_a_purge_removes_what_is_older_and_frees_its_space(operated: OperatedStore) -> None:
    """F160"""
    refused(operated, 400)
    assert operated.told("outbox", "purge", "--days", "1")["removed"] == 0
    told = operated.told("outbox", "purge", "--days", "0")
    assert told["removed"] == 400
    assert told["freed_bytes"] > 100_000
    assert keys(operated) == []
    assert (operated.stats.dead, operated.stats.balanced) == (400, True)


def test_a_paused_delivery_is_told_with_its_end_and_a_failing_status(
    operated: OperatedStore, topmail: Sandbox
) -> None:
    operated.looks(1)
    topmail.inject_faults(script=[401] * 20)
    operated.run("drain", "--timeout", "1", status=1)
    told = operated.told("outbox", "status", status=1)
    assert (told["state"], told["reason"]) == ("paused", "unauthorized")
    assert "TOPMAIL_API_KEY" in told["fix"]
    assert told["until"].endswith("+00:00")
    assert told["pending"] == 1
    topmail.inject_faults()
    operated.run("drain")  # whoever leads next tries at once
    assert operated.told("outbox", "status")["state"] == "healthy"


def test_a_store_whose_sender_was_never_started_is_not_delivering(operated: OperatedStore) -> None:
    """F184: nothing is in the books yet, only in the journals."""
    operated.looks(1)
    written = Written(operated.directory)
    assert written.append(entry(1, at=time.time() - 400))
    told = operated.told("outbox", "status", status=1)
    assert (told["state"], told["last_success"], told["pending"]) == ("not_delivering", None, 2)
    assert 400 <= told["oldest_pending"] < 460
    assert "the oldest for 6 min" in operated.run("outbox", "status", status=1)
    written.close()


@pytest.mark.parametrize("words", [("outbox", "status"), ("outbox", "list"), ("forget", ANN)])
def test_an_outbox_that_cannot_be_had_is_named_with_the_fix(
    operated: OperatedStore, words: tuple[str, ...]
) -> None:
    in_memory = operated.run(*words, status=1, TOPMAIL_OUTBOX=":memory:")
    assert "TOPMAIL_OUTBOX is :memory:" in in_memory
    operated.looks(1)
    operated.run("drain")
    operated.place.chmod(0o777)
    assert f"chmod 700 {operated.place}" in operated.run(*words, status=1)


@pytest.mark.parametrize("elsewhere", ["", ":memory:"])
def test_without_a_key_the_status_is_disabled_and_well(
    operated: OperatedStore, elsewhere: str
) -> None:
    operated.looks(1)
    place = elsewhere or str(operated.place)
    told = operated.told("outbox", "status", TOPMAIL_API_KEY="", TOPMAIL_OUTBOX=place)
    assert (told["state"], told["reason"], told["ok"]) == ("disabled", "no key", True)
    assert (told["exists"], told["outbox"], told["pending"]) == (False, None, 0)
    text = operated.run("outbox", "status", TOPMAIL_API_KEY="", TOPMAIL_OUTBOX=place)
    assert "status:        disabled (no key)" in text
    assert "TOPMAIL_API_KEY" in text
    assert "TOPMAIL_API_KEY" in operated.run("outbox", "list", status=1, TOPMAIL_API_KEY="")


def test_an_outbox_that_is_switched_off_is_shown_all_the_same(operated: OperatedStore) -> None:
    operated.looks(1)
    told = operated.told("outbox", "status", TOPMAIL_ENABLED="false")
    assert (told["state"], told["pending"]) == ("disabled", 1)


def test_an_outbox_of_another_version_is_left_alone(operated: OperatedStore) -> None:
    """F188"""
    operated.looks(1)
    operated.run("drain")
    with closing(sqlite3.connect(operated.directory / "outbox.sqlite3")) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = (operated.directory / "outbox.sqlite3").read_bytes()
    for words in (("outbox", "status"), ("outbox", "retry", "--all"), ("forget", ANN)):
        assert "newer topmail-flask" in operated.run(*words, status=1)
    assert (operated.directory / "outbox.sqlite3").read_bytes() == before


def test_a_command_that_says_nothing_of_which_is_refused(operated: OperatedStore) -> None:
    for words in (("retry",), ("drop",), ("retry", "key", "--all"), ("list", "--reason", "odd")):
        operated.run("outbox", *words, status=2)
    operated.run("outbox", "list", "--pending", "--reason", "rejected", status=2)
    operated.run("forget", "nobody", status=2)


def test_long_work_shows_its_progress_on_a_terminal_and_nowhere_else(
    operated: OperatedStore,
) -> None:
    drop = ("topmail", "outbox", "drop", "--pending", "--all", "--yes")
    for first, words, shown in ((0, drop, True), (1000, (*drop, "--json"), False)):
        operated.looks(*range(first, first + 600))
        ours, terminal = pty.openpty()
        command = operated.start(*words, stderr=terminal)
        os.close(terminal)
        out, _ = command.communicate(timeout=60)
        assert "600" in out
        assert (b"100%" in read(ours)) is shown
    assert "%" not in operated.run(*drop[1:])


def read(terminal: int) -> bytes:
    """All that was written to a terminal that nobody has open any more."""
    parts = []
    try:
        while part := os.read(terminal, 4096):
            parts.append(part)
    except OSError:  # so Linux tells the end
        pass
    os.close(terminal)
    return b"".join(parts)


def test_banners_whose_cookies_cannot_be_read_are_told_by_the_status_and_the_doctor(
    operated: OperatedStore,
) -> None:
    """In another process than the one whose shoppers are refused for it."""
    browser = operated.app.test_client()
    browser.set_cookie("osano_consentmanager", "fnUNOGEoqzHFnLfV3b7cWl1nQh2")
    browser.get("/tea/1")
    status = operated.told("outbox", "status")
    assert status["reasons"] == {"consent_unreadable": 1}
    assert status["unreadable_banners"] == {"Osano": 1}
    assert "1 Osano: cookies not readable" in operated.run("outbox", "status")
    findings = operated.told("doctor")["findings"]
    (finding,) = [finding for finding in findings if finding["check"] == "consent"]
    assert finding["level"] == "warning"
    assert "The cookies of Osano could not be read (1 time, the last " in finding["what"]
    assert "@topmail.consent" in finding["fix"]
