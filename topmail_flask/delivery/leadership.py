"""One leader per machine and app: the lock that makes it so."""

from __future__ import annotations

from pathlib import Path

from topmail_flask.delivery.held_files import HeldFile, hold
from topmail_flask.delivery.outbox import Outbox
from topmail_flask.delivery.place import prepare, siblings

LOCK_NAME = "leader.lock"


def lead(directory: Path) -> HeldFile | None:
    """The right to lead, until it is released or the process ends.

    :returns: None while somebody else leads.
    :raises OSError: the directory cannot be used.
    """
    prepare(directory)
    return hold(directory / LOCK_NAME)


def adopt_siblings(outbox: Outbox, directory: Path) -> None:
    """Take over what waits under the app's former keys, where nobody leads any more (F187)."""
    for sibling in siblings(directory):
        try:
            lock = lead(sibling)
        except OSError:
            continue
        if lock is not None:
            try:
                outbox.adopt(sibling)
            finally:
                lock.release()
