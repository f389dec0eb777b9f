"""What a store adds on purpose fails open too: beacon, identities and purchases (F135).

Their pages differ from those of a store without the extension, by what was asked for: so what must
stay whatever raises is the store's own part of each page, and its status.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from werkzeug.test import Client

from tests.faults.injection import Point, Points
from tests.faults.store import ADDRESS, TEA
from tests.faults.test_fail_open import KINDS
from topmail_flask import TopMail, product_page

ROOMS = ("beacon", "identify", "shoppers", "purchases", "routes")
BROWSER = {"HTTP_USER_AGENT": "Firefox/140.0", "HTTP_SEC_FETCH_SITE": "same-origin"}
# Flask calls these: they hand on to the fence, and that is all they do.
ENTRANCES = {
    "identify.links:Onward.get_response",
    "routes:_OwnRoutes.answer",
    "identify.identify:Identify.notice_link",
}
OWN, END = "<h1>Green tea</h1>", "<footer>the store's own</footer>"
TAGS = {
    "beacon": "{{ topmail_beacon(tea, variants=[{'id': 'v-1'}]) }}",
    "later": "{{ topmail_product(tea) }}",
}


def make(directory: Path) -> tuple[Flask, TopMail]:
    """A store that uses all of it."""
    app = Flask("tea shop")
    app.secret_key = "a secret of the shop"
    app.config |= {
        "TOPMAIL_API_KEY": "tm_test_fail_open_0123456789",
        "TOPMAIL_OUTBOX": str(directory),
        "TOPMAIL_DELIVERY": "worker",
        "TOPMAIL_SITE_URL": "http://localhost",
        "TOPMAIL_BACKFILL": 3,
    }
    topmail = TopMail(app)
    topmail.consent(lambda: True)

    def page(text: str) -> str:
        return render_template_string(OWN + text + END, tea=TEA, product=TEA)

    @app.get("/<any(beacon, later):tag>")
    @product_page
    def tea(tag: str) -> str:
        return page(TAGS[tag])

    @app.get("/sign-up")
    def sign_up() -> str:
        topmail.identify(email=ADDRESS)
        return page("")

    @app.get("/thanks")
    def thanks() -> str:
        topmail.track_purchase("A-7", revenue="9.90", currency="EUR", shopper=ADDRESS)
        return page("")

    @app.get("/log-out")
    def log_out() -> str:
        topmail.forget()
        return page("")

    return app, topmail


def visit(app: Flask, link: str, message: bytes) -> Iterator[str]:
    """What is wrong with the answers to one visitor who uses everything."""
    browser = Client(app)
    for path in (*(f"/{name}" for name in TAGS), "/sign-up", "/later", "/thanks", link, "/log-out"):
        answer = browser.get(path, environ_overrides=BROWSER)
        if answer.status_code == 302 and path == link:
            answer = browser.get(answer.location, environ_overrides=BROWSER)
        text = answer.text
        if answer.status_code != 200 or not (text.startswith(OWN) and text.endswith(END)):
            yield f"{path}: {answer.status} {text[:200]}"
    told = browser.post("/_shopfront/product", data=message, environ_overrides=BROWSER)
    if (told.status_code, told.data) != (204, b""):
        yield f"beacon: {told.status}"


@pytest.fixture
def points() -> Iterator[list[tuple[Points, Point]]]:
    found = Points()
    gc.collect()
    gc.freeze()
    yield [(found, point) for point in found.all if point.name.startswith(ROOMS)]
    gc.unfreeze()


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_error_in_what_a_store_adds_leaves_the_rest_of_its_page(
    points: list[tuple[Points, Point]], tmp_path: Path
) -> None:
    app, topmail = make(tmp_path)
    with app.app_context():
        link = topmail.sign_link("http://localhost/later", ADDRESS).removeprefix("http://localhost")
    token = app.test_client().get("/beacon").text.partition('token="')[2].partition('"')[0]
    message = f"copy 5 {token}".encode()
    assert not list(visit(app, link, message))

    raised: set[str] = set()
    wrong: dict[str, list[str]] = {}
    for found, point in points:

        def trap(name: str = point.name) -> None:
            raised.add(name)
            raise KINDS[len(raised) % len(KINDS)]

        with found.raising(point, trap):
            try:
                troubles = list(visit(app, link, message))
            except Exception as error:  # noqa: BLE001  it came through to the server
                troubles = [f"{type(error).__name__} reached the server"]
        if troubles:
            wrong[point.name] = troubles
    assert set(wrong) == ENTRANCES, wrong
    assert len(raised) > 40, sorted(raised)
