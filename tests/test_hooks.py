"""The shop's own functions: who saw it, may it count, what is sent; none can break a page."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, g, render_template_string, request, session

from tests.test_what_counts import tea_shop
from topmail_flask import ConfigurationError, ProductView, Shopper, TopMail, product_viewed
from topmail_flask.core import core_of


@pytest.mark.parametrize(
    ("told", "reason"),
    [("not an address", "invalid_shopper"), (42, "hook_failed"), ("", "anonymous")],
)
def test_whatever_a_shopper_loader_returns_the_page_is_served(told: object, reason: str) -> None:
    shop = tea_shop({"TOPMAIL_API_KEY": "tm_test_0123456789"})
    shop.topmail.shopper_loader(lambda: told)
    assert shop.get("/tea").status_code == 200
    assert shop.reasons == {reason: 1}


def test_a_loader_that_returns_no_address_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = tea_shop({"TOPMAIL_API_KEY": "tm_test_0123456789"})

    @shop.topmail.shopper_loader
    def user_id() -> str:
        return "4711"

    shop.get("/tea")
    assert "user_id() returned no shopper: email is not an e-mail address" in caplog.text
    assert "4711" not in caplog.text


@pytest.mark.parametrize("told", ["no", "false", "0", "yes", "", 2, [], object()])
def test_a_consent_function_that_answers_with_anything_else_than_yes_no_or_nothing_is_no_yes(
    told: object, caplog: pytest.LogCaptureFixture
) -> None:
    """The text "no", out of a cookie, is true to Python."""
    shop = tea_shop(shopper="ann@shop.example")

    @shop.topmail.consent
    def agreed() -> Any:
        return told

    assert shop.get("/tea").text == "<h1>Tea</h1>"
    assert shop.reasons == {"hook_failed": 1}
    kind = type(told).__name__
    assert f"agreed() returned {kind}. Return True, False, or None" in caplog.text


@pytest.mark.parametrize(("kept", "reasons"), [(1, {"disabled": 1}), (0, {"consent": 1})])
def test_a_consent_function_may_answer_as_a_database_keeps_it(
    kept: int, reasons: dict[str, int]
) -> None:
    shop = tea_shop(shopper="ann@shop.example")
    shop.topmail.consent(lambda: kept)
    shop.get("/tea")
    assert shop.reasons == reasons


@pytest.mark.parametrize("decorator", ["shopper_loader", "exclude", "before_send", "consent"])
def test_a_function_that_could_never_be_called_is_refused_where_it_is_registered(
    decorator: str,
) -> None:
    topmail = TopMail()

    def two(request: object, user: object) -> None:
        """As in other frameworks."""

    with pytest.raises(ConfigurationError, match=rf"@topmail\.{decorator}: two\(\) must be"):
        getattr(topmail, decorator)(two)
    with pytest.raises(ConfigurationError, match=rf"@topmail\.{decorator} takes a function"):
        getattr(topmail, decorator)("ann@shop.example")


def test_a_loader_that_wants_the_request_is_told_how_it_will_be_called() -> None:
    with pytest.raises(ConfigurationError, match=r"who\(\) must be such that who\(\) can call it"):

        @TopMail().shopper_loader
        def who(request: object) -> None:
            """It is imported from Flask instead."""


def test_what_is_no_app_is_refused_with_the_place_of_the_key() -> None:
    with pytest.raises(ConfigurationError, match=r"the Flask app, not str.*TOPMAIL_API_KEY"):
        TopMail("tm_test_0123456789")  # type: ignore[arg-type]


def test_before_send_may_be_an_async_function() -> None:
    shop = tea_shop({"TOPMAIL_API_KEY": "tm_test_0123456789"}, shopper="ann@shop.example")

    @shop.topmail.before_send
    async def leave_out(view: ProductView) -> ProductView | None:
        return None

    shop.get("/tea")
    assert shop.reasons == {"vetoed": 1}


def test_a_receiver_that_cannot_take_the_signal_is_told_how_to_begin(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = tea_shop(shopper="ann@shop.example")

    def seen(view: ProductView) -> None:
        """Forgot the sender and what else is told."""

    product_viewed.connect(seen, shop.app)
    assert shop.get("/tea").text == "<h1>Tea</h1>"
    assert "seen() does not take what the signal tells" in caplog.text
    assert "def receiver(sender, **extra)" in caplog.text


@pytest.mark.parametrize(
    "call",
    [
        "topmail_product()",
        "topmail_product(id=1, name='Tea')",
        "topmail_product(product, product, product)",
        "topmail_beacon(product, 'x')",
        "topmail_beacon(variants=5)",
        "topmail_beacon(noncee='x')",
    ],
)
def test_no_wrong_call_in_a_template_breaks_its_page(
    call: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop = tea_shop(shopper="ann@shop.example")
    tea = {"id": 1, "name": "Tea", "price": 5}
    page = f"<p>{{{{ {call} }}}}</p>"
    shop.app.add_url_rule("/cup", "cup", lambda: render_template_string(page, product=tea))
    assert shop.get("/cup").text == "<p></p>"
    assert ("topmail_beacon() takes one product or none" in caplog.text) is ("beacon" in call)
    assert "an error of topmail_flask itself" not in caplog.text


@pytest.mark.parametrize("after", [3600, "1h", 0.5])
def test_a_wait_that_is_no_timedelta_is_named(after: Any, caplog: pytest.LogCaptureFixture) -> None:
    shop = tea_shop({"TOPMAIL_AUTOMATIONS": {"cart": "flow-1"}})
    with shop.app.app_context():
        shop.topmail.trigger("cart", shopper="ann@shop.example", after=after)
    assert "a trigger is not sent: after must be a datetime.timedelta" in caplog.text
    assert shop.reasons == {"invalid_event": 1}


def test_what_cannot_be_cancelled_or_moved_is_no_error_of_this_package(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = tea_shop({"TOPMAIL_API_KEY": "tm_test_0123456789"})
    with shop.app.app_context():
        shop.topmail.cancel(None)
        shop.topmail.address_changed("x", "y")
    lines = [record.getMessage() for record in caplog.records if record.name == "topmail_flask"]
    assert [line.partition(": ")[2].partition(":")[0] for line in lines] == [
        "topmail.cancel() is ignored",
        "topmail.address_changed() is ignored",
    ]


def test_a_hook_that_raises_costs_the_view_and_is_named_without_its_message(
    caplog: pytest.LogCaptureFixture,
) -> None:  # F154, F155, F164
    shop = tea_shop(shopper="ann@shop.example")

    @shop.topmail.consent
    def consent() -> bool:
        raise LookupError("ann@shop.example")

    with caplog.at_level(logging.DEBUG):
        assert shop.get("/tea").text == "<h1>Tea</h1>"
        shop.get("/tea")
    assert shop.reasons == {"hook_failed": 2}
    (line,) = [r.getMessage() for r in caplog.records if r.name.startswith("topmail")]
    assert "consent() raised LookupError" in line
    assert "ann@" not in caplog.text


def test_an_exclude_rule_that_raises_is_named_by_its_own_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = tea_shop(shopper="ann@shop.example")

    def is_preview() -> bool:
        raise LookupError("ann@shop.example")

    shop.topmail.exclude(is_preview)
    assert shop.get("/tea").text == "<h1>Tea</h1>"
    assert shop.reasons == {"hook_failed": 1}
    assert "is_preview() raised LookupError" in caplog.text
    assert "ann@" not in caplog.text


def test_a_rule_that_raises_for_a_shopper_whom_the_store_names_is_named_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = tea_shop()

    def is_preview() -> bool:
        raise LookupError

    shop.topmail.exclude(is_preview)

    @shop.app.post("/quick")
    def quick() -> str:
        product = {"id": "tea-1", "name": "Tea"}
        shop.topmail.track(product, shopper="ann@shop.example", url="/tea")
        return "shown"

    assert shop.app.test_client().post("/quick").text == "shown"
    assert shop.reasons == {"hook_failed": 1}
    assert "is_preview() raised LookupError" in caplog.text


@pytest.mark.parametrize("mark", [True, 1])
@pytest.mark.parametrize("place", ["g", "row", "session", "token", "login"])
def test_staff_are_left_out_wherever_their_address_was_found(place: str, mark: object) -> None:
    user = {"email": "ann@shop.example", "is_admin": mark}
    shop = tea_shop({"SECRET_KEY": "k" * 32, "JWT_SECRET_KEY": "k" * 32})
    shop.topmail.shopper_loader(lambda: None)
    core_of(shop.app).hooks.shopper_loader = None

    @shop.app.before_request
    def log_in() -> None:
        if place == "g":
            g.user = user
        elif place == "row":
            with closing(sqlite3.connect(":memory:")) as database:
                database.row_factory = sqlite3.Row
                query = "select ? as email, ? as is_admin"
                g.user = database.execute(query, [*user.values()]).fetchone()
        elif place == "session":
            session["user"] = user
        elif place == "token":
            g._jwt_extended_jwt = user
            g._jwt_extended_jwt_user = {"loaded_user": SimpleNamespace(**user)}
        else:
            g._login_user = SimpleNamespace(**user, is_authenticated=True)

    browser = shop.app.test_client()
    browser.get("/tea")  # before its session has a cookie
    browser.get("/tea")
    assert [shopper for _, shopper in shop.looks if shopper] == []
    assert "staff" in shop.reasons


def test_staff_and_paths_can_be_excluded() -> None:  # F162
    shop = tea_shop()
    shop.topmail.exclude(lambda: request.args.get("staff") == "1")
    shop.get("/tea?staff=1")
    shop.get("/tea")
    assert shop.refusals == [("tea-1", "excluded"), ("tea-1", "anonymous")]


@pytest.mark.parametrize(
    ("said", "mode", "header", "reason"),
    [
        (True, "opt-in", {}, "disabled"),
        (None, "opt-in", {}, "consent"),
        (False, "opt-out", {}, "consent"),
        (None, "opt-out", {}, "disabled"),
        (True, "opt-out", {"Sec-GPC": "1"}, "disabled"),
        (None, "opt-out", {"DNT": "1"}, "disabled"),
    ],
)
def test_consent_decides_before_anything_is_stored(
    said: bool | None, mode: str, header: dict[str, str], reason: str
) -> None:  # F155, F156
    shop = tea_shop({"TOPMAIL_CONSENT": mode}, shopper="ann@shop.example")
    shop.topmail.consent(lambda shopper: said)
    shop.get("/tea", headers=header)
    assert shop.refusals == [("tea-1", reason)]


def test_before_send_can_change_or_veto_a_view_and_must_return_a_view() -> None:  # F181
    shop = tea_shop({"TOPMAIL_API_KEY": "tm_test_0123456789"}, shopper="ann@shop.example")
    answers: list[object] = [None, "junk", {"product_id": ""}]
    shop.topmail.before_send(lambda view: answers[len(shop.refusals)])
    for _ in answers:
        shop.get("/tea")
    assert [reason for _, reason in shop.refusals] == ["vetoed", "hook_failed", "hook_failed"]


def test_a_receiver_that_raises_harms_neither_the_page_nor_the_others() -> None:  # F179
    shop = tea_shop()

    def broken(sender: Flask, **_: Any) -> None:
        raise RuntimeError

    def nosy(sender: Flask, *, view: ProductView, shopper: Shopper | None, **_: Any) -> None:
        shop.topmail.track({"id": "again", "name": "From a receiver"})

    product_viewed.connect(broken, shop.app)
    product_viewed.connect(nosy, shop.app)
    assert shop.get("/tea").status_code == 200
    assert shop.looked_at == ["tea-1"]


def test_client_data_never_says_who_the_shopper_is() -> None:  # F151
    shop = tea_shop()
    shop.get("/tea?email=eve@evil.example", headers={"X-TopMail-Email": "eve@evil.example"})
    assert shop.looks[0][1] is None


@pytest.mark.filterwarnings("ignore:Current server name:UserWarning")  # Flask 2.3
def test_a_forged_host_does_not_get_into_the_products_address() -> None:
    site = tea_shop({"TOPMAIL_SITE_URL": "https://shop.example"})
    named = tea_shop({"SERVER_NAME": "shop.example"})
    for shop in (site, named):
        shop.get("/tea?x=1", headers={"Host": "evil.example"})
    assert [look[0].url for look in site.looks] == ["https://shop.example/tea"]
    assert [look[0].url for look in named.looks] in ([], ["http://shop.example/tea"])
