"""The commands beside a running store: no view is lost or sent twice, and all see the same."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.cli.operated import ANN, LivingStore, OperatedStore
from topmail_flask.delivery.files import LEADER_LOCK
from topmail_flask.sandbox import Sandbox

COMMANDS = (
    *(("status",), ("list", "--pending"), ("retry", "--all"), ("drop", "--all", "--yes")),
    *(("purge", "--days", "0"), ("list",)),
)


def test_no_view_is_lost_or_sent_twice_while_the_outbox_is_operated(
    operated: OperatedStore, topmail: Sandbox
) -> None:
    """F186"""
    with LivingStore(TOPMAIL_RATE="100") as living:
        at_work = [operated.start("topmail", "outbox", *words) for words in COMMANDS]
        at_work.append(operated.start("topmail", "forget", "nobody@shop.example"))
        at_work.append(operated.start("topmail", "drain", "--timeout", "5"))
        for first in range(0, 300, 20):
            living.looks(first, 20, shopper=ANN)
        for command in at_work:
            out, errors = command.communicate(timeout=60)
            assert "Traceback" not in errors, out + errors
        topmail.wait_for_views(300, timeout=30)
    sent = [view["product_id"] for view in topmail.views]
    assert sorted(sent, key=int) == [str(number) for number in range(300)]
    stats = operated.stats
    assert (stats.accepted, stats.delivered, stats.balanced) == (300, 300, True)


def test_a_sender_that_hangs_is_seen_from_every_process(
    operated: OperatedStore, topmail: Sandbox, tmp_path: Path
) -> None:
    """F183: a receiver waits for ever, here for a reader of its pipe."""
    pipe = tmp_path / "told"
    os.mkfifo(pipe)
    with LivingStore(TOLD=str(pipe)) as living:
        living.looks(0, 1, shopper=ANN)
        topmail.wait_for_views(1, timeout=20)
        operated.looks(1)
        lock = operated.directory / LEADER_LOCK
        assert operated.told("outbox", "status")["ok"]
        long_ago = time.time() - 40
        os.utime(lock, (long_ago, long_ago))
        told = operated.told("outbox", "status", status=1)
        assert told["state"] == "stuck"
        assert "receiver" in told["fix"]
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        topmail.wait_for_views(2, timeout=20)
        assert operated.told("outbox", "status")["state"] == "healthy"
        os.close(reader)
