"""Automations, conversions of every type, and what is known of a contact."""

from typing import Any

import pytest
import requests

from tests.sandbox.conftest import Client
from topmail_flask.sandbox import Options, Sandbox

CART = "/automations/abandoned-cart/trigger"
LIST = "8c2a7f0e-1d3b-4a55-9c77-0a1b2c3d4e5f"


def test_an_automation_is_triggered_for_a_contact_with_its_data(
    sandbox: Sandbox, client: Client
) -> None:
    data = {"cart": "17", "items": [{"product_id": "lamp-1", "price": 39.9}]}
    response = client.call("POST", CART, json={"email": "ada@example.com", "trigger_data": data})
    assert 200 <= response.status_code < 300
    [run] = sandbox.wait_for_automation_runs(1)
    assert (run["automation_id"], run["email"]) == ("abandoned-cart", "ada@example.com")
    assert run["body"]["trigger_data"] == data
    assert run["skipped"] is None
    by_id = {"contact_id": sandbox.contacts[0]["id"]}
    assert client.call("POST", CART, json=by_id).ok
    assert len(sandbox.automation_runs) == 2


def test_a_trigger_that_is_repeated_with_its_key_starts_one_run(
    sandbox: Sandbox, client: Client
) -> None:
    for _ in range(2):
        body = {"email": "ada@example.com"}
        assert client.call("POST", CART, json=body, headers={"Idempotency-Key": "cart-17"}).ok
    assert len(sandbox.automation_runs) == 1


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"email": "eve@example.com"}, 404, None),
        ({}, 400, "email"),
        ({"email": "ada@example.com", "trigger_data": []}, 400, "trigger_data"),
        ({"email": "ada@example.com", "data": {}}, 400, "data"),
    ],
)
def test_a_wrong_trigger_is_refused(
    sandbox: Sandbox, client: Client, body: Any, status: int, path: str | None
) -> None:
    response = client.call("POST", CART, json=body)
    assert (response.status_code, response.json()["error"].get("path")) == (status, path)
    assert sandbox.automation_runs == []


def test_only_automations_that_exist_are_triggered_once_some_are_named() -> None:
    options = Options(automations=["cart"])
    with Sandbox(contacts=["ada@example.com"], options=options) as sandbox:
        client = Client(sandbox)
        sandbox.add_automation("stock", "Back in stock")
        ada = {"email": "ada@example.com"}
        statuses = [
            client.call("POST", f"/automations/{name}/trigger", json=ada).status_code
            for name in ("cart", "stock", "crat")
        ]
        assert statuses == [201, 201, 404]
        listed = client.call("GET", "/automations").json()
        assert [each["name"] for each in listed["data"]] == ["cart", "Back in stock"]
        assert listed["pagination"]["total"] == 2
        paused = client.call("PATCH", "/automations/stock", json={"status": "paused"})
        assert paused.json()["data"]["status"] == "paused"
        assert client.call("GET", "/automations?status=paused").json()["pagination"]["total"] == 1
        client.call("POST", "/automations/stock/trigger", json=ada)
        assert sandbox.automation_runs[-1]["skipped"] == "the automation is paused"
        assert client.call("GET", "/automations/nothing").status_code == 404
        client.close()


def test_a_contact_who_is_not_subscribed_is_not_mailed_by_an_automation(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.add_contact("quiet@example.com", subscribed=False)
    client.call("POST", CART, json={"email": "quiet@example.com"})
    assert sandbox.automation_runs[0]["skipped"] == "the contact is not subscribed"


def test_a_conversion_of_every_type_is_recorded_whole_and_listed(
    sandbox: Sandbox, client: Client
) -> None:
    purchase = {
        "email": "ada@example.com",
        "type": "purchase",
        "order_id": "A-7",
        "revenue": 79.8,
        "currency": "EUR",
        "campaign_id": LIST,
        "flow_id": LIST,
        "attribution_model": "last_touch",
        "metadata": {"items": [{"product_id": "lamp-1", "name": "Desk lamp", "quantity": 2}]},
    }
    assert client.call("POST", "/conversions", json=purchase).status_code == 201
    for kind in ("signup", "upgrade", "custom"):
        body = {"email": "ada@example.com", "type": kind}
        assert client.call("POST", "/conversions", json=body).status_code == 201
    assert [each["type"] for each in sandbox.conversions] == [
        *("purchase", "signup", "upgrade", "custom")
    ]
    assert sandbox.conversions[0]["body"] == purchase
    for query, count in (
        ({}, 4),
        ({"type": "signup"}, 1),
        ({"campaign_id": LIST}, 1),
        ({"contact_id": sandbox.contacts[0]["id"], "limit": "2"}, 4),
    ):
        listed = client.call("GET", "/conversions", params=query).json()
        assert listed["pagination"]["total"] == count
    text = requests.get(sandbox.url, timeout=10).text
    for shown in ("2 × Desk lamp", "order A-7", f"campaign_id {LIST}", f"flow_id {LIST}", "Signup"):
        assert shown in text


def test_names_attributes_and_lists_of_a_contact_are_on_its_page(
    sandbox: Sandbox, client: Client
) -> None:
    created = {"email": "eve@example.com", "attributes": {"size": "M"}, "list_id": LIST}
    contact = client.call("POST", "/contacts", json=created).json()["data"]
    changed = {"first_name": "Eve", "last_name": "Stone", "attributes": {"tier": "gold"}}
    client.call("PATCH", f"/contacts/{contact['id']}", json=changed)
    text = requests.get(f"{sandbox.url}/contacts/{contact['id']}", timeout=10).text
    for shown in ("Eve Stone", "gold", "size", LIST, "Contact created", "Contact changed"):
        assert shown in text


def test_automations_survive_a_restart_with_a_state_file(tmp_path: Any) -> None:
    state = tmp_path / "topmail.json"
    with Sandbox(state=state, contacts=["ada@example.com"]) as sandbox:
        client = Client(sandbox)
        client.call("POST", CART, json={"email": "ada@example.com"})
        client.close()
        before = sandbox.automation_runs
    with Sandbox(state=state) as sandbox:
        assert sandbox.automation_runs == before
        assert "abandoned-cart" in requests.get(sandbox.url, timeout=10).text
