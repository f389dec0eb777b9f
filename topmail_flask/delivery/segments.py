"""The files of the journals: made locked, read by the leader, erased in place, removed."""

from __future__ import annotations

import os
import secrets
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from topmail_flask.delivery.entry import ORDER_LINES, Entry
from topmail_flask.delivery.files import HeldFile, control, held_here, inode_of, lock

SUFFIX = ".journal"
UNFINISHED = ".new"
CHUNK = 256 * 1024
OPEN_AT_ONCE, BYTES_AT_ONCE = 128, 1024 * 1024
UNFINISHED_SECONDS = 60.0
ABANDONED = b"\x18\n"
RESERVED, SHARE_OF_FREE_SPACE = 256 * 1024, 8
"""Bytes of a disk that are kept free for what a process appends next (about 400 views), unless that
is more than a small share of what is free."""
_RESERVE, _SPACE = 0x40305828, "=hhxxxxqqiI16x"  # FS_IOC_RESVSP and space_resv of linux/falloc.h
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Segment(HeldFile):
    """One file of lines that this process appends to. Every line begins and ends with a newline.

    A second descriptor, without ``O_APPEND``, reads and erases. Both are closed together: the
    closing of either drops the lock (fault F199).
    """

    __slots__ = ("_reader", "_reserved")

    @classmethod
    def create(cls, directory: Path, *, now: float, durable: bool = False) -> Segment:
        """A new segment, already locked when it appears under its name.

        :param now: seconds since the epoch; segments are imported in this order.
        :param durable: each write waits for the disk.
        :raises OSError: it cannot be made or locked.
        """
        name = f"{int(now * 1e6):016x}-{os.getpid():x}-{secrets.token_hex(8)}{SUFFIX}"
        path, unfinished = directory / name, directory / f"{name}{UNFINISHED}"
        flags = _FLAGS | os.O_CREAT | os.O_EXCL | os.O_APPEND | (os.O_DSYNC if durable else 0)
        fd = os.open(unfinished, flags, 0o600)
        segment = cls(path, fd, inode_of(os.fstat(fd)))
        segment.claim()
        if not lock(fd):
            raise OSError("a new journal file is locked by somebody else")
        segment.reserve(0)
        os.rename(unfinished, path)
        return segment

    def __init__(self, path: Path, fd: int, inode: tuple[int, int, int]) -> None:
        super().__init__(path, fd, inode)
        self._reader, self._reserved = -1, 0

    @property
    def reader(self) -> int:
        """The descriptor to read and erase with.

        :raises OSError: it cannot be opened.
        """
        if self._reader < 0 or not self.is_behind(self._reader):
            descriptor = f"/proc/self/fd/{self.fd}"  # for the file may have lost its name
            is_known = self.is_open and os.path.exists(descriptor)
            self._reader = os.open(descriptor if is_known else self.path, os.O_RDWR | os.O_CLOEXEC)
        return self._reader

    def reserve(self, size: int) -> None:
        """Has the disk keep room behind ``size`` bytes, so that one that is full goes on to take
        lines for a while. Not every system can.
        """
        if size + RESERVED // 2 > self._reserved:
            self._reserved = size + RESERVED
            with suppress(OSError):
                disk = os.fstatvfs(self.fd)
                room = min(RESERVED, disk.f_bavail * disk.f_frsize // SHARE_OF_FREE_SPACE)
                control(self.fd, _RESERVE, struct.pack(_SPACE, 0, 0, size, room, 0, 0))

    @property
    def is_erased(self) -> bool:
        """Whether the leader has erased it to its end."""
        size = os.fstat(self.fd).st_size
        return (
            size == 0 or os.pread(self.reader, len(ABANDONED), size - len(ABANDONED)) == ABANDONED
        )

    def erase_partial(self, part: bytes) -> None:
        """Erases what a short write left at the end, so that it is never taken for a torn line."""
        end = os.lseek(self.fd, 0, os.SEEK_CUR)
        if os.pread(self.reader, len(part), end - len(part)) == part:
            erase(self.reader, end - len(part), end)

    def release(self) -> None:
        if self.is_behind(self._reader):
            self._close(self._reader)
        self._reader = -1
        super().release()


@dataclass(frozen=True, slots=True)
class OpenSegment:
    """A segment open for import.

    :ivar fd: to read and erase with.
    :ivar dead: whether its owner is gone. Its lock is then held while this is open.
    """

    path: Path
    fd: int
    dead: bool

    @property
    def is_there(self) -> bool:
        """Whether nobody has removed it."""
        return os.fstat(self.fd).st_nlink > 0

    def still_holds(self, chunk: bytes, start: int) -> bool:
        """Whether nobody has imported this and erased it, though the file may be removed. What is
        removed under a living owner is theirs to save.
        """
        if self.is_there or not self.dead:
            return self.is_there
        return os.pread(self.fd, len(chunk), start) == chunk

    def read(self, start: int, size: int) -> bytes:
        """Up to ``size`` bytes of whole lines; with the unfinished last one of a dead owner."""
        chunk = os.pread(self.fd, size, start)
        end = chunk.rfind(b"\n") + 1
        if len(chunk) < size:
            return chunk if self.dead else chunk[:end]
        return chunk[:end] or chunk  # no line is that long: it is damage, to be stepped over

    def chunks(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """All that is in it behind ``start``: whole lines, and where they begin."""
        while chunk := self.read(start, CHUNK):
            yield start, chunk
            start += len(chunk)


@contextmanager
def opened(path: Path) -> Iterator[OpenSegment]:
    """Opens a segment of any process, this one included.

    :raises OSError: it is gone, or cannot be opened.
    """
    own = held_here(path)
    if isinstance(own, Segment):
        yield OpenSegment(path, own.reader, dead=False)
        return
    fd = os.open(path, _FLAGS)
    try:
        segment = OpenSegment(path, fd, dead=lock(fd))
        if not segment.is_there:
            raise FileNotFoundError(path)  # somebody has imported and removed it meanwhile
        yield segment
    finally:
        os.close(fd)


def listed(directory: Path) -> list[Path]:
    """The segments in a directory, the oldest first; none where there is no readable directory."""
    try:
        # No other name is ours, and what is not in UTF-8 can be noted nowhere.
        found = os.listdir(directory)
        names = [name for name in found if name.endswith(SUFFIX) and name.isascii()]
    except OSError:
        return []
    return [directory / name for name in sorted(names)]


def overflows(directory: Path, limit: int) -> bool:
    """Whether more than ``limit`` bytes wait in the directory for a leader.

    A request waits for this: no file is opened before all of them together have more.
    """
    total = 0
    with os.scandir(directory) as files:
        for file in files:
            # The leader may remove a file between its listing and the look at it.
            with suppress(OSError):
                is_ours = SUFFIX in file.name
                total += file.stat(follow_symlinks=False).st_size if is_ours else 0
    if total <= limit:
        return False
    waiting = 0
    for path in listed(directory):
        with suppress(OSError), opened(path) as segment:
            size = os.fstat(segment.fd).st_size
            is_imported = os.pread(segment.fd, 1, size // 2) == b"\0"
            waiting += 0 if is_imported else size
        if waiting > limit:
            return True
    return False


def erase(fd: int, start: int, end: int) -> None:
    """Overwrites whole lines with zeros, and a mark at their end that nothing was lost here."""
    if end - start < len(ABANDONED):
        return
    os.pwrite(fd, b"\0" * (end - start - len(ABANDONED)) + ABANDONED, start)


def lines_of(chunk: bytes) -> list[bytes]:
    """The lines in it that say something: not the erased, not the abandoned, not the empty."""
    return [line for line in chunk.split(b"\n") if line and not line.endswith(ABANDONED[:1])]


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
        return os.fstat(self.segment.fd).st_size - self.start > CHUNK

    @property
    def lines(self) -> list[bytes]:
        """The lines that say something; some may be torn."""
        return lines_of(self.chunk)


class Journals:
    """Reads the journals in one directory. What was read is erased only when that is committed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._erased: dict[str, int] = {}
        self._left: deque[Path] = deque()
        """Segments of the last listing that are still to be read."""

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
        if not self._left:  # one listing for thousands of files
            self._left.extend(listed(self._directory))
        while self._left:
            if limit <= 0 or room <= 0 or len(portions) >= OPEN_AT_ONCE:
                return portions, True
            path = self._left.popleft()
            with ExitStack() as inner, suppress(OSError):
                segment = inner.enter_context(opened(path))
                start, erased = known.get(path.name, (0, 0))
                erased = self._erased.get(path.name, erased)
                if erased < start and erase:  # a crash came between the import and the erasing
                    self._erase(segment, erased, start)
                portion = Portion(segment, start, segment.read(start, CHUNK))
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
        for path in listed(self._directory):
            with suppress(OSError), opened(path) as segment:
                for _, chunk in segment.chunks(known.get(path.name, 0)):
                    count += sum(not line.startswith(ORDER_LINES) for line in lines_of(chunk))
        return count

    def oldest(self, known: dict[str, int]) -> float | None:
        """Time of the entry that waits longest in the journals, in seconds since the epoch."""
        times = []
        for path in listed(self._directory):
            with suppress(OSError), opened(path) as segment:
                chunk = segment.read(known.get(path.name, 0), CHUNK)
                for line in lines_of(chunk):
                    with suppress(ValueError):
                        times.append(Entry.from_line(line).at)
                        break
        return min(times, default=None)

    def remove_unfinished(self, now: float) -> None:
        """Removes what was left by a process that died while it began a segment."""
        for path in self._directory.glob(f"*{UNFINISHED}"):
            with suppress(OSError):
                if abs(now - path.stat().st_mtime) > UNFINISHED_SECONDS:
                    path.unlink()

    def _erase(self, segment: OpenSegment, start: int, end: int) -> None:
        erase(segment.fd, start, end)
        self._erased[segment.path.name] = end


def inhabited(directory: Path) -> bool:
    """Whether a process of a store has its journal here."""
    for path in listed(directory):
        with suppress(OSError), opened(path) as segment:
            if not segment.dead:
                return True
    return False
