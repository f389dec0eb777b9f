"""A store on a real port of this machine, for a real browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from playwright.sync_api import Page
from werkzeug.serving import WSGIRequestHandler, make_server

from example_store.demo_shoppers import DEMO_SHOPPERS, DemoShopper
from topmail_flask.sandbox import Sandbox

Application = Flask | Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
NORA, TOMAS, INES = DEMO_SHOPPERS


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        """A test's output is no access log."""


def _closed_at_the_end(app: Application) -> Application:
    """Werkzeug does not close an answer, and a file in it, when the browser leaves at its end."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
        body: Any = app(environ, start)
        try:
            yield from body
        finally:
            getattr(body, "close", lambda: None)()

    return answer


@contextmanager
def serving(app: Application) -> Iterator[str]:
    """Serves an application, a thread for each request.

    :returns: its address, without a slash at the end.
    """
    closing = _closed_at_the_end(app)
    server = make_server("127.0.0.1", 0, closing, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]  # a browser keeps connections open
    server.block_on_close = False  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@dataclass
class Store:
    """The example store under an address, and the TopMail that gets its views."""

    app: Flask
    url: str
    sandbox: Sandbox = field(repr=False)

    def log_in(self, page: Page, shopper: DemoShopper = NORA) -> None:
        """Log in by the store's own form."""
        page.goto(f"{self.url}/log-in")
        page.get_by_label("E-mail").fill(shopper.email)
        page.get_by_label("Password").fill(shopper.password)
        page.get_by_role("main").get_by_role("button", name="Log in").click()
        page.wait_for_url(lambda address: "/log-in" not in address)

    def accept(self, page: Page) -> None:
        """Say yes to the banner of any page."""
        if page.url == "about:blank":
            page.goto(f"{self.url}/about")
        page.get_by_role("button", name="Accept").click()
        page.get_by_text("Thank you. We remember").wait_for()

    @property
    def arrived(self) -> list[str]:
        """The ids of the products whose views TopMail has, in the order of their arrival."""
        return [str(view["product_id"]) for view in self.sandbox.views]
