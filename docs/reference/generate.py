"""Write the reference pages that say what the code says: ``python docs/reference/generate.py``."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from topmail_flask import Reason, Settings

HERE = Path(__file__).parent


def reasons() -> str:
    """The page of all reasons."""
    lines = [
        "# Reasons",
        "",
        "Every view that is not sent has one of these reasons: in `view_dropped`, in",
        "`topmail.stats().reasons`, in the `X-TopMail` header and in `flask topmail inspect PATH`.",
        "",
        "| reason | what happened | what to do |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{one.value}` | {one.sentence} | {one.cure or 'Nothing: all is as it should be.'} |"
        for one in Reason
    ]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """The page of all settings."""
    lines = [
        "# Settings",
        "",
        "Keys of `app.config`, read once by `init_app`. `TopMailMiddleware` takes the same names",
        "in lower case without `TOPMAIL_`. An unknown key or a wrong value is an error at start.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    lines += [
        f"| `TOPMAIL_{one.name.upper()}` | `{one.default!r}` | {one.metadata['sentence']} |"
        for one in fields(Settings)
    ]
    return "\n".join(lines) + "\n"


PAGES = {"reasons.md": reasons, "settings.md": settings}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
