"""Times as people and programs read them."""

from __future__ import annotations

from datetime import UTC, datetime


def ago(seconds: float) -> str:
    """An age in one unit: ``40 s``, ``3 min``, ``5 h``, ``2 d``."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def iso(moment: float | None) -> str | None:
    """A time since the epoch as ISO 8601, in UTC; None stays None."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
