"""What is done with an outbox file that was damaged, or that was moved or deleted while open."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from topmail_flask.delivery import database, salvage, schema
from topmail_flask.delivery.database import Database, Fault
from topmail_flask.delivery.held_files import held_here, hold
from topmail_flask.delivery.place import LEADER_LOCK, prepare

_log = logging.getLogger("topmail_flask.delivery")
FILE_NAME = "outbox.sqlite3"
OLD_FILE_NAME = f"outbox-v{schema.VERSION}.sqlite3"  # beside a file of a newer version


class Mending:
    """Sets aside, saves and takes over; its caller goes on with the file under the name.

    :param clock: seconds since the epoch, for the names of what is set aside.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._recovered = False

    def mend(self, disk: Database) -> None:
        """Sets the damaged file aside; what can be read of it comes back with the new one.

        Only the leader does, for it goes on writing; without one, whoever finds the damage.
        """
        path = disk.path or Path()
        leading = path.with_name(LEADER_LOCK)
        own = held_here(leading) if leading.exists() else None
        if (guard := own or hold(leading)) is None:
            raise Fault("busy")
        is_current = disk.is_current
        disk.close()
        if is_current:
            salvage.set_aside(path, salvage.DAMAGED, self._clock())
            _log.warning("TopMail: the outbox file was damaged; what can be read is kept.")
        self._recovered = False
        if guard is not own:
            guard.release()

    def rescue(self, disk: Database) -> None:
        """Saves the rows of a file that was deleted or replaced while it was open (fault F088)."""
        path = disk.path or Path()
        prepare(path.parent)
        try:
            with database.translated():
                salvage.rescue(disk.connections[0], path, self._clock())
        except Fault as fault:
            if fault.kind in ("full", "busy"):
                raise
        disk.remove_log()
        disk.close()
        self._recovered = False
        _log.warning("TopMail: the outbox file was moved or deleted; its rows are kept.")

    def recover(self, disk: Database) -> None:
        """Takes over what was set aside, also by a process that died meanwhile."""
        if self._recovered or disk.path is None:
            return
        disk.connection()
        stray = disk.path.with_name(OLD_FILE_NAME)
        if disk.path.name == FILE_NAME and stray.exists():  # whose newer neighbour is gone
            salvage.set_aside(stray, salvage.DAMAGED, self._clock(), like=disk.path)
        for path in salvage.set_aside_files(disk.path, salvage.DAMAGED):
            with database.other_file(path) as source, disk.transaction() as connection:
                salvage.absorb(source, connection, same_key=True)
            salvage.keep_damaged(path)
        self._recovered = True
