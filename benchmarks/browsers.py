"""The browsers that ask the measured store for its pages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any
from wsgiref.util import setup_testing_defaults

from flask import Flask

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def session_cookie(app: Flask, number: int) -> str:
    """The cookie of a shopper who is logged in."""
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    return f"session={serializer.dumps({'_user_id': str(number), '_fresh': True})}"


def environ(path: str, *, agent: str = CHROME, cookie: str | None = None) -> dict[str, Any]:
    """A browser's request as a WSGI server hands it over."""
    asked: dict[str, Any] = {
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_HOST": "store.example",
        "HTTP_USER_AGENT": agent,
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.9",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
        "HTTP_CONNECTION": "keep-alive",
        "HTTP_SEC_FETCH_DEST": "document",
        "HTTP_SEC_FETCH_MODE": "navigate",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
        "REMOTE_ADDR": "127.0.0.1",
    }
    if cookie is not None:
        asked["HTTP_COOKIE"] = f"{cookie}; theme=dark; cart=4711"
    setup_testing_defaults(asked)
    return asked


CATALOGUE, SHOPPERS = 50, 200  # products in demand; all of them are seen before the count begins


def requests_to(app: Flask, path: str, agent: str, *, logged_in: bool) -> Iterator[dict[str, Any]]:
    """Browsers' requests: every shopper looks at every product of the catalogue (``N``), once.

    ``NEW`` is a product that nobody has looked at before.
    """
    unseen = count(10_000)
    cookies = [session_cookie(app, one) if logged_in else None for one in range(SHOPPERS)]
    while True:
        for cookie in cookies:
            asked = environ("", agent=agent, cookie=cookie)
            for number in range(1_000, 1_000 + CATALOGUE):
                fresh = path.replace("NEW", str(next(unseen)))
                yield {**asked, "PATH_INFO": fresh.replace("N", str(number))}


def serve(app: Flask, asked: dict[str, Any]) -> int:
    """One request as a server makes it, to the last byte. Returns the length of the body."""
    told: list[str] = []

    def start_response(status: str, _headers: Any, _error: Any = None) -> Any:
        told.append(status)

    answer = app(asked, start_response)
    try:
        length = sum(map(len, answer))
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
    if not told[0].startswith("200"):
        raise SystemExit(f"{asked['PATH_INFO']}: {told[0]}")
    return length
