"""The journals of all processes, read by the leader: once each, then erased, then removed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from topmail_flask.delivery import segments
from topmail_flask.delivery.entries import Entry
from topmail_flask.delivery.segments import OpenSegment

OPEN_AT_ONCE = 64
BYTES_AT_ONCE = 1024 * 1024
UNBORN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Portion:
    """Whole lines of one segment that nobody has imported yet."""

    segment: OpenSegment
    start: int
    chunk: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.chunk)

    @property
    def emptied(self) -> bool:
        """Whether the owner is dead and nothing is left behind this portion."""
        return self.segment.dead and os.fstat(self.segment.fd).st_size == self.end

    @property
    def cut(self) -> bool:
        """Whether the segment holds more than one portion."""
        return os.fstat(self.segment.fd).st_size - self.start > segments.CHUNK

    @property
    def lines(self) -> list[bytes]:
        """The lines that say something; some may be torn."""
        return segments.lines_of(self.chunk)


class JournalReading:
    """Reads the journals in one directory. What was read is erased only when that is committed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._erased: dict[str, int] = {}

    def gather(
        self,
        known: dict[str, tuple[int, int]],
        limit: int,
        stack: ExitStack,
        *,
        erase: bool = True,
    ) -> tuple[list[Portion], bool]:
        """Portions of about ``limit`` lines in all, the oldest first, and whether more is there.

        :param known: for each segment how far it is imported, and how far that was known to be
            erased.
        :param stack: keeps the segments open, and the dead ones locked.
        :param erase: whether what is imported is safe, so that traces of it may be erased.
        """
        portions: list[Portion] = []
        room = BYTES_AT_ONCE
        for path in segments.listed(self._directory):
            if limit <= 0 or room <= 0 or len(portions) >= OPEN_AT_ONCE:
                return portions, True
            with ExitStack() as inner, suppress(OSError):
                segment = inner.enter_context(segments.opened(path))
                start, erased = known.get(path.name, (0, 0))
                erased = self._erased.get(path.name, erased)
                if erased < start and erase:  # a crash came between the import and the erasing
                    self._erase(segment, erased, start)
                portion = Portion(segment, start, segment.read(start, segments.CHUNK))
                if portion.chunk or portion.emptied:
                    portions.append(portion)
                    limit -= portion.chunk.count(b"\n") // 2
                    room -= len(portion.chunk)
                    stack.push(inner.pop_all())
        return portions, any(portion.cut for portion in portions)

    def finish(self, portions: Iterable[Portion]) -> list[str]:
        """Erases what was imported and removes what is empty and nobody's.

        :returns: the names of the removed segments.
        """
        removed = []
        for portion in portions:
            name = portion.segment.path.name
            with suppress(OSError):
                self._erase(portion.segment, portion.start, portion.end)
                if portion.emptied:
                    portion.segment.path.unlink()
                    self._erased.pop(name, None)
                    removed.append(name)
        return removed

    def unimported(self, known: dict[str, int]) -> int:
        """How many accepted lines wait in the journals."""
        count = 0
        for path in segments.listed(self._directory):
            with suppress(OSError), segments.opened(path) as segment:
                start = known.get(path.name, 0)
                while chunk := segment.read(start, segments.CHUNK):
                    start += len(chunk)
                    count += sum(
                        not line.startswith(b'{"kind":"withdrawal"')
                        for line in segments.lines_of(chunk)
                    )
        return count

    def oldest(self, known: dict[str, int]) -> float | None:
        """Time of the entry that waits longest in the journals, in seconds since the epoch."""
        times = []
        for path in segments.listed(self._directory):
            with suppress(OSError), segments.opened(path) as segment:
                chunk = segment.read(known.get(path.name, 0), segments.CHUNK)
                for line in segments.lines_of(chunk):
                    with suppress(ValueError):
                        times.append(Entry.from_line(line).at)
                        break
        return min(times, default=None)

    def remove_unborn(self, now: float) -> None:
        """Removes what was left by a process that died while it began a segment."""
        for path in self._directory.glob(f"*{segments.UNBORN}"):
            with suppress(OSError):
                if abs(now - path.stat().st_mtime) > UNBORN_SECONDS:
                    path.unlink()

    def _erase(self, segment: OpenSegment, start: int, end: int) -> None:
        segments.erase(segment.fd, start, end)
        self._erased[segment.path.name] = end


def advance(connection: sqlite3.Connection, portion: Portion) -> bool:
    """Notes that a portion is imported, unless somebody else has imported it meanwhile."""
    if os.fstat(portion.segment.fd).st_nlink == 0:
        return False  # removed by whoever imported it, perhaps with its row
    name = portion.segment.path.name
    row = connection.execute("SELECT start FROM segments WHERE name = ?", (name,)).fetchone()
    if (row[0] if row else 0) != portion.start:
        return False
    connection.execute(
        "INSERT OR REPLACE INTO segments VALUES (?, ?, ?)", (name, portion.end, portion.start)
    )
    return True


def forget_segments(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Forgets segments that are removed; no other ever has their names."""
    connection.executemany("DELETE FROM segments WHERE name = ?", [(name,) for name in names])
