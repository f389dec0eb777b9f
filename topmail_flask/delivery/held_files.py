"""Files that this process holds by a POSIX lock, known by their inode within the process.

A POSIX lock never conflicts within one process, and it falls when *any* descriptor of the file is
closed in it. So whoever is about to open a file that may be locked asks here first (fault F199).
Not ``flock``: a dead process's child would keep that lock (fault F063).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from weakref import ref

Inode = tuple[int, int, int]
_held: dict[Inode, ref[HeldFile]] = {}


class HeldFile:
    """A locked file, held until :meth:`release` or until nobody refers to this object any more.

    :ivar path: where the file was when it was locked.
    :ivar fd: its descriptor. A forked child must not use it: see :attr:`pid`.
    :ivar pid: the process that holds the lock.
    """

    __slots__ = ("__weakref__", "_close", "_inode", "_known_as", "fd", "path", "pid")

    def __init__(self, path: Path, fd: int, inode: Inode) -> None:
        self.path = path
        self.fd = fd
        self.pid = os.getpid()
        self._inode = inode
        self._known_as = ref(self)
        self._close: Callable[[int], None] = os.close

    @property
    def in_place(self) -> bool:
        """Whether the file is still the one at :attr:`path`: not deleted, moved or replaced."""
        try:
            return self.is_open and inode_of(os.lstat(self.path)) == self._inode
        except OSError:
            return False

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed our descriptor, as a program does that becomes a daemon."""
        try:
            return inode_of(os.fstat(self.fd)) == self._inode
        except OSError:
            return False

    def touch(self) -> None:
        """Leaves a sign of life: the time of the file, which others read without opening it."""
        with suppress(OSError):
            os.utime(self.fd)

    def claim(self) -> bool:
        """Whether no other object of this process stands for the same file."""
        return _held.setdefault(self._inode, self._known_as) is self._known_as

    def release(self) -> None:
        """Gives the lock back. Further calls do nothing."""
        if _held.get(self._inode) is self._known_as:
            del _held[self._inode]
        if self.is_open:
            self._close(self.fd)
        self.fd = -1

    def __del__(self) -> None:
        self.release()


def inode_of(status: os.stat_result) -> Inode:
    """What tells a file from every other, in the eyes of this process."""
    return os.getpid(), status.st_dev, status.st_ino


def held_here(path: Path) -> HeldFile | None:
    """The file at ``path`` if this very process holds it.

    :raises OSError: there is no such file.
    """
    known_as = _held.get(inode_of(os.stat(path, follow_symlinks=False)))
    return known_as() if known_as else None


def hold(path: Path) -> HeldFile | None:
    """Locks the file at ``path``, which is made if it is missing (0600).

    :returns: None while anybody holds it, this process included.
    :raises OSError: the file cannot be made or opened, or is a symbolic link.
    """
    with suppress(FileExistsError):
        os.mknod(path, stat.S_IFREG | 0o600)  # opens nothing: a close would drop a lock of ours
    status = os.stat(path, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path.name} is not a plain file")
    file = HeldFile(path, -1, inode_of(status))
    if not file.claim():
        return None
    file.fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not lock(file.fd) or not file.in_place:
        file.release()
        return None
    return file


def lock(fd: int) -> bool:
    """Whether the lock of an open file could be had, without waiting."""
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True
