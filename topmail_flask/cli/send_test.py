"""``flask topmail send-test``: one marked view, sent while you wait."""

from __future__ import annotations

import time

import click
from flask import current_app
from flask.cli import with_appcontext

from topmail_flask.cli.doctor_api import parted
from topmail_flask.cli.terminal import as_json_option, say, wrapped
from topmail_flask.core import Core, core_of
from topmail_flask.delivery.attempt import attempt, job_of
from topmail_flask.delivery.claiming import Row
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.entry import Entry
from topmail_flask.model.errors import ContactNotFound, DeliveryError, InvalidValueError
from topmail_flask.model.events import ProductView
from topmail_flask.model.product import Product
from topmail_flask.model.shopper import Receipt, Shopper

PRODUCT_ID = "topmail-flask-test"
PRODUCT_NAME = "Test view from flask topmail send-test"
_UNKNOWN = (
    "Add this address to TopMail's contacts, use one that is there, or set "
    'TOPMAIL_UNKNOWN_CONTACTS = "create".'
)


@click.command("send-test", short_help="Send one marked view, and print the receipt.")
@click.option("--to", "email", required=True, metavar="EMAIL", help="A contact: best yourself.")
@click.option(
    "--twice",
    is_flag=True,
    help="Send it twice under one idempotency key, and say whether TopMail counted it once.",
)
@click.option("--yes", is_flag=True, help="Do not ask before --twice with a live key.")
@as_json_option
@with_appcontext
def send_test_command(email: str, twice: bool, yes: bool, as_json: bool) -> None:
    """Send one clearly marked product view to TopMail, past the outbox, and print its receipt.

    TopMail treats it like any view: flows that begin with a product view begin for this contact,
    so take your own address. Where TOPMAIL_UNKNOWN_CONTACTS is "create", an unknown contact is
    created first, as for a shopper.

    TopMail's pages do not say that this endpoint honours an idempotency key. With --twice you see
    it on your account: if it does not, this contact's flows may start twice.

    Exits with 1 when TopMail did not take it, saying why and what to do.
    """
    core = core_of(None)
    if not core.is_enabled() or core.settings.api_key is None:
        raise click.ClickException("nothing is sent: set TOPMAIL_API_KEY (and not TOPMAIL_ENABLED)")
    url = core.settings.site_url or f"https://{current_app.config['SERVER_NAME'] or 'localhost'}/"
    try:
        view = ProductView(Product(PRODUCT_ID, PRODUCT_NAME, url=url), Shopper(email))
    except InvalidValueError as error:
        raise click.UsageError(str(error)) from None
    if twice and not yes and core.settings.api_key.reveal().startswith("tm_live_"):
        click.confirm("This key is live: a flow may start twice. Go on?", abort=True, err=True)
    begun = time.monotonic()
    outcome = _sent(core, view)
    took = time.monotonic() - begun
    receipt = _accepted(outcome, as_json=as_json)
    second = _accepted(_sent(core, view), as_json=as_json) if twice else None
    once = {"counted_once": second.id == receipt.id} if second else {}
    report = {
        "view_id": receipt.id,
        "contact_id": receipt.contact_id,
        "product_id": receipt.product_id,
        "viewed_at": receipt.viewed_at,
    }
    lines = [f'TopMail took the view of "{PRODUCT_NAME}" in {took * 1000:.0f} ms.']
    lines += [
        f"  {name.replace('_', ' '):<11} {value or 'not in the answer'}"
        for name, value in report.items()
    ]
    lines += [wrapped(_verdict(receipt, second))] if second else []
    say(
        {"sent": True, "seconds": round(took, 3), **report, **once},
        "\n".join(lines),
        as_json=as_json,
    )


def _accepted(outcome: Receipt | DeliveryError, *, as_json: bool) -> Receipt:
    """The receipt; or the end of the command, saying why there is none."""
    if isinstance(outcome, Receipt):
        return outcome
    what, fix = parted(outcome)
    fix = _UNKNOWN if isinstance(outcome, ContactNotFound) else fix
    refusal = {"status": outcome.status, "code": outcome.code, "what": what, "fix": fix}
    text = f"{what}\n{wrapped(f'-> {fix}')}"
    say({"sent": False, **refusal}, text, as_json=as_json)
    raise SystemExit(1)


def _verdict(first: Receipt, second: Receipt) -> str:
    if first.id and first.id == second.id:
        return (
            "Sent twice under one key, counted once: both answers name the same view. An answer "
            "that is lost on the way costs no doubled view."
        )
    if not first.id or not second.id:
        return "Sent twice under one key. The answers name no view: this cannot be told from here."
    return (
        f"Sent twice under one key, counted twice: the second answer names view {second.id}. An "
        "answer that is lost on the way may then cost a doubled view: see in TopMail's dashboard "
        "whether the flow could mail a contact twice."
    )


def _sent(core: Core, view: ProductView) -> Receipt | DeliveryError:
    """What became of the view, by the very steps that a shopper's takes."""
    row = Row(Entry.of(view, identity=""), attempts=0, lease=0.0)
    job = job_of(row, creates=core.settings.unknown_contacts == "create")
    with TopMailClient.of(core.settings) as client:
        return attempt(client, job).result
