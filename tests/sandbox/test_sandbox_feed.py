"""What the page shows of each call: search, paging, a timeline, curl, resending, the export."""

import json
import re
import subprocess
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import VIEW, Client
from topmail_flask.sandbox import Sandbox


def feed(sandbox: Sandbox, **arguments: str) -> Any:
    return requests.get(f"{sandbox.url}/_sandbox/feed", params=arguments, timeout=10).json()


def ids(sandbox: Sandbox, **arguments: str) -> list[str]:
    return [row["id"] for row in feed(sandbox, **arguments)["rows"]]


def page(sandbox: Sandbox, path: str = "/") -> str:
    return requests.get(sandbox.url + path, timeout=10).text


def resend(sandbox: Sandbox, number: int, **body: Any) -> Any:
    url = f"{sandbox.url}/_sandbox/calls/{number}/resend"
    return requests.post(url, json=body, timeout=30).json()


def test_every_call_has_a_row_with_its_headers_and_the_response_that_was_sent(
    sandbox: Sandbox, client: Client
) -> None:
    client.view(key="key-of-this-view")
    text = page(sandbox, "/calls/1")
    for shown in ("POST /api/v1/track/product-view", "Idempotency-Key", "key-of-this-view"):
        assert shown in text
    for shown in ("X-RateLimit-Remaining", "&#34;viewed_at&#34;", sandbox.views[0]["id"]):
        assert shown in text
    assert f"Bearer {sandbox.api_key}" not in text.split('<pre id="curl-')[0]


def test_a_call_that_got_no_response_says_so(sandbox: Sandbox, client: Client) -> None:
    sandbox.inject_faults(script=[{"action": "reset", "recorded": True}])
    with pytest.raises(requests.ConnectionError):
        client.view()
    text = page(sandbox, "/calls/1")
    assert "None was sent." in text
    assert "Fault: reset after recording. The call was recorded all the same." in text


def test_a_fault_card_names_the_product_and_the_contact(sandbox: Sandbox, client: Client) -> None:
    sandbox.inject_faults(script=[503])
    client.view()
    [row] = feed(sandbox, show="fault")["rows"]
    for shown in ("Fault: answer 503", "Desk lamp", "39.90 EUR", "ada@example.com", "lamp-1"):
        assert shown in row["html"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("oak", ["call-2"]),
        ("OAK ada@", ["call-2"]),
        ("oak eve@", []),
        ("köln", ["call-3"]),
        ("k-of-lamp", ["call-1"]),
        ("contact_not_found", ["call-3"]),
        ("404 eve@", ["call-3"]),  # an id may hold these digits by chance, too
        ("user-agent: strange/1", ["call-4"]),
        ("viewed_at", ["call-2", "call-1"]),
        ("  ", ["call-4", "call-3", "call-2", "call-1"]),
    ],
)
def test_the_search_looks_through_everything(
    sandbox: Sandbox, client: Client, query: str, found: list[str]
) -> None:
    client.view(key="k-of-lamp")
    client.view(product_id="oak-1", product_name="Oak table")
    client.view(email="eve@example.com", category="Köln")
    client.call("GET", "/contacts", headers={"User-Agent": "Strange/1"})
    assert ids(sandbox, q=query) == found


def test_a_page_holds_200_calls_and_the_older_ones_are_a_page_away(
    sandbox: Sandbox, client: Client
) -> None:
    for number in range(203):
        client.view(product_id=f"p{number}")
    first = feed(sandbox)
    assert (len(first["rows"]), first["total"], first["older"]) == (200, 203, 4)
    rest = feed(sandbox, before="4")
    assert [row["id"] for row in rest["rows"]] == ["call-3", "call-2", "call-1"]
    assert (rest["total"], rest["older"]) == (203, None)
    assert ids(sandbox, q="p1", show="view")[-1] == "call-2"
    text = page(sandbox)
    assert '<b id="shown">200</b> of <b id="total">203</b>' in text
    assert 'href="?before=4"' in text
    assert 'id="call-1"' in page(sandbox, "/?before=4")


def test_a_call_of_the_doctor_is_named_and_is_no_rejection(
    sandbox: Sandbox, client: Client
) -> None:
    doctor = {"User-Agent": "topmail-flask/doctor"}
    client.call("POST", "/track/product-view", json={}, headers=doctor)
    [row] = feed(sandbox)["rows"]
    assert 'class="entry probe"' in row["html"]
    assert "Probe of the doctor" in row["html"]
    assert feed(sandbox, show="rejected")["total"] == 0
    state = requests.get(f"{sandbox.url}/_sandbox/state", timeout=10).json()
    assert state["counters"]["rejected"] == 0
    client.call("POST", "/track/product-view", json={})
    assert ids(sandbox, show="rejected") == ["call-2"]


def test_a_contacts_timeline_has_everything_about_that_contact(
    sandbox: Sandbox, client: Client
) -> None:
    contact = client.call("POST", "/contacts", json={"email": "eve@example.com"}).json()["data"]
    client.view()
    client.view(email="EVE@example.com")
    client.call("PATCH", f"/contacts/{contact['id']}", json={"first_name": "Eve"})
    client.view(email="eve@example.com", price=-1)
    client.call("POST", "/conversions", json={"contact_id": contact["id"]})
    timeline = ["call-6", "call-5", "call-4", "call-3", "call-1"]
    for person in (contact["id"], "eve@example.com"):
        assert ids(sandbox, contact=person) == timeline
        assert 'id="call-6"' in page(sandbox, f"/contacts/{person}")
    assert "Not found" in page(sandbox, "/contacts/nobody@example.com")


def test_a_kind_of_call_that_does_not_exist_shows_everything_and_says_so(
    sandbox: Sandbox, client: Client
) -> None:
    client.view()
    html = page(sandbox, "/?show=faults")
    assert re.findall(r'name="show" value="(\w+)" checked', html) == ["all"]
    assert 'id="call-1"' in html


def test_a_call_that_is_not_known_is_a_page_that_says_so(sandbox: Sandbox) -> None:
    response = requests.get(f"{sandbox.url}/calls/7", timeout=10)
    assert response.status_code == 404
    assert "There is no such call" in response.text


def test_the_export_holds_what_the_page_shows(sandbox: Sandbox, client: Client) -> None:
    client.view()
    client.view(product_id="oak-1", product_name="Oak table")
    client.view(price=-1)
    url = f"{sandbox.url}/_sandbox/export"
    response = requests.get(url, timeout=10)
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert [call["number"] for call in response.json()] == [1, 2, 3]
    [oak] = requests.get(url, params={"q": "oak"}, timeout=10).json()
    assert oak["record"]["product_id"] == "oak-1"
    assert oak["request"]["response"]["body"].startswith('{"data"')
    assert sandbox.api_key not in response.text


def curl_of(sandbox: Sandbox, number: int) -> str:
    text = page(sandbox, f"/calls/{number}")
    command = text.split(f'<pre id="curl-{number}" hidden>')[1].split("</pre>")[0]
    for entity, character in (("&#34;", '"'), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">")):
        command = command.replace(entity, character)
    return command.replace("&amp;", "&")


def test_a_call_is_copied_as_a_command_that_makes_it_again(
    sandbox: Sandbox, client: Client
) -> None:
    hostile = 'it\'s $(touch /tmp/never) `id` "quoted" \\ & < >'
    client.view(key="k1", product_name=hostile)
    client.call("GET", "/contacts", params={"search": "a b&c"})
    for number in (1, 2):
        done = subprocess.run(
            ["sh", "-c", curl_of(sandbox, number)], capture_output=True, text=True, check=True
        )
        assert "error" not in json.loads(done.stdout)
    again = sandbox.requests[2]
    assert again.replayed
    assert json.loads(again.body)["product_name"] == hostile
    assert sandbox.requests[3].query == sandbox.requests[1].query


def test_a_foreign_key_is_not_part_of_the_command(sandbox: Sandbox) -> None:
    url = f"{sandbox.base_url}/track/product-view"
    headers = {"Authorization": "Bearer tm_live_very_secret"}
    requests.post(url, json=VIEW, headers=headers, timeout=10)
    assert 'Authorization: Bearer $TOPMAIL_API_KEY"' in curl_of(sandbox, 1)
    assert "very_secret" not in page(sandbox, "/calls/1")


def test_a_call_is_sent_again_as_it_was_or_under_a_new_key(
    sandbox: Sandbox, client: Client
) -> None:
    client.view(key="k1")
    assert resend(sandbox, 1) == {"status": 201}
    assert (len(sandbox.views), sandbox.requests[1].replayed) == (1, True)
    assert resend(sandbox, 1, new_key=True) == {"status": 201}
    assert len(sandbox.views) == 2
    assert "resent from 1" in page(sandbox, "/calls/3")
    client.call("GET", "/contacts", params={"search": "ä b"})
    assert resend(sandbox, 4) == {"status": 200}
    assert sandbox.requests[-1].arguments == {"search": "ä b"}
    sandbox.inject_faults(script=["reset"])
    assert resend(sandbox, 1)["status"] is None
    assert "no such call" in resend(sandbox, 99)["error"]["message"]


def test_a_foreign_page_cannot_resend(sandbox: Sandbox, client: Client) -> None:
    client.view()
    url = f"{sandbox.url}/_sandbox/calls/1/resend"
    headers = {"Content-Type": "text/plain", "Origin": "https://evil.example"}
    assert requests.post(url, data=b"{}", headers=headers, timeout=10).status_code == 400
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"product_name": "lone \\ud800"}',
        b"\xff\xfe not text",
        b'{"email": {"$ne": 1}, "product_id": [1], "price": "1", "metadata": 5}',
        b'{"contact_id": 5, "order_id": {}, "category": []}',
        b'{"price": 1e999}',
        b"[1, 2]",
        b"null",
    ],
)
@pytest.mark.parametrize("path", ["/track/product-view", "/conversions", "/contacts"])
def test_a_page_shows_bodies_of_any_shape(
    sandbox: Sandbox, client: Client, path: str, body: bytes
) -> None:
    client.call("POST", path, data=body, headers={"Content-Type": "application/json"})
    sandbox.inject_faults(script=[503])
    client.call("POST", path, data=body, headers={"Content-Type": "application/json"})
    for shown in ("/", "/?q=a", "/calls/1", "/calls/2", "/_sandbox/export"):
        assert requests.get(sandbox.url + shown, timeout=10).status_code == 200


def test_an_accepted_conversion_with_odd_items_is_shown(sandbox: Sandbox, client: Client) -> None:
    shapes: list[Any] = [None, "two", [], [None, 3, {}, {"quantity": []}], {"a": 1}, 7]
    for items in shapes:
        body = {"email": "ada@example.com", "metadata": {"items": items}}
        assert client.call("POST", "/conversions", json=body).status_code == 201
    assert requests.get(sandbox.url, timeout=10).status_code == 200


def test_an_open_page_gets_only_the_rows_that_it_asked_for(
    sandbox: Sandbox, client: Client
) -> None:
    url = f"{sandbox.url}/_sandbox/events"
    stream = requests.get(url, params={"q": "oak"}, stream=True, timeout=10)
    lines = stream.iter_lines(1, decode_unicode=True)
    assert next(lines) == ": connected"
    client.view()
    client.view(product_name="Oak table")
    rows: list[str] = []
    while not rows:
        line = next(lines)
        if line.startswith("data: "):
            fragments = json.loads(line.removeprefix("data: "))["fragments"]
            rows = [each["id"] for each in fragments if each["list"] == "feed"]
    assert set(rows) == {"call-2"}
    stream.close()


def test_a_page_of_two_hundred_calls_stays_small(sandbox: Sandbox, client: Client) -> None:
    for number in range(200):
        client.view(product_id=f"lamp-{number}", key=f"a-key-as-long-as-one-of-a-store-is-{number}")
    text = page(sandbox)
    assert text.count('id="call-') == 200
    assert len(text.encode()) < 200_000
    assert "X-RateLimit-Remaining" not in text
    assert "X-RateLimit-Remaining" in page(sandbox, "/calls/200")
