"""A rotated key: the views of the old one are sent with the new one, once."""

from __future__ import annotations

from pathlib import Path

from tests.delivery.entry_making import contact_id_of, drain, entry, fill, journal, outbox
from topmail_flask.delivery.files import LEADER_LOCK, app_directory, hold, prepare, siblings
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Secret

OLD, NEW = Secret("tm_live_0123456789abcdef"), Secret("tm_live_fedcba9876543210")


def homes(root: Path) -> tuple[Path, Path]:
    old, new = app_directory(root, "shop", OLD), app_directory(root, "shop", NEW)
    prepare(old)
    prepare(new)
    return old, new


def test_views_of_the_old_key_are_taken_over_with_their_ledger(tmp_path: Path) -> None:
    # F187
    old, new = homes(tmp_path)
    before = outbox(old)
    fill(before, [entry(number) for number in range(10)])
    before.delivered(before.claim(1)[0])
    before.dead_letter(before.claim(1)[0], Reason.REJECTED)
    before.remember_contact("ada", "contact of another workspace")
    before.pause(1e11, "unauthorized")
    before.close()
    written = journal(old)
    assert written.append(entry(99))
    written.close()
    books = outbox(new)
    assert siblings(new) == [old]
    assert books.adopt(old)
    assert not old.exists()
    stats = books.stats()
    assert (stats.accepted, stats.delivered, stats.dead, stats.pending) == (11, 1, 1, 9)
    assert stats.balanced
    assert books.state().paused_until is None
    assert contact_id_of(books, "ada") is None
    assert len(drain(books)) == 9
    books.close()


def test_nothing_is_taken_from_a_key_that_is_in_use(tmp_path: Path) -> None:
    # F073, F074: another app of the same name, alive in this very process
    old, new = homes(tmp_path)
    written, books = journal(old), outbox(new)
    assert written.append(entry(1))
    assert not books.adopt(old)
    written.close()
    leading = hold(old / LEADER_LOCK)
    assert leading is not None
    assert not books.adopt(old)
    assert leading.in_place
    leading.release()
    assert books.adopt(old)
    assert drain(books) == ["key-1"]
    books.close()


def test_a_crash_during_adoption_takes_nothing_twice(tmp_path: Path) -> None:
    # F187, F190: the rows were taken over, the old file is still there
    old, new = homes(tmp_path)
    before = outbox(old)
    fill(before, [entry(1)])
    before.close()
    kept = (old / "outbox.sqlite3").read_bytes()
    books = outbox(new)
    assert books.adopt(old)
    assert drain(books) == ["key-1"]
    prepare(old)
    (old / "outbox.sqlite3").write_bytes(kept)
    assert books.adopt(old)
    assert drain(books) == []
    assert books.stats().accepted == books.stats().delivered == 1
    books.close()


def test_what_lies_there_by_mistake_keeps_no_view_back(tmp_path: Path) -> None:
    # F187
    old, new = homes(tmp_path)
    written, books = journal(old), outbox(new)
    assert written.append(entry(1))
    written.close()
    (old / "folder.journal").mkdir()
    (old / "link.journal").symlink_to("nowhere")
    assert books.adopt(old)
    assert drain(books) == ["key-1"]
    books.close()
