"""Texts, times and counts as people read them in a terminal."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from datetime import UTC, datetime

import click

_WIDEST, _NARROWEST = 100, 30
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def wrapped(text: str, indent: int = 0) -> str:
    """``text`` in lines that fit the terminal; those after the first are indented.

    Commands, paths and addresses are not torn: they are to be copied.

    :param indent: columns that stand before each line.
    """
    width = min(shutil.get_terminal_size().columns, _WIDEST) - indent
    lines = textwrap.wrap(
        text, max(width, _NARROWEST), break_long_words=False, break_on_hyphens=False
    )
    return f"\n{' ' * indent}".join(lines)


def say(report: object, text: str, *, as_json: bool) -> None:
    """Print what a command found: for a program, or for people."""
    click.echo(json.dumps(report) if as_json else text)


def colour() -> bool | None:
    """False under NO_COLOR (https://no-color.org); None: on terminals."""
    return False if os.environ.get("NO_COLOR") else None


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


def count_of(number: int, thing: str) -> str:
    """A number of things: ``1 view``, ``2 views``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
