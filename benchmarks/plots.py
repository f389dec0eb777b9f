"""Horizontal bars as SVG: enough for figures that are compared with one another."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from textwrap import wrap

WIDTH, LETTERS, FIGURES, HEIGHT, ROW, GAP = 380, 44, 70, 14, 44, 8
"""Of a phone: a name stands above its bar, and texts keep their size."""
OURS, THEIRS, INK, PAPER = "#0f766e", "#9aa5b1", "#1f2933", "#ffffff"
STYLE = "font: 14px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"


def bars(title: str, unit: str, values: Mapping[str, float], ours: str) -> str:
    """The text of an SVG file.

    :param values: what each bar shows, from above to below.
    :param ours: bars whose names hold this are in another colour; "" is in all of them.
    """
    most = max([*values.values(), 1e-9])
    heads = wrap(f"{title}, {unit}", LETTERS)
    top = GAP + 20 * len(heads)
    height = top + len(values) * ROW + GAP
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'width="{WIDTH}" height="{height}" style="{STYLE}">'
        ),
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
    ]
    parts += [_text(GAP, 20 * (at + 1), line, "600") for at, line in enumerate(heads)]
    for at, (name, value) in enumerate(values.items()):
        y = top + at * ROW
        length = max(1.0, (WIDTH - FIGURES - 2 * GAP) * max(value, 0.0) / most)
        box = f'x="{GAP}" y="{y + 22}" width="{length:.1f}" height="{HEIGHT}"'
        colour = OURS if ours in name else THEIRS
        parts += [
            _text(GAP, y + 16, name),
            f'<rect {box} fill="{colour}"/>',
            _text(2 * GAP + length, y + 34, figure(value)),
        ]
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, weight: str = "400") -> str:
    place = f'<text x="{x:.0f}" y="{y:.0f}" fill="{INK}" font-weight="{weight}">'
    return f"{place}{escape(text)}</text>"


def figure(value: float) -> str:
    """Three digits that count."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:,.1f}" if size >= 10 else f"{value:,.2f}"
