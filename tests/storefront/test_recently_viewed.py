"""``topmail_recently_viewed()``: who sees what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.storefront.store import Browser, make_store
from topmail_flask import TopMail


def test_a_visitor_nobody_knows_sees_what_they_saw_newest_first_from_the_first_look_on() -> None:
    browser = Browser(make_store())
    browser.look("tea", "mug", "pot", "tea")

    assert browser.seen() == ["tea", "pot", "mug"]


def test_a_page_does_not_show_its_own_product() -> None:
    browser = Browser(make_store())
    browser.look("tea", "mug")

    assert browser.seen("/p/mug") == ["tea"]


def test_nobody_sees_what_others_saw() -> None:
    app = make_store()
    Browser(app).look("tea")
    Browser(app, "ann@shop.example").look("mug")

    assert Browser(app).seen() == []
    assert Browser(app, "bob@shop.example").seen() == []


def test_a_known_shopper_has_one_list_on_all_devices() -> None:
    app = make_store()
    Browser(app, "ann@shop.example").look("tea")
    Browser(app, "Ann@shop.example").look("mug")

    assert Browser(app, "ann@shop.example").seen() == ["mug", "tea"]


def test_what_was_seen_before_the_log_in_goes_to_the_shopper_and_from_the_browser() -> None:
    app = make_store()
    browser = Browser(app)
    browser.look("tea")
    browser.shopper = "ann@shop.example"
    browser.look("mug")

    assert browser.seen() == ["mug", "tea"]
    assert Browser(app, "ann@shop.example").seen() == ["mug", "tea"]
    browser.shopper = None
    assert browser.seen() == []


def test_at_most_as_many_are_shown_as_the_template_asks_for_and_never_more_than_24() -> None:
    browser = Browser(make_store())
    browser.look(*(f"thing-{number}" for number in range(30)))

    assert browser.open("/?show=list&limit=2").text.endswith("seen:[thing-29][thing-28]")
    assert browser.open("/?show=list&limit=99").text.count("[") == 24
    assert browser.open("/?show=list&limit=-1").text.endswith("seen:")


def test_nothing_is_kept_before_a_template_asks_and_no_file_is_made(tmp_path: Path) -> None:
    browser = Browser(make_store(tmp_path))
    browser.look("tea", show="")

    assert list(tmp_path.rglob("looks*")) == []
    assert browser.client.get_cookie("topmail_visitor") is None
    assert browser.seen() == []


def test_processes_share_what_they_know_and_one_that_starts_later_listens_at_once(
    tmp_path: Path,
) -> None:
    one, other = make_store(tmp_path), make_store(tmp_path)
    browser = Browser(one)
    browser.look("tea")
    elsewhere = Browser(other)
    elsewhere.client._cookies = browser.client._cookies
    assert elsewhere.seen() == ["tea"]

    restarted = Browser(make_store(tmp_path))
    restarted.client._cookies = browser.client._cookies
    restarted.look("mug", show="")
    assert restarted.seen() == ["mug", "tea"]


def test_a_shopper_with_a_rotated_api_key_keeps_the_list(tmp_path: Path) -> None:
    config: dict[str, Any] = {"TOPMAIL_ENABLED": False}
    old = make_store(tmp_path, TOPMAIL_API_KEY="tm_test_old_old_old_old", **config)
    Browser(old, "ann@shop.example").look("tea")
    new = make_store(tmp_path, TOPMAIL_API_KEY="tm_test_new_new_new_new", **config)

    assert Browser(new, "ann@shop.example").seen() == ["tea"]


def test_under_testing_no_file_is_made(tmp_path: Path) -> None:
    app = make_store(tmp_path)
    app.testing = True
    browser = Browser(app)
    browser.look("tea")

    assert browser.seen() == ["tea"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "headers",
    [{"Sec-GPC": "1"}, {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}],
    ids=["a privacy signal", "a robot"],
)
def test_who_is_not_counted_gets_no_list_and_no_cookie(headers: dict[str, str]) -> None:
    browser = Browser(make_store(), **headers)
    browser.look("tea")

    assert browser.seen() == []
    assert browser.client.get_cookie("topmail_visitor") is None


def test_a_refusal_erases_the_list_and_takes_the_cookie_back() -> None:
    browser = Browser(make_store())
    browser.look("tea")
    cookie = "OptanonConsent"
    browser.client.set_cookie(cookie, "groups=C0004:0&interactionCount=1")
    assert browser.seen() == []
    assert browser.client.get_cookie("topmail_visitor") is None

    browser.client.delete_cookie(cookie)
    assert browser.seen() == []


def test_opt_in_keeps_nothing_before_the_consent() -> None:
    browser = Browser(make_store(TOPMAIL_CONSENT="opt-in"))
    browser.look("tea")
    browser.client.set_cookie("OptanonConsent", "groups=C0004:1&interactionCount=1")
    browser.look("mug")

    assert browser.seen() == ["mug"]


def test_staff_who_are_excluded_get_no_list() -> None:
    topmail = TopMail()
    topmail.exclude(lambda: True)
    browser = Browser(make_store(topmail=topmail))
    browser.look("tea")

    assert browser.seen() == []


def test_a_prefetched_page_has_the_list_but_is_no_look() -> None:
    browser = Browser(make_store())
    browser.look("tea")
    browser.open("/p/mug", **{"Sec-Purpose": "prefetch"})

    assert browser.seen(**{"Sec-Purpose": "prefetch"}) == ["tea"]
