"""What a store's code tells beside its pages: in a POST, a webhook, a job; triggers, contacts."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request

from topmail_flask import (
    Product,
    Reason,
    RetryLater,
    Shopper,
    TopMail,
    TopMailClient,
    Trigger,
    conversion_dropped,
    trigger_dropped,
)
from topmail_flask.sandbox import Sandbox
from topmail_flask.testing import capture

ANN = "ann@shop.example"
BOB = "bob@shop.example"
TEA = Product("tea", "Green tea", url="https://shop.example/tea", price=Decimal(9), currency="EUR")
FLOWS = {"cart": "flow-cart", "back": "flow-back"}


class Store:
    def __init__(self, **config: Any) -> None:
        self.app = Flask("shop")
        self.app.secret_key = "a secret of the shop"
        named = {f"TOPMAIL_{name.upper()}": value for name, value in config.items()}
        self.app.config.update(TOPMAIL_AUTOMATIONS=FLOWS, **named)
        self.topmail = TopMail(self.app)
        self.topmail.shopper_loader(lambda: request.headers.get("As"))
        self.track: dict[str, Any] = {}
        self.answer: Any = lambda: jsonify(ok=True)

        @self.app.route("/graphql", methods=["GET", "POST", "PUT"])
        def graphql() -> Response:
            self.topmail.track(TEA, **self.track)
            answer: Response = self.answer()
            return answer

    def ask(self, method: str = "POST", **headers: str) -> None:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self.app.test_client().open("/graphql", method=method, headers=sent)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=[ANN]) as sandbox:
        yield sandbox


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def live(sandbox: Sandbox, tmp_path: Path) -> Iterator[Store]:
    tmp_path.chmod(0o700)
    place = str(tmp_path / "outbox")
    store = Store(api_key=sandbox.api_key, base_url=sandbox.base_url, outbox=place)
    yield store
    store.topmail.flush(5, store.app)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_an_explicit_call_counts_whatever_the_method(store: Store, method: str) -> None:
    with capture(store.app) as views:
        store.ask(method, As=ANN)
    views.assert_viewed("tea", shopper=ANN, url="https://shop.example/tea")


@pytest.mark.parametrize(
    ("answer", "headers", "reason"),
    [
        (lambda: Response(status=500), {}, Reason.STATUS),
        (lambda: Response(status=302), {}, Reason.STATUS),
        (None, {"Sec_Fetch_Site": "cross-site"}, Reason.CROSS_SITE),
        (None, {"User_Agent": "Googlebot/2.1"}, Reason.ROBOT),
        (None, {"Sec_GPC": "1"}, Reason.PRIVACY_SIGNAL),
    ],
)
def test_an_explicit_call_in_a_post_does_not_count(
    store: Store, answer: Any, headers: dict[str, str], reason: Reason
) -> None:
    store.answer = answer or store.answer
    with capture(store.app) as views:
        store.ask(As=ANN, **headers)
    views.assert_not_viewed("tea", reason=reason)


def test_in_a_webhook_the_shop_speaks_for_the_shopper(store: Store) -> None:
    """The request is another machine's: what it says of itself is nothing about the shopper."""
    store.track = {"shopper": ANN, "url": "https://shop.example/other", "consent": True}
    with capture(store.app) as views:
        store.ask(User_Agent="python-requests/2.32")
    views.assert_viewed("tea", shopper=ANN, url="https://shop.example/other")


def test_outside_of_a_request_who_where_and_consent_must_be_said(store: Store) -> None:
    known: dict[str, Any] = {"shopper": ANN, "url": "/tea", "consent": True}
    store.app.config["SERVER_NAME"] = "shop.example"
    with store.app.app_context():
        for missing in known:
            given = {name: value for name, value in known.items() if name != missing}
            with pytest.raises(RuntimeError, match=f"{missing}=.* is missing"):
                store.topmail.track(TEA, **given)
        with pytest.raises(RuntimeError, match="consent=True is missing"):
            store.topmail.track(TEA, **known | {"consent": False})
    with capture(store.app) as views, store.app.app_context():
        store.topmail.track(TEA, **known | {"url": "https://shop.example/tea?from=app"})
    views.assert_viewed("tea", shopper=ANN, url="https://shop.example/tea?from=app")


def test_each_kind_reaches_topmail_over_http(sandbox: Sandbox, live: Store) -> None:
    with live.app.app_context():
        live.topmail.track(TEA, shopper=ANN, url="https://shop.example/tea", consent=True)
        live.topmail.track_conversion("signup", shopper=ANN, once="newsletter")
        live.topmail.trigger("cart", shopper=ANN, data={"total": Decimal("19.90")}, once="cart-17")
        items = [{"sku": "tea", "price": Decimal("9.90"), "quantity": 2}]
        live.topmail.track_purchase("A-7", shopper=ANN, revenue=19.8, currency="EUR", items=items)
    assert live.topmail.flush(20, live.app)
    (run,) = sandbox.automation_runs
    assert (run["automation_id"], run["body"]["trigger_data"]) == ("flow-cart", {"total": 19.9})
    conversions = {each["type"]: each["body"] for each in sandbox.conversions}
    assert conversions["purchase"]["metadata"] == {
        "items": [{"sku": "tea", "price": 9.9, "quantity": 2}]
    }
    assert conversions["signup"] == {"email": ANN, "type": "signup"}


def test_a_cart_that_was_bought_is_not_mailed_about(store: Store) -> None:
    with capture(store.app) as views, store.app.app_context():
        for _ in range(2):
            hour = timedelta(hours=1)
            store.topmail.trigger("cart", shopper=ANN, once="cart-17", after=hour)
        views.assert_triggered("cart", shopper=ANN, once="cart-17", after=hour)
        store.topmail.cancel("cart-17")
        views.assert_triggered("cart", times=0)
        store.topmail.track_conversion("upgrade", shopper=ANN, revenue=5, currency="EUR")
    views.assert_converted("upgrade", shopper=ANN, revenue=5)
    with pytest.raises(AssertionError, match=r"flow-cart.*cancelled"):
        views.assert_triggered("cart")


@pytest.mark.parametrize(
    "how",
    [{"automation": "no such name"}, {"after": timedelta(days=1)}, {"data": {"at": object()}}],
)
def test_what_cannot_be_a_trigger_harms_no_page_and_is_told(
    sandbox: Sandbox, live: Store, how: dict[str, Any]
) -> None:
    heard: list[Reason] = []

    def hear(_: object, trigger: object, reason: Reason) -> None:
        heard.append(reason)

    with trigger_dropped.connected_to(hear, live.app), live.app.app_context():
        live.topmail.trigger(**{"automation": "cart", "shopper": ANN} | how)
    assert heard == [Reason.INVALID_EVENT]
    assert not sandbox.automation_runs


def test_a_purchase_that_is_not_recorded_is_told(live: Store) -> None:
    heard: list[object] = []

    def hear(_: object, conversion: object, order_id: object, reason: Reason) -> None:
        heard.append((conversion, order_id, reason))

    with conversion_dropped.connected_to(hear, live.app), live.app.app_context():
        live.topmail.track_purchase("A-7", revenue=-1, currency="EUR", shopper=ANN)
    assert heard == [(None, "A-7", Reason.INVALID_PURCHASE)]


def test_a_guest_becomes_a_contact_with_all_that_is_known(sandbox: Sandbox, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    newsletter = "7f1c9a52-5d3e-4a86-9d4d-2f8f7f1f0a11"
    store = Store(
        api_key=sandbox.api_key,
        base_url=sandbox.base_url,
        outbox=str(tmp_path / "outbox"),
        unknown_contacts="create",
        contact_list=newsletter,
    )
    guest = Shopper("guest@shop.example", first_name="Gus", attributes={"vat": "DE1"})
    with store.app.app_context():
        store.topmail.track_purchase("A-8", shopper=guest)
    assert store.topmail.flush(20, store.app)
    made = next(each for each in sandbox.contacts if each["email"] == guest.email)
    assert (made["first_name"], made["attributes"]) == ("Gus", {"vat": "DE1"})
    assert made["subscribed"] is False
    assert newsletter in str(made["lists"])
    with TopMailClient(sandbox.api_key, base_url=sandbox.base_url) as client:
        client.update_contact(made["id"], last_name="Grün", attributes={"city": "Bonn"})
    changed = next(each for each in sandbox.contacts if each["email"] == guest.email)
    assert changed["attributes"] == {"vat": "DE1", "city": "Bonn"}
    assert changed["last_name"] == "Grün"


def test_what_waits_goes_to_a_new_address(sandbox: Sandbox, live: Store) -> None:
    sandbox.add_contact("ann@new.example.org")
    with live.app.app_context():
        live.topmail.trigger("back", shopper=ANN, after=timedelta(seconds=3))
        live.topmail.address_changed(ANN, "ann@new.example.org")
    (run,) = sandbox.wait_for_automation_runs(1, timeout=30)
    assert run["email"] == "ann@new.example.org"


def tell_all(store: Store, shopper: str, after: timedelta) -> None:
    """What a shopper leaves waiting during an outage: four events, one of them for later."""
    with store.app.app_context():
        store.topmail.trigger("cart", shopper=shopper, once="cart-17", after=after)
        store.topmail.trigger("back", shopper=shopper)
        store.topmail.track_conversion("signup", shopper=shopper, once="newsletter")
        store.topmail.track_purchase(f"A-{shopper}", shopper=shopper)


def test_of_a_forgotten_shopper_nothing_waits_neither_now_nor_for_later(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.add_contact(BOB)
    tmp_path.chmod(0o700)
    place = str(tmp_path / "outbox")
    key, address = sandbox.api_key, sandbox.base_url
    store = Store(api_key=key, base_url=address, outbox=place, delivery="worker")
    for shopper in (ANN, BOB):
        tell_all(store, shopper, timedelta(hours=1))
    done = store.app.test_cli_runner().invoke(args=["topmail", "forget", ANN])
    assert done.exit_code == 0, done.output
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert (ANN.encode() in kept, BOB.encode() in kept) == (False, True)
    with store.app.app_context():
        stats = store.topmail.stats()
    assert stats.reasons == {Reason.FORGOTTEN: 4}
    assert (stats.pending, stats.balanced) == (4, True), "what Bob left waits on"


def test_a_withdrawn_consent_drops_what_waits_now_and_for_later(
    sandbox: Sandbox, live: Store
) -> None:
    agreed, heard = {ANN: True}, queue.Queue[Reason]()

    @live.topmail.consent
    def consents(shopper: Shopper) -> bool:
        return agreed.get(str(shopper.email), True)

    def hear(_: object, reason: Reason, **__: object) -> None:
        heard.put(reason)

    sandbox.inject_faults(outage=True)
    with (
        conversion_dropped.connected_to(hear, live.app),
        trigger_dropped.connected_to(hear, live.app),
    ):
        tell_all(live, ANN, timedelta(seconds=2))
        agreed[ANN] = False
        sandbox.inject_faults()
        reasons = [heard.get(timeout=30) for _ in range(4)]
    assert reasons == [Reason.CONSENT_WITHDRAWN] * 4
    assert [*sandbox.automation_runs, *sandbox.conversions] == []


def test_each_kind_outlives_an_outage_and_what_was_cancelled_meanwhile_is_not_sent(
    sandbox: Sandbox, live: Store
) -> None:
    cancelled, soon = threading.Event(), timedelta(seconds=1)

    def hear(_: object, reason: Reason, **__: object) -> None:
        assert reason is Reason.CANCELLED
        cancelled.set()

    sandbox.inject_faults(outage=True)
    with live.app.app_context(), trigger_dropped.connected_to(hear, live.app):
        live.topmail.track(TEA, shopper=ANN, url="https://shop.example/tea", consent=True)
        live.topmail.trigger("cart", shopper=ANN, once="cart-17", after=soon)
        live.topmail.trigger("cart", shopper=ANN, once="cart-18", after=soon)
        live.topmail.trigger("back", shopper=ANN)
        live.topmail.track_conversion("signup", shopper=ANN, once="newsletter")
        sandbox.wait_for_requests(2, timeout=30)  # both tries of the outage fail
        live.topmail.cancel("cart-18")
        assert cancelled.wait(30)
        sandbox.inject_faults()
        assert len(sandbox.wait_for_automation_runs(2, timeout=30)) == 2
        live.topmail.track_purchase("A-7", shopper=ANN)
        assert live.topmail.flush(20)
        assert live.topmail.stats().reasons == {Reason.CANCELLED: 1}
    assert sorted(str(run["automation_id"]) for run in sandbox.automation_runs) == [
        "flow-back",
        "flow-cart",
    ]
    assert [view["product_id"] for view in sandbox.views] == ["tea"]
    assert sorted(each["type"] for each in sandbox.conversions) == ["purchase", "signup"]


def test_a_change_of_a_contact_is_one_call_that_says_at_once_that_topmail_is_away(
    sandbox: Sandbox,
) -> None:
    (ann,) = sandbox.contacts
    with TopMailClient(sandbox.api_key, base_url=sandbox.base_url) as client:
        sandbox.inject_faults(outage=True)
        with pytest.raises(RetryLater):
            client.update_contact(ann["id"], first_name="Ann")
        assert len(sandbox.requests) == 1, "nothing tries again by itself"
        sandbox.stop()
        with pytest.raises(RetryLater):
            client.update_contact(ann["id"], first_name="Ann")
        sandbox.start()
        sandbox.inject_faults()
        assert sandbox.contacts[0]["first_name"] is None, "nothing was kept for later"
        for _ in range(2):
            assert client.update_contact(ann["id"], first_name="Ann").id == ann["id"]
    assert sandbox.contacts[0]["first_name"] == "Ann"


KILLED = """
import os, signal, sys
from datetime import timedelta
from flask import Flask
from topmail_flask import TopMail
app = Flask("shop")
app.config.update(SECRET_KEY="x", TOPMAIL_API_KEY=sys.argv[1], TOPMAIL_BASE_URL=sys.argv[2],
    TOPMAIL_OUTBOX=sys.argv[3], TOPMAIL_DELIVERY="worker")
app.config["TOPMAIL_AUTOMATIONS"] = {"cart": "flow-cart", "back": "flow-back"}
topmail, ann, bob = TopMail(app), "ann@shop.example", "bob@shop.example"
tea = {"id": "tea", "name": "Green tea", "url": "https://shop.example/tea"}
with app.app_context():
    topmail.trigger("cart", shopper=ann, once="cart-17")
    topmail.track_conversion("signup", shopper=ann)
    topmail.track_purchase("A-7", shopper=ann)
    topmail.track(tea, shopper=bob, url="https://shop.example/tea", consent=True)
    topmail.trigger("back", shopper=bob, after=timedelta(milliseconds=1))
    topmail.trigger("cart", shopper=bob, once="cart-18", after=timedelta(hours=1))
    topmail.cancel("cart-18")
    topmail.address_changed(bob, "bob@new.example.org")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_lost_when_the_process_is_killed_between_call_and_delivery(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    sandbox.add_contact("bob@new.example.org")
    place = str(tmp_path / "outbox")
    words = [sys.executable, "-c", KILLED, sandbox.api_key, sandbox.base_url, place]
    assert subprocess.run(words, check=False, env=dict(os.environ)).returncode == -signal.SIGKILL
    app = Flask("shop")
    config = {"API_KEY": sandbox.api_key, "BASE_URL": sandbox.base_url, "OUTBOX": place}
    app.config.update({f"TOPMAIL_{name}": value for name, value in config.items()}, SECRET_KEY="x")
    topmail = TopMail(app)
    done = app.test_cli_runner().invoke(args=["topmail", "drain"])
    assert done.exit_code == 0, done.output
    assert sorted((run["automation_id"], run["email"]) for run in sandbox.automation_runs) == [
        ("flow-back", "bob@new.example.org"),
        ("flow-cart", ANN),
    ]
    (view,) = sandbox.views
    assert (view["email"], view["product_id"]) == ("bob@new.example.org", "tea")
    with app.app_context():
        stats = topmail.stats()
    assert (stats.pending, stats.reasons) == (0, {Reason.CANCELLED: 1})
    assert sorted(each["type"] for each in sandbox.conversions) == ["purchase", "signup"]


def test_the_client_starts_an_automation(sandbox: Sandbox) -> None:
    with TopMailClient(sandbox.api_key, base_url=sandbox.base_url) as client:
        client.trigger_automation(Trigger("flow-cart", Shopper(ANN), {"cart": 17}))
    assert sandbox.automation_runs[0]["body"]["trigger_data"] == {"cart": 17}


REFUSED = "klaro=%7B%22topmail%22%3Afalse%7D"


def tell_from_a_browser(store: Store, shopper: str, consent: bool | None, **headers: str) -> None:
    """Somebody's browser asks, and the store's code speaks of ``shopper``."""
    told: dict[str, Any] = {"shopper": shopper, "consent": consent}
    with store.app.test_request_context("/staff/restock", method="POST", headers=headers):
        store.topmail.trigger("back", once="back-tea", **told)
        store.topmail.track_conversion("signup", once="newsletter", **told)
        store.topmail.track_purchase("A-9", **told)


@pytest.mark.parametrize(
    "browser", [{"Cookie": REFUSED}, {"Sec-GPC": "1"}, {"X-Staff": "yes", "As": ANN}]
)
def test_with_the_shops_word_nothing_is_asked_of_the_browser_that_happens_to_ask(
    store: Store, browser: dict[str, str]
) -> None:
    store.topmail.exclude(lambda: "X-Staff" in request.headers)
    with capture(store.app) as views:
        tell_from_a_browser(store, BOB, None, **browser)
        views.assert_triggered("back", times=0)
        tell_from_a_browser(store, BOB, True, **browser)
    views.assert_triggered("back", shopper=BOB, times=1)
    views.assert_converted("signup", shopper=BOB)
    views.assert_purchased("A-9", shopper=BOB)


def test_the_shops_word_that_a_shopper_refused_is_a_refusal(store: Store) -> None:
    with capture(store.app) as views:
        tell_from_a_browser(store, BOB, False)
    views.assert_triggered("back", times=0)
    assert views.conversions == []


@pytest.mark.parametrize("reads_cookies", [False, True])
def test_a_refusal_of_staff_drops_nothing_that_waits_for_whom_they_speak_of(
    sandbox: Sandbox, live: Store, reads_cookies: bool
) -> None:
    sandbox.add_contact(BOB)
    if reads_cookies:
        live.topmail.consent(lambda: "klaro" not in request.cookies)
    sandbox.inject_faults(outage=True)
    with live.app.test_request_context("/cart", method="POST"):
        live.topmail.trigger("cart", shopper=BOB, once="cart-17")
    tell_from_a_browser(live, BOB, None, Cookie=REFUSED)
    sandbox.inject_faults()
    (run,) = sandbox.wait_for_automation_runs(1, timeout=30)
    assert (run["automation_id"], run["email"]) == ("flow-cart", BOB)
    assert live.topmail.flush(20, live.app)
    assert live.topmail.stats(live.app).reasons == {Reason.CONSENT: 3}


def test_a_shopper_whom_the_shops_own_records_name_as_refusing_is_withdrawn(
    sandbox: Sandbox, live: Store
) -> None:
    sandbox.add_contact(BOB)
    agreed = {BOB: True}
    live.topmail.consent(lambda shopper: agreed.get(str(shopper.email)))
    sandbox.inject_faults(outage=True)
    with live.app.test_request_context("/cart", method="POST"):
        live.topmail.trigger("cart", shopper=BOB, once="cart-17")
    agreed[BOB] = False
    tell_from_a_browser(live, BOB, None)
    sandbox.inject_faults()
    assert live.topmail.flush(20, live.app)
    assert sandbox.automation_runs == []
    assert live.topmail.stats(live.app).reasons[Reason.CONSENT_WITHDRAWN] == 1
