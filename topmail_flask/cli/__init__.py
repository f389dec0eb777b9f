"""``flask topmail …``: one file a command group, imported when it is called."""

from __future__ import annotations

import importlib

import click

_COMMANDS = {
    "doctor": ("topmail_flask.cli.doctor", "doctor_command"),
    "drain": ("topmail_flask.cli.drain", "drain_command"),
    "forget": ("topmail_flask.cli.outbox", "forget_command"),
    "inspect": ("topmail_flask.cli.inspect", "inspect_command"),
    "outbox": ("topmail_flask.cli.outbox", "outbox_commands"),
    "report": ("topmail_flask.cli.report", "report_command"),
    "routes": ("topmail_flask.cli.routes", "routes_command"),
    "sandbox": ("topmail_flask.sandbox.command", "sandbox_command"),
    "send-test": ("topmail_flask.cli.send_test", "send_test_command"),
}


class _LazyGroup(click.Group):
    """A group whose commands are imported only when one of them is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), name)
        return command if isinstance(command, click.Command) else None


topmail_commands = _LazyGroup("topmail", help="Product views and their way to TopMail.")
