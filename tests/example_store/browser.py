"""A customer's browser, as far as the tests need one: it sends the token of the page it is on."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from flask import Flask
from werkzeug.test import TestResponse

from example_store.demo_shoppers import DEMO_SHOPPERS, DemoShopper

NORA, TOMAS, INES = DEMO_SHOPPERS
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


class Browser:
    def __init__(self, shop: Flask, said: str = "") -> None:
        self._client = shop.test_client()
        self._client.environ_base["HTTP_USER_AGENT"] = USER_AGENT
        if said:
            self.answer(said)

    def open(self, path: str, **query: str) -> TestResponse:
        return self._client.get(path, query_string=query or None, follow_redirects=True)

    def send(self, form_on: str, to: str, **fields: str) -> TestResponse:
        """Send a form of the page ``form_on``, with that page's token."""
        page = self._client.get(form_on, follow_redirects=True).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None, f"no form with a token on {form_on}"
        form = {"csrf_token": token[1], **fields}
        return self._client.post(to, data=form, follow_redirects=True)

    def send_without_token(self, to: str, **fields: str) -> TestResponse:
        return self._client.post(to, data=fields)

    def log_in(self, shopper: DemoShopper, **fields: str) -> TestResponse:
        form = {"email": shopper.email, "password": shopper.password, **fields}
        return self.send("/log-in", "/log-in", **form)

    def answer(self, said: str) -> TestResponse:
        """Say "yes" or "no" on the page about cookies."""
        return self.send("/cookies/", "/cookies/", answer=said)

    def log_out(self) -> TestResponse:
        return self.send("/account", "/log-out")

    @property
    def cookies(self) -> set[str]:
        """The names of the cookies that it has."""
        return {cookie.key for cookie in (self._client._cookies or {}).values()}

    def put_in_basket(self, page: str, sku: str, quantity: str = "1") -> TestResponse:
        return self.send(page, "/basket/add", sku=sku, quantity=quantity)


def eventually(check: Callable[[], bool], limit: float = 5.0) -> None:
    """Ask again and again; fail when the answer is still no after ``limit`` seconds."""
    end = time.monotonic() + limit
    pause = threading.Event()
    while not check():
        assert time.monotonic() < end, f"still not so after {limit} seconds"
        pause.wait(0.02)
