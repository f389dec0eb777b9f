"""What one check of the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is.

    :cvar WARNING: views may be lost or look odd, or something could not be looked at.
    :cvar ERROR: views do not arrive, or should not be sent like this.
    """

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    :ivar what: what was found, in one sentence; no secret, and nothing about a shopper or product.
    :ivar cure: what to do about it; empty when all is well.
    :ivar details: one line for each page that was looked at. They may name products, so they are
        for the shop's own eyes only.
    """

    level: Level
    what: str
    cure: str = ""
    details: tuple[str, ...] = ()


def ok(what: str, *, details: tuple[str, ...] = ()) -> Finding:
    """All is well."""
    return Finding(Level.OK, what, details=details)


def warning(what: str, cure: str, *, details: tuple[str, ...] = ()) -> Finding:
    """Somebody should look at this."""
    return Finding(Level.WARNING, what, cure, details)


def error(what: str, cure: str, *, details: tuple[str, ...] = ()) -> Finding:
    """Somebody must do something about this."""
    return Finding(Level.ERROR, what, cure, details)
