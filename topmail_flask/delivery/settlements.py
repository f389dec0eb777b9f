"""What became of rows, written in batches, and remembered while the disk takes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from topmail_flask.delivery.books import Books
from topmail_flask.delivery.claims import Settling, settle
from topmail_flask.delivery.database import Fault


class Settlements:
    """Writes settlings at once or, inside :meth:`batch`, in one transaction at its end.

    What a full disk refuses stays here and is tried again; its rows are not sent meanwhile (fault
    F084).
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self._open: list[Settling] = []
        self._batches = 0

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction for all settlings inside."""
        self._batches += 1
        try:
            yield
        finally:
            self._batches -= 1
            self.write()

    def add(self, *settlings: Settling) -> None:
        """Settles."""
        self._open += settlings
        self.write()

    def write(self) -> bool:
        """Writes what is open, unless a batch is under way.

        :returns: whether nothing is left.
        """
        if self._batches or not self._open:
            return not self._open
        todo = tuple(self._open)

        try:
            self._books.run(partial(settle, settlings=todo))
        except Fault:
            return False
        del self._open[: len(todo)]
        return True

    @property
    def keys(self) -> set[str]:
        """Keys of the rows whose end is not written yet."""
        return {settling.key for settling in self._open if settling.key}

    @property
    def ends(self) -> Counter[str]:
        """How many rows came to which end that is not written yet."""
        return Counter(settling.ends for settling in self._open if settling.ends)
