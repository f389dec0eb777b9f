"""Where files may live."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from tests.delivery.entry_making import entry, imported, journal, outbox
from topmail_flask.delivery.files import (
    DirectoryRefused,
    app_directory,
    file_system,
    prepare,
    siblings,
)
from topmail_flask.model.settings import Secret

KEY, OTHER = Secret("tm_live_0123456789abcdef"), Secret("tm_live_fedcba9876543210")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_two_apps_and_two_keys_never_share_a_directory(tmp_path: Path) -> None:
    # F073, F074
    shop, admin = (app_directory(tmp_path, name, KEY) for name in ("shop", "admin"))
    rotated = app_directory(tmp_path, "shop", OTHER)
    trial = app_directory(tmp_path, "shop", Secret("tm_test_0123456789abcdef"))
    assert len({shop, admin, rotated, trial}) == 4
    assert KEY.reveal() not in str(shop)


def test_a_rotated_key_finds_what_the_old_one_left(tmp_path: Path) -> None:
    # F187: of the same app, and never test views for a live key
    shop, rotated = app_directory(tmp_path, "shop", KEY), app_directory(tmp_path, "shop", OTHER)
    trial = app_directory(tmp_path, "shop", Secret("tm_test_0123456789abcdef"))
    for path in (shop, rotated, trial, app_directory(tmp_path, "admin", KEY)):
        path.mkdir()
    assert siblings(rotated) == [shop]
    assert siblings(tmp_path / "missing" / "x-y") == []


def test_two_shops_that_run_one_program_take_nothing_of_each_other(tmp_path: Path) -> None:
    # F074: an agency hosts both, with one TOPMAIL_OUTBOX
    ours = app_directory(tmp_path, "shop", KEY, owner=b"one SECRET_KEY")
    theirs = app_directory(tmp_path, "shop", OTHER, owner=b"another SECRET_KEY")
    for path in (ours, theirs):
        path.mkdir()
    assert siblings(ours) == siblings(theirs) == []


def test_a_new_secret_of_the_shop_finds_what_the_old_one_left(tmp_path: Path) -> None:
    before = app_directory(tmp_path, "shop", KEY, owner=b"before")
    after = app_directory(tmp_path, "shop", KEY, owner=b"after")
    for path in (before, after, app_directory(tmp_path, "admin", KEY, owner=b"before")):
        path.mkdir()
    assert siblings(after) == [before]


def test_all_files_are_the_owners_only(tmp_path: Path) -> None:
    # F096
    directory = tmp_path / "outbox" / "app"
    before = os.umask(0o022)
    try:
        written = journal(directory)
        assert written.append(entry())
        books = outbox(directory)
        books.import_journals()
        assert len(books.claim(1)) == 1
    finally:
        os.umask(before)
    assert mode(directory) == mode(directory.parent) == 0o700
    files = {path.name: mode(path) for path in directory.iterdir()}
    assert len(files) >= 4  # a segment, the outbox, its log and its shared memory
    assert set(files.values()) == {0o600}
    books.close()


def test_a_directory_that_others_can_write_to_is_refused_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # F096
    directory = tmp_path / "outbox" / "app"
    directory.mkdir(parents=True)
    directory.chmod(0o770)
    written = journal(directory)
    with caplog.at_level(logging.WARNING):
        assert [written.append(entry(number)) for number in range(3)] == [False] * 3
    assert len(caplog.records) == 1
    assert "chmod 700" in caplog.text
    assert "chmod 700" in written.degraded
    books = outbox(directory)
    assert imported(books, [entry()]).imported == 1
    assert "chmod 700" in books.file.degraded
    assert not list(directory.iterdir())


def test_nothing_is_written_through_a_symbolic_link(tmp_path: Path) -> None:
    # F097
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir(mode=0o700)
    link.symlink_to(real)
    assert not journal(link).append(entry())
    assert not journal(link / "app").append(entry())
    assert not list(real.iterdir())


def test_the_outbox_file_is_no_symbolic_link(tmp_path: Path) -> None:
    # F097
    directory, victim = tmp_path / "outbox", tmp_path / "victim"
    directory.mkdir(mode=0o700)
    victim.write_bytes(b"")
    (directory / "outbox.sqlite3").symlink_to(victim)
    books = outbox(directory)
    assert imported(books, [entry()]).imported == 1
    assert "symbolic link" in books.file.degraded
    assert victim.read_bytes() == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_somebody_elses_directory_is_refused(tmp_path: Path) -> None:
    # F097
    directory = tmp_path / "outbox"
    directory.mkdir(mode=0o700)
    os.chown(directory, 65534, 65534)
    with pytest.raises(DirectoryRefused, match="another user"):
        prepare(directory)


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "fuse", "9p"])
def test_a_network_file_system_is_refused_with_advice(tmp_path: Path, kind: str) -> None:
    # F098
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 254:0 / / rw - ext4 /dev/vda rw\n"
        f"40 22 0:52 / {tmp_path}/far\\040away rw - {kind} far rw\n"
    )
    assert file_system(tmp_path, mounts) == "ext4"
    assert file_system(tmp_path / "far away" / "app", mounts) == kind
    with pytest.raises(DirectoryRefused, match="local disk"):
        prepare(tmp_path / "far away" / "app", mounts)


def test_a_system_that_does_not_tell_its_mounts_is_trusted(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "missing") == ""
