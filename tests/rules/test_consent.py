from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.rules.consent import (
    cookie_banner_consent,
    privacy_signal,
    refused_by_consent,
)

COOKIEBOT = (
    "{stamp:'aB3==',necessary:true,preferences:false,statistics:true,marketing:%s,"
    "method:'%s',ver:1,utc:1716200000000,region:'de'}"
)
ONETRUST = (
    "isGpcEnabled=0&datestamp=Mon+May+20+2024+10%%3A00%%3A00+GMT&version=202404.1.0&"
    "interactionCount=%s&landingPath=NotLandingPage&groups=C0001%%3A1%%2CC0002%%3A1%%2CC0004%%3A%s"
)


@pytest.mark.parametrize(
    ("cookie", "value", "consent"),
    [
        ("CookieConsent", COOKIEBOT % ("true", "explicit"), True),
        ("CookieConsent", quote(COOKIEBOT % ("true", "explicit")), True),
        ("CookieConsent", COOKIEBOT % ("false", "explicit"), False),
        ("CookieConsent", COOKIEBOT % ("true", "implied"), None),
        ("CookieConsent", "-1", None),
        ("CookieConsent", "marketing,preferences", None),
        ("OptanonConsent", ONETRUST % (1, 1), True),
        ("OptanonConsent", ONETRUST % (1, 0), False),
        ("OptanonConsent", ONETRUST % (0, 1), None),
        ("OptanonConsent", ONETRUST % (0, 0), False),
        ("OptanonConsent", "groups=dsh:1,req:1&interactionCount=1", None),
        ("osano_consentmanager", quote('{"ESSENTIAL":"ACCEPT","MARKETING":"ACCEPT"}'), True),
        ("osano_consentmanager", '{"ESSENTIAL":"ACCEPT","MARKETING":"DENY"}', False),
        ("osano_consentmanager", '{"ESSENTIAL":"ACCEPT"}', None),
        ("osano_consentmanager", "fnUNOGEoqzHFnLfV3b7cWl1nQh2", False),
        ("klaro", quote('{"topmail":true,"matomo":false}'), True),
        ("klaro", '{"topmail":false,"matomo":true}', False),
        ("klaro", '{"marketing":true}', True),
        ("klaro", '{"advertising":false}', False),
        ("klaro", '{"matomo":true,"youtube":false}', False),
        ("klaro", '{"matomo":true,"youtube":true}', None),
        ("session", "marketing:true", None),
    ],
)
def test_a_cookie_banner_s_cookie_tells_the_answer_about_marketing(
    cookie: str, value: str, consent: bool | None
) -> None:
    assert cookie_banner_consent({"theme": "dark", cookie: value}) is consent


def test_a_refusal_to_one_of_two_banners_is_a_refusal() -> None:
    accepted, refused = '{"topmail":true}', COOKIEBOT % ("false", "explicit")
    assert cookie_banner_consent({"klaro": accepted, "CookieConsent": refused}) is False
    assert cookie_banner_consent({"klaro": accepted, "CookieConsent": "-1"}) is True
    assert cookie_banner_consent({}) is None


@given(
    st.sampled_from(["CookieConsent", "OptanonConsent", "osano_consentmanager", "klaro"]),
    st.text(max_size=200)
    | st.sampled_from(
        [
            "[" * 3000,
            "null",
            "[]",
            "1e999",
            '{"topmail":null}',
            "groups",
            "groups=C0004",
            "%",
            "%ff",
        ]
    ),
)
def test_no_cookie_can_raise_or_forge_consent(name: str, value: str) -> None:
    assert cookie_banner_consent({name: value}) is not True or "true" in value or "1" in value


def test_an_overlong_cookie_is_not_read() -> None:
    assert cookie_banner_consent({"klaro": '{"topmail":true}' + " " * 9000}) is None


@pytest.mark.parametrize(
    ("headers", "settings", "asked"),
    [
        ({"HTTP_SEC_GPC": "1"}, Settings(), True),
        ({"HTTP_SEC_GPC": "0"}, Settings(), False),
        ({"HTTP_SEC_GPC": "1"}, Settings(honor_gpc=False), False),
        ({"HTTP_DNT": "1"}, Settings(), False),
        ({"HTTP_DNT": "1"}, Settings(honor_dnt=True), True),
        ({"HTTP_DNT": "0"}, Settings(honor_dnt=True), False),
        ({}, Settings(honor_dnt=True), False),
    ],
)
def test_gpc_is_honoured_and_dnt_on_request(
    headers: dict[str, str], settings: Settings, asked: bool
) -> None:
    assert privacy_signal(headers, settings) is asked


@pytest.mark.parametrize(
    ("explicit", "signal", "opt_out", "opt_in"),
    [
        (True, False, None, None),
        (True, True, None, None),
        (False, False, Reason.CONSENT, Reason.CONSENT),
        (False, True, Reason.CONSENT, Reason.CONSENT),
        (None, True, Reason.PRIVACY_SIGNAL, Reason.PRIVACY_SIGNAL),
        (None, False, None, Reason.CONSENT),
    ],
)
def test_what_a_shopper_said_outranks_what_the_browser_says(
    explicit: bool | None, signal: bool, opt_out: Reason | None, opt_in: Reason | None
) -> None:
    assert refused_by_consent(explicit, signal, Settings()) is opt_out
    assert refused_by_consent(explicit, signal, Settings(consent="opt-in")) is opt_in
