"""Where an app's files live, and whether that place may be trusted with them."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from topmail_flask.model.settings import Secret

# SQLite's write-ahead log needs memory shared by all its users, and POSIX locks that hold.
NETWORK_FILE_SYSTEMS = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs"),
        *("lustre", "gpfs", "beegfs", "ocfs2", "gfs2", "coda", "davfs", "fuse", "fuseblk"),
        *("virtiofs", "vboxsf", "prl_fs", "drvfs"),
    }
)
LEADER_LOCK = "leader.lock"


class PlaceRefused(OSError):
    """The directory cannot be trusted with shoppers' data; the message names the cure."""


def app_directory(root: Path, app_name: str, api_key: Secret | None, *, owner: bytes = b"") -> Path:
    """The directory of one app with one key: two apps or two keys never share one.

    The first half of its name stands for the app, its owner and the kind of its key (test or
    live), the second for the app and the key itself.

    :param owner: tells the shop from others that run the same program, and stays when it gets a
        new key.
    """
    key = api_key.reveal() if api_key else ""
    of_owner = _fingerprint(f"{app_name}\0{key[:8]}\0".encode() + owner)
    of_key = _fingerprint(f"{app_name}\0{key}".encode())
    return root / f"{of_owner}-{of_key}"


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
    return [path for path in found if path != directory and path.is_dir()]


def prepare(directory: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> None:
    """Makes the directory (0700) where it is missing, and checks it.

    :raises PlaceRefused: a symbolic link, somebody else's, writable by others, or on a network.
    :raises OSError: it cannot be made.
    """
    for path in (directory.parent, directory):
        if not os.path.lexists(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check(path)
    kind = file_system(directory, mountinfo)
    if kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse."):
        raise PlaceRefused(
            f"{directory} is on a network or FUSE file system ({kind}). Set TOPMAIL_OUTBOX to a "
            "directory on a local disk"
        )


def check_file(path: Path) -> None:
    """Refuses a file that is a symbolic link, no plain file, or somebody else's.

    It is not opened: closing it could drop SQLite's locks on it.

    :raises PlaceRefused: it is one of these.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise PlaceRefused(f"{path} is a symbolic link or no plain file. Remove it")
    if status.st_uid != os.geteuid():
        raise PlaceRefused(f"{path} belongs to another user. Run as that user, or move it away")


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
        raise PlaceRefused(f"{path} is a symbolic link or no directory. Set TOPMAIL_OUTBOX to one")
    if status.st_uid != os.geteuid():
        raise PlaceRefused(
            f"{path} belongs to another user. Run as that user, or set TOPMAIL_OUTBOX elsewhere"
        )
    if status.st_mode & 0o022:
        raise PlaceRefused(f"{path} can be written by others. Cure: chmod 700 {path}")


def _fingerprint(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=6, person=b"topmail_dir").hexdigest()
