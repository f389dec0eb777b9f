"""What is asked about a visitor: who it is, and whether their views count."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from topmail_flask.model.shopper import Shopper
from topmail_flask.rules.consent import Consent


class Answers(NamedTuple):
    """What was said about a visitor.

    :ivar shopper: who it is, as far as anybody knows; of nobody who is left out.
    :ivar consent: what the shopper decided about tracking.
    :ivar is_excluded: the shop wants this request left out.
    """

    shopper: Shopper | None
    consent: Consent = None
    is_excluded: bool = False


class Visitor:
    """Who made a request, asked only when there is a product to tell of.

    :ivar called: the function of the shop that was called last.
    :ivar early: what was said while the page was made, if anything was.
    """

    called: Callable[..., object] | None = None
    early: Answers | None = None

    def answers(self) -> Answers:
        """All that decides whether the visitor's views count; may raise InvalidValueError of a
        shopper that cannot be one, and whatever a function of the shop raises.
        """
        if self.is_excluded():
            return Answers(None, is_excluded=True)
        shopper = self.shopper()
        return Answers(shopper, self.consents(shopper))

    def shopper(self) -> Shopper | None:
        """The shopper, if anybody knows; may raise InvalidValueError, or anything."""
        raise NotImplementedError

    def consents(self, shopper: Shopper | None) -> Consent:
        """What the shopper decided about tracking; None: nothing yet."""
        raise NotImplementedError

    def is_excluded(self) -> bool:
        """Whether the shop wants this request left out."""
        return False

    def is_staff(self) -> bool:
        """Whether the user who is logged in works for the shop."""
        return False

    def is_surely_nobody(self) -> bool:
        """Whether :meth:`shopper` will be None, as far as can be told at once."""
        return False
