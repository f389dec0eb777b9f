"""``flask topmail send-test``: does a view arrive? One is sent, marked as a test."""

from __future__ import annotations

import json
from typing import Any

from click.testing import Result

from tests.cli.examined import tea_app
from tests.cli.operated import ANN
from topmail_flask import view_delivered
from topmail_flask.sandbox import Sandbox
from topmail_flask.sandbox.assumptions import Assumptions


def send_test(sandbox: Sandbox, *words: str, **config: Any) -> Result:
    app = tea_app(sandbox, config)
    return app.test_cli_runner().invoke(args=["topmail", "send-test", *words])


def test_one_marked_view_arrives_and_its_receipt_is_printed(topmail: Sandbox) -> None:
    result = send_test(topmail, "--to", ANN)
    assert result.exit_code == 0, result.output
    (view,) = topmail.views
    assert view["body"] == {
        "email": ANN,
        "product_id": "topmail-flask-test",
        "product_name": "Test view from flask topmail send-test",
        "product_url": "https://tea.shop",
    }
    assert view["id"] in result.output
    assert view["contact_id"] in result.output
    assert ANN not in result.output


def test_programs_get_the_receipt_as_json(topmail: Sandbox) -> None:
    told = json.loads(send_test(topmail, "--to", ANN, "--json").stdout)
    assert (told["sent"], told["view_id"]) == (True, topmail.views[0]["id"])
    refused = send_test(topmail, "--to", "bob@shop.example", "--json")
    told = json.loads(refused.stdout)
    assert refused.exit_code == 1
    assert (told["sent"], told["status"], told["code"]) == (False, 404, "contact_not_found")


def test_an_unknown_address_says_what_to_do(topmail: Sandbox) -> None:
    result = send_test(topmail, "--to", "bob@shop.example")
    assert result.exit_code == 1
    assert 'TOPMAIL_UNKNOWN_CONTACTS = "create"' in result.output
    assert "bob@" not in result.output
    assert topmail.views == []


def test_an_unknown_address_becomes_a_contact_where_a_shopper_would(topmail: Sandbox) -> None:
    result = send_test(topmail, "--to", "bob@shop.example", TOPMAIL_UNKNOWN_CONTACTS="create")
    assert result.exit_code == 0, result.output
    assert len(topmail.views) == 1
    (bob,) = [contact for contact in topmail.contacts if contact["email"] == "bob@shop.example"]
    assert bob["subscribed"] is False


def test_a_key_without_the_permission_names_its_fix(topmail: Sandbox) -> None:
    result = send_test(topmail, "--to", ANN, TOPMAIL_API_KEY="tm_test_sandbox_contacts_only")
    assert result.exit_code == 1
    assert "TopMail answered 403 (forbidden)." in result.output
    assert "-> The key lacks a permission" in result.output


def test_a_contact_that_may_not_be_created_names_its_fix(topmail: Sandbox) -> None:
    topmail.inject_faults(script=[{"status": 404, "code": "contact_not_found"}, 403])
    result = send_test(topmail, "--to", "bob@shop.example", TOPMAIL_UNKNOWN_CONTACTS="create")
    assert (result.exit_code, "403 (forbidden)" in result.output) == (1, True)


def test_a_topmail_that_is_not_there_is_told(topmail: Sandbox) -> None:
    topmail.stop()
    result = send_test(topmail, "--to", ANN)
    assert result.exit_code == 1
    assert "connection_refused" in result.output
    assert "Traceback" not in result.output


def test_what_cannot_be_an_address_is_refused_before_anything_is_sent(topmail: Sandbox) -> None:
    result = send_test(topmail, "--to", "nobody")
    assert result.exit_code == 2
    assert "email is not an e-mail address" in result.output
    assert topmail.requests == []


def test_a_store_that_sends_nothing_sends_no_test_either(topmail: Sandbox) -> None:
    for config in ({"TOPMAIL_API_KEY": ""}, {"TOPMAIL_ENABLED": False}):
        result = send_test(topmail, "--to", ANN, **config)
        assert (result.exit_code, "TOPMAIL_API_KEY" in result.output) == (1, True)
    assert topmail.requests == []


def test_the_shops_receivers_hear_nothing_of_it(topmail: Sandbox) -> None:
    heard = []

    def delivered(sender: object, **_: object) -> None:
        heard.append(sender)

    with view_delivered.connected_to(delivered):
        send_test(topmail, "--to", ANN)
    assert heard == []


def test_a_view_sent_twice_shows_whether_the_key_counts_once(topmail: Sandbox) -> None:
    result = send_test(topmail, "--twice", "--to", ANN)
    assert result.exit_code == 0, result.output
    assert "counted once" in result.output
    assert len(topmail.views) == 1
    assert json.loads(send_test(topmail, "--twice", "--to", ANN, "--json").stdout)["counted_once"]


def test_a_topmail_without_idempotency_is_seen_to_count_twice() -> None:
    with Sandbox(contacts=[ANN], assumptions=Assumptions(idempotency=False)) as topmail:
        result = send_test(topmail, "--twice", "--to", ANN)
        assert "counted twice" in " ".join(result.output.split())
        assert len(topmail.views) == 2


def test_before_a_live_key_sends_twice_it_is_asked(topmail: Sandbox) -> None:
    live = topmail.api_key.replace("tm_test_", "tm_live_")
    result = send_test(topmail, "--twice", "--to", ANN, TOPMAIL_API_KEY=live)
    assert result.exit_code == 1
    assert "a flow may start twice" in result.output
    assert topmail.requests == []
