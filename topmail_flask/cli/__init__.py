"""``flask topmail …``: each command's file is imported when it is called.

The group is a plugin of Flask's command line, too: so the sandbox starts without the store, and a
store that cannot start is explained in two lines.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

import click
from flask.cli import ScriptInfo

from topmail_flask.model.errors import ConfigurationError

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


def is_in_command() -> bool:
    """Whether a command of Flask's runs that is not ``flask run``."""
    context = click.get_current_context(silent=True)
    if context is None or context.find_object(ScriptInfo) is None:
        return False
    return context.info_name != "run"


class WrongConfiguration(click.ClickException):
    """The store's configuration is wrong: what is, and on a line of its own what to do."""

    exit_code = 2

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem.rstrip('.')}.\n-> {fix}")


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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; the store is made before its file is imported.

        The store may have to patch the standard library first, as gevent does.
        """
        script = ctx.find_object(ScriptInfo)
        if script is not None and args and args[0] != "sandbox" and "--help" not in args:
            script.load_app()
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. The store is made on the way, by code of the shop."""
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            what, *fixes = re.split(r"\. (?=[A-Z])", str(error), maxsplit=1)
            name = re.match(r"TOPMAIL_\w+", what)
            change = f"Change {name[0]} in the store's configuration." if name else "Change that."
            raise WrongConfiguration(what, fixes[0] if fixes else change) from None
        except KeyError as error:
            name = error.args[0] if error.args else None
            if not (isinstance(name, str) and name.startswith("TOPMAIL_")):
                raise
            fix = f"export {name}=…, in the shell or the service that runs the store."
            raise WrongConfiguration(f"The store asks for {name}, which is not set", fix) from None


topmail_commands = _LazyGroup("topmail", help="Product views and their way to TopMail.")
