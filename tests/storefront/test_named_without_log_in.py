"""An address that somebody typed, or a link that somebody forwarded, opens nobody's list."""

from __future__ import annotations

from flask import Flask

from tests.storefront.store import Browser, make_store
from topmail_flask import TopMail

ANN = "ann@shop.example"


def store() -> tuple[Flask, TopMail]:
    topmail = TopMail()
    app = make_store(topmail=topmail, TOPMAIL_SITE_URL="http://localhost")

    @app.get("/sign-up")
    def sign_up() -> str:
        return str(topmail.identify(email=ANN))

    @app.get("/log-out")
    def log_out() -> str:
        topmail.forget()
        return "bye"

    return app, topmail


def test_who_signs_up_with_anothers_address_sees_and_changes_nothing_of_theirs() -> None:
    app, _ = store()
    Browser(app, ANN).look("tea")
    stranger = Browser(app)
    assert stranger.open("/sign-up").text == "True"
    stranger.look("mug", "pot")

    assert stranger.seen() == ["pot", "mug"]
    assert Browser(app, ANN).seen() == ["tea"]


def test_who_follows_a_forwarded_link_sees_and_changes_nothing_of_the_senders() -> None:
    app, topmail = store()
    Browser(app, ANN).look("tea")
    friend = Browser(app)
    assert friend.open(topmail.sign_link("/", ANN, app)).status_code == 302
    friend.look("mug")

    assert friend.seen() == ["mug"]
    assert Browser(app, ANN).seen() == ["tea"]


def test_a_log_out_leaves_the_list_of_the_browser_behind() -> None:
    app, _ = store()
    browser = Browser(app)
    browser.look("tea")
    browser.open("/log-out")

    assert browser.seen() == []
