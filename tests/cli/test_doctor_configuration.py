"""The doctor reads the configuration as somebody who has seen many go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from flask_login import LoginManager

from tests.cli.examined import bare_app, found, tea_app, told
from topmail_flask.cli.doctor_store import Finding
from topmail_flask.core import core_of

LIVE, TEST = "tm_live_0123456789abcdef", "tm_test_0123456789abcdef"
AT_TOPMAIL = {"TOPMAIL_BASE_URL": "https://localhost.invalid/api/v1"}


def finding_of(check: str, config: dict[str, Any]) -> Finding:
    """Of a store whose TopMail cannot be reached, which is no matter here."""
    return found(tea_app(config=AT_TOPMAIL | config), check)


@pytest.mark.parametrize(
    ("config", "level", "said"),
    [
        ({}, "error", "no API key"),
        ({"TOPMAIL_API_KEY": "tm_test_sandbox_full_access"}, "error", "A key of the sandbox"),
        ({"TOPMAIL_API_KEY": LIVE}, "ok", "A live key (tm_live_****cdef)."),
        ({"TOPMAIL_API_KEY": LIVE, "DEBUG": True}, "warning", "A live key in debug mode"),
        ({"TOPMAIL_API_KEY": LIVE, "TESTING": True}, "warning", "A live key in tests"),
        ({"TOPMAIL_API_KEY": TEST}, "warning", "A test key outside of debug"),
        ({"TOPMAIL_API_KEY": TEST, "DEBUG": True}, "ok", "A test key"),
        ({"TOPMAIL_API_KEY": TEST, "TESTING": True}, "warning", "under TESTING: nothing is sent"),
        ({"TOPMAIL_API_KEY": TEST, "TOPMAIL_ENABLED": False}, "warning", "is False"),
    ],
)
def test_the_key_fits_where_the_store_runs(config: dict[str, Any], level: str, said: str) -> None:
    finding = finding_of("key", config)
    assert (finding.level, said in finding.what) == (level, True), finding
    assert "0123456789abcdef" not in finding.what


@pytest.mark.parametrize(
    ("config", "level", "said"),
    [
        ({"TOPMAIL_SITE_URL": "https://tea.shop"}, "ok", "https://tea.shop"),
        ({"TOPMAIL_SITE_URL": ""}, "warning", "forges"),
        ({"TOPMAIL_SITE_URL": "", "SERVER_NAME": "tea.shop"}, "ok", "SERVER_NAME"),
        ({"TOPMAIL_SITE_URL": "", "TRUSTED_HOSTS": ["tea.shop"]}, "ok", "TRUSTED_HOSTS"),
        ({"TOPMAIL_SITE_URL": "http://tea.shop"}, "warning", "without encryption"),
        ({"TOPMAIL_SITE_URL": "https://localhost:5000"}, "error", "no public address"),
        ({"TOPMAIL_SITE_URL": "https://10.0.0.7"}, "error", "no public address"),
        ({"TOPMAIL_SITE_URL": "https://tea"}, "error", "no public address"),
        ({"TOPMAIL_SITE_URL": "http://localhost:5000", "DEBUG": True}, "ok", "localhost"),
    ],
)
def test_the_address_that_mails_link_to_is_the_shops(
    config: dict[str, Any], level: str, said: str
) -> None:
    finding = finding_of("site url", config)
    assert (finding.level, said in finding.what) == (level, True), finding


@pytest.mark.parametrize(
    ("code", "level", "said"),
    [
        ("EUR", "ok", "are in EUR"),
        ("EUO", "error", "no currency of ISO 4217"),
        ("", "warning", "is not sent"),
    ],
)
def test_a_price_without_a_currency_is_told_of(code: str, level: str, said: str) -> None:
    finding = finding_of("currency", {"TOPMAIL_CURRENCY": code})
    assert (finding.level, said in finding.what) == (level, True), finding


def test_a_store_whose_pages_name_their_currency_needs_no_setting() -> None:
    app = tea_app(config=AT_TOPMAIL | {"TOPMAIL_CURRENCY": ""})
    tea = (
        '<script type="application/ld+json">{"@context": "https://schema.org", "@type": "Product",'
        '"name": "Tea", "sku": "x-1", "offers": {"price": "5.00", "priceCurrency": "EUR"}}</script>'
    )
    app.view_functions["tea"] = lambda slug: tea
    assert "name their own currency" in told(app, "--sample", "/tea/a", status=1)["currency"][1]


def test_who_is_asked_for_consent_and_what_silence_means_is_told() -> None:
    assert "consent banners" in finding_of("consent", {}).what
    assert "no answer is a yes, unless the browser says Sec-GPC" in finding_of("consent", {}).what
    what = finding_of("consent", {"TOPMAIL_CONSENT": "opt-in", "TOPMAIL_HONOR_DNT": True}).what
    assert "no answer is a no." in what
    app = tea_app(config=AT_TOPMAIL)

    def asks_the_shop() -> bool:
        return True

    core_of(app).hooks.consent = asks_the_shop
    assert "asks_the_shop()" in found(app, "consent").what


class WithColumn:
    email = ""


@dataclass
class WithAnnotation:
    email: str


class WithInit:
    def __init__(self) -> None:
        self.email = ""


class WithMail:
    mail = ""


class WithoutAddress:
    phone = ""


def load_column(user_id: str) -> WithColumn | None:
    return None


def load_annotated(user_id: str) -> WithAnnotation | None:
    return None


def load_made(user_id: str) -> WithInit:
    return WithInit()


def load_mail(user_id: str) -> WithMail | None:
    return None


def load_nameless(user_id: str) -> WithoutAddress | None:
    return None


@pytest.mark.parametrize(
    ("user_loader", "level", "said"),
    [
        (load_column, "ok", "current_user.email of WithColumn"),
        (load_annotated, "ok", "current_user.email of WithAnnotation"),
        (load_made, "ok", "current_user.email of WithInit"),
        (load_mail, "ok", "current_user.mail of WithMail"),
        (load_nameless, "error", "no attribute email: WithoutAddress"),
        (None, "error", "no user_loader"),
    ],
)
def test_flask_logins_users_are_known_by_their_email(
    user_loader: Any, level: str, said: str
) -> None:
    app = bare_app(config=AT_TOPMAIL)
    login = LoginManager(app)
    if user_loader is not None:
        login.user_loader(user_loader)
    finding = found(app, "shoppers")
    assert (finding.level, said in finding.what) == (level, True), finding


def test_a_loader_of_the_shop_is_named_and_a_store_that_knows_nobody_is_told() -> None:
    app = bare_app(config=AT_TOPMAIL)
    finding = found(app, "shoppers")
    assert finding.level == "error"
    assert "@topmail.shopper_loader" in finding.fix

    def member_of_the_club() -> None:
        return None

    core_of(app).hooks.shopper_loader = member_of_the_club
    assert "member_of_the_club()" in found(app, "shoppers").what


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"TOPMAIL_SITE_URL": "https://tea.de"}, "ends in .de"),
        ({"TOPMAIL_SITE_URL": "https://www.tea.co.uk:8443"}, "ends in .uk"),
        ({"TOPMAIL_SITE_URL": "", "SERVER_NAME": "tea.ch:80"}, "ends in .ch"),
        ({"TOPMAIL_SITE_URL": "", "TRUSTED_HOSTS": ["tea.com", ".tea.no"]}, "ends in .no"),
        ({"TOPMAIL_SITE_URL": "https://tea.paris"}, "ends in .paris"),
        ({"TOPMAIL_CURRENCY": "EUR"}, "currency is EUR"),
        ({"TOPMAIL_CURRENCY": "GBP"}, "currency is GBP"),
        ({"BABEL_DEFAULT_LOCALE": "en_IE"}, "BABEL_DEFAULT_LOCALE is en_IE"),
        ({"BABEL_DEFAULT_LOCALE": "pl"}, "BABEL_DEFAULT_LOCALE is pl"),
        ({"BABEL_DEFAULT_TIMEZONE": "Europe/Vienna"}, "Europe/Vienna"),
        ({"COUNTRY": "at"}, "COUNTRY is at"),
    ],
)
def test_opt_out_is_doubted_where_the_law_asks_for_a_yes(config: dict[str, Any], said: str) -> None:
    """The EU, the EEA, the United Kingdom and Switzerland."""
    finding = finding_of("consent", config)
    assert (finding.level, said in finding.what) == ("warning", True), finding
    assert 'TOPMAIL_CONSENT = "opt-in"' in finding.fix
    assert finding_of("consent", config | {"TOPMAIL_CONSENT": "opt-in"}).level == "ok"


@pytest.mark.parametrize(
    "config",
    [
        {"TOPMAIL_SITE_URL": "https://tea.com", "TOPMAIL_CURRENCY": "USD"},
        {"TOPMAIL_SITE_URL": "https://detea.shop", "SERVER_NAME": "10.0.0.7:80"},
        {"TOPMAIL_CURRENCY": "TRY", "BABEL_DEFAULT_TIMEZONE": "Europe/Istanbul"},
        {"BABEL_DEFAULT_LOCALE": "fr_CA", "BABEL_DEFAULT_TIMEZONE": "America/Toronto"},
        {"BABEL_DEFAULT_LOCALE": "en"},
    ],
)
def test_opt_out_is_not_doubted_elsewhere(config: dict[str, Any]) -> None:
    assert finding_of("consent", config).level == "ok"
