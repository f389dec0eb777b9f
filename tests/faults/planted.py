"""A program: a store under a root logger at DEBUG and a real Sentry client, through every failure.

``python -m tests.faults.planted DIRECTORY`` writes ``everything.log`` and ``events.json`` there and
prints what happened as JSON. It is a program of its own because Sentry changes the whole process.
"""

from __future__ import annotations

import gc
import itertools
import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import sentry_sdk
from flask import Flask
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from tests.delivery import chaos as acts
from tests.delivery.chaos import Chaos, chaos_server
from tests.faults.injection import Points
from tests.faults.store import ADDRESS, answer, logged_in_cookie, make_store
from topmail_flask import TopMail, product_viewed, view_delivered, view_dropped

KEY = "tm_live_planted_0123456789_abcdefgh"
# Where our threads begin: nothing of ours stands before these.
BEGINNINGS = ("delivery.runners:Runner._run", "delivery.attempt:_SenderThread.run")
FAULTS: dict[str, tuple[acts.Act, ...]] = {
    "400": (acts.error(400, "validation_error", "email"),),
    "401": (acts.status(401),),
    "403": (acts.error(403, "limit_reached"),),
    "404 page": (acts.page(404),),
    "404 contact": (acts.error(404, "contact_not_found"),),
    "409": (acts.status(409),),
    "413": (acts.status(413),),
    "422": (acts.status(422),),
    "429": (acts.status(429, ("Retry-After", "1")),),
    "500": (acts.status(500),),
    "503 page": (acts.page(503),),
    "302": (acts.status(302, ("Location", "https://elsewhere.example/")),),
    "a log-in page": (acts.page(200),),
    "deep": (acts.status(200, body=b"[" * 60_000),),
    "truncated": (acts.truncated,),
    "endless": (acts.endless,),
    "reset": (acts.reset, acts.reset),
    "hang": (acts.hang,),
}


class Captured(Transport):
    """Keeps what would have been sent to Sentry."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            self.events.append(item.payload.json or repr(item.payload.bytes))


class Program:
    def __init__(self, directory: Path, chaos: Chaos) -> None:
        self.directory = directory
        self.chaos = chaos
        self.cookie = logged_in_cookie(make_store()[0])
        self.expected = answer(make_store()[0], self.cookie, "/tea/7")
        self.changed: list[str] = []
        self._number = itertools.count()

    @contextmanager
    def store(self, **settings: Any) -> Iterator[tuple[Flask, TopMail]]:
        chosen = {
            "TOPMAIL_API_KEY": KEY,
            "TOPMAIL_BASE_URL": self.chaos.base_url,
            "TOPMAIL_OUTBOX": str(self.directory / f"outbox-{next(self._number)}"),
            "TOPMAIL_TIMEOUT": 0.3,
            "TOPMAIL_SHUTDOWN_TIMEOUT": 0,
            "TOPMAIL_REPEAT_WINDOW": 0,
            **settings,
        }
        app, topmail = make_store(chosen)
        assert topmail is not None
        yield app, topmail
        app.extensions["topmail"].core.delivery.close()

    def look(self, app: Flask, what: str) -> None:
        try:
            same = answer(app, self.cookie, "/tea/7") == self.expected
        except Exception as error:  # noqa: BLE001  it came through to the server
            what, same = f"{what}: {type(error).__name__}", False
        if not same:
            self.changed.append(what)

    def faults_of_the_api(self) -> None:
        for name, script in FAULTS.items():
            for unknown in ("skip", "create") if "contact" in name else ("skip",):
                self.chaos.script.clear()
                self.chaos.answers(*script, *([acts.status(403)] if unknown == "create" else []))
                with self.store(TOPMAIL_UNKNOWN_CONTACTS=unknown) as (app, _):
                    self.look(app, name)
                    self.chaos.wait_for(len(script), limit=10)
        self.chaos.script.clear()
        wrong_scheme = self.chaos.base_url.replace("http:", "https:")
        for url in ("http://127.0.0.1:9", "https://no.such.name.invalid", wrong_scheme):
            with self.store(TOPMAIL_BASE_URL=url) as (app, topmail):
                self.look(app, url)
                with app.app_context():
                    topmail.flush(0.3)

    def bugs_of_the_shop(self) -> None:
        def broken(*_: object, **__: object) -> Any:
            raise LookupError(f"{ADDRESS} {KEY}")

        for hook in ("shopper_loader", "consent", "exclude", "before_send"):
            with self.store() as (app, topmail):
                getattr(topmail, hook)(broken)
                self.look(app, hook)
        for signal in (product_viewed, view_dropped, view_delivered):
            with self.store() as (app, topmail):
                signal.connect(broken, app)
                self.look(app, signal.name)
                with app.app_context():
                    topmail.flush(5)

    def bugs_of_ours(self) -> tuple[list[str], list[str]]:
        """Names of the functions that raised in our threads, and of those that were not called."""
        points = Points()
        gc.collect()
        gc.freeze()
        ours: set[CodeType] = set()

        def note(frame: FrameType, event: str, _: object) -> None:
            if event == "call":
                ours.add(frame.f_code)

        threading.setprofile(note)
        with self.store() as (app, topmail):
            self.look(app, "profiled")
            with app.app_context():
                topmail.flush(10)
        threading.setprofile(None)
        raised: list[str] = []
        missed: list[str] = []
        for point in points.all:
            if point.code not in ours or point.name in BEGINNINGS:
                continue
            sprung = threading.Event()

            def trap(sprung: threading.Event = sprung) -> None:
                sprung.set()
                raise LookupError(f"{ADDRESS} {KEY}")

            with self.store() as (app, _), points.raising(point, trap):
                self.look(app, point.name)
                if not sprung.wait(1.5):  # what is called at the end only
                    with suppress(LookupError):
                        app.extensions["topmail"].core.delivery.close()
                (raised if sprung.wait(1.5) else missed).append(point.name)
        return raised, missed


def main(directory: Path) -> None:
    logging.basicConfig(filename=directory / "everything.log", level=logging.DEBUG)
    transport = Captured()
    # Its counts of requests, sent once a minute, are no events.
    sentry_sdk.init(
        dsn="https://public@sentry.example/1", transport=transport, auto_session_tracking=False
    )
    with chaos_server() as chaos:
        program = Program(directory, chaos)
        program.faults_of_the_api()
        program.bugs_of_the_shop()
        raised, missed = program.bugs_of_ours()
    events = [json.dumps(event, default=str) for event in transport.events]
    sentry_sdk.capture_message("an event of the shop's own, with the breadcrumbs of all this")
    (directory / "events.json").write_text(json.dumps(transport.events, default=str))
    told = {"changed": program.changed, "raised": raised, "missed": missed, "events": events}
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
