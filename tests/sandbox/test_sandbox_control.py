import json
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

import topmail_flask.sandbox
from tests.sandbox.conftest import Client
from topmail_flask.sandbox import ApiKey, Sandbox


def control(sandbox: Sandbox, path: str, body: Any = None) -> Any:
    url = f"{sandbox.url}/_sandbox/{path}"
    if body is None:
        return requests.get(url, timeout=10).json()
    answer = requests.post(url, json=body, timeout=10)
    assert answer.status_code == 200
    return answer.json()


def test_tests_in_another_language_read_everything_as_json(
    sandbox: Sandbox, client: Client
) -> None:
    client.view(key="k1")
    client.view(key="k1")
    client.view(email="eve@example.com")
    state = control(sandbox, "state")
    assert state["counters"]["views"] == state["counters"]["replays"] == 1
    assert state["counters"]["rejected"] == 1
    assert state["counters"]["requests"] == 3
    assert state["views"] == control(sandbox, "views") == sandbox.views
    assert state["contacts"] == control(sandbox, "contacts") == sandbox.contacts
    [rejected] = control(sandbox, "rejected")
    assert state["rejected"] == [rejected]
    assert rejected["error"]["code"] == "contact_not_found"
    assert sandbox.api_key not in json.dumps(state)


def test_faults_are_ordered_and_cleared_over_http(sandbox: Sandbox, client: Client) -> None:
    ordered = control(sandbox, "faults", {"script": [503, "reset"], "latency_ms": 1})
    assert [step["action"] for step in ordered["script"]] == ["answer", "reset"]
    assert client.view().status_code == 503
    left = control(sandbox, "faults")
    assert [step["action"] for step in left["script"]] == ["reset"]
    control(sandbox, "faults", left)
    with pytest.raises(requests.ConnectionError):
        client.view()
    assert control(sandbox, "faults", {})["latency_ms"] == 0
    assert client.view().status_code == 201


def test_a_reset_returns_to_the_start_or_keeps_the_contacts(
    sandbox: Sandbox, client: Client
) -> None:
    sandbox.add_contact("eve@example.com")
    sandbox.inject_faults(outage=True)
    client.view(key="k1")
    control(sandbox, "reset", {"keep_contacts": True})
    assert len(sandbox.contacts) == 2
    assert client.view(key="k1").status_code == 201
    sandbox.reset()
    assert [contact["email"] for contact in sandbox.contacts] == ["ada@example.com"]
    assert (sandbox.views, sandbox.requests, sandbox.rejected) == ([], [], [])
    assert "Idempotent-Replayed" not in client.view(key="k1").headers


@pytest.mark.parametrize("path", ["reset", "faults", "contacts"])
def test_a_foreign_page_cannot_steer_the_sandbox(sandbox: Sandbox, path: str) -> None:
    for body in (b'{"outage": true}', b"", b"a=1"):
        answer = requests.post(
            f"{sandbox.url}/_sandbox/{path}",
            data=body,
            headers={"Content-Type": "text/plain", "Origin": "https://evil.example"},
            timeout=10,
        )
        assert answer.status_code == 400
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_waiting_ends_with_the_view_and_fails_with_what_came_instead(
    sandbox: Sandbox, client: Client
) -> None:
    sender = threading.Thread(target=client.view)
    sender.start()
    [view] = sandbox.wait_for_views(1)
    sender.join()
    assert view["product_id"] == "lamp-1"
    client.view(email="eve@example.com")
    with pytest.raises(TimeoutError, match=r"2 views; there are 1 views and 2 requests(.|\n)*404"):
        sandbox.wait_for_views(2, timeout=0.05)


def test_a_workspace_has_the_keys_it_is_given() -> None:
    key = ApiKey("tm_test_of_this_shop", "mine", frozenset({"contacts:read"}))
    assert "tm_test_of_this_shop" not in repr(key)
    with Sandbox(keys=[key]) as sandbox:
        client = Client(sandbox)
        assert sandbox.api_key == "tm_test_of_this_shop"
        assert client.call("GET", "/contacts").status_code == 200
        assert client.view().status_code == 403
        client.close()


def test_the_sandbox_shares_no_code_with_the_client_that_it_checks() -> None:
    for file in Path(topmail_flask.sandbox.__file__).parent.glob("*.py"):
        for line in file.read_text().splitlines():
            if line.lstrip().startswith(("from topmail_flask", "import topmail_flask")):
                assert line.startswith("from topmail_flask.sandbox"), file


def test_the_state_file_survives_a_restart_with_its_idempotency_keys(tmp_path: Path) -> None:
    """F027 over a restart of the API."""
    state = tmp_path / "topmail.json"
    with Sandbox(state=state, contacts=["ada@example.com"]) as sandbox:
        client = Client(sandbox)
        first = client.view(key="k1")
        client.call("POST", "/conversions", json={"email": "ada@example.com", "order_id": "7"})
        client.close()
        before = (sandbox.views, sandbox.contacts, sandbox.conversions)
    assert state.stat().st_mode & 0o077 == 0
    with Sandbox(state=state, contacts=["ada@example.com"]) as sandbox:
        assert (sandbox.views, sandbox.contacts, sandbox.conversions) == before
        client = Client(sandbox)
        again = client.view(key="k1")
        client.close()
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.content == first.content
        assert len(sandbox.views) == 1
    assert list(tmp_path.iterdir()) == [state]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version 1": {"contacts": 1}}'])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    state = tmp_path / "notes.txt"
    state.write_text(content)
    with pytest.raises(ValueError, match="not a state file"):
        Sandbox(state=state)
    assert state.read_text() == content
