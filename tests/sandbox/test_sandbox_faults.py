import random
import time
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import VIEW, Client
from topmail_flask.sandbox import Options, Sandbox


def test_a_script_says_what_becomes_of_the_next_calls(sandbox: Sandbox, client: Client) -> None:
    """F002, F006"""
    sandbox.inject_faults(
        script=[
            500,
            "pass",
            {"status": 429, "headers": {"Retry-After": "7"}},
            {"status": 404, "code": "workspace_not_found"},
            {"status": 200, "body": "<html>log in</html>", "content_type": "text/html"},
            {"status": 200, "body": {"data": []}},
        ]
    )
    answers = [client.view() for _ in range(7)]
    assert [answer.status_code for answer in answers] == [500, 201, 429, 404, 200, 200, 201]
    assert answers[2].headers["Retry-After"] == "7"
    assert answers[3].json()["error"]["code"] == "workspace_not_found"
    assert (answers[4].headers["Content-Type"], answers[4].text[:6]) == ("text/html", "<html>")
    assert answers[5].json() == {"data": []}
    assert len(sandbox.views) == 2
    assert sandbox.rejected == []
    assert [bool(request.fault) for request in sandbox.requests].count(True) == 5


@pytest.mark.parametrize("recorded", [False, True])
def test_a_connection_is_reset_before_or_after_the_view_is_recorded(
    sandbox: Sandbox, client: Client, recorded: bool
) -> None:
    """F027, F037"""
    sandbox.inject_faults(script=[{"action": "reset", "recorded": recorded}])
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        client.view(key="k1")
    assert len(sandbox.views) == recorded
    assert sandbox.requests[0].status is None
    assert client.view(key="k1").headers.get("Idempotent-Replayed") == (
        "true" if recorded else None
    )
    assert len(sandbox.views) == 1


def test_an_error_is_answered_to_a_view_that_was_recorded(sandbox: Sandbox, client: Client) -> None:
    """F053"""
    sandbox.inject_faults(script=[{"status": 500, "recorded": True}])
    assert client.view(key="k1").status_code == 500
    assert len(sandbox.views) == 1
    assert client.view(key="k1").headers["Idempotent-Replayed"] == "true"
    assert len(sandbox.views) == 1


def test_ordered_headers_replace_the_usual_ones(sandbox: Sandbox, client: Client) -> None:
    """F008, F009, F030"""
    reset = "2026-01-01T00:00:00Z"
    sandbox.inject_faults(
        script=[
            {"status": 429, "headers": {"x-ratelimit-reset": reset}},
            {"status": 429, "headers": [["Retry-After", "1"], ["Retry-After", "2"]]},
            {"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}},
        ]
    )
    assert client.view().headers["X-RateLimit-Reset"] == reset
    assert client.view().headers["Retry-After"] == "1, 2"
    answer = client.call("POST", "/track/product-view", json=VIEW, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://127.0.0.1:9/")


def test_a_hanging_call_gets_no_answer_until_the_order_is_replaced(sandbox: Sandbox) -> None:
    """F035"""
    sandbox.inject_faults(script=["hang"])
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    url = f"{sandbox.base_url}/track/product-view"
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, json=VIEW, headers=headers, timeout=0.2)
    assert requests.post(url, json=VIEW, headers=headers, timeout=5).status_code == 201
    assert len(sandbox.views) == 1
    hung = sandbox.requests[0]
    assert (hung.fault, hung.status) == ("hang", None)


def test_a_dripping_answer_comes_byte_by_byte(sandbox: Sandbox, client: Client) -> None:
    """F036"""
    sandbox.inject_faults(script=[{"action": "drip", "interval_ms": 1}])
    began = time.monotonic()
    answer = client.view()
    assert answer.status_code == 201
    assert time.monotonic() - began > 0.001 * len(answer.content)
    sandbox.inject_faults(script=[{"action": "drip", "interval_ms": 60_000}])
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{sandbox.base_url}/contacts", timeout=0.2)


def test_a_truncated_answer_promises_more_than_comes(sandbox: Sandbox, client: Client) -> None:
    """F039"""
    sandbox.inject_faults(script=["truncate"])
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        client.view()
    assert len(sandbox.views) == 1


def test_a_connection_closes_after_an_answer_that_did_not_say_so(
    sandbox: Sandbox, client: Client
) -> None:
    """F038"""
    sandbox.inject_faults(script=["close_after"])
    answer = client.view()
    assert answer.status_code == 201
    assert "Connection" not in answer.headers
    assert answer.json()["data"]["id"] == sandbox.views[0]["id"]


@pytest.mark.parametrize("action", ["endless", "gzip_bomb"])
def test_a_body_is_larger_than_anyone_should_read(
    sandbox: Sandbox, client: Client, action: str
) -> None:
    """F026, F029"""
    sandbox.inject_faults(script=[{"action": action, "size": 30_000_000}])
    answer = client.view_stream()
    size = sum(len(chunk) for chunk in answer.iter_content(1_000_000))
    assert size > 29_000_000
    if action == "gzip_bomb":
        assert int(answer.headers["Content-Length"]) < 100_000
    else:
        assert "Content-Length" not in answer.headers


def test_an_outage_answers_503_until_it_is_over(sandbox: Sandbox, client: Client) -> None:
    sandbox.inject_faults(outage=True)
    assert [client.view().status_code for _ in range(2)] == [503, 503]
    sandbox.inject_faults()
    assert client.view().status_code == 201


def test_some_calls_fail_at_the_rate_that_was_ordered() -> None:
    with Sandbox(contacts=["ada@example.com"], options=Options(dice=random.Random(7))) as sandbox:
        client = Client(sandbox)
        sandbox.inject_faults(error_rate=0.5)
        statuses = [client.view().status_code for _ in range(100)]
        client.close()
    assert set(statuses) == {201, 500}
    assert 30 < statuses.count(500) < 70


def test_a_late_answer_belongs_to_a_view_that_is_recorded_already(sandbox: Sandbox) -> None:
    sandbox.inject_faults(latency_ms=60_000, jitter_ms=10)
    headers = {"Authorization": f"Bearer {sandbox.api_key}"}
    url = f"{sandbox.base_url}/track/product-view"
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, json=VIEW, headers=headers, timeout=0.2)
    assert len(sandbox.wait_for_views(1)) == 1


def test_a_stopped_sandbox_refuses_connections_and_comes_back_on_its_port(
    sandbox: Sandbox, client: Client
) -> None:
    """F033, F047"""
    assert client.view().status_code == 201
    address = sandbox.base_url
    for _ in range(3):
        sandbox.stop()
        with pytest.raises(requests.ConnectionError):
            client.view()
        sandbox.start()
        assert sandbox.base_url == address
        assert client.view().status_code == 201
    assert len(sandbox.views) == 4


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ({"latency": 5}, "latency is no fault"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"error_rate": 2}, "error_rate"),
        ({"error_rate": "1"}, "error_rate"),
        ({"outage": 1}, "outage"),
        ({"rate_limit": 1.5}, "rate_limit"),
        ({"per": "day"}, "per"),
        ({"script": "reset"}, "list"),
        ({"script": [200]}, "pass"),
        ({"script": [42]}, "status"),
        ({"script": ["explode"]}, "explode"),
        ({"script": [{"action": "hang", "speed": 1}]}, "speed"),
        ({"script": [{"status": 500, "headers": {"A": "b\r\nC: d"}}]}, "line breaks"),
        ({"script": [{"action": "drip", "interval_ms": "slow"}]}, "interval_ms"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_and_changes_nothing(
    sandbox: Sandbox, order: dict[str, Any], complaint: str
) -> None:
    sandbox.inject_faults(outage=True)
    with pytest.raises(ValueError, match=complaint):
        sandbox.inject_faults(**order)
    answer = requests.post(f"{sandbox.url}/_sandbox/faults", json=order, timeout=10)
    assert answer.status_code == 400
    assert complaint in answer.json()["error"]["message"]
    in_force = requests.get(f"{sandbox.url}/_sandbox/faults", timeout=10).json()
    assert in_force["outage"] is True
