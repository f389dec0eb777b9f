"""The doctor asks TopMail: is it there, is the key good, may it record views, what time is it?"""

from __future__ import annotations

import time

import pytest
import requests

from tests.cli.examined import found, tea_app, told
from topmail_flask.sandbox import Sandbox
from topmail_flask.sandbox.api import ApiKey


@pytest.mark.parametrize(
    ("key", "access", "tracking", "contacts"),
    [
        ("tm_test_sandbox_full_access", "ok", "ok", "ok"),
        ("tm_test_sandbox_contacts_only", "ok", "error", "ok"),
        ("tm_test_sandbox_read_only", "ok", "error", "error"),
        ("tm_test_revoked_long_ago", "error", "warning", "warning"),
    ],
)
def test_what_a_key_may_do_is_known_before_a_shopper_comes(
    topmail: Sandbox, key: str, access: str, tracking: str, contacts: str
) -> None:
    config = {"TOPMAIL_API_KEY": key, "TOPMAIL_UNKNOWN_CONTACTS": "create"}
    findings = told(tea_app(topmail, config), status=int("error" in (access, tracking)))
    levels = {name: findings[name][0] for name in ("reach", "access", "tracking", "contacts")}
    assert levels == {
        "reach": "ok",
        "access": access,
        "tracking": tracking,
        "contacts": contacts,
    }


def test_a_missing_permission_and_a_revoked_key_name_their_fixes(topmail: Sandbox) -> None:
    app = tea_app(topmail, {"TOPMAIL_API_KEY": "tm_test_sandbox_read_only"})
    assert "grant it in TopMail" in told(app, status=1)["tracking"][1]
    app = tea_app(topmail, {"TOPMAIL_API_KEY": "tm_test_revoked_long_ago"})
    findings = told(app, status=1)
    assert "set TOPMAIL_API_KEY to a valid one" in findings["access"][1]
    assert "Not asked" in findings["tracking"][1]


def test_a_key_that_may_record_no_purchases_is_a_warning(topmail: Sandbox) -> None:
    assert told(tea_app(topmail))["purchases"][0] == "ok"
    app = tea_app(topmail, {"TOPMAIL_API_KEY": "tm_test_sandbox_read_only"})
    level, what = told(app, status=1)["purchases"]
    assert (level, "Without topmail.track_purchase it does not matter" in what) == ("warning", True)


NAMED = {"TOPMAIL_AUTOMATIONS": {"cart": "flow-cart", "back": "flow-back"}}


def test_automations_that_topmail_does_not_know_are_named(topmail: Sandbox) -> None:
    assert told(tea_app(topmail))["automations"][0] == "ok"
    topmail.add_automation("flow-cart")
    level, what = told(tea_app(topmail, NAMED), status=1)["automations"]
    assert (level, "does not know these of TOPMAIL_AUTOMATIONS: back." in what) == ("error", True)
    topmail.add_automation("flow-back")
    level, what = told(tea_app(topmail, NAMED))["automations"]
    assert (level, "TopMail knows cart, back. The key may start them" in what) == ("ok", True)
    assert topmail.automation_runs == []


def test_a_paused_automation_is_told_of(topmail: Sandbox) -> None:
    for name in NAMED["TOPMAIL_AUTOMATIONS"].values():
        topmail.add_automation(name)
    key = {"Authorization": f"Bearer {topmail.api_key}"}
    path = f"{topmail.base_url}/automations/flow-back"
    assert requests.patch(path, json={"status": "paused"}, headers=key, timeout=9).ok
    level, what = told(tea_app(topmail, NAMED))["automations"]
    assert (level, "Paused in TopMail: back." in what) == ("warning", True)


def test_automations_of_a_sandbox_that_knows_every_one_are_well(topmail: Sandbox) -> None:
    assert told(tea_app(topmail, NAMED))["automations"][0] == "ok"


@pytest.mark.parametrize(
    ("key", "level", "said"),
    [
        ("tm_test_sandbox_read_only", "error", "lacks a permission"),
        ("tm_test_revoked_long_ago", "warning", "Not asked"),
    ],
)
def test_a_key_that_may_start_no_automations_is_told(
    topmail: Sandbox, key: str, level: str, said: str
) -> None:
    app = tea_app(topmail, NAMED | {"TOPMAIL_API_KEY": key})
    found_level, what = told(app, status=1)["automations"]
    assert (found_level, said in what) == (level, True), what


def test_automations_that_may_be_started_and_not_read_are_for_the_shop_to_compare() -> None:
    writes = ApiKey("tm_test_writes_only", "", frozenset({"conversions:write", "flows:write"}))
    with Sandbox(keys=[writes]) as topmail:
        level, what = told(tea_app(topmail, NAMED))["automations"]
    assert (level, "did not say whether it knows: cart, back." in what) == ("warning", True)


def test_the_output_says_how_the_permission_was_asked(topmail: Sandbox) -> None:
    what = told(tea_app(topmail))["tracking"][1]
    assert "an empty call was refused for its content (validation_error)" in what
    assert "Nothing was written" in what


def test_a_topmail_that_is_not_there_is_one_error(topmail: Sandbox) -> None:
    topmail.stop()
    findings = told(tea_app(topmail), status=1)
    level, what = findings["reach"]
    assert level == "error"
    assert what.startswith(f"127.0.0.1:{topmail.port} cannot be reached: connection_refused.")
    others = {findings[name][0] for name in ("access", "tracking", "clock")}
    assert others == {"warning"}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://topmail.invalid/api/v1", "name_not_resolved. -> Check TOPMAIL_BASE_URL and this"),
        ("https://127.0.0.1:{port}/api/v1", "tls. -> The server's certificate was not accepted"),
    ],
)
def test_a_way_that_is_blocked_says_where(topmail: Sandbox, address: str, said: str) -> None:
    app = tea_app(topmail, {"TOPMAIL_BASE_URL": address.format(port=topmail.port)})
    level, what = told(app, status=1)["reach"]
    assert (level, said in what) == ("error", True), what


def test_an_address_that_is_not_the_api_is_found(topmail: Sandbox) -> None:
    app = tea_app(topmail, {"TOPMAIL_BASE_URL": f"{topmail.url}/elsewhere"})
    level, what = told(app, status=1)["access"]
    assert (level, "check TOPMAIL_BASE_URL" in what) == ("error", True)


def test_a_page_that_says_yes_to_everything_is_not_topmail(topmail: Sandbox) -> None:
    topmail.inject_faults(script=["pass", {"status": 200, "body": {"data": {}}}])
    level, what = told(tea_app(topmail), status=1)["tracking"]
    assert (level, "was not refused" in what) == ("error", True)


def test_a_topmail_in_trouble_is_a_warning(topmail: Sandbox) -> None:
    topmail.inject_faults(script=[500, 500, 500])
    findings = told(tea_app(topmail))
    assert findings["reach"][0] == "ok"
    assert findings["access"][0] == "warning"


def test_without_a_key_nothing_is_asked(topmail: Sandbox) -> None:
    findings = told(tea_app(topmail, {"TOPMAIL_API_KEY": ""}), status=1)
    assert findings["key"][0] == "error"
    assert "Not asked" in findings["reach"][1]
    assert topmail.requests == []


@pytest.mark.parametrize(
    ("ahead", "level", "said"),
    [
        (0, "ok", "agrees"),
        (90, "warning", "s ahead of TopMail's"),
        (-90, "warning", "s behind TopMail's"),
        (7200, "error", "7200 s ahead"),
    ],
)
def test_a_clock_that_is_wrong_is_found(
    topmail: Sandbox, ahead: int, level: str, said: str
) -> None:
    finding = found(tea_app(topmail), "clock", clock=lambda: time.time() + ahead)
    assert finding.level == level
    assert said in finding.what.replace("7199 s", "7200 s").replace("7201 s", "7200 s")


def test_unknown_shoppers_are_told_of_unless_they_are_created(topmail: Sandbox) -> None:
    assert "contact_not_found" in told(tea_app(topmail))["contacts"][1]
    app = tea_app(topmail, {"TOPMAIL_UNKNOWN_CONTACTS": "create"})
    assert "The key may create contacts" in told(app)["contacts"][1]
