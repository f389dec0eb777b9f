"""A disk that is full, and servers that are killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers.server import Server, until, wait_for_exit
from tests.servers.shop import Shop, products


@pytest.fixture
def small_disk(shop: Shop) -> Iterator[Path]:
    """The outbox on a file system of its own, of one megabyte."""
    shop.outbox.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(shop.outbox)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small disk needs root and mount")
    yield shop.outbox
    subprocess.run(["umount", "--lazy", str(shop.outbox)], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return filler


def kill(server: Server) -> None:
    pids = [server.pid, *server.workers]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    server.process.wait(10)
    wait_for_exit(pids[1:], 10)


def told_by_all(server: Server, delivered: int) -> bool:
    """Whether every worker tells so; whichever is free answers, so each is waited for."""
    silent = set(server.workers)
    while silent:
        books = server.books()
        if books["delivered"] != delivered:
            return False
        silent.discard(books["pid"])
    return True


def test_what_is_on_disk_stays_there_while_the_books_are_in_memory(
    shop: Shop, small_disk: Path
) -> None:
    """F051, F083: the leader cannot open its file, sends from memory, and is killed."""
    with shop.gunicorn(TOPMAIL_DELIVERY="worker") as server:
        looked = server.look_at(products(50))
        kill(server)
    filler = fill(small_disk)
    shop.sandbox.inject_faults(script=["hang"] * 100)
    with shop.gunicorn() as server:
        server.get("/about")
        shop.sandbox.wait_for_requests(1, timeout=10)
        # Only the leader knows its memory, and either worker answers.
        until(lambda: server.books()["health"] == "degraded", 20, "the leader tells of it")
        kill(server)
    filler.unlink()
    shop.sandbox.inject_faults()
    with shop.gunicorn() as server:
        server.get("/about")
        shop.expect_each_once(looked)
        assert shop.expect_settled(server)["accepted"] == 50


def test_a_disk_that_has_room_again_takes_the_books_over(shop: Shop, small_disk: Path) -> None:
    """F083, F084: what was sent from memory is in the ledger once, and is not sent again."""
    with shop.gunicorn(TOPMAIL_DELIVERY="worker") as server:
        looked = server.look_at(products(50))
        kill(server)
    filler = fill(small_disk)
    with shop.gunicorn() as server:
        server.get("/about")
        shop.expect_each_once(looked)
        filler.unlink()
        looked += server.look_at(products(20, "later"))
        shop.expect_each_once(looked)
        # The workers tell the same books again once the leader's are on the disk.
        until(lambda: told_by_all(server, 70), 20, "70 are delivered, as each worker tells it")
        assert shop.expect_settled(server)["accepted"] == 70
        assert len(shop.sandbox.requests) == 70


def test_views_of_a_full_disk_outlive_their_worker(shop: Shop, small_disk: Path) -> None:
    """F051, F083: there is room reserved for a while."""
    with shop.gunicorn(workers=1, TOPMAIL_DELIVERY="worker") as server:
        looked = server.look_at(["first"])
        filler = fill(small_disk)
        looked += server.look_at(products(100))
        assert len(looked) == 101
        kill(server)
    filler.unlink()
    with shop.gunicorn(workers=1) as server:
        server.get("/about")
        shop.expect_each_once(looked)
        assert shop.expect_settled(server)["accepted"] == 101
