"""Write the reference pages that say what the code says: ``python docs/reference/generate.py``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click

from topmail_flask import Reason, Settings
from topmail_flask.cli import topmail_commands

HERE = Path(__file__).parent


def reasons() -> str:
    """The page of all reasons."""
    lines = [
        "# Reasons",
        "",
        "Every view or purchase that is not sent has one of these reasons: in `view_dropped`, in",
        "`topmail.stats().reasons`, in the `X-TopMail` header and in `flask topmail inspect PATH`.",
        "Each has a paragraph, with the command that shows it, in",
        "[Nothing arrives](../nothing-arrives.md).",
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


def commands() -> str:
    """The page of all commands: what ``--help`` says of each."""
    lines = [
        "# Commands",
        "",
        "`flask topmail …` works where `flask` finds the store: in its directory, or with `--app`.",
        "What each of them is for: [Check a store](../how-to/checking.md) and",
        "[Operate the outbox](../how-to/operating.md).",
    ]
    for name, told in _help_texts(topmail_commands, "flask topmail"):
        lines += ["", f"## {name}", "", "```text", told, "```"]
    return "\n".join(lines) + "\n"


def _help_texts(group: click.Group, path: str) -> Iterator[tuple[str, str]]:
    around = click.Context(group, info_name=path)
    for name in group.list_commands(around):
        command = group.get_command(around, name)
        called = f"{path} {name}"
        if isinstance(command, click.Group):
            yield from _help_texts(command, called)
        elif command is not None:
            context = click.Context(command, info_name=called, terminal_width=88)
            yield called, command.get_help(context)


PAGES = {"commands.md": commands, "reasons.md": reasons, "settings.md": settings}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
