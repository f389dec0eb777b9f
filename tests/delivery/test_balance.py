"""The ledger is right whenever it is read, also while the leader moves what it counts."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.delivery.entry_making import entry, journal, outbox

VIEWS = 3000


def test_no_view_is_missing_from_the_ledger_while_it_is_imported(tmp_path: Path) -> None:
    """F186: or a drain would say that nothing is left while a view is."""
    directory = tmp_path / "box"
    written, books, reader = journal(directory), outbox(directory), outbox(directory)
    accepted: list[int] = [0]
    wrong: list[tuple[int, int]] = []

    def ask() -> None:
        while accepted[-1] < VIEWS:
            at_least = accepted[-1]
            stats = reader.stats()
            if not at_least <= stats.accepted == stats.pending <= accepted[-1] + 1:
                wrong.append((at_least, stats.accepted))

    asking = threading.Thread(target=ask)
    asking.start()
    for number in range(1, VIEWS + 1):
        assert written.append(entry(number))
        accepted.append(number)
        books.import_journals()
    asking.join()
    assert wrong == []
    assert reader.stats().accepted == VIEWS
    for opened in (written, books, reader):
        opened.close()
