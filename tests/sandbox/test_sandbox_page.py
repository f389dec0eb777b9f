import json
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import Client
from topmail_flask.sandbox import Sandbox


class Page:
    """A page that is open: it reads the live events one by one."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._answer = requests.get(f"{sandbox.url}/_sandbox/events", stream=True, timeout=10)
        self._lines = self._answer.iter_lines(1, decode_unicode=True)
        assert next(self._lines) == ": connected"
        self._fragments: deque[Any] = deque()

    def next_event(self) -> tuple[str, Any]:
        kind = ""
        for line in self._lines:
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                return kind, json.loads(line.removeprefix("data: "))
        raise AssertionError("the stream has ended")

    def next_row(self, of: str, *, row_id: str | None = None, shows: str = "") -> Any:
        """The next part of a list; with ``row_id`` of that row, and once it shows the text.

        A call is skipped as long as it has no response.
        """
        while True:
            while self._fragments:
                fragment = self._fragments.popleft()
                wanted = fragment["list"] == of and row_id in {None, fragment["id"]}
                is_pending = "entry pending" in fragment["html"]
                if wanted and not is_pending and shows in fragment["html"]:
                    return fragment
            self._fragments.extend(self.next_event()[1]["fragments"])

    def close(self) -> None:
        self._answer.close()


@pytest.fixture
def page(sandbox: Sandbox) -> Iterator[Page]:
    page = Page(sandbox)
    yield page
    page.close()


def test_a_view_appears_on_an_open_page(page: Page, client: Client) -> None:
    client.view(key="key-of-this-view")
    row = page.next_row("feed")
    assert row["id"] == "call-1"
    for shown in ("Desk lamp", "39.90 EUR", "ada@example.com", "Abandoned browse", "key-of-th"):
        assert shown in row["html"]


def test_a_purchase_ends_the_flows_on_the_rows_that_are_there(
    page: Page, client: Client, sandbox: Sandbox
) -> None:
    client.view()
    assert "skipped" not in page.next_row("feed")["html"]
    order = {"email": "ada@example.com", "type": "purchase", "order_id": "A-7", "revenue": 5}
    client.call("POST", "/conversions", json=order)
    rows: dict[str, str] = {}
    while "skipped" not in rows.get("call-1", ""):
        _, update = page.next_event()
        rows |= {fragment["id"]: fragment["html"] for fragment in update["fragments"]}
    for shown in ("Purchase", "order A-7", "ada@example.com"):
        assert shown in rows["call-2"]
    assert rows["call-1"].count("skipped: the contact has bought since") == 2
    client.view(product_id="later")
    assert sandbox.views[-1]["flows"][0]["skipped"] is None


def test_a_repeat_of_the_same_key_counts_on_the_row_that_is_there(
    page: Page, client: Client
) -> None:
    client.view(key="k1")
    client.view(key="k1")
    rows: dict[str, str] = {}
    while not ("sent 2×" in rows.get("call-1", "") and "Repeat of" in rows.get("call-2", "")):
        row = page.next_row("feed")
        rows[row["id"]] = row["html"]
    assert set(rows) == {"call-1", "call-2"}


def test_a_duplicate_is_flagged(page: Page, client: Client) -> None:
    client.view()
    client.view()
    row = page.next_row("feed", row_id="call-2", shows='class="entry duplicate"')
    assert "would have been mailed twice" in row["html"]


def test_a_refused_call_appears_with_its_reason_and_field(page: Page, client: Client) -> None:
    client.view(price="39.90")
    row = page.next_row("feed")["html"]
    assert "price must be a number, not a string" in row
    assert "<code>price</code>" in row


def test_a_script_is_told_as_long_as_a_step_of_it_is_left(
    sandbox: Sandbox, page: Page, client: Client
) -> None:
    sandbox.inject_faults(script=["pass", "close_after"])
    assert "next call: pass" in page.next_row("faults-in-force")["html"]
    client.view()
    assert "next call: close after" in page.next_row("faults-in-force")["html"]
    client.view()
    assert "No faults active" in page.next_row("faults-in-force")["html"]


def test_an_unknown_contact_can_be_created_from_the_page(
    sandbox: Sandbox, page: Page, client: Client
) -> None:
    client.view(email="eve@example.com")
    assert 'data-create="eve@example.com"' in page.next_row("feed")["html"]
    created = {"emails": ["eve@example.com", "ada@example.com"]}
    assert requests.post(f"{sandbox.url}/_sandbox/contacts", json=created, timeout=10).ok
    assert "eve@example.com" in page.next_row("contacts")["html"]
    assert client.view(email="eve@example.com").status_code == 201


def test_a_page_that_was_away_catches_up_or_is_told_to_reload(
    sandbox: Sandbox, client: Client
) -> None:
    page = Page(sandbox)
    client.view()
    assert page.next_row("feed")["id"] == "call-1"
    page.close()
    events = f"{sandbox.url}/_sandbox/events"
    away = requests.get(events, headers={"Last-Event-ID": "1"}, stream=True, timeout=10)
    assert "event: reload" in [
        next(lines) for lines in [away.iter_lines(1, decode_unicode=True)] * 4
    ]
    away.close()


def test_what_shoppers_and_shops_write_is_shown_and_never_run(
    sandbox: Sandbox, client: Client
) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    client.view(product_name=hostile, product_id=hostile, variant_id=hostile)
    client.view(product_url=hostile, email=hostile)
    client.call("POST", "/track/product-view", data=hostile.encode())
    page = requests.get(sandbox.url, timeout=10)
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert page.text.count("&lt;script&gt;alert(1)") >= 3
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert " onclick=" not in page.text


def test_the_page_loads_nothing_from_elsewhere(sandbox: Sandbox, client: Client) -> None:
    client.view(image_url="https://cdn.example/lamp.jpg")
    response = requests.get(sandbox.url, timeout=10)
    text = response.text
    loaded = [part.split('"')[0] for part in text.split('src="')[1:]]
    loaded += [part.split('"')[1] for part in text.split("<link ")[1:] if "href" in part]
    assert [each for each in loaded if each.startswith("http")] == ["https://cdn.example/lamp.jpg"]
    assert response.headers["Referrer-Policy"] == "no-referrer"
    for each in loaded:
        if each.startswith("/"):
            assert requests.get(sandbox.url + each, timeout=10).status_code == 200


def test_the_page_filters_without_javascript(sandbox: Sandbox, client: Client) -> None:
    client.view(product_id="oak-table", product_name="Oak table")
    client.view(price=-1)
    for query, shown in (
        ({"q": "OAK"}, {"call-1"}),
        ({"show": "rejected"}, {"call-2"}),
        ({"q": "ada@"}, {"call-1", "call-2"}),
        ({"q": "elm"}, set()),
    ):
        text = requests.get(sandbox.url, params=query, timeout=10).text
        assert {row for row in ("call-1", "call-2") if f'id="{row}"' in text} == shown


def test_an_empty_page_says_how_to_connect_a_store(sandbox: Sandbox) -> None:
    text = requests.get(sandbox.url, timeout=10).text
    assert f'TOPMAIL_BASE_URL = "{sandbox.base_url}"' in text
    assert f'TOPMAIL_API_KEY = "{sandbox.api_key}"' in text
