"""The file of looks: bounded, private, shared, and no reason for a page to fail."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.storefront.store import Browser, make_store
from topmail_flask.storefront import look_file
from topmail_flask.storefront.look_file import LookFile
from topmail_flask.storefront.looks import KEPT_SECONDS, Companion, Look

ANN, BOB, CAT = ("a" * 32, "b" * 32, "c" * 32)
NOW = 1_800_000_000.0


class Time:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def file(tmp_path: Path, clock: Time) -> Iterator[LookFile]:
    file = LookFile(tmp_path / "app" / "looks.sqlite3", clock)
    yield file
    file.remove()


def products(looks: list[Look]) -> list[str]:
    return [look.product for look in looks]


def test_the_latest_look_at_a_product_counts_in_whatever_order_they_come(file: LookFile) -> None:
    file.remember([Look(ANN, "tea", NOW), Look(ANN, "mug", NOW - 5)])
    file.remember([Look(ANN, "tea", NOW - 9)])

    assert file.seen_by(ANN) == [Look(ANN, "tea", NOW), Look(ANN, "mug", NOW - 5)]


def test_of_a_visitor_the_newest_50_are_kept(file: LookFile) -> None:
    file.remember([Look(ANN, str(number), NOW + number) for number in range(80)])

    assert products(file.seen_by(ANN)) == [str(number) for number in range(79, 29, -1)]


def test_looks_are_shown_for_90_days_and_then_erased(file: LookFile, clock: Time) -> None:
    file.remember([Look(ANN, "tea", NOW)])
    clock.now += KEPT_SECONDS + 1
    assert file.seen_by(ANN) == []

    restarted = LookFile(file.path, clock)
    restarted.remember([Look(BOB, "mug", clock.now)])
    with closing(sqlite3.connect(str(file.path))) as connection, connection:
        assert connection.execute("SELECT product FROM looks").fetchall() == [("mug",)]


def test_the_oldest_go_when_there_are_too_many(
    file: LookFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_file, "ROWS_LIMIT", 100)
    for number in range(1001):
        file.remember([Look(f"{number:032x}", "tea", NOW + number)])

    assert file.seen_by(f"{899:032x}") == []
    assert products(file.seen_by(f"{1000:032x}")) == ["tea"]


def test_companions_are_counted_by_visitors(file: LookFile) -> None:
    for visitor in (ANN, BOB):
        file.remember([Look(visitor, "tea", NOW), Look(visitor, "pot", NOW)])
    file.remember([Look(CAT, "pot", NOW), Look(CAT, "tea", NOW), Look(CAT, "mug", NOW)])
    file.remember([Look("d" * 32, "pot", NOW), Look(ANN, "pot", NOW + 1)])

    assert file.seen_with("tea") == [Companion("pot", 3, 4)]


def test_a_visitor_who_is_forgotten_is_in_no_count_and_in_no_byte(file: LookFile) -> None:
    for visitor in (ANN, BOB, CAT):
        file.remember([Look(visitor, "tea", NOW), Look(visitor, "pot", NOW)])
    file.remember([Look(ANN, "secret-thing", NOW)])

    assert file.forget([ANN]) == 3
    assert file.forget([ANN]) == 0

    assert file.seen_with("tea") == [Companion("pot", 2, 2)]
    assert file.path is not None
    for name in file.path.parent.iterdir():
        content = name.read_bytes()
        assert bytes.fromhex(ANN) not in content
        assert b"secret-thing" not in content


def test_its_owner_alone_may_read_it(file: LookFile) -> None:
    file.remember([Look(ANN, "tea", NOW)])

    assert file.path is not None
    modes = {name.name: name.stat().st_mode & 0o777 for name in file.path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "content", [b"no database at all" * 400, b"SQLite format 3\0" + b"x" * 9000]
)
def test_a_damaged_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    app = make_store(tmp_path)
    Browser(app).look("tea")
    [path] = tmp_path.rglob("looks.sqlite3")
    for name in path.parent.glob("looks*"):
        name.unlink()
    path.write_bytes(content)

    browser = Browser(make_store(tmp_path))
    browser.look("tea")  # this one finds out
    app = make_store(tmp_path)
    again = Browser(app)
    again.look("mug", "pot")

    assert again.seen() == ["pot", "mug"]


def test_a_file_that_was_removed_beside_a_running_store_is_made_anew(tmp_path: Path) -> None:
    app = make_store(tmp_path)
    browser = Browser(app)
    browser.look("tea")
    for name in tmp_path.rglob("looks*"):
        name.unlink()
    browser.look("mug")

    assert browser.seen() == ["mug"]


def test_while_somebody_holds_the_file_pages_go_on_and_looks_wait(tmp_path: Path) -> None:
    app = make_store(tmp_path)
    browser = Browser(app)
    browser.look("tea")
    [path] = tmp_path.rglob("looks.sqlite3")
    with closing(sqlite3.connect(path, isolation_level=None)) as held, held:
        held.execute("BEGIN IMMEDIATE")
        browser.look("mug")
        held.execute("COMMIT")
    held.close()
    waiting = app.extensions["topmail"].storefront.memory
    waiting._paused_until = 0.0  # ten seconds later

    assert browser.seen() == ["mug", "tea"]


def test_a_place_that_cannot_be_written_costs_the_list_and_no_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "outbox").symlink_to(tmp_path)
    browser = Browser(make_store(tmp_path / "outbox"))
    browser.look("tea")

    assert browser.seen() == []
    assert "LookFile raised PlaceRefused" in caplog.text


def test_a_child_of_a_fork_uses_a_connection_of_its_own(file: LookFile) -> None:
    file.remember([Look(ANN, "tea", NOW)])
    file._lock.acquire()  # as a thread of the parent would, that is not there in the child
    child = os.fork()
    if child == 0:
        try:
            file.remember([Look(ANN, "mug", NOW + 1)])
            os._exit(0)
        finally:
            os._exit(1)
    file._lock.release()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert products(file.seen_by(ANN)) == ["mug", "tea"]


def test_a_file_that_nobody_asks_for_30_days_is_removed_and_nothing_is_heard_any_more(
    tmp_path: Path,
) -> None:
    app = make_store(tmp_path)
    browser = Browser(app)
    browser.look("tea")
    [path] = tmp_path.rglob("looks.sqlite3")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE notes SET value = value - 31 * 86400")
    connection.close()
    storefront = make_store(tmp_path).extensions["topmail"].storefront
    storefront._flushes = 999
    storefront.memory.add(Look(ANN, "mug", NOW))
    storefront.flush()

    assert not path.exists()
