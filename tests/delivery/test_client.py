"""What one call to TopMail means to the shop that makes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import responses

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos, chaos_server
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.model.errors import (
    CallRejected,
    ConfigurationError,
    Conflict,
    ContactNotFound,
    DeliveryError,
    InvalidValueError,
    RateLimited,
    RetryLater,
    SendingBlocked,
    SuspiciousAnswer,
)
from topmail_flask.model.events import ProductView
from topmail_flask.model.product import Product
from topmail_flask.model.shopper import Shopper

KEY = "tm_test_0123456789abcdef"
LAMP = "https://shop.example/lamp"
PRODUCT = Product(id="p1", name="Lamp", url=LAMP, price=Decimal("9.99"), currency="EUR")


def view(email: str = "ada@shop.example") -> ProductView:
    return ProductView(PRODUCT, Shopper(email=email))


@pytest.fixture
def client(chaos: Chaos) -> Iterator[TopMailClient]:
    with TopMailClient(KEY, base_url=chaos.base_url, timeout=(1.0, 1.0)) as made:
        yield made


def test_a_view_is_posted_once_with_its_key_and_exactly_its_fields(
    client: TopMailClient, chaos: Chaos
) -> None:
    """F001, F169"""
    seen = view()
    receipt = client.track_product_view(seen)

    (call,) = chaos.calls
    assert (receipt.contact_id, receipt.product_id) == ("contact-of-ada@shop.example", "p1")
    assert (call.method, call.path) == ("POST", "/api/v1/track/product-view")
    assert call.key == seen.key
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert call.headers["accept-encoding"] == "identity"
    assert call.headers["user-agent"].startswith("topmail-flask/")
    assert json.loads(call.body) == {
        "email": "ada@shop.example",
        "product_id": "p1",
        "product_name": "Lamp",
        "product_url": "https://shop.example/lamp",
        "price": 9.99,
        "currency": "EUR",
    }


@pytest.mark.parametrize(
    ("act", "kind", "code"),
    [
        (acts.status(500), RetryLater, "server_error"),  # F002
        (acts.page(502), RetryLater, "server_error"),  # F004
        (acts.status(408), RetryLater, "server_error"),
        (acts.status(401), SendingBlocked, "unauthorized"),  # F011
        (acts.error(403, "missing_permission"), SendingBlocked, "forbidden"),  # F012
        (acts.error(403, "limit_reached"), SendingBlocked, "limit_reached"),  # F013
        (acts.error(404, "contact_not_found"), ContactNotFound, "contact_not_found"),  # F014
        (acts.error(404, "workspace_not_found"), SendingBlocked, "workspace_not_found"),  # F018
        (acts.page(404), SendingBlocked, "wrong_address"),  # F019
        (acts.error(404, "not_found"), SendingBlocked, "wrong_address"),
        (acts.error(400, "validation_error", "price"), CallRejected, "validation_error"),  # F020
        (acts.status(422), CallRejected, "server_error"),  # F021
        (acts.page(405), CallRejected, "rejected"),
        (acts.page(410), CallRejected, "rejected"),
        (acts.page(413), CallRejected, "rejected"),
        (acts.page(415), CallRejected, "rejected"),
        (acts.status(409), Conflict, "conflict"),  # F022
        (acts.status(429), RateLimited, "rate_limited"),  # F006
        (acts.status(200, body=b"{"), SuspiciousAnswer, "suspicious_endpoint"),  # F023
        (acts.status(200, body=b""), SuspiciousAnswer, "suspicious_endpoint"),
        (acts.status(200, body=b"[]"), SuspiciousAnswer, "suspicious_endpoint"),
        (acts.status(200, body=b"null"), SuspiciousAnswer, "suspicious_endpoint"),
        (acts.page(200), SuspiciousAnswer, "suspicious_endpoint"),  # F024
        (acts.status(200, body=b"[" * 60_000), SuspiciousAnswer, "suspicious_endpoint"),  # F025
        (acts.status(200, body=b"[" * 200_000), SuspiciousAnswer, "suspicious_endpoint"),
        (acts.status(202, body=b"{}"), SuspiciousAnswer, "suspicious_endpoint"),  # F031
        (acts.status(204, ("Content-Length", "0")), SuspiciousAnswer, "suspicious_endpoint"),
        (acts.status(206, body=b'{"data": 1}'), SuspiciousAnswer, "suspicious_endpoint"),
        (acts.truncated, SuspiciousAnswer, "suspicious_endpoint"),  # F039
    ],
)
def test_every_answer_has_its_one_reaction(
    client: TopMailClient, chaos: Chaos, act: Any, kind: type[DeliveryError], code: str
) -> None:
    chaos.answers(act)
    with pytest.raises(DeliveryError) as caught:
        client.track_product_view(view())

    error = caught.value
    assert type(error) is kind
    assert error.code == code
    assert error.status is not None
    assert error.__cause__ is None
    assert error.__context__ is None
    assert len(chaos.calls) == 1


def test_a_refusal_names_the_fields_but_repeats_no_text_of_the_answer(
    client: TopMailClient, chaos: Chaos
) -> None:
    chaos.answers(
        acts.error(400, "validation_error", "product_url"),
        acts.error(400, "no ada@shop.example!", "ada@shop.example"),
    )
    with pytest.raises(CallRejected) as named:
        client.track_product_view(view())
    with pytest.raises(CallRejected) as strange:
        client.track_product_view(view())

    assert named.value.fields == ("product_url",)
    assert strange.value.fields == ()
    assert "@" not in str(strange.value)


@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(client: TopMailClient, chaos: Chaos, number: int) -> None:
    """F030"""
    with chaos_server() as elsewhere:
        chaos.answers(acts.status(number, ("Location", elsewhere.base_url)))
        with pytest.raises(SendingBlocked, match="TOPMAIL_BASE_URL"):
            client.track_product_view(view())
        assert elsewhere.calls == []


def test_cookies_of_the_api_are_ignored(client: TopMailClient, chaos: Chaos) -> None:
    """F032"""
    chaos.answers(acts.ok_with(("Set-Cookie", "a=b; Path=/")))
    client.track_product_view(view())
    client.track_product_view(view())
    assert "cookie" not in chaos.calls[1].headers


def test_a_contact_is_created_unsubscribed_unless_said_otherwise(
    client: TopMailClient, chaos: Chaos
) -> None:
    """F015"""
    client.create_contact(Shopper(email="ada@shop.example", first_name="Ada"))
    client.create_contact(Shopper(email="bob@shop.example"), subscribed=True)
    first, second = (json.loads(call.body) for call in chaos.calls)
    assert first == {"email": "ada@shop.example", "subscribed": False, "first_name": "Ada"}
    assert second["subscribed"] is True


def test_creating_a_contact_that_exists_finds_it(client: TopMailClient, chaos: Chaos) -> None:
    """F016"""
    found = b"""{"data": [{"id": "1", "email": "xada@shop.example"},
                          {"id": "2", "email": "Ada@shop.example", "subscribed": true}]}"""
    chaos.answers(acts.error(409, "duplicate"), acts.status(200, body=found))
    contact = client.create_contact(Shopper(email="ada@shop.example"))
    assert (contact.id, contact.subscribed) == ("2", True)
    assert chaos.calls[1].path == "/api/v1/contacts?search=ada%40shop.example&limit=1000"


def test_a_contact_nobody_knows_is_none(client: TopMailClient, chaos: Chaos) -> None:
    chaos.answers(acts.status(200, body=b'{"data": []}'))
    assert client.find_contact("ada@shop.example") is None


def test_the_shops_own_mock_of_requests_is_enough() -> None:
    with responses.RequestsMock() as mock, TopMailClient(KEY) as client:
        mock.post(
            "https://api.topmail.so/api/v1/track/product-view",
            json={"data": {"id": "v", "contact_id": "c"}},
            status=201,
        )
        assert client.track_product_view(view()).contact_id == "c"
        assert mock.calls[0].request.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"api_key": "sk_1234567890123456"}, "TOPMAIL_API_KEY"),
        ({"api_key": "tm_live_abc\r\nX-Evil: 1"}, "TOPMAIL_API_KEY"),
        ({"base_url": "http://api.topmail.so/api/v1"}, "TOPMAIL_BASE_URL"),
        ({"ca": __file__, "base_url": "https://localhost:1"}, "TOPMAIL_CA"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it_and_keeps_it_quiet(
    wrong: dict[str, str], named: str
) -> None:
    """F166, F167, F168"""
    with pytest.raises(ConfigurationError, match=named) as caught:
        TopMailClient(**{"api_key": KEY} | wrong)  # type: ignore[arg-type]
    assert wrong.get("api_key", KEY) not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_that_would_forge_a_header_is_refused(client: TopMailClient, chaos: Chaos) -> None:
    """F169"""
    forged = ProductView(PRODUCT, Shopper(email="ada@shop.example"), key="a\r\nX-Evil: 1")
    with pytest.raises(InvalidValueError):
        client.track_product_view(forged)
    assert chaos.calls == []
