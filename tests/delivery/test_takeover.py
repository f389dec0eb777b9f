"""A leader that is killed while it takes over leaves nothing that its successor waits for."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from tests.delivery.entry_making import Clock, drain, entry, imported, outbox
from topmail_flask.delivery import segments


def test_what_a_dead_leader_had_claimed_is_due_for_the_next_at_once(tmp_path: Path) -> None:
    # F051, F063, F092
    clock = Clock()
    first = outbox(tmp_path / "shop", clock)
    imported(first, [entry(number) for number in range(300)])
    for _ in range(3):  # each dies after it has claimed
        assert len(first.claim(300)) == 300
        first.close()
        first = outbox(tmp_path / "shop", clock)
        assert first.claim(300) == []
        first.begin_lead()
    assert len(drain(first)) == 300
    first.close()


def test_a_segment_that_vanishes_while_the_journals_are_measured_harms_nobody(
    tmp_path: Path,
) -> None:
    # F194: the leader removes the segments of the dead while a request opens its own
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            for number in range(20):
                path = tmp_path / f"{number}{segments.SUFFIX}"
                path.touch()
                os.unlink(path)

    others = threading.Thread(target=come_and_go)
    others.start()
    try:
        for _ in range(2000):
            assert not segments.overflows(tmp_path, 1)
    finally:
        ended.set()
        others.join()
