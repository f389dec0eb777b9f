"""A browser with the script of a page, as the server meets it."""

from __future__ import annotations

import html
import json
import re
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from flask import Flask, render_template_string
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.shop import TEA, Shop, make_shop
from topmail_flask import Product
from topmail_flask.beacon.beacon import Beacon
from topmail_flask.core import core_of

HUMAN = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"
ADDRESS = "ann@shop.example"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}
POT = {"id": "pot-1", "name": "Pot", "price": "24.00"}
PAGE = "<h1>{{ product.name }}</h1>{{ topmail_beacon() }}"


def beacon_shop(template: str = PAGE, shopper: str | None = ADDRESS, **config: Any) -> Shop:
    """A shop with ``/tea``, and with ``/kept/tea``: the same from a cache of the shop's own."""
    told = {f"TOPMAIL_{name.upper()}": value for name, value in config.items()}
    shop = make_shop({"SECRET_KEY": "of the shop", **told}, shopper=shopper)

    def tea() -> str:
        return render_template_string(template, product=TEA)

    shop.app.add_url_rule("/tea", "tea", tea)
    shop.app.add_url_rule("/pot", "pot", lambda: render_template_string(template, product=POT))
    shop.app.add_url_rule("/kept/tea", "kept", cache(tea))
    return shop


@dataclass
class Tag:
    """The beacon that a page has."""

    src: str
    token: str
    variants: dict[str, str] = field(default_factory=dict)
    nonce: str | None = None

    @classmethod
    def of(cls, page: str) -> Tag:
        [found] = re.findall(r"<script defer ([^>]*)></script>", page)
        told = {
            name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', found)
        }
        return cls(
            told["src"],
            told["data-topmail-token"],
            json.loads(told.get("data-topmail-variants", "{}")),
            told.get("nonce"),
        )


def post(
    client: Flask | FlaskClient, body: str | bytes, headers: dict[str, str] | None = None
) -> TestResponse:
    """What ``navigator.sendBeacon`` sends."""
    # Without a jar of its own a test client sends the Cookie header that it is given.
    browser = client.test_client(use_cookies=False) if isinstance(client, Flask) else client
    told = {"User-Agent": HUMAN, **SAME_ORIGIN, **(headers or {})}
    return browser.post(
        "/_shopfront/product",
        data=body,
        content_type="text/plain;charset=UTF-8",
        headers={name: value for name, value in told.items() if value},
    )


def show(
    client: Flask | FlaskClient, tag: Tag, kind: str = "copy", *, age: int = 50, variant: str = ""
) -> TestResponse:
    """The page is shown; ``age`` in milliseconds."""
    chosen = tag.variants[variant] if variant else ""
    return post(client, f"{kind} {age} {tag.token} {chosen}")


def tag_of_age(shop: Shop, seconds: float) -> Tag:
    """The beacon of a page with the tea that was rendered so long ago."""
    signer = Beacon(core_of(shop.app), lambda: time.time() - seconds)
    tea = Product(**TEA, url="http://localhost/tea")
    return Tag("", str(signer.tokens.of_product(tea)))
