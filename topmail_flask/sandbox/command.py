"""The command that runs a sandbox until it is stopped."""

import errno
import signal
import threading
from pathlib import Path

import click

from topmail_flask.sandbox.fields import email as check_email
from topmail_flask.sandbox.sandbox import Sandbox
from topmail_flask.sandbox.website import is_loopback

_KEEP = 5_000
"""Records of each kind: weeks of a developer's clicking, a few megabytes."""


@click.command("sandbox")
@click.option("--port", default=8025, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep contacts and views in this file; without it they are gone at the end.",
)
@click.option("--contacts", default="", help="Addresses of contacts to begin with: a@b.c,d@e.f")
def sandbox_command(port: int, host: str, state: Path | None, contacts: str) -> None:
    """Run a local TopMail, with a page that shows what arrives."""
    emails = [email.strip() for email in contacts.split(",") if email.strip()]
    for email in emails:
        complaint = check_email(email)
        if complaint is not None:
            raise click.ClickException(f"--contacts: {email} {complaint}.")
    try:
        sandbox = Sandbox(host=host, port=port, state=state, contacts=emails, keep=_KEEP)
        sandbox.start()
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(_complaint(error, host, port)) from None
    try:
        for number in (signal.SIGINT, signal.SIGTERM):  # a script's "&" has Ctrl-C ignored
            signal.signal(number, signal.default_int_handler)
        click.echo(
            f"\n  TopMail sandbox   {sandbox.url}\n"
            f"  API key           {sandbox.api_key}\n\n"
            "  Tell your store:\n\n"
            f'    TOPMAIL_BASE_URL = "{sandbox.base_url}"\n'
            f'    TOPMAIL_API_KEY = "{sandbox.api_key}"\n\n'
            "  Then open the page, and look at a product. Ctrl-C stops.\n"
        )
        if not is_loopback(host):
            click.echo("  Other machines can reach it, and it asks nobody for a password.\n")
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("  The sandbox has stopped.")
    finally:
        sandbox.stop()


def _complaint(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken: choose another with --port."
    if error.filename is not None:
        return f"The state cannot be kept: {error.strerror}: {error.filename}"
    return f"The sandbox cannot listen on {host} port {port}: {error.strerror}."
