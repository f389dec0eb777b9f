"""Each guess about TopMail can be answered the other way, and is marked where it is played out."""

import pytest
import requests
from click.testing import CliRunner

from tests.sandbox.conftest import Client
from topmail_flask.sandbox import Assumptions, Sandbox
from topmail_flask.sandbox.api import CONTACTS_ONLY
from topmail_flask.sandbox.assumptions import FACTS
from topmail_flask.sandbox.command import sandbox_command


def started(**assumptions: object) -> Sandbox:
    known = Assumptions(**assumptions)  # type: ignore[arg-type]
    return Sandbox(contacts=["ada@example.com"], assumptions=known)


def test_without_idempotency_a_view_that_is_sent_twice_counts_twice() -> None:
    with started(idempotency=False) as sandbox:
        client = Client(sandbox)
        ids = {client.view(key="k1").json()["data"]["id"] for _ in range(2)}
        client.close()
        assert len(ids) == len(sandbox.views) == 2
        assert not any(request.replayed for request in sandbox.requests)


def test_a_refusal_can_be_repeated_for_its_key_even_when_the_contact_exists_by_then() -> None:
    with started(replay_refusals=True) as sandbox:
        client = Client(sandbox)
        assert client.view(key="k1", email="eve@example.com").status_code == 404
        sandbox.add_contact("eve@example.com")
        again = client.view(key="k1", email="eve@example.com")
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (404, "true")
        assert client.view(key="k2", email="eve@example.com").status_code == 201
        client.close()


@pytest.mark.parametrize(
    ("permission", "without_conversions", "full"),
    [
        ("conversions:write", 403, 201),
        ("contacts:write", 201, 201),
        ("none", 201, 201),
        ("tracking:write", 403, 201),
    ],
)
def test_the_permission_of_a_view_can_be_another(
    permission: str, without_conversions: int, full: int
) -> None:
    with started(tracking_permission=permission) as sandbox:
        for secret, status in ((CONTACTS_ONLY.secret, without_conversions), (None, full)):
            client = Client(sandbox, secret)
            assert client.view().status_code == status
            client.close()


def test_a_purchase_can_leave_the_flows_alone() -> None:
    with started(purchase_ends_flows=False) as sandbox:
        client = Client(sandbox)
        client.view()
        client.call("POST", "/conversions", json={"email": "ada@example.com", "type": "purchase"})
        client.close()
        assert [flow["skipped"] for flow in sandbox.views[0]["flows"]] == [None, None]


def test_an_accepted_view_can_have_another_status_and_fields_nobody_documents() -> None:
    with started(view_status=200, unknown_fields=True) as sandbox:
        client = Client(sandbox)
        assert client.view(colour="red").status_code == 200
        created = {"email": "eve@example.com", "phone": "1"}
        assert client.call("POST", "/contacts", json=created).status_code == 201
        client.close()
        assert sandbox.views[0]["body"]["colour"] == "red"


@pytest.mark.parametrize("wrong", [{"tracking_permission": "all"}, {"view_status": 404}])
def test_an_answer_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must be|written"):
        started(**wrong)


def test_every_option_that_a_guess_names_is_one_of_the_command() -> None:
    shown = CliRunner().invoke(sandbox_command, ["--help"], terminal_width=200).output
    for fact in FACTS:
        assert fact.rank in {"said", "example", "guess"}
        if fact.option:
            assert fact.option.split()[0] in shown


def test_the_page_says_what_is_a_guess_and_which_answer_was_chosen() -> None:
    with started(idempotency=False) as sandbox:
        facts = requests.get(f"{sandbox.url}/facts", timeout=10).text
        assert facts.count('class="rank guess"') == sum(f.rank == "guess" for f in FACTS) + 1
        assert facts.count("started with the other answer") == 1
        for page in (sandbox.url, f"{sandbox.url}/facts"):
            assert "--no-idempotency" in requests.get(page, timeout=10).text


def test_what_a_guess_made_of_a_call_is_marked_on_its_card(
    sandbox: Sandbox, client: Client
) -> None:
    client.view(key="k1")
    client.view(key="k1")
    client.call("POST", "/conversions", json={"email": "ada@example.com", "type": "purchase"})
    text = requests.get(sandbox.url, timeout=10).text
    assert 'href="/facts#idempotency"' in text
    assert 'href="/facts#purchase"' in text
