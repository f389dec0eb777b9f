"""Registration, log-in and log-out."""

from __future__ import annotations

import pytest

from example_store.demo_shoppers import DEMO_SHOPPERS
from tests.example_store.browser import NORA, Browser


def register(browser: Browser, **changes: str) -> str:
    form = {
        "name": "Grace Okoro",
        "email": "grace@example.com",
        "password": "a long password",
        "repeated": "a long password",
        **changes,
    }
    return browser.send("/register", "/register", **form).text


def test_the_log_in_page_names_the_demo_shoppers_and_the_one_who_is_no_contact(
    browser: Browser,
) -> None:
    page = browser.open("/log-in").text
    for shopper in DEMO_SHOPPERS:
        assert shopper.name in page
        assert f"<code>{shopper.password}</code>" in page
    assert page.count("a contact in TopMail</em>") == 2
    assert page.count("contact_not_found") == 1


@pytest.mark.parametrize("shopper", DEMO_SHOPPERS, ids=lambda shopper: shopper.name)
def test_a_demo_shopper_logs_in_and_out(browser: Browser, shopper: object) -> None:
    assert isinstance(shopper, type(NORA))
    assert f"Hello, {shopper.name}" in browser.log_in(shopper).text
    assert shopper.email in browser.open("/account").text
    assert "You are logged out" in browser.log_out().text
    assert "Please log in" in browser.open("/account").text


def test_a_wrong_password_says_no_more_than_that(browser: Browser) -> None:
    wrong = browser.log_in(NORA, password="guess").text
    unknown = browser.log_in(NORA, email="nobody@example.com").text
    assert "do not belong together" in wrong
    assert "do not belong together" in unknown


def test_an_address_may_be_typed_with_capitals_and_spaces(browser: Browser) -> None:
    assert "Hello, Nora" in browser.log_in(NORA, email="  Nora@Example.COM ").text


def test_registration_opens_an_account_and_logs_in(browser: Browser) -> None:
    assert "Hello, Grace Okoro" in register(browser, email="new@example.com")
    assert "new@example.com" in browser.open("/account").text


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"email": NORA.email}, "an account with this address already"),
        ({"email": "no address"}, "not an e-mail address"),
        ({"password": "short", "repeated": "short"}, "at least 8 characters"),
        ({"repeated": "another one"}, "passwords differ"),
        ({"name": ""}, "What may we call you?"),
    ],
)
def test_a_wrong_registration_says_what_is_wrong(
    browser: Browser, changes: dict[str, str], complaint: str
) -> None:
    assert complaint in register(browser, **changes)
    assert "Please log in" in browser.open("/account").text


def test_log_in_leads_back_to_the_page_that_asked_for_it(browser: Browser) -> None:
    assert "Your orders" in browser.log_in(NORA, next="/account").text


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"]
)
def test_log_in_never_leads_to_another_site(browser: Browser, elsewhere: str) -> None:
    page = browser.log_in(NORA, next=elsewhere)
    assert page.request.url == "http://localhost/"


@pytest.mark.parametrize("path", ["/log-in", "/register", "/log-out", "/basket/add", "/checkout"])
def test_a_form_without_its_token_is_refused(browser: Browser, path: str) -> None:
    assert browser.send_without_token(path).status_code == 400


@pytest.mark.parametrize("path", ["/register", "/log-in"])
def test_who_is_logged_in_is_not_asked_for_an_account_again(browser: Browser, path: str) -> None:
    browser.log_in(NORA)
    page = browser.open(path)
    assert page.request.path == "/account"
    assert "Hello, Nora" in page.text


def test_a_log_in_page_that_is_opened_late_leads_on(browser: Browser) -> None:
    browser.log_in(NORA)
    assert browser.open("/log-in", next="/basket").request.path == "/basket"
    assert browser.open("/log-in", next="//elsewhere.example/").request.path == "/account"
