"""Who agreed to be tracked, by the store's function or a banner's cookie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import render_template_string, request

from tests.golden.cases import case
from tests.golden.store import ANN, Store
from tests.golden.templates import PAGE, TEA

COOKIEBOT = "{stamp:'x'%%2Cmarketing:%s%%2Cmethod:'%s'}"
ONETRUST = "interactionCount=%s&groups=C0001%%3A1%%2CC0004%%3A%s"
COOKIES = {
    "Cookiebot, agreed": ("CookieConsent", COOKIEBOT % ("true", "explicit")),
    "Cookiebot, refused": ("CookieConsent", COOKIEBOT % ("false", "explicit")),
    "Cookiebot, implied": ("CookieConsent", COOKIEBOT % ("true", "implied")),
    "Cookiebot, of another region": ("CookieConsent", "-1"),
    "OneTrust, agreed": ("OptanonConsent", ONETRUST % (1, 1)),
    "OneTrust, refused": ("OptanonConsent", ONETRUST % (1, 0)),
    "OneTrust, untouched": ("OptanonConsent", ONETRUST % (0, 1)),
    "Osano, agreed": ("osano_consentmanager", '{"MARKETING":"ACCEPT"}'),
    "Osano, refused": ("osano_consentmanager", '{"MARKETING":"DENY"}'),
    "Klaro, agreed": ("klaro", '{"topmail":true}'),
    "Klaro, refused": ("klaro", '{"topmail":false}'),
    "Klaro, of other services": ("klaro", '{"matomo":true}'),
    "another cookie": ("theme", "marketing:false"),
    "a cookie of garbage": ("klaro", "[" * 200),
}


def visited(store: Store, **how: Any) -> None:
    store.page("/tea", lambda: render_template_string(PAGE, product=TEA))
    store.get(**how)


for cookie_name, (name, value) in COOKIES.items():
    for mode in ("opt-out", "opt-in"):

        @case("consents", f"{cookie_name}, where the store asks for {mode}")
        def visit_banner(
            store: Store, name: str = name, value: str = value, mode: str = mode
        ) -> None:
            store.open(consent=mode)
            store.client.set_cookie(name, value)
            visited(store)


def answered(name: str, answer: Callable[..., Any], **how: Any) -> None:
    @case("consents", name)
    def visit(store: Store) -> None:
        headers = how.pop("headers", {})
        store.open(**how)
        store.topmail.consent(answer)
        visited(store, headers=headers)


def broken() -> bool:
    raise LookupError("the database went away")


answered("the store's function agrees", lambda: True, consent="opt-in")
answered("the store's function refuses", lambda: False)
answered("the store's function does not know", lambda: None)
answered("nobody knows where consent is needed", lambda: None, consent="opt-in")
answered("the function is asked about the shopper", lambda shopper: shopper.email == ANN)
answered("the function raises", broken)
answered("the function returns what it must not", lambda: "yes", consent="opt-in")
answered("an agreement outranks the browser's wish", lambda: True, headers={"Sec-GPC": "1"})


@case("consents", "a consent that is taken back")
def visit_withdrawn(store: Store) -> None:
    store.open(repeat_window=0)
    store.topmail.consent(lambda: "no" not in request.args)
    visited(store)
    store.get("/tea?no=1")
    store.get("/tea")
