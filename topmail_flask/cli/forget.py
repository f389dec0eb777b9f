"""``flask topmail forget``: a shopper is erased from this machine."""

from __future__ import annotations

import json
import time
from collections import Counter

import click
from flask.cli import with_appcontext

from topmail_flask.cli.opened import app_core, done, outboxes
from topmail_flask.delivery.forgetting import by_contact_id, forget
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.shopper import Shopper


@click.command("forget", short_help="Erase a shopper from this machine.")
@click.argument("email")
@click.option(
    "--contact-id", "contact_ids", multiple=True, help="TopMail's id of the contact, if known."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def forget_command(email: str, contact_ids: tuple[str, ...], as_json: bool) -> None:
    """Erase a shopper from this machine: whatever waits to be sent, dead letters, what is
    remembered of the contact, the journals of running processes, and the bytes of all files.

    Safe beside a running store. A view that is being sent at this moment may still arrive. Run it
    on every machine that has an outbox; in TopMail itself the contact has to be deleted there.

    Exits with 0 when nothing is left here, with 1 when something may be, saying why: run it again.
    """
    try:
        shoppers = [Shopper(email), *(Shopper(contact_id=one) for one in contact_ids)]
    except InvalidValueError as error:
        raise click.UsageError(str(error)) from None
    core = app_core()
    removed: Counter[str] = Counter()
    known = set(shoppers)
    with outboxes() as operators:
        for operator in operators:
            if operator.exists:
                known.update(by_contact_id(operator, [operator.identity_of(one) for one in known]))
                work = forget(operator, shoppers, now=time.time())
                removed += done(work, "Looking through the outbox", quiet=as_json)
    in_broker = core.settings.delivery == "celery"
    if as_json:
        told = {
            "removed": removed["removed"],
            "left_here": False,
            "maybe_in_broker": in_broker,
        }
        click.echo(json.dumps(told))
        return
    click.echo(f"{removed['removed']} removed. Nothing about this shopper is left on this machine.")
    if in_broker:
        click.echo("What was handed to Celery before is in its broker, and will still be sent.")
