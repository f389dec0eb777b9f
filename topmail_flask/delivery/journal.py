"""One view, one write: the only thing that a request waits for."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from topmail_flask.delivery import segments
from topmail_flask.delivery.entry import ORDERS, Entry
from topmail_flask.delivery.files import prepare, refusal
from topmail_flask.delivery.receivers import logger
from topmail_flask.delivery.segments import Segment
from topmail_flask.model.ledger import Stats
from topmail_flask.model.reasons import Reason

CHECK_INTERVAL = 0.5
RETRY_INTERVAL = 1.0
WARN_INTERVAL = 600.0
SEGMENT_BYTES = 1024 * 1024
RESTING_BYTES = 16 * 1024
"""Size from which on an imported file is let go of while nothing is appended: it holds zeros."""
_PASSING = (errno.ENOSPC, errno.EDQUOT)
MAX_BYTES = 64 * 1024 * 1024
_TRIAL = b" " * 1024 + segments.ABANDONED
"""A line that says nothing, about as long as one that tells a view."""


class Journal:
    """The journal of this process: a file of its own in ``directory``, made at the first append.

    No lock is taken that anybody could wait for: it may be used from any thread, greenlet, signal
    handler or finaliser. A forked child notices itself and begins a file of its own.

    :param directory: the app's directory, see :mod:`topmail_flask.delivery.files`.
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
        self._begin()
        self._check_at = 0.0
        self._checked_size = 0
        self._retry_at = 0.0
        self._warn_at = 0.0
        self.degraded = ""

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._tending = threading.Lock()
        self._open: dict[Segment, float] = {}
        """The files that are not let go of, and since when another one is in use."""

    def append(self, line: bytes) -> bool:
        """Writes the line of an entry. Never raises, never waits.

        :returns: False if it is not on the disk: the caller keeps it.
        """
        try:
            segment, now = self._segment, self._monotonic()
            if (
                segment is None
                or now >= self._check_at
                or segment.pid != os.getpid()
                or os.fstat(segment.fd).st_ino != segment.number  # closed, and another file's now
            ):
                segment = self._checked(segment, now)
                if segment is None:
                    return False
            # The newline in front gives every line a fresh start, whatever another write left.
            line = b"\n" + line
            written = os.write(segment.fd, line)
            if written < len(line):
                segment.erase_partial(line[:written])
                raise OSError(errno.ENOSPC, "the disk is full")  # noqa: TRY301  as if it were told
        except (OSError, ValueError) as error:
            self._failed(error)
            return False
        if self.degraded:
            self.degraded = ""
        return True

    def check(self) -> str:
        """Sees without a view whether the file is in place, and whether a disk that took nothing
        takes something again. Never raises.

        :returns: why views are kept in memory only, or "".
        """
        if self.degraded:
            self.append(_TRIAL)
            return self.degraded
        try:
            self._see_to_place()
        except (OSError, ValueError) as error:
            self._failed(error)
        return self.degraded

    def close(self) -> list[bytes]:
        """Lets go of the file; the leader imports the rest of it and removes it.

        :returns: the lines that nobody has imported from a file that was moved or deleted, and
            that cannot be saved: they are lost with this process.
        """
        if self._pid != os.getpid():
            return []
        if not all(segment.in_place for segment in self._open):
            self._check_at = self._retry_at = 0.0
            self.check()
        self._segment = None
        lost: list[bytes] = []
        while self._open:
            segment, _ = self._open.popitem()
            lost += [] if segment.in_place else self._accepted(segment)
        return lost

    def _accepted(self, moved: Segment) -> list[bytes]:
        found: list[bytes] = []
        with suppress(OSError):
            source = segments.OpenSegment(moved.path, moved.reader, dead=False)
            for _, chunk in source.chunks():
                for line in segments.lines_of(chunk):
                    with suppress(ValueError):
                        entry = Entry.from_line(line)
                        found += [] if entry.kind in ORDERS else [entry.to_line()]
        return found

    def _see_to_place(self) -> None:
        segment, now = self._segment, self._monotonic()
        if self._pid != os.getpid() or not self._open or now < self._check_at:
            return
        if segment is not None:
            if self._checked(segment, now) is segment:
                self._rest(segment)
        elif all(each.in_place for each in self._open):
            self._check_at = now + CHECK_INTERVAL
            self._tend(None, now)
        else:
            self._checked(None, now)

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

    def _checked(self, segment: Segment | None, now: float) -> Segment | None:
        self._check_at = now + CHECK_INTERVAL
        if self._pid != os.getpid():
            self._begin()
        if segment is not None and segment.pid == os.getpid() and segment.in_place:
            size = os.fstat(segment.fd).st_size
            if size < self._segment_bytes:
                segment.reserve(size)
                self._tend(segment, now)
                return segment
        self._segment = None
        if now < self._retry_at:
            return None
        prepare(self._directory)
        if segments.overflows(self._directory, self._max_bytes):
            raise OSError(errno.EDQUOT, "the journals are full: nobody delivers from them")
        made = Segment.create(self._directory, now=self._clock(), durable=self._durable)
        self._open[made] = float("inf")
        self._segment = made
        self._tend(made, now)
        return made

    def _tend(self, current: Segment | None, now: float) -> None:
        """Lets go of what is imported to its end, and saves what nobody has imported from files
        that were moved or deleted (fault F193). Another thread may still be writing to any of them.
        """
        if not self._tending.acquire(blocking=False):
            return
        try:
            for segment, known in list(self._open.items()):
                if segment in (current, self._segment):
                    continue
                left_at = self._open[segment] = min(known, now)
                if not segment.is_open:
                    self._open.pop(segment, None)
                elif current is not None and not segment.in_place:
                    self._carry_over(segment, current)
                    if now >= left_at + 2 * CHECK_INTERVAL:
                        self._open.pop(segment, None)
                elif now >= left_at + CHECK_INTERVAL and segment.is_erased:
                    self._open.pop(segment, None)
        finally:
            self._tending.release()

    def _carry_over(self, moved: Segment, to: Segment) -> None:
        source = segments.OpenSegment(moved.path, moved.reader, dead=False)
        saved = 0
        for start, chunk in source.chunks():
            lines = segments.lines_of(chunk)
            copy = b"\n" + b"\n\n".join(lines) + b"\n"
            if lines and os.write(to.fd, copy) < len(copy):
                raise OSError(errno.ENOSPC, "the disk is full")
            segments.erase(moved.reader, start, start + len(chunk))
            saved += len(lines)
        if saved:
            logger.warning("TopMail: a journal file was moved or deleted; its views were saved.")

    def _warn(self, error: Exception) -> None:
        self.degraded = type(error).__name__  # the message may hold the view
        if isinstance(error, OSError):
            self.degraded = refusal(self._directory, error)
        if self._monotonic() >= self._warn_at:
            self._warn_at = self._monotonic() + WARN_INTERVAL
            logger.warning("TopMail: views are kept in memory only. %s.", self.degraded)


class RingBuffer:
    """Entries in memory, at most ``max_entries`` and ``max_bytes`` of them.

    It takes no lock: it may be used from a signal handler, a finaliser or a forked child, which
    begins with an empty ring of its own.

    :ivar lines: of the entries, the oldest first; in a forked child perhaps still the parent's.
    """

    def __init__(self, max_entries: int = 10_000, max_bytes: int = 8 * 1024 * 1024) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._begin()

    def _begin(self) -> None:
        self.lines: deque[bytes] = deque()
        self._bytes = 0
        self._dropped: Counter[str] = Counter()
        self._pid = os.getpid()

    def put(self, *lines: bytes) -> list[tuple[bytes, Reason]]:
        """Keeps lines of entries.

        :returns: the oldest ones, dropped to make room.
        """
        if self._pid != os.getpid():
            self._begin()
        self._bytes += sum(map(len, lines))
        self.lines.extend(lines)
        dropped = []
        while len(self.lines) > self._max_entries or self._bytes > self._max_bytes:
            dropped += self.take(1)
        return self._counted(dropped, Reason.OVERFLOW)

    def take(self, limit: int) -> list[bytes]:
        """Removes up to ``limit`` lines, the oldest first."""
        taken: list[bytes] = []
        with suppress(IndexError):
            while len(taken) < limit and self._pid == os.getpid():
                taken.append(self.lines.popleft())
                self._bytes -= len(taken[-1])
        return taken

    def flush_to(self, append: Callable[[bytes], bool]) -> None:
        """Gives what waits to ``append`` until that returns False."""
        for _ in range(len(self)):
            for line in self.take(1):
                if not append(line):
                    self._bytes += len(line)
                    self.lines.appendleft(line)
                    return

    def forget(self, identity: str, reason: Reason) -> list[tuple[bytes, Reason]]:
        """Drops what waits for a shopper, and counts it under ``reason``."""
        found: list[bytes] = []
        kept: list[bytes] = []
        for line in self.take(len(self)):
            (found if Entry.from_line(line).shopper == identity else kept).append(line)
        self.put(*kept)
        return self._counted(found, reason)

    def give_up(self, reason: Reason) -> list[tuple[bytes, Reason]]:
        """Drops all that waits, and counts it under ``reason``."""
        return self._counted(self.take(len(self)), reason)

    def _counted(self, dropped: list[bytes], reason: Reason) -> list[tuple[bytes, Reason]]:
        self._dropped[reason] += len(dropped)
        return [(line, reason) for line in dropped]

    def __len__(self) -> int:
        return len(self.lines) if self._pid == os.getpid() else 0

    def stats(self) -> Stats:
        """What waits here, and what was dropped here; never what left for the disk."""
        if self._pid != os.getpid():
            return Stats()
        dropped = self._dropped.total()
        reasons = {reason: count for reason, count in self._dropped.items() if count}
        waiting = len(self)
        return Stats(accepted=waiting + dropped, pending=waiting, dropped=dropped, reasons=reasons)
