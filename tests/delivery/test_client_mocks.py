"""A shop's own tests mock TopMail with ``responses``, as whatever else calls ``requests``."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
import responses
from responses import matchers
from responses.registries import OrderedRegistry

from tests.delivery.chaos import Chaos
from tests.delivery.test_client import KEY, LAMP, view
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.model.errors import CallRejected, DeliveryError, RateLimited, RetryLater
from topmail_flask.model.shopper import Shopper

API = "https://api.topmail.so/api/v1"
TAKEN = {"data": {"id": "v", "contact_id": "c"}}


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def client() -> Iterator[TopMailClient]:
    with TopMailClient(KEY) as client:
        yield client


def test_body_headers_and_query_are_matched(
    mock: responses.RequestsMock, client: TopMailClient
) -> None:
    body = {
        "email": "ada@shop.example",
        "product_id": "p1",
        "product_name": "Lamp",
        "product_url": LAMP,
        "price": 9.99,
        "currency": "EUR",
    }
    seen = view()
    sent = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": seen.key}
    mock.post(
        f"{API}/track/product-view",
        match=[matchers.json_params_matcher(body), matchers.header_matcher(sent)],
        json=TAKEN,
        status=201,
    )
    query = {"search": "ada@shop.example", "limit": "1000"}
    mock.get(
        f"{API}/contacts",
        match=[matchers.query_param_matcher(query)],
        json={"data": [{"id": "c", "email": "Ada@shop.example"}]},
    )
    assert client.track_product_view(seen).contact_id == "c"
    contact = client.find_contact("ada@shop.example")
    assert contact is not None
    assert contact.id == "c"
    assert mock.assert_call_count(f"{API}/track/product-view", 1)


def test_answers_in_order_and_callbacks(client: TopMailClient) -> None:
    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        told = json.loads(request.body or b"")
        return 201, {}, json.dumps({"data": {"id": told["product_id"]}})

    with responses.RequestsMock(registry=OrderedRegistry) as mock:
        mock.post(f"{API}/track/product-view", status=429, headers={"Retry-After": "7"})
        mock.post(f"{API}/track/product-view", json={"error": {"code": "x"}}, status=422)
        mock.add_callback(responses.POST, f"{API}/track/product-view", answer)
        with pytest.raises(RateLimited) as limited:
            client.track_product_view(view())
        assert limited.value.wait == 7.0
        with pytest.raises(CallRejected):
            client.track_product_view(view())
        assert client.track_product_view(view()).id == "p1"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (requests.ConnectionError("down"), "connection_lost"),
        (requests.ConnectTimeout(), "connect_timeout"),
        (requests.ReadTimeout(), "read_timeout"),
        (requests.Timeout(), "read_timeout"),
        (requests.exceptions.ProxyError(), "proxy_failed"),
        (requests.exceptions.SSLError(), "tls"),
        (ConnectionRefusedError(), "connection_refused"),
        (Exception("a mistake"), "unexpected_exception"),
    ],
)
def test_every_fault_that_requests_can_raise_has_its_reaction(
    mock: responses.RequestsMock, client: TopMailClient, fault: Exception, code: str
) -> None:
    mock.post(f"{API}/track/product-view", body=fault)
    with pytest.raises(DeliveryError) as caught:
        client.track_product_view(view())
    assert caught.value.code == code


def test_what_is_not_mocked_reaches_nobody(
    mock: responses.RequestsMock, client: TopMailClient
) -> None:
    mock.assert_all_requests_are_fired = False
    mock.post("https://elsewhere.example/")
    with pytest.raises(RetryLater):
        client.create_contact(Shopper(email="ada@shop.example"))


def test_a_mock_may_let_calls_pass(mock: responses.RequestsMock, chaos: Chaos) -> None:
    mock.add_passthru(chaos.base_url)
    with TopMailClient(KEY, base_url=chaos.base_url) as client:
        client.track_product_view(view())
    assert len(chaos.views) == 1


def test_a_body_of_more_than_64_kilobytes_is_no_answer_in_a_mock_either(
    mock: responses.RequestsMock, client: TopMailClient
) -> None:
    mock.post(f"{API}/track/product-view", json=TAKEN | {"pad": "x" * 70_000}, status=201)
    with pytest.raises(DeliveryError) as caught:
        client.track_product_view(view())
    assert caught.value.code == "suspicious_endpoint"
