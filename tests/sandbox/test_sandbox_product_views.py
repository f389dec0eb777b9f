from typing import Any

import pytest

from tests.sandbox.conftest import VIEW, Client
from topmail_flask.sandbox import Options, Sandbox


def error_of(answer: Any) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    assert error["message"]
    return answer.status_code, error["code"], error.get("path")


def test_a_complete_view_is_answered_and_recorded_as_the_contract_says(
    sandbox: Sandbox, client: Client
) -> None:
    whole = {
        **VIEW,
        "variant_id": "black",
        "image_url": "https://cdn.example/lamp.jpg",
        "category": "Lighting",
        "brand": "Lumen",
        "sku": "L-1-B",
        "session_id": "s" * 100,
    }
    answer = client.view(key="k1", **whole)
    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()["data"]) == {
        *("id", "contact_id", "product_id", "product_name", "viewed_at")
    }
    [view] = sandbox.views
    assert view["body"] == whole
    assert (view["email"], view["idempotency_key"]) == ("ada@example.com", "k1")
    assert view["contact_id"] == sandbox.contacts[0]["id"]
    assert view["viewed_at"] == answer.json()["data"]["viewed_at"]


def test_a_contact_is_found_by_its_id_and_by_its_address_in_any_capitals(
    sandbox: Sandbox, client: Client
) -> None:
    contact_id = sandbox.add_contact("bob@example.com")
    assert client.view(email="ADA@example.com").status_code == 201
    assert client.view(email="ada@example.com", contact_id=contact_id).status_code == 201
    assert [view["email"] for view in sandbox.views] == ["ada@example.com", "bob@example.com"]


@pytest.mark.parametrize("product_name", ["é" * 200, "🛒" * 200])
def test_lengths_are_counted_in_characters(client: Client, product_name: str) -> None:
    assert client.view(product_name=product_name).status_code == 201
    assert error_of(client.view(product_name=product_name + "x"))[2] == "product_name"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ada@localhost"),
        ("email", "ada@@example.com"),
        ("email", 7),
        ("contact_id", "seven"),
        ("product_id", ""),
        ("product_id", "   "),
        ("product_id", 42),
        ("product_id", "p" * 101),
        ("product_id", None),
        ("product_name", "n" * 201),
        ("product_name", ["n"]),
        ("product_name", "line\nbreak"),
        ("product_name", "nul\x00"),
        ("product_name", "lone \ud800"),
        ("product_url", "/products/lamp"),
        ("product_url", "//shop.example/lamp"),
        ("product_url", "javascript:alert(1)"),
        ("product_url", "https://shop.example/a b"),
        ("product_url", "https://[::1/lamp"),
        ("product_url", "https://shop.example:port/"),
        ("product_url", "https://shop.example/" + "x" * 2048),
        ("image_url", "data:image/png;base64,AA"),
        ("price", -0.01),
        ("price", "39.90"),
        ("price", True),
        ("price", None),
        ("currency", "eur"),
        ("currency", "EURO"),
        ("currency", 978),
        ("variant_id", "v" * 101),
        ("category", "c" * 101),
        ("brand", "b" * 101),
        ("sku", "s" * 101),
        ("session_id", "s" * 101),
        ("viewed_at", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_wrong_field_is_a_validation_error_that_names_it(
    sandbox: Sandbox, client: Client, field: str, value: Any
) -> None:
    assert error_of(client.view(**{field: value})) == (400, "validation_error", field)
    assert sandbox.views == []
    [rejected] = sandbox.rejected
    assert rejected.error is not None
    assert rejected.error["path"] == field


@pytest.mark.parametrize("field", ["product_id", "product_name", "product_url", "email"])
def test_a_required_field_is_missed(client: Client, field: str) -> None:
    body = {name: value for name, value in VIEW.items() if name != field}
    answer = client.call("POST", "/track/product-view", json=body)
    assert error_of(answer) == (400, "validation_error", field)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"price": NaN}',
        b'{"price": 1' + b"0" * 5000 + b"}",
        b'{"product_name": "\xff"}',
        b"[" * 50_000,
        b"email=ada%40example.com",
    ],
)
def test_a_body_that_is_no_json_object_is_a_validation_error(client: Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.call("POST", "/track/product-view", data=body, headers=headers)
    assert error_of(answer) == (400, "validation_error", None)


def test_an_infinite_price_is_refused_however_it_is_written(client: Client) -> None:
    body = b'{"email": "ada@example.com", "product_id": "a", "product_name": "a", '
    body += b'"product_url": "https://shop.example/", "price": 1e999}'
    headers = {"Content-Type": "application/json"}
    answer = client.call("POST", "/track/product-view", data=body, headers=headers)
    assert error_of(answer) == (400, "validation_error", "price")


def test_another_content_type_is_refused(client: Client) -> None:
    answer = client.call("POST", "/track/product-view", data=VIEW)
    assert error_of(answer) == (400, "validation_error", None)


def test_an_unknown_contact_is_not_found(sandbox: Sandbox, client: Client) -> None:
    assert error_of(client.view(email="eve@example.com")) == (404, "contact_not_found", None)
    unknown = "00000000-0000-4000-8000-000000000000"
    assert error_of(client.view(contact_id=unknown)) == (404, "contact_not_found", None)
    assert sandbox.views == []


@pytest.mark.parametrize("size", [100_001, 3_000_000])
def test_a_large_body_is_answered_413_and_the_connection_stays_usable(
    sandbox: Sandbox, client: Client, size: int
) -> None:
    answer = client.call(
        "POST",
        "/track/product-view",
        data=b" " * size,
        headers={"Content-Type": "application/json"},
    )
    assert error_of(answer) == (413, "payload_too_large", None)
    assert client.view().status_code == 201


def test_the_same_product_within_a_minute_is_a_duplicate_and_after_it_is_not() -> None:
    now = [1_700_000_000.0]
    with Sandbox(contacts=["ada@example.com"], options=Options(clock=lambda: now[0])) as sandbox:
        client = Client(sandbox)
        for seconds in (0, 59, 60):
            now[0] += seconds
            assert client.view().status_code == 201
        client.close()
        first, second, third = sandbox.views
    assert first["duplicate_of"] is None
    assert second["duplicate_of"] == first["id"]
    assert third["duplicate_of"] is None


def test_a_view_tells_which_flows_it_set_off_and_which_were_skipped(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.add_contact("quiet@example.com", subscribed=False)
    client.view()
    client.view(email="quiet@example.com")
    skipped = [[flow["skipped"] for flow in view["flows"]] for view in sandbox.views]
    assert skipped == [[None, None], ["the contact is not subscribed"] * 2]
