"""Two importers at once: the leader, and a person at the command line."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.delivery.entry_making import Clock, entry, journal, outbox, output_of
from tests.delivery.test_importing import dead_segment, lines
from topmail_flask.delivery.importing import import_portions


def test_an_importer_that_comes_late_to_a_removed_segment_brings_nothing(tmp_path: Path) -> None:
    # F190: somebody else has imported, removed and forgotten it between our reading and our writing
    directory = tmp_path / "outbox"
    dead_segment(directory, "1", lines(entry(1), entry(2)))
    late, quick = outbox(directory), outbox(directory)
    with ExitStack() as opened:
        assert late._journals is not None
        portions, _ = late._journals.gather({}, 100, opened)
        text = """
import sys
from pathlib import Path
from tests.delivery.entry_making import *
books = outbox(Path(sys.argv[1]))
import_all(books)
print(len(drain(books)))
books.close()
"""
        portions[0].segment.path.rename(directory / "aside")
        dead_segment(directory, "1", (directory / "aside").read_bytes())
        assert output_of(text, directory) == "2"
        (directory / "aside").write_bytes(b"")  # as whoever imports it erases it before
        (directory / "aside").unlink()
        report, imported = late.file.run(
            partial(import_portions, portions=portions, limits=late._limits, now=0.0)
        )
    assert (report.imported, imported) == (0, [])
    assert quick.stats().accepted == 2
    late.close()
    quick.close()


def test_a_journal_of_the_dead_that_is_deleted_while_it_is_imported_is_imported(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "outbox"
    path = dead_segment(directory, "1", lines(entry(1), entry(2)))
    books = outbox(directory)
    with ExitStack() as opened:
        assert books._journals is not None
        portions, _ = books._journals.gather({}, 100, opened)
        path.unlink()
        work = partial(import_portions, portions=portions, limits=books._limits, now=0.0)
        report, _ = books.file.run(work)
    assert (report.imported, books.stats().pending) == (2, 2)
    books.close()


def test_two_importers_at_once_bring_each_line_once(tmp_path: Path) -> None:
    # F186: the command line beside the leader
    directory, clock = tmp_path / "outbox", Clock()
    written = journal(directory, clock)
    first, two = outbox(directory, clock), outbox(directory, clock)
    for number in range(200):
        assert written.append(entry(number))
        (first if number % 2 else two).import_journals()
        (two if number % 3 else first).import_journals()
    assert first.stats().accepted == first.stats().pending == 200
    first.close()
    two.close()
