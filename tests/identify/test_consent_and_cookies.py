"""No cookie without consent, and none any more once it is refused."""

from __future__ import annotations

import logging

import pytest

from tests.identify.scene import browser, cookies_set, seen_by, sign_up, store


@pytest.mark.parametrize("mode", ["opt-in", "opt-out"])
@pytest.mark.parametrize("said", [True, False, None])
def test_no_cookie_without_consent(
    said: bool | None, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop = store({"TOPMAIL_CONSENT": mode})
    shop.topmail.consent(lambda: said)
    with caplog.at_level(logging.INFO, "topmail_flask"):
        answer = sign_up(browser(shop))
    may = said is True or (said is None and mode == "opt-out")
    assert ("topmail_shopper" in cookies_set(answer)) is may
    assert ("no shopper is remembered: consent" in caplog.text) is not may
    assert "ann" not in caplog.text


def test_a_browser_that_asks_not_to_be_tracked_gets_no_cookie() -> None:
    answer = sign_up(browser(store()), headers={"Sec-GPC": "1"})
    assert "Set-Cookie" not in answer.headers


def test_consent_refused_later_silences_the_cookie_and_deletes_it() -> None:
    shop = store()
    agreed = {"now": True}
    shop.topmail.consent(lambda: agreed["now"])
    visitor = browser(shop)
    sign_up(visitor)
    agreed["now"] = False
    for_all = visitor.get("/tea?cached=public, max-age=60")
    assert "Set-Cookie" not in for_all.headers, "a cached page would delete everybody's"
    own = visitor.get("/tea")
    assert cookies_set(own)["topmail_shopper"]["max-age"] == "0"
    agreed["now"] = True
    visitor.get("/pot")
    assert seen_by(shop) == [("pot-1", None)]
    assert shop.refusals[:2] == [("tea-1", "consent"), ("tea-1", "consent")]
