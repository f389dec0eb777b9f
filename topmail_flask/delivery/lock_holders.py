"""Who holds a lock of this machine, asked of the kernel: nothing is taken, nobody is disturbed."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path

_FLOCK = "hhqqi4x"  # struct flock of Linux on 64 bits


def holder(path: Path) -> int | None:
    """The id of the process that holds the POSIX lock on ``path``; 0: its id cannot be seen from
    here (another container); None: nobody else than this process, if anybody.

    To be asked by a process that does not hold it: the closing of the file would drop the lock.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, asked))
        if kind == fcntl.F_UNLCK:
            return None
    except OSError:
        return None
    finally:
        os.close(fd)
    return max(int(pid), 0)


def silent_for(path: Path, locks: Path = Path("/proc/locks")) -> float | None:
    """Seconds since the holder of the lock on ``path`` gave a sign of life; None: nobody holds it,
    or this machine does not tell.

    May be asked by any process: nothing is opened that this one may hold (fault F199).
    """
    try:
        status = os.stat(path)
        lines = locks.read_text("utf-8").splitlines()
    except OSError:
        return None
    # The inode alone: some file systems are told there under another device number.
    inode = str(status.st_ino)
    fields = [line.split() for line in lines if "->" not in line]  # who waits does not hold it
    held = any(
        len(one) > 5 and one[1] == "POSIX" and one[5].rpartition(":")[2] == inode for one in fields
    )
    return max(0.0, time.time() - status.st_mtime) if held else None
