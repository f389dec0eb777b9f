"""Write the reference pages that say what the code says: ``python docs/reference/generate.py``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click

from topmail_flask import Reason, Settings
from topmail_flask.cli import topmail_commands
from topmail_flask.sandbox.assumptions import FACTS

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
        f"| `{reason.value}` | {reason.sentence} "
        f"| {reason.fix or 'Nothing: all is as it should be.'} |"
        for reason in Reason
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
        f"| `TOPMAIL_{setting.name.upper()}` | `{setting.default!r}` "
        f"| {setting.metadata['sentence']} |"
        for setting in fields(Settings)
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


RANKS = {
    "said": "TopMail's developer pages say it.",
    "example": "An example answer shows it; no sentence says it.",
    "guess": "The pages are silent. This is what we take for likely, and what the sandbox plays.",
}
IF_WRONG = {
    "status": "nothing: every 2xx is taken.",
    "idempotency": "each answer that gets lost on the way costs one view that counts twice, and "
    "nothing on our side can see it. Ask your account: `flask topmail send-test --twice --to …`.",
    "refusals": "nothing is lost: a dead letter that TopMail may have remembered is sent under "
    "another key.",
    "permission": "sending pauses with `forbidden`, views wait, and `flask topmail "
    "doctor` says so before the first shopper comes. It takes a 400 to an empty call for a yes.",
    "purchase": "a buyer is mailed about what they bought. [Give the flow its exit "
    "condition](../how-to/purchases.md) in TopMail's dashboard, whatever the guess.",
    "strict": "nothing: only documented fields are sent.",
    "automations": "a trigger is refused, and is counted with its reason.",
    "skipped": "shoppers are mailed whom you did not expect to be: set it in the flow.",
    "codes": "nothing: the status decides, not the code.",
}
"""What a guess that is wrong means for a store."""


def topmail() -> str:
    """The page of what is known of TopMail."""
    lines = [
        "# What is known of TopMail",
        "",
        "This package was written from TopMail's public developer pages, without an account. What",
        "they do not say is marked as a guess, here, in the sandbox (*What is a guess?*) and on",
        "every page that speaks of it. The option starts the [sandbox](../how-to/sandbox.md) with",
        "the other answer. Whether your account agrees: `flask topmail doctor` and",
        "`flask topmail send-test` ask the real one.",
    ]
    for rank, meaning in RANKS.items():
        guess = rank == "guess"
        heads = ["what", "the other answer", "if it is wrong"] if guess else ["what"]
        lines += ["", f"## {rank.capitalize()}", "", meaning, ""]
        lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for fact in FACTS:
            if fact.rank == rank:
                option = f"`{fact.option}`" if fact.option else ""
                cells = [fact.statement, *([option, IF_WRONG[fact.name]] if guess else [])]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


PAGES = {
    "commands.md": commands,
    "reasons.md": reasons,
    "settings.md": settings,
    "topmail.md": topmail,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
