from concurrent.futures import ThreadPoolExecutor

from tests.sandbox.conftest import VIEW, Client
from topmail_flask.sandbox import Sandbox


def test_the_same_key_and_body_replays_the_first_answer_without_a_second_view(
    sandbox: Sandbox, client: Client
) -> None:
    first, second = client.view(key="k1"), client.view(key="k1")
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert (second.status_code, second.content) == (first.status_code, first.content)
    [view] = sandbox.views
    assert view["replays"] == 1
    assert [request.replayed for request in sandbox.requests] == [False, True]


def test_the_same_key_with_another_body_is_a_conflict(sandbox: Sandbox, client: Client) -> None:
    client.view(key="k1")
    answer = client.view(key="k1", product_id="other")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_conflict")
    other_path = client.call(
        "POST", "/contacts", json={"email": "eve@example.com"}, headers={"Idempotency-Key": "k1"}
    )
    assert other_path.status_code == 409
    assert len(sandbox.views) == 1


def test_a_key_whose_call_was_refused_may_be_used_again(sandbox: Sandbox, client: Client) -> None:
    """F015: create the contact after a 404 and repeat the view with its key."""
    assert client.view(key="k1", email="eve@example.com").status_code == 404
    assert client.call("POST", "/contacts", json={"email": "eve@example.com"}).status_code == 201
    assert client.view(key="k1", email="eve@example.com").status_code == 201
    [view] = sandbox.views
    assert (view["earlier_attempts"], view["replays"]) == (1, 0)


def test_an_overlong_key_is_refused(client: Client) -> None:
    answer = client.view(key="k" * 256)
    assert answer.json()["error"]["path"] == "Idempotency-Key"


def test_many_clients_at_once_lose_nothing_and_record_each_key_once(sandbox: Sandbox) -> None:
    def shop(worker: int) -> None:
        client = Client(sandbox)
        for number in range(20):
            assert client.view(key=f"{number % 10}", product_id=f"p{number % 10}").ok
            assert client.view(key=f"w{worker}-{number}", product_id=f"w{worker}-{number}").ok
        client.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(shop, range(8)))
    assert len(sandbox.views) == 10 + 8 * 20
    assert len(sandbox.requests) == 8 * 40
    assert sum(view["replays"] for view in sandbox.views) == 8 * 20 - 10


def test_the_bytes_and_headers_received_are_kept_exactly(sandbox: Sandbox, client: Client) -> None:
    client.view(key="k1")
    [request] = sandbox.requests
    assert (request.method, request.path, request.status) == ("POST", "/track/product-view", 201)
    assert request.headers["authorization"] == f"Bearer {sandbox.api_key}"
    assert b'"product_id": "lamp-1"' in request.body
    assert set(VIEW) <= set(sandbox.views[0])
