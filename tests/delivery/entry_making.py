"""Entries, outboxes and places for the tests of the journal and the books."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from topmail_flask.delivery.admin import OutboxAdmin, Work
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.importing import ImportReport
from topmail_flask.delivery.journal import Journal
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Shopper

EMAIL = "ada.lovelace@shop.example"
NOW = 1_700_000_000.0
ROOT = Path(__file__).parents[2]


class Clock:
    """A time that the test moves; used for both kinds of clock."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def entry(number: int = 0, **changes: Any) -> Entry:
    body = {
        "email": EMAIL,
        "product_id": f"p{number}",
        "product_name": "Lamp",
        "product_url": "https://shop.example/lamp",
    }
    values: dict[str, Any] = {
        "kind": "view",
        "key": f"key-{number}",
        "at": NOW,
        "identity": "ada",
        "repeat": "",
        "body": json.dumps(body).encode(),
    }
    return Entry(**values | changes)


class Written(Journal):
    """A journal that takes entries as well as their lines."""

    def append(self, line: bytes | Entry) -> bool:
        return super().append(line if isinstance(line, bytes) else line.to_line())


def journal(directory: Path, clock: Clock | None = None, **options: Any) -> Written:
    clock = clock or Clock()
    return Written(directory, clock=clock, monotonic=clock, **options)


def outbox(directory: Path | None, clock: Clock | None = None, **settings: Any) -> Outbox:
    clock = clock or Clock()
    return Outbox(directory, Settings(**settings), clock=clock, monotonic=clock)


def operator(directory: Path, told: Callable[..., object] = lambda *_: None) -> OutboxAdmin:
    """What a command gets: it sends nothing and leads nothing."""
    return OutboxAdmin(directory, Settings(), told, identity_of, clock=Clock())


def identity_of(shopper: Shopper) -> str:
    known = shopper.identity
    return "ada" if known == EMAIL else hashlib.blake2b(known.encode()).hexdigest()[:32]


def total(work: Work) -> Counter[str]:
    """Does the work; what became of how many."""
    return sum(work.steps, Counter())


def imported(books: Outbox, entries: Iterable[Entry]) -> ImportReport:
    return books.import_lines([entry.to_line() for entry in entries])


def fill(books: Outbox, entries: Iterable[Entry]) -> None:
    assert not imported(books, entries).fault


def given_up(dropped: Iterable[tuple[bytes, Reason]]) -> list[tuple[str, Reason]]:
    """The keys of the entries that an outbox has given up, each with its reason."""
    return [(Entry.from_line(line).key, reason) for line, reason in dropped]


def import_all(books: Outbox) -> None:
    while (report := books.import_journals()).more:
        pass
    assert not report.fault


def contact_id_of(books: Outbox, identity: str) -> str | None:
    """TopMail's id of a contact, as the outbox remembers it."""
    query = "SELECT contact_id FROM contacts WHERE identity = ?"
    return next((attempts for (attempts,) in books.file.rows(query, (identity,))), None)


def drain(books: Outbox, limit: int = 50) -> list[str]:
    """Deliver what is due; the keys in the order of sending."""
    keys = []
    while rows := books.claim(limit):
        with books.batch():
            for row in rows:
                books.delivered(row)
                keys.append(row.entry.key)
    return keys


def program(text: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """A Python program that may import the package and these helpers."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", text, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def output_of(text: str, *arguments: object, **options: Any) -> str:
    """What a program prints; it must end well and complain of nothing."""
    running = program(text, *arguments, **options)
    out, errors = running.communicate(timeout=60)
    assert running.returncode == 0, errors
    return out.strip()


def give_to_nobody(place: Path) -> None:
    """The directory is nobody's, for root may write everywhere: a program may become nobody."""
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    for above in (place, *place.parents):
        if above == Path(tempfile.gettempdir()):
            break
        above.chmod(0o755)
    os.chown(place, 65534, 65534)


def bytes_below(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())
