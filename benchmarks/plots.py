"""Horizontal bars as SVG: enough for figures that are compared with one another."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

WIDTH, LETTER, FIGURES, HEIGHT, GAP, TOP = 820, 7.8, 90, 22, 8, 44
OURS, THEIRS, INK, PAPER = "#0f766e", "#9aa5b1", "#1f2933", "#ffffff"
STYLE = "font: 14px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"


def bars(title: str, unit: str, values: Mapping[str, float], ours: str) -> str:
    """The text of an SVG file.

    :param values: what each bar shows, from above to below.
    :param ours: bars whose names hold this are in another colour; "" is in all of them.
    """
    most = max([*values.values(), 1e-9])
    labels = int(max([len(name) for name in values], default=0) * LETTER) + 2 * GAP
    height = TOP + len(values) * (HEIGHT + GAP) + GAP
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'width="{WIDTH}" height="{height}" style="{STYLE}">'
        ),
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        (
            f'<text x="{GAP}" y="26" fill="{INK}" font-weight="600">{escape(title)}, '
            f"{escape(unit)}</text>"
        ),
    ]
    for at, (name, value) in enumerate(values.items()):
        y = TOP + at * (HEIGHT + GAP)
        length = max(1.0, (WIDTH - labels - FIGURES) * max(value, 0.0) / most)
        middle = y + HEIGHT * 0.7
        colour = OURS if ours in name else THEIRS
        parts += [
            (
                f'<text x="{labels - GAP}" y="{middle:.0f}" text-anchor="end" fill="{INK}">'
                f"{escape(name)}</text>"
            ),
            f'<rect x="{labels}" y="{y}" width="{length:.1f}" height="{HEIGHT}" fill="{colour}"/>',
            (
                f'<text x="{labels + length + GAP:.1f}" y="{middle:.0f}" fill="{INK}">'
                f"{figure(value)}</text>"
            ),
        ]
    return "\n".join([*parts, "</svg>", ""])


def figure(value: float) -> str:
    """Three digits that count."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:,.1f}" if size >= 10 else f"{value:,.2f}"
