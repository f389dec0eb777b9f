"""What all processes of an app count together."""

from __future__ import annotations

import os
from pathlib import Path

from topmail_flask.delivery.files import COUNTS_BYTES, SharedCounts


def test_the_counts_of_all_processes_are_added_up(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    first, second = SharedCounts(tmp_path, "counts"), SharedCounts(tmp_path, "counts")
    for _ in range(3):
        first.add(["Osano", "Klaro"])
    first.save()
    second.add(["Osano"])
    counts, last = SharedCounts(tmp_path, "counts").read()
    assert counts == {"Osano": 4, "Klaro": 3}
    assert last > 0
    assert (tmp_path / "counts").stat().st_mode & 0o777 == 0o600


def test_a_process_writes_seldom_and_knows_its_own_counts_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    counts = SharedCounts(tmp_path, "counts")
    for _ in range(100):
        counts.add(["Osano"])
    assert (tmp_path / "counts").read_text("utf-8") == "1 Osano\n"
    assert counts.read()[0] == {"Osano": 100}


def test_what_cannot_be_written_or_read_is_kept_in_memory(tmp_path: Path) -> None:
    for place in (None, Path("/dev/null/nowhere")):
        counts = SharedCounts(place, "counts")
        counts.add(["Osano"])
        counts.save()
        assert counts.read()[0] == {"Osano": 1}
    assert SharedCounts(None, "counts").read() == ({}, 0.0)
    tmp_path.chmod(0o700)
    (tmp_path / "counts").write_bytes(b"\xff\xfe\nx y\n-1 a\n12\n2 Klaro\n")
    assert SharedCounts(tmp_path, "counts").read()[0] == {"Klaro": 2}


def test_the_file_is_bounded_and_no_link_is_followed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "counts").write_bytes(b"1 Osano\n" * COUNTS_BYTES)
    counts = SharedCounts(tmp_path, "counts")
    counts.add(["Klaro"])
    assert (tmp_path / "counts").stat().st_size < COUNTS_BYTES
    other = tmp_path / "other"
    other.write_bytes(b"")
    os.symlink(other, tmp_path / "link")
    linked = SharedCounts(tmp_path, "link")
    linked.add(["Klaro"])
    assert other.read_bytes() == b""
