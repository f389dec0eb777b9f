"""A look at a product, and what has to remember looks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

KEPT_SECONDS = 90 * 86_400
"""How long a look is remembered: the season in which people still know why they looked."""
KEPT_PER_VISITOR = 50
VIEWERS_ASKED = 200
"""Of how many of a product's viewers the other looks are counted: the latest ones."""


class Look(NamedTuple):
    """Somebody looked at a product.

    :ivar visitor: 32 hexadecimal characters, a keyed digest: no address and no cookie.
    :ivar product: the product's id, as TopMail gets it.
    :ivar at: when it was last seen, in seconds since the epoch.
    """

    visitor: str
    product: str
    at: float


class Companion(NamedTuple):
    """A product that people saw who saw another one.

    :ivar product: its id.
    :ivar both: how many visitors saw both.
    :ivar viewers: how many visitors saw this one, at least ``both``.
    """

    product: str
    both: int
    viewers: int


class LookMemory(Protocol):
    """Remembers looks for all processes of a shop.

    The default is a file for all processes of one machine. A shop on several machines gives its own
    by :meth:`~topmail_flask.TopMail.keep_looks_in`. Any of the four may raise: then nothing is
    shown, and the page goes on.
    """

    def remember(self, looks: Sequence[Look]) -> None:
        """Keep the looks. A later look at the same product replaces the visitor's earlier one.

        Called after the answer has been sent. Of a visitor the newest 50 are enough, and none
        that is older than 90 days.
        """

    def seen_by(self, visitor: str) -> Sequence[Look]:
        """What the visitor looked at, each product once, newest first."""

    def seen_with(self, product: str) -> Iterable[Companion]:
        """What the viewers of ``product`` saw besides; the latest 200 of them are enough.

        Asked once in five minutes for each product.
        """

    def forget(self, visitors: Sequence[str]) -> int:
        """Erase all looks of these visitors. Returns how many there were."""
