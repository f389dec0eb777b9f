"""Whether what a command printed looks like what the page shows."""

from __future__ import annotations

import re


def differs(shown: str, printed: str) -> str:
    """Why the print does not have the shape that the page shows; empty when it has.

    Runs of spaces, and numbers, may differ: times, sizes and ids do. ``…`` stands for anything, on
    a line of its own for any lines.
    """
    if re.fullmatch(_pattern(shown), _plain(printed), re.DOTALL):
        return ""
    return f"the page shows:\n{shown}\nbut this was printed:\n{printed}"


def _pattern(shown: str) -> str:
    lines = []
    for line in _plain(shown).splitlines():
        if line == "…":
            lines.append(r"(?:[^\n]*\n)*?")
            continue
        escaped = re.escape(line).replace("…", r"[^\n]*")
        lines.append(re.sub(r"\d+", r"\\d+", escaped) + r"\n")
    return "".join(lines)


def _plain(text: str) -> str:
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    return "".join(f"{line}\n" for line in lines if line)
