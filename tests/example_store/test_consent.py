"""Nothing is remembered before a yes, and nothing after a no."""

from __future__ import annotations

import pytest
from flask import Flask

from example_store.tracking import topmail
from tests.example_store.browser import NORA, Browser
from topmail_flask.sandbox import Sandbox

MUG, VASE = "/products/stoneware-mug", "/products/bud-vase"
QUESTION = "May we remember what you look at?"


def test_the_banner_is_shown_until_it_is_answered_and_leads_back(tracked_shop: Flask) -> None:
    browser = Browser(tracked_shop)
    assert QUESTION in browser.open(MUG).text
    answered = browser.send(MUG, "/cookies/", answer="yes", next=f"{MUG}?variant=LR-101-INK")
    assert answered.request.full_path == f"{MUG}?variant=LR-101-INK"
    assert QUESTION not in browser.open(VASE).text
    assert "You said yes." in browser.open("/cookies/").text


def test_before_an_answer_nothing_is_remembered(tracked_shop: Flask, sandbox: Sandbox) -> None:
    browser = Browser(tracked_shop)
    browser.open(MUG)
    browser.send("/letters", "/letters", email="somebody@example.com")
    browser.open(VASE)
    assert browser.cookies == {"session"}
    assert topmail.stats(tracked_shop).reasons["consent"] == 2
    assert sandbox.requests == []


def test_a_no_forgets_who_signed_up_and_a_yes_lets_them_count_again(
    tracked_shop: Flask, sandbox: Sandbox
) -> None:
    browser = Browser(tracked_shop, said="yes")
    browser.send("/letters", "/letters", email=NORA.email)
    browser.open(MUG)
    sandbox.wait_for_views(1)
    assert "topmail_shopper" in browser.cookies

    browser.answer("no")
    assert browser.cookies == {"session", "remember_looks"}
    browser.open(VASE)
    assert topmail.stats(tracked_shop).reasons["consent"] == 1

    browser.answer("yes")
    browser.send("/letters", "/letters", email=NORA.email)
    browser.open("/products/garden-twine")
    sent = [view["product_id"] for view in sandbox.wait_for_views(2)]
    assert sent == ["LR-101", "LR-604"]


def test_a_no_is_kept_with_the_account_and_holds_on_another_device(
    tracked_shop: Flask, sandbox: Sandbox
) -> None:
    first, second = Browser(tracked_shop), Browser(tracked_shop)
    first.log_in(NORA)
    assert QUESTION not in first.open("/").text, "asked when the account was opened"
    first.answer("no")
    second.log_in(NORA)
    second.open(MUG)
    assert "You said no." in second.open("/cookies/").text
    assert topmail.stats(tracked_shop).reasons["consent"] == 1
    assert sandbox.requests == []


def test_a_no_of_this_browser_holds_whoever_logs_in(tracked_shop: Flask, sandbox: Sandbox) -> None:
    browser = Browser(tracked_shop, said="no")
    browser.log_in(NORA)
    browser.open(MUG)
    assert topmail.stats(tracked_shop).reasons["consent"] == 1
    assert sandbox.requests == []


@pytest.mark.parametrize("said", ["", "perhaps"])
def test_an_answer_that_is_none_is_refused(browser: Browser, said: str) -> None:
    assert browser.send("/", "/cookies/", answer=said).status_code == 400


def test_the_answer_leads_to_no_other_site(browser: Browser) -> None:
    answered = browser.send("/", "/cookies/", answer="yes", next="//elsewhere.example/")
    assert answered.request.path == "/cookies/"


def test_after_a_no_the_account_remembers_nothing_and_says_why(
    tracked_shop: Flask, sandbox: Sandbox
) -> None:
    browser, elsewhere = Browser(tracked_shop), Browser(tracked_shop)
    browser.log_in(NORA)
    browser.open(MUG)
    sandbox.wait_for_views(1)
    assert "Stoneware mug" in browser.open("/account").text
    browser.answer("no")
    browser.open(VASE)
    page = browser.open("/account").text
    assert "You asked us not to remember what you look at" in page
    assert 'href="/cookies/"' in page
    for name in ("Stoneware mug", "Bud vase", "Look at something you like"):
        assert name not in page
    elsewhere.log_in(NORA)
    assert "Stoneware mug" not in elsewhere.open("/account").text
    browser.answer("yes")
    assert "Look at something you like" in browser.open("/account").text
