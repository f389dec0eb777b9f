"""The command that runs a sandbox until it is stopped."""

import errno
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from topmail_flask.sandbox.assumptions import FACTS, Assumptions
from topmail_flask.sandbox.contract import email as check_email
from topmail_flask.sandbox.sandbox import Options, Sandbox
from topmail_flask.sandbox.server import is_loopback, is_wildcard

_KEEP = 5_000
"""Records of each kind: weeks of a developer's clicking, a few megabytes."""


def answer_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each guess about TopMail that has another answer."""
    for fact in reversed(FACTS):
        default = getattr(Assumptions(), fact.field, None)
        kind: dict[str, Any] = {"type": type(default), "show_default": True}
        if isinstance(default, bool):
            kind = {"flag_value": not default, "is_flag": True}
        if fact.field:
            name = fact.option.partition(" ")[0]
            option = click.option(name, fact.field, default=default, help=fact.other, **kind)
            command = option(command)
    return command


@click.command("sandbox")
@click.option("--port", default=8025, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="Answer requests for this host name, too; may be repeated.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep contacts and views in this file; without it they are gone at the end.",
)
@click.option("--contacts", default="", help="Addresses of contacts to begin with: a@b.c,d@e.f")
@click.option(
    "--automations",
    help="Ids of the automations that exist: ID,ID. Without it, every id that is triggered does.",
)
@answer_options
def sandbox_command(
    port: int,
    host: str,
    allow_hosts: tuple[str, ...],
    state: Path | None,
    contacts: str,
    automations: str | None,
    **answers: Any,
) -> None:
    """Run a local TopMail, with a page that shows what arrives.

    Where TopMail's pages are silent it answers as is likely, or as an option says.
    """
    emails = _listed(contacts)
    for email in emails:
        complaint = check_email(email)
        if complaint is not None:
            raise click.ClickException(f"--contacts: {email} {complaint}.")
    ids = None if automations is None else _listed(automations)
    try:
        sandbox = Sandbox(
            host=host,
            port=port,
            state=state,
            contacts=emails,
            assumptions=Assumptions(**answers),
            options=Options(keep=_KEEP, automations=ids, allow_hosts=allow_hosts),
        )
        sandbox.start()
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(_complaint(error, host, port)) from None
    try:
        for number in (signal.SIGINT, signal.SIGTERM):  # a script's "&" has Ctrl-C ignored
            signal.signal(number, signal.default_int_handler)
        click.echo(_what_to_do(sandbox, host))
        ended = threading.Event()
        while not ended.wait(0.5):  # for ever, a signal that comes just before is missed
            pass
    except KeyboardInterrupt:
        click.echo("  The sandbox has stopped.")
    finally:
        sandbox.stop()


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _what_to_do(sandbox: Sandbox, host: str) -> str:
    others = ""
    if not is_loopback(host):
        address = _own_address() if is_wildcard(host) else None
        if address is not None:
            others = (
                "  Tell a store on another machine, or in a container:\n\n"
                f'    TOPMAIL_BASE_URL = "http://{address}:{sandbox.port}/api/v1"\n\n'
            )
        others += "  Other machines can reach it, and it asks nobody for a password.\n"
    return (
        f"\n  TopMail sandbox   {sandbox.url}\n"
        f"  API key           {sandbox.api_key}\n\n"
        "  Tell your store:\n\n"
        f'    TOPMAIL_BASE_URL = "{sandbox.base_url}"\n'
        f'    TOPMAIL_API_KEY = "{sandbox.api_key}"\n\n'
        f"{others}"
        "  Then open the page, and look at a product. Ctrl-C stops.\n"
    )


def _own_address() -> str | None:
    """Return this machine's address on its network, or None; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that is reserved for documentation
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _complaint(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken: choose another with --port."
    if error.filename is not None:
        return f"The state cannot be kept: {error.strerror}: {error.filename}"
    return f"The sandbox cannot listen on {host} port {port}: {error.strerror}."
