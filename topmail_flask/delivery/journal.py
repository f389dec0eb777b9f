"""One view, one write: the only thing that a request waits for."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from topmail_flask.delivery import segments
from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.place import prepare
from topmail_flask.delivery.segments import Segment

_log = logging.getLogger("topmail_flask.delivery")
CHECK_INTERVAL = 0.5
RETRY_INTERVAL = 1.0
WARN_INTERVAL = 600.0
SEGMENT_BYTES = 1024 * 1024
RESTING_BYTES = 16 * 1024
"""Size from which on an imported file is let go of while nothing is appended: it holds zeros."""
_PASSING = (errno.ENOSPC, errno.EDQUOT)
MAX_BYTES = 64 * 1024 * 1024
_TRIAL = b"\n" + b" " * 1024 + segments.ABANDONED
"""A line that says nothing, about as long as one that tells a view."""


class Journal:
    """The journal of this process: a file of its own in ``directory``, made at the first append.

    No lock is taken that anybody could wait for: it may be used from any thread, greenlet, signal
    handler or finaliser. A forked child notices itself and begins a file of its own.

    :param directory: the app's directory, see :mod:`topmail_flask.delivery.place`.
    :param durable: every line reaches the disk before :meth:`append` returns
        (``TOPMAIL_SYNCHRONOUS = "FULL"``).
    :param max_bytes: bytes of journals that may wait in the directory for a leader.
    :param segment_bytes: size at which a new file is begun.
    """

    def __init__(
        self,
        directory: Path,
        *,
        durable: bool = False,
        max_bytes: int = MAX_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._durable = durable
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._clock = clock
        self._monotonic = monotonic
        self._segment: Segment | None = None
        self._stranded: list[Segment] = []
        self._check_at = 0.0
        self._checked_size = 0
        self._retry_at = 0.0
        self._warn_at = 0.0
        self.degraded = ""

    def append(self, entry: Entry) -> bool:
        """Writes one entry. Never raises, never waits.

        :returns: False if it is not on the disk: the caller keeps it.
        """
        try:
            # The newline in front gives every line a fresh start, whatever another write left.
            return self._write(b"\n" + entry.to_line())
        except (OSError, ValueError) as error:
            self._failed(error)
            return False

    def check(self) -> str:
        """Sees without a view whether the file is in place, and whether a disk that took nothing
        takes something again. Never raises.

        :returns: why views are kept in memory only, or "".
        """
        try:
            if self.degraded:
                self._write(_TRIAL)
            else:
                self._see_to_place()
        except (OSError, ValueError) as error:
            self._failed(error)
        return self.degraded

    def close(self) -> list[Entry]:
        """Lets go of the file; the leader imports the rest of it and removes it.

        :returns: what nobody has imported from a file that was moved or deleted, and cannot be
            saved: it is lost with this process.
        """
        if self._stranded or (self._segment is not None and not self._segment.in_place):
            self._check_at = self._retry_at = 0.0
            self.check()
        self._segment = None
        lost: list[Entry] = []
        while self._stranded:
            lost += self._entries_of(self._stranded.pop())
        return lost

    def _entries_of(self, stranded: Segment) -> list[Entry]:
        found: list[Entry] = []
        with suppress(OSError):
            source = segments.OpenSegment(stranded.path, stranded.reader, dead=False)
            start = 0
            while stranded.pid == os.getpid() and (chunk := source.read(start, segments.CHUNK)):
                start += len(chunk)
                for line in segments.lines_of(chunk):
                    with suppress(ValueError):
                        found.append(Entry.from_line(line))
        return [entry for entry in found if entry.kind != "withdrawal"]

    def _see_to_place(self) -> None:
        segment, now = self._segment, self._monotonic()
        if segment is None or segment.pid != os.getpid() or now < self._check_at:
            return
        if self._checked(segment, now) is segment:
            self._rest(segment)

    def _rest(self, segment: Segment) -> None:
        """Lets go of a file that is imported to its end, so that the leader removes it."""
        before, self._checked_size = self._checked_size, os.fstat(segment.fd).st_size
        if self._checked_size == before >= RESTING_BYTES and segment.is_erased:
            # Whoever is appending at this moment holds it, and what they append is imported.
            self._segment = None

    def _failed(self, error: Exception) -> None:
        if self._segment is None or getattr(error, "errno", None) not in _PASSING:
            self._segment = None
            self._retry_at = self._monotonic() + RETRY_INTERVAL
        self._warn(error)

    def _write(self, line: bytes) -> bool:
        segment, now = self._segment, self._monotonic()
        if segment is None or now >= self._check_at or segment.pid != os.getpid():
            segment = self._checked(segment, now)
            if segment is None:
                return False
        written = os.write(segment.fd, line)
        if written < len(line):
            segment.abandon(line[:written])
            raise OSError(errno.ENOSPC, "the disk is full")
        if self.degraded:
            self.degraded = ""
        return True

    def _checked(self, segment: Segment | None, now: float) -> Segment | None:
        self._check_at = now + CHECK_INTERVAL
        if segment is not None and segment.pid == os.getpid():
            if not segment.in_place:
                self._stranded.append(segment)
            elif os.fstat(segment.fd).st_size < self._segment_bytes:
                self._save_stranded(segment)
                return segment
        self._segment = None
        if now < self._retry_at:
            return None
        prepare(self._directory)
        if segments.overflows(self._directory, self._max_bytes):
            raise OSError(errno.EDQUOT, "the journals are full: nobody delivers from them")
        self._segment = Segment.create(self._directory, now=self._clock(), durable=self._durable)
        self._save_stranded(self._segment)
        return self._segment

    def _save_stranded(self, to: Segment) -> None:
        """Saves what nobody has imported from files that were moved or deleted (fault F193)."""
        for stranded in tuple(self._stranded):
            if stranded.pid == os.getpid():
                self._carry_over(stranded, to)
            with suppress(ValueError):
                self._stranded.remove(stranded)

    def _carry_over(self, stranded: Segment, to: Segment) -> None:
        source = segments.OpenSegment(stranded.path, stranded.reader, dead=False)
        start, saved = 0, 0
        while chunk := source.read(start, segments.CHUNK):
            lines = segments.lines_of(chunk)
            copy = b"\n" + b"\n\n".join(lines) + b"\n"
            if lines and os.write(to.fd, copy) < len(copy):
                raise OSError(errno.ENOSPC, "the disk is full")
            segments.erase(stranded.reader, start, start + len(chunk))
            start += len(chunk)
            saved += len(lines)
        if saved:
            _log.warning("TopMail: a journal file was moved or deleted; its views were saved.")

    def _warn(self, error: Exception) -> None:
        self.degraded = type(error).__name__  # the message may hold the view
        if isinstance(error, OSError):
            self.degraded = error.strerror or str(error)
        if self._monotonic() >= self._warn_at:
            self._warn_at = self._monotonic() + WARN_INTERVAL
            _log.warning("TopMail: views are kept in memory only. %s.", self.degraded)
