"""The doctor looks where views wait, before the first one has to."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from tests.cli.examined import found, tea_app
from tests.cli.operated import OperatedStore
from topmail_flask.cli.doctor_store import Finding
from topmail_flask.core import core_of
from topmail_flask.sandbox import Sandbox


@pytest.fixture
def topmail() -> Sandbox:
    """Never started: nobody is asked here."""
    return Sandbox()


def finding_of(topmail: Sandbox, place: Path | str, **about: Path) -> Finding:
    config = {"TOPMAIL_OUTBOX": str(place)}
    return found(tea_app(topmail, config), "outbox", **about)


def mounted(tmp_path: Path, kind: str) -> Path:
    """A /proc in which everything is on this kind of file system."""
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "self/mountinfo").write_text(f"22 1 0:21 / / rw,relatime - {kind} disk rw\n")
    return proc


def test_a_place_that_is_not_there_yet_is_made_by_the_first_view_and_not_by_the_doctor(
    topmail: Sandbox, tmp_path: Path
) -> None:
    proc = mounted(tmp_path, "ext4")
    finding = finding_of(topmail, tmp_path / "new/outbox", proc=proc)
    assert finding.level == "ok"
    assert "made with the first view, ext4" in finding.what
    assert not (tmp_path / "new").exists()


def test_a_secret_key_that_is_another_one_at_each_start_is_found(
    topmail: Sandbox, tmp_path: Path
) -> None:
    """The server keeps its views by it, and no command would find them."""
    proc = mounted(tmp_path, "ext4")
    config = {"TOPMAIL_OUTBOX": str(tmp_path / "outbox"), "SECRET_KEY": os.urandom(24)}
    server = tea_app(topmail, config)
    place = core_of(server).delivery.admins()[0].directory
    place.mkdir(0o700, parents=True)
    assert found(server, "outbox", proc=proc).level == "ok"
    command = tea_app(topmail, config | {"SECRET_KEY": os.urandom(24)})
    finding = found(command, "outbox", proc=proc)
    rotated = tea_app(topmail, config | {"TOPMAIL_API_KEY": "tm_test_another0123456"})
    assert found(rotated, "outbox", proc=proc).level == "ok"
    assert (finding.level, "views of 1 other SECRET_KEY or" in finding.what) == ("warning", True)
    assert "one SECRET_KEY that stays (never os.urandom() at the start)" in finding.fix


def test_memory_only_is_a_warning(topmail: Sandbox) -> None:
    finding = finding_of(topmail, ":memory:")
    assert (finding.level, "lost with their process" in finding.what) == ("warning", True)


@pytest.mark.parametrize(
    ("kind", "level", "said"),
    [
        ("nfs4", "error", "network or FUSE file system (nfs4)"),
        ("fuse.sshfs", "error", "network or FUSE file system (fuse.sshfs)"),
        ("tmpfs", "warning", "is memory"),
        ("overlay", "warning", "belongs to the container"),
        ("xfs", "ok", "xfs"),
    ],
)
def test_a_file_system_that_loses_views_is_found(
    topmail: Sandbox, tmp_path: Path, kind: str, level: str, said: str
) -> None:
    finding = finding_of(topmail, tmp_path / "outbox", proc=mounted(tmp_path, kind))
    assert (finding.level, said in finding.what) == (level, True), finding


def test_a_place_that_others_may_write_to_is_an_error_with_the_command_that_fixes(
    topmail: Sandbox, tmp_path: Path
) -> None:
    place = tmp_path / "outbox"
    place.mkdir()
    place.chmod(0o777)
    finding = finding_of(topmail, place)
    assert (finding.level, finding.fix) == ("error", f"chmod 700 {place}")


def test_nobody_is_told_to_take_the_directory_of_all_for_the_outbox_alone(
    topmail: Sandbox, tmp_path: Path
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    place.chmod(0o1777)
    finding = finding_of(topmail, place)
    assert finding.level == "error"
    assert finding.fix == f"Set TOPMAIL_OUTBOX to a directory of its own, such as {place}/topmail"


def test_an_outbox_that_others_may_write_to_is_an_error(operated: OperatedStore) -> None:
    operated.looks(1)
    assert found(operated.app, "outbox").level == "ok"
    assert "mode 0700" in found(operated.app, "outbox").what
    operated.directory.chmod(0o777)
    finding = found(operated.app, "outbox")
    assert finding.level == "error"
    assert finding.fix.startswith("chmod 700")


def test_a_file_in_the_place_of_the_directory_is_an_error(topmail: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("")
    assert finding_of(topmail, tmp_path / "outbox").level == "error"


def test_a_place_that_this_user_cannot_write_to_is_an_error(topmail: Sandbox) -> None:
    with tempfile.TemporaryDirectory() as place:
        app = tea_app(topmail, {"TOPMAIL_OUTBOX": f"{place}/outbox"})
        os.chmod(place, 0o555)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                if os.geteuid() == 0:  # root may write everywhere
                    os.seteuid(65_534)
                finding = found(app, "outbox")
                os.write(writer, f"{finding.level} {finding.what}".encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        os.close(writer)
        with open(reader) as told:
            assert told.read() == f"error {place} cannot be written to by this user."


def test_too_little_room_is_a_warning(topmail: Sandbox, tmp_path: Path) -> None:
    config = {"TOPMAIL_OUTBOX": str(tmp_path), "TOPMAIL_MAX_BYTES": 16 * 1024**3}
    finding = found(tea_app(topmail, config), "outbox", proc=mounted(tmp_path, "ext4"))
    room = os.statvfs(tmp_path)
    assert finding.level == ("ok" if room.f_bavail * room.f_frsize >= 16 * 1024**3 else "warning")


def test_a_read_only_disk_is_named_with_what_to_do(topmail: Sandbox) -> None:
    mounts = [Path(line.split()[1]) for line in Path("/proc/mounts").read_text().splitlines()]
    place = next(
        (each for each in mounts if each.is_dir() and os.statvfs(each).f_flag & os.ST_RDONLY), None
    )
    if place is None:
        pytest.skip("nothing is mounted read-only here")
    finding = finding_of(topmail, place / "topmail")
    assert (finding.level, "read-only disk" in finding.what) == ("error", True)
    assert "/tmp/topmail" in finding.fix


def test_a_fleeting_place_is_all_right_where_answers_wait_for_their_views(
    topmail: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "store")
    config = {"TOPMAIL_OUTBOX": str(tmp_path), "TOPMAIL_SEND_BEFORE_ANSWER": 2}
    finding = found(tea_app(topmail, config), "outbox", proc=mounted(tmp_path, "tmpfs"))
    assert finding.level == "ok"
