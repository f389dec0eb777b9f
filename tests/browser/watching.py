"""What a page did that a shop's page must not do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, WebError

_OWN_HOSTS = ("127.0.0.1", "localhost", "[::1]")
# What a browser breaks off itself when it leaves a page.
_BROKEN_OFF = ("net::ERR_ABORTED",)


@dataclass
class Watch:
    """Errors of all pages of one browser context.

    :ivar allowed: regular expressions of complaints that a test expects.
    """

    allowed: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def begin(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    @property
    def complaints(self) -> list[str]:
        return [
            note for note in self.noted if not any(re.search(rule, note) for rule in self.allowed)
        ]

    def _console(self, message: ConsoleMessage) -> None:
        # The answer of status 400 or more behind this one is noted with its address below.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.noted.append(f"console: {message.text}")

    def _error(self, error: WebError) -> None:
        self.noted.append(f"uncaught: {error.error}")

    def _request(self, request: Request) -> None:
        self.requests.append(request)
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in _OWN_HOSTS:
            self.noted.append(f"third party: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure not in _BROKEN_OFF:
            self.noted.append(f"failed: {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.noted.append(f"status {response.status}: {response.url}")


def until(page: Page, condition: Callable[[], object], what: str, limit: float = 10.0) -> None:
    """Return as soon as the condition holds; the browser's events come in meanwhile.

    :raises AssertionError: it does not within ``limit`` seconds.
    """
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"not within {limit} s: {what}"
        page.wait_for_timeout(20)
