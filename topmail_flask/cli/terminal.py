"""Texts as a terminal shows them best."""

from __future__ import annotations

import os
import shutil
import textwrap

_WIDEST, _NARROWEST = 100, 30


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


def colour() -> bool | None:
    """False under NO_COLOR (https://no-color.org); None: on terminals."""
    return False if os.environ.get("NO_COLOR") else None
