"""The files of the journals: made locked, read by the leader, erased in place, removed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from topmail_flask.delivery.held_files import HeldFile, held_here, inode_of, lock

SUFFIX = ".journal"
UNBORN = ".new"
CHUNK = 256 * 1024
ABANDONED = b"\x18\n"
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


class Segment(HeldFile):
    """One file of lines that this process appends to. Every line begins and ends with a newline.

    A second descriptor, without ``O_APPEND``, reads and erases. Both are closed together: the
    closing of either drops the lock (fault F199).
    """

    __slots__ = ("_reader",)

    @classmethod
    def create(cls, directory: Path, *, now: float, durable: bool = False) -> Segment:
        """A new segment, already locked when it appears under its name.

        :param now: seconds since the epoch; segments are imported in this order.
        :param durable: each write waits for the disk.
        :raises OSError: it cannot be made or locked.
        """
        name = f"{int(now * 1e6):016x}-{os.getpid():x}-{secrets.token_hex(8)}{SUFFIX}"
        path, unborn = directory / name, directory / f"{name}{UNBORN}"
        flags = _FLAGS | os.O_CREAT | os.O_EXCL | os.O_APPEND | (os.O_DSYNC if durable else 0)
        fd = os.open(unborn, flags, 0o600)
        segment = cls(path, fd, inode_of(os.fstat(fd)))
        segment.claim()
        if not lock(fd):
            raise OSError("a new journal file is locked by somebody else")
        os.rename(unborn, path)
        return segment

    def __init__(self, path: Path, fd: int, inode: tuple[int, int, int]) -> None:
        super().__init__(path, fd, inode)
        self._reader = -1

    @property
    def reader(self) -> int:
        """The descriptor to read and erase with."""
        if self._reader < 0:
            descriptor = f"/proc/self/fd/{self.fd}"  # for the file may have lost its name
            path = descriptor if os.path.exists(descriptor) else self.path
            self._reader = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        return self._reader

    @property
    def is_erased(self) -> bool:
        """Whether the leader has erased it to its end."""
        size = os.fstat(self.fd).st_size
        return os.pread(self.reader, len(ABANDONED), size - len(ABANDONED)) == ABANDONED

    def abandon(self, part: bytes) -> None:
        """Erases what a short write left at the end, so that it is never taken for a torn line."""
        end = os.lseek(self.fd, 0, os.SEEK_CUR)
        if os.pread(self.reader, len(part), end - len(part)) == part:
            erase(self.reader, end - len(part), end)

    def release(self) -> None:
        if self._reader >= 0 and self.is_open:
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

    def read(self, start: int, size: int) -> bytes:
        """Up to ``size`` bytes of whole lines; with the unfinished last one of a dead owner."""
        chunk = os.pread(self.fd, size, start)
        end = chunk.rfind(b"\n") + 1
        if len(chunk) < size:
            return chunk if self.dead else chunk[:end]
        return chunk[:end] or chunk  # no line is that long: it is damage, to be stepped over


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
        yield OpenSegment(path, fd, dead=lock(fd))
    finally:
        os.close(fd)


def listed(directory: Path) -> list[Path]:
    """The segments in a directory, the oldest first; none where there is no readable directory."""
    try:
        names = [name for name in os.listdir(directory) if name.endswith(SUFFIX)]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return [directory / name for name in sorted(names)]


def overflows(directory: Path, limit: int) -> bool:
    """Whether more than ``limit`` bytes wait in the directory for a leader.

    Only the first hundred segments are looked at, for a request waits for this.
    """
    total = 0
    with os.scandir(directory) as files:
        for file in islice(files, 100):
            # The leader may remove a file between its listing and the look at it.
            with suppress(FileNotFoundError):
                total += file.stat().st_size if SUFFIX in file.name else 0
    if total <= limit:
        return False
    waiting = 0
    for path in listed(directory)[:100]:
        with suppress(OSError), opened(path) as segment:
            size = os.fstat(segment.fd).st_size
            is_imported = os.pread(segment.fd, 1, size // 2) == b"\0"
            waiting += 0 if is_imported else size
    return waiting > limit


def erase(fd: int, start: int, end: int) -> None:
    """Overwrites whole lines with zeros, and a mark at their end that nothing was lost here."""
    if end - start < len(ABANDONED):
        return
    os.pwrite(fd, b"\0" * (end - start - len(ABANDONED)) + ABANDONED, start)


def lines_of(chunk: bytes) -> list[bytes]:
    """The lines in it that say something: not the erased, not the abandoned, not the empty."""
    return [line for line in chunk.split(b"\n") if line and not line.endswith(ABANDONED[:1])]
