"""Where an app's files live, and whether that place may be trusted with them."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import ref

from topmail_flask.model.settings import Secret

try:
    import fcntl
except ImportError:  # Windows: nothing is kept on the disk there
    HAS_LOCKS = False
else:
    HAS_LOCKS = True
# SQLite's write-ahead log needs memory shared by all its users, and POSIX locks that hold.
NETWORK_FILE_SYSTEMS = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs"),
        *("lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "coda", "davfs", "fuse", "fuseblk"),
        *("virtiofs", "vboxsf", "prl_fs", "drvfs"),
    }
)
LEADER_LOCK, FILE_NAME = "leader.lock", "outbox.sqlite3"
"""Of the lock of whoever sends, and of the outbox."""
SUFFIXES = ("-wal", "-shm", "")
"""Of a file's log, of the log's index, and of the file itself: the log first, for it must never
meet another file's name."""
NOTE_BYTES = 4096
COUNTS_INTERVAL, COUNTS_BYTES = 30.0, 65_536
# Nobody waits at the other end of what may stand in the place of a file: a pipe.
_OWN = sum({getattr(os, f"O_{name}", 0) for name in ("NOFOLLOW", "CLOEXEC", "NONBLOCK")})
_BY_EFFECTIVE_IDS = os.access in os.supports_effective_ids


class DirectoryRefused(OSError):
    """The directory cannot be trusted with shoppers' data; the message names the fix."""


def app_directory(root: Path, app_name: str, api_key: Secret | None, *, owner: bytes = b"") -> Path:
    """The directory of one app with one key: two apps or two keys never share one.

    The first half of its name stands for the app, its owner and the kind of its key (test or
    live), the second for the app and the key itself.

    :param owner: tells the shop from others that run the same program, and stays when it gets a
        new key.
    """
    key = api_key.reveal() if api_key else ""
    # In an ASCII locale a name of a file in other letters has surrogates: its bytes are the same.
    name = app_name.encode("utf-8", "surrogateescape")
    of_owner = _fingerprint(name + f"\0{key[:8]}\0".encode() + owner)
    of_key = _fingerprint(name + f"\0{key}".encode())
    return root / f"{of_owner}-{of_key}"


def account_name(app_name: str, api_key: Secret | None, owner: bytes) -> str:
    """Names an app, its owner and its key to a Celery worker, and betrays none of them."""
    return app_directory(Path(), app_name, api_key, owner=owner).name


def siblings(directory: Path) -> list[Path]:
    """The directories of the same app and owner under other keys, and of the same app and key
    under other owners: what a rotated key, or a new ``SECRET_KEY``, left behind. Of another owner
    with another key nothing is taken: these are the shoppers of another shop.
    """
    app, _, key = directory.name.partition("-")
    try:
        found = sorted({*directory.parent.glob(f"{app}-*"), *directory.parent.glob(f"*-{key}")})
    except OSError:
        return []
    return [path for path in found if path != directory and os.path.isdir(path)]


def prepare(directory: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> None:
    """Makes the directory (0700) where it is missing, and checks it.

    :raises DirectoryRefused: a symbolic link, somebody else's, writable by others, or on a network.
    :raises OSError: it cannot be made.
    """
    for path in (directory.parent, directory):
        if not os.path.lexists(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check(path)
    kind = file_system(directory, mountinfo)
    if kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse."):
        raise DirectoryRefused(
            f"{directory} is on a network or FUSE file system ({kind}). Set TOPMAIL_OUTBOX to a "
            "directory on a local disk"
        )


def refusal(directory: Path, error: OSError) -> str:
    """Why nothing is kept in a directory, and what to do: a sentence for the log and for health."""
    if isinstance(error, DirectoryRefused) or error.strerror is None:
        return str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{directory}: {error.strerror}. Free some space"
    return f"{directory}: {error.strerror}. Set TOPMAIL_OUTBOX to a directory that is writable"


def why_unusable(directory: Path) -> str:
    """Why nothing can be kept in a directory, as :func:`refusal` says it, or "". Makes nothing."""
    try:
        if os.path.lexists(directory):
            prepare(directory)  # all is there: it only checks
            check_files(directory)
        elif os.path.lexists(directory.parent):
            _check(directory.parent)
        existing = next(path for path in (directory, *directory.parents) if os.path.exists(path))
        if not _may(existing, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        return refusal(directory, error)
    return ""


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=_BY_EFFECTIVE_IDS)


def check_file(path: Path) -> None:
    """Refuses a file that is a symbolic link, no plain file, or somebody else's.

    It is not opened: closing it could drop SQLite's locks on it.

    :raises DirectoryRefused: it is one of these.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise DirectoryRefused(f"{path} is a symbolic link or no plain file. Remove it")
    if status.st_uid != os.geteuid():
        raise DirectoryRefused(f"{path} belongs to another user. Run as that user, or move it away")


def check_files(directory: Path) -> None:
    """Refuses what cannot be the lock or a file of the outbox, as :func:`check_file` does, and what
    this process may not read and write.
    """
    check_outbox(directory / FILE_NAME)
    for name in (LEADER_LOCK, *(f"{FILE_NAME}{suffix}" for suffix in SUFFIXES)):
        check_file(path := directory / name)
        if os.path.lexists(path) and not _may(path, os.R_OK | os.W_OK):
            raise DirectoryRefused(f"{path} cannot be read and written. Fix: chmod 600 {path}")


def check_outbox(path: Path) -> None:
    """Refuses what cannot be a file of SQLite, or one that SQLite has beside it."""
    for suffix in (*SUFFIXES, "-journal"):
        check_file(Path(f"{path}{suffix}"))


def file_system(path: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str:
    """The type of the file system that holds ``path``, or "" where the system does not tell."""
    try:
        lines = mountinfo.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    real, longest, kind = os.path.realpath(path), "", ""
    for line in lines:
        mount, _, about = line.partition(" - ")
        point = mount.split(" ")[4:5]
        if not point:
            continue
        where = point[0].replace("\\040", " ").replace("\\011", "\t").rstrip("/")
        # The last mount at one point is the one that is seen.
        if len(where) >= len(longest) and (real + "/").startswith(where + "/"):
            longest, kind = where, about.partition(" ")[0]
    return kind


def _check(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise DirectoryRefused(
            f"{path} is a symbolic link or no directory. Set TOPMAIL_OUTBOX to one"
        )
    if status.st_uid != os.geteuid():
        raise DirectoryRefused(
            f"{path} belongs to another user. Run as that user, or set TOPMAIL_OUTBOX elsewhere"
        )
    if status.st_mode & 0o022:
        fix = fix_of_open(path, status.st_mode)
        raise DirectoryRefused(f"{path} can be written by others. Fix: {fix}")


def fix_of_open(path: Path, mode: int) -> str:
    """What to do about a directory that others can write: that of all, as /tmp, stays as it is."""
    if mode & stat.S_ISVTX:
        return f"Set TOPMAIL_OUTBOX to a directory of its own, such as {path / 'topmail'}"
    return f"chmod 700 {path}"


def _fingerprint(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=6, person=b"topmail_dir").hexdigest()


Inode = tuple[int, int, int]
_held: dict[Inode, ref[HeldFile]] = {}


class HeldFile:
    """A locked file, held until :meth:`release` or until nobody refers to this object any more.

    :ivar path: where the file was when it was locked.
    :ivar fd: its descriptor. A forked child must not use it: see :attr:`pid`.
    :ivar pid: the process that holds the lock.
    :ivar number: of the file's inode.
    """

    __slots__ = ("__weakref__", "_close", "_inode", "_known_as", "fd", "number", "path", "pid")

    def __init__(self, path: Path, fd: int, inode: Inode) -> None:
        self.path = path
        self.fd = fd
        self.pid = os.getpid()
        self._inode = inode
        self.number = inode[-1]
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
        return self.is_behind(self.fd)

    def is_behind(self, fd: int) -> bool:
        """Whether a descriptor is this file's: one that was closed may be another file's now."""
        try:
            return inode_of(os.fstat(fd)) == self._inode
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
    :raises OSError: the file cannot be made or opened.
    :raises DirectoryRefused: it is no plain file, or somebody else's.
    """
    _make(path)
    check_file(path)
    file = HeldFile(path, -1, inode_of(os.stat(path, follow_symlinks=False)))
    if not file.claim():
        return None
    file.fd = os.open(path, os.O_RDWR | _OWN)
    if not lock(file.fd) or not file.in_place:
        file.release()
        return None
    return file


def _make(path: Path) -> None:
    """Makes a missing file under its name without opening it there, for the closing of a file may
    drop a lock that this process has on it. Not by ``mknod``: macOS and FreeBSD refuse that.
    """
    if os.path.lexists(path):
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(3).hex()}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _OWN, 0o600))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # somebody was quicker
    except OSError:  # a file system without hard links
        if not os.path.lexists(path):
            os.rename(draft, path)
            return
    os.unlink(draft)


@contextmanager
def one_at_a_time(directory: Path) -> Iterator[None]:
    """One process and thread after the other, for a moment: leader or not."""
    fd = os.open(directory, os.O_RDONLY | _OWN)
    try:
        with suppress(OSError):  # a file system that locks no directories
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def lock(fd: int) -> bool:
    """Whether the lock of an open file could be had, without waiting."""
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def control(fd: int, request: int, argument: bytes) -> None:
    """Asks something of the file system that holds an open file.

    :raises OSError: it cannot do that.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    fcntl.ioctl(fd, request, argument)


# struct flock on 64 bits (fcntl.h): its format, and where its type, whence and process are.
_FLOCK, _TYPE, _WHENCE, _PID = (
    ("hhqqi4x", 0, 1, 4) if sys.platform == "linux" else ("qqihh4x", 3, 4, 2)  # macOS, FreeBSD
)


def holder(path: Path) -> int | None:
    """The id of the process that holds the POSIX lock on ``path``; 0: its id cannot be seen from
    here (another container); None: nobody else than this process, if anybody.
    """
    try:
        if held_here(path):
            return None  # and the closing of the file would drop the lock
        fd = os.open(path, os.O_RDONLY | _OWN)
    except OSError:
        return None
    try:
        fields = [0] * 5
        fields[_TYPE], fields[_WHENCE] = fcntl.F_WRLCK, os.SEEK_SET
        answer = fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack(_FLOCK, *fields))
        fields = list(struct.unpack(_FLOCK, answer))
        if fields[_TYPE] == fcntl.F_UNLCK:
            return None
    except OSError:
        return None
    finally:
        os.close(fd)
    return max(fields[_PID], 0)


def is_held(path: Path) -> bool:
    """Whether any process holds the lock on ``path``, this one included."""
    with suppress(OSError):
        return held_here(path) is not None or holder(path) is not None
    return False


def seconds_since_heartbeat(path: Path, locks: Path = Path("/proc/locks")) -> float | None:
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
        len(field) > 5 and field[1] == "POSIX" and field[5].rpartition(":")[2] == inode
        for field in fields
    )
    return max(0.0, time.time() - status.st_mtime) if held else None


def write_note(path: Path, text: bytes) -> None:
    """Puts a small file (0600) in place at once: a reader sees the old text or the new one.

    :raises OSError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | _OWN
    fd = os.open(draft, flags, 0o600)
    try:
        os.write(fd, text)
    finally:
        os.close(fd)
    draft.rename(path)


def read_note(path: Path, limit: int = NOTE_BYTES) -> tuple[bytes, float]:
    """The text of a note, and when it was last written or kept fresh (seconds since the epoch);
    empty where there is none, or it is a symbolic link.
    """
    try:
        fd = os.open(path, os.O_RDONLY | _OWN)
    except OSError:
        return b"", 0.0
    try:
        return os.read(fd, limit), os.fstat(fd).st_mtime
    except OSError:
        return b"", 0.0
    finally:
        os.close(fd)


class CachedFlag:
    """A yes or no about something that one process has learnt, for the others of the app.

    :param directory: the app's directory; None: nothing is kept.
    :param name: of the file.
    """

    def __init__(self, directory: Path | None, name: str) -> None:
        self._path = directory and directory / name

    def keep(self, about: str, answer: bool) -> None:
        """Keep the answer; it is lost where nothing can be written.

        :param about: what it is an answer about; an earlier answer about anything else goes.
        """
        if self._path is None or self.answer(about) is answer:
            return
        with suppress(OSError):
            prepare(self._path.parent)
            write_note(self._path, f"{about} {answer}\n".encode())

    def answer(self, about: str) -> bool | None:
        """What was learnt, by this process or another one; None: nothing yet."""
        if self._path is None:
            return None
        text, _ = read_note(self._path)
        return {f"{about} {answer}\n".encode(): answer for answer in (True, False)}.get(text)


class SharedCounts:
    """How often something happened in all processes of the app, by name, and when it did last.

    A process adds to the file once in :data:`COUNTS_INTERVAL` seconds at the most: what it counts
    is not worth a write for each. The file begins anew when it is large.

    :param directory: the app's directory; None: each process counts for itself.
    :param name: of the file.
    """

    def __init__(self, directory: Path | None, name: str) -> None:
        self._path = directory and directory / name
        self._unwritten: Counter[str] = Counter()
        self._next_write = 0.0

    def add(self, names: Iterable[str]) -> None:
        """Count each of these names once. Never raises."""
        self._unwritten.update(names)
        now = time.monotonic()
        if now >= self._next_write:
            self._next_write = now + COUNTS_INTERVAL
            self.save()

    def save(self) -> None:
        """Write what has not been written; it goes on waiting where that is not possible."""
        if self._path is None or not self._unwritten:
            return
        text = "".join(f"{count} {name}\n" for name, count in self._unwritten.items())
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | _OWN
        with suppress(OSError):
            prepare(self._path.parent)
            fd = os.open(self._path, flags, 0o600)
            try:
                if os.fstat(fd).st_size > COUNTS_BYTES:
                    os.ftruncate(fd, 0)
                os.write(fd, text.encode())
            finally:
                os.close(fd)
            self._unwritten.clear()

    def read(self) -> tuple[dict[str, int], float]:
        """The counts, and when something was last counted (seconds since the epoch)."""
        counts, last = Counter(self._unwritten), time.time() if self._unwritten else 0.0
        text, written_at = read_note(self._path, 2 * COUNTS_BYTES) if self._path else (b"", 0.0)
        for line in text.decode(errors="replace").splitlines():
            count, _, name = line.partition(" ")
            if count.isdecimal() and name:
                counts[name] += int(count)
        return dict(counts), max(last, written_at if text else 0.0)
