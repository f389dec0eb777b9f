import pytest

from tests.sandbox.conftest import Client
from topmail_flask.sandbox import Sandbox


def test_a_contact_is_created_subscribed_unless_the_call_says_otherwise(client: Client) -> None:
    created = client.call("POST", "/contacts", json={"email": "eve@example.com"})
    assert created.status_code == 201
    contact = created.json()["data"]
    assert contact["subscribed"] is True
    assert client.call("GET", f"/contacts/{contact['id']}").json()["data"] == contact
    assert set(contact) == {
        *("id", "email", "first_name", "last_name", "attributes", "subscribed"),
        *("created_at", "lists"),
    }
    quiet = client.call(
        "POST", "/contacts", json={"email": "quiet@example.com", "subscribed": False}
    )
    assert quiet.json()["data"]["subscribed"] is False


def test_a_second_contact_with_the_same_address_is_a_duplicate(
    sandbox: Sandbox, client: Client
) -> None:
    for email in ("ada@example.com", "Ada@Example.com"):
        answer = client.call("POST", "/contacts", json={"email": email})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "duplicate")
    assert len(sandbox.contacts) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("first_name", "f" * 101),
        ("last_name", "l" * 101),
        ("attributes", []),
        ("subscribed", "yes"),
        ("list_id", "newsletter"),
        ("phone", "1"),
    ],
)
def test_a_wrong_field_of_a_contact_is_named(client: Client, field: str, value: object) -> None:
    answer = client.call("POST", "/contacts", json={"email": "eve@example.com", field: value})
    assert (answer.status_code, answer.json()["error"]["path"]) == (400, field)


def test_contacts_are_searched_and_paged(sandbox: Sandbox, client: Client) -> None:
    for number in range(4):
        sandbox.add_contact(f"shopper{number}@example.com", subscribed=number < 2)
    page = client.call("GET", "/contacts", params={"search": "SHOPPER", "limit": 3}).json()
    assert [contact["email"][:8] for contact in page["data"]] == [
        "shopper0",
        "shopper1",
        "shopper2",
    ]
    assert page["pagination"] == {"total": 4, "limit": 3, "offset": 0, "has_more": True}
    rest = client.call("GET", "/contacts", params={"search": "shopper", "offset": 3}).json()
    assert rest["pagination"] == {"total": 4, "limit": 100, "offset": 3, "has_more": False}
    quiet = client.call("GET", "/contacts", params={"subscribed": "false"}).json()
    assert quiet["pagination"]["total"] == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "1001"), ("limit", "x"), ("offset", "-1"), ("subscribed", "1")],
)
def test_a_wrong_page_is_refused(client: Client, name: str, value: str) -> None:
    answer = client.call("GET", "/contacts", params={name: value})
    assert (answer.status_code, answer.json()["error"]["path"]) == (400, name)


def test_a_patch_changes_what_it_names_and_merges_attributes(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.add_contact("bob@example.com")
    path = f"/contacts/{sandbox.add_contact('eve@example.com', attributes={'a': 1, 'b': 2})}"
    answer = client.call(
        "PATCH",
        path,
        json={"subscribed": False, "attributes": {"b": 3}, "email": "eva@example.com"},
    )
    assert answer.status_code == 200
    contact = answer.json()["data"]
    assert (contact["email"], contact["subscribed"]) == ("eva@example.com", False)
    assert contact["attributes"] == {"a": 1, "b": 3}
    assert client.call("PATCH", path, json={"email": "bob@example.com"}).status_code == 409
    assert client.call("POST", "/contacts", json={"email": "eve@example.com"}).status_code == 201


def test_a_deleted_contact_is_gone(sandbox: Sandbox, client: Client) -> None:
    path = f"/contacts/{sandbox.contacts[0]['id']}"
    assert client.call("DELETE", path).status_code == 200
    for method in ("GET", "DELETE"):
        answer = client.call(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "contact_not_found")
    assert client.view().status_code == 404


def test_a_conversion_is_recorded_once_per_order(sandbox: Sandbox, client: Client) -> None:
    order = {"email": "ada@example.com", "type": "purchase", "revenue": 39.9, "order_id": "7"}
    first = client.call("POST", "/conversions", json=order)
    again = client.call("POST", "/conversions", json=order)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["data"]["currency"] == "USD"
    assert [conversion["order_id"] for conversion in sandbox.conversions] == ["7"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("type", "sale"), ("revenue", -1), ("order_id", "o" * 101), ("flow_id", "x"), ("metadata", 1)],
)
def test_a_wrong_field_of_a_conversion_is_named(client: Client, field: str, value: object) -> None:
    answer = client.call("POST", "/conversions", json={"email": "ada@example.com", field: value})
    assert (answer.status_code, answer.json()["error"]["path"]) == (400, field)


def test_a_conversion_that_is_no_purchase_ends_no_flow(sandbox: Sandbox, client: Client) -> None:
    client.view()
    client.call("POST", "/conversions", json={"email": "ada@example.com", "type": "signup"})
    assert [flow["skipped"] for flow in sandbox.views[0]["flows"]] == [None, None]


def test_a_conversion_of_nobody_is_not_found(client: Client) -> None:
    answer = client.call("POST", "/conversions", json={"email": "eve@example.com"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "contact_not_found")
