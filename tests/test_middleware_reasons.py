"""Every reason for which a page behind the middleware is no view."""

from typing import Any

import pytest

from tests.wsgi_shop import Shop, Wrap, get, only_reason, sandbox, wrap
from topmail_flask.sandbox import Sandbox

__all__ = ["sandbox", "wrap"]  # fixtures


@pytest.mark.parametrize(
    ("reason", "change", "headers", "settings"),
    [
        ("status", {"status": "404 Not Found"}, {}, {}),
        ("status", {"status": "206 Partial Content"}, {}, {}),
        ("not_html", {"headers": [("Content-Type", "application/json")]}, {}, {}),
        (
            "attachment",
            {"headers": [("Content-Type", "text/html"), ("Content-Disposition", "attachment")]},
            {},
            {},
        ),
        ("partial", {}, {"X_Requested_With": "XMLHttpRequest"}, {}),
        ("prefetch", {}, {"Sec_Purpose": "prefetch;prerender"}, {}),
        ("robot", {}, {"User_Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, {}),
        ("privacy_signal", {}, {"Sec_GPC": "1"}, {}),
        ("consent", {}, {"Klaro": '{"topmail":false}'}, {}),
        ("consent", {}, {}, {"consent": "opt-in"}),
        ("consent", {}, {}, {"consent": lambda _: False}),
        ("excluded", {}, {}, {"exclude": lambda environ: environ["PATH_INFO"] == "/p/lamp"}),
        ("anonymous", {}, {}, {"shopper": None}),
        ("anonymous", {}, {}, {"shopper": lambda _: " "}),
        ("invalid_shopper", {}, {}, {"shopper": lambda _: "no address"}),
        ("hook_failed", {}, {}, {"shopper": lambda environ: environ["no such user"]}),
        ("hook_failed", {}, {}, {"shopper": lambda _: 42}),
        ("vetoed", {}, {}, {"before_send": lambda _: None}),
        ("disabled", {}, {}, {"enabled": False}),
        ("disabled", {}, {}, {"api_key": None}),
        ("too_large", {}, {}, {"max_page_bytes": 100}),
        ("no_product", {"body": b"<h1>About us</h1>"}, {}, {}),
        (
            "encoded",
            {"headers": [("Content-Type", "text/html"), ("Content-Encoding", "br")]},
            {},
            {},
        ),
    ],
)
def test_what_is_no_view_is_not_sent_and_says_why(
    wrap: Wrap,
    sandbox: Sandbox,
    reason: str,
    change: dict[str, Any],
    headers: dict[str, str],
    settings: dict[str, Any],
) -> None:
    shop = Shop()
    for name, value in change.items():
        setattr(shop, name, value)
    middleware = wrap(shop, **settings)
    get(middleware, **headers)
    assert only_reason(middleware) == reason
    assert sandbox.requests == []
