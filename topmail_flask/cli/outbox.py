"""``flask topmail outbox …``: what waits, what died, and what to do about it."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict
from typing import Any

import click
from flask.cli import with_appcontext

from topmail_flask.cli.opened import app_core, done, outbox
from topmail_flask.cli.status import status_command
from topmail_flask.cli.times import ago, iso
from topmail_flask.delivery.by_hand import Choice, Table
from topmail_flask.delivery.operating import Operator
from topmail_flask.delivery.reports import EntrySummary
from topmail_flask.model.reasons import Reason

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_DEADLY = (Reason.CONTACT_NOT_FOUND, Reason.REJECTED, Reason.REPLAYED_ERROR, Reason.INVALID_ROW)
reason_option = click.option(
    "--reason",
    type=click.Choice([reason.value for reason in _DEADLY]),
    help="Only what died for this reason.",
)
all_option = click.option("--all", "everything", is_flag=True, help="All of them.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
_NOT_RETRIED = {
    "too_old": "waited longer than TOPMAIL_MAX_AGE: TopMail would take them for new",
    "withdrawn": "belong to shoppers who have withdrawn consent or were forgotten",
    "bought": "are views of shoppers who have bought since",
    "waiting": "wait already, under the same key",
    "unreadable": "cannot be read",
}


@click.group("outbox")
def outbox_commands() -> None:
    """Look into the outbox of this machine and put it in order, beside the running store."""


outbox_commands.add_command(status_command)


@outbox_commands.command("list", short_help="List dead letters, or what waits.")
@click.option("--pending", is_flag=True, help="What waits, instead of the dead letters.")
@reason_option
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@as_json_option
@with_appcontext
def list_command(pending: bool, reason: str | None, limit: int, as_json: bool) -> None:
    """List the newest dead letters: views and purchases that TopMail will never take as they are.

    A view is told with its product's id, a purchase with its order's. Addresses are masked. The
    first column is the key, for retry and drop.
    """
    table = _table(pending=pending, reason=reason)
    with outbox() as operator:
        rows = operator.listed(table, Choice(reason=reason or ""), limit)
    if as_json:
        click.echo(json.dumps([_told(row) for row in rows]))
        return
    if not rows:
        click.echo("Nothing waits." if pending else "There are no dead letters.")
    now = time.time()
    for row in rows:
        why = row.reason or (f"{row.attempts} tried" if row.attempts else "new")
        when = ago(now - row.at)
        what = f"{row.kind:<8}  {row.product_id or row.order_id}"
        click.echo(f"{row.key:<36}  {when:>7}  {why:<17}  {what}  {row.shopper}")


@outbox_commands.command("retry", short_help="Have dead letters sent again.")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@reason_option
@all_option
@as_json_option
@with_appcontext
def retry_command(
    keys: tuple[str, ...], reason: str | None, everything: bool, as_json: bool
) -> None:
    """Have dead letters sent again: those with these keys, of one reason, or all.

    They keep their key, so that TopMail never counts one twice; only those to which TopMail
    repeats a stored error (replayed_error) get a new one. What is older than TOPMAIL_MAX_AGE or
    belongs to a shopper who has withdrawn consent is left alone.

    Exits with 1 when a key is unknown or something was left alone.
    """
    with outbox() as operator:
        found, unknown = _chosen(operator, "dead", keys, reason, everything=everything)
        ends = done(operator.retry(found), "Giving back to the queue", quiet=as_json)
    _answer(ends + Counter({"unknown": unknown}), ("retried",), as_json=as_json)


@outbox_commands.command("drop", short_help="Remove dead letters, or what waits.")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("--pending", is_flag=True, help="What waits, instead of the dead letters.")
@reason_option
@all_option
@yes_option
@as_json_option
@with_appcontext
def drop_command(
    keys: tuple[str, ...],
    pending: bool,
    reason: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove dead letters, or with --pending what waits; it is never sent.

    Exits with 1 when a key is unknown.
    """
    table = _table(pending=pending, reason=reason)
    with outbox() as operator:
        found, unknown = _chosen(operator, table, keys, reason, everything=everything)
        what = "waiting views" if pending else "dead letters"
        if found and not (keys or yes):
            click.confirm(f"Remove {len(found)} {what} for good?", abort=True, err=True)
        ends = done(operator.drop(table, found), "Removing", quiet=as_json)
    _answer(ends + Counter({"unknown": unknown}), ("removed",), as_json=as_json)


@outbox_commands.command("purge", short_help="Remove what is old, and free its space.")
@click.option(
    "--days",
    type=click.FloatRange(0),
    help="Remove dead letters that are older. Default: TOPMAIL_DEAD_LETTER_AGE.",
)
@as_json_option
@with_appcontext
def purge_command(days: float | None, as_json: bool) -> None:
    """Remove what is kept no longer, and give its space back to the disk.

    The leader does the same every minute with the times of the settings: this is for shorter ones,
    and for an outbox that no process leads.
    """
    with outbox() as operator:
        age = app_core().settings.dead_letter_age if days is None else days * 86_400
        before, size = time.time() - age, operator.bytes
        found = operator.find("dead", Choice(died_before=before))
        ends = done(operator.drop("dead", found), "Removing", quiet=as_json)
        operator.tidy()
        freed = max(0, size - operator.bytes)
    if as_json:
        click.echo(json.dumps({"removed": ends["removed"], "freed_bytes": freed}))
    else:
        click.echo(f"{ends['removed']} dead letters removed, {freed // 1024} KB freed.")


def _table(*, pending: bool, reason: str | None) -> Table:
    if pending and reason:
        raise click.UsageError("--reason is about dead letters; leave out --pending")
    return "waiting" if pending else "dead"


def _chosen(
    operator: Operator, table: Table, keys: tuple[str, ...], reason: str | None, *, everything: bool
) -> tuple[list[str], int]:
    """The keys that are meant, and how many keys are unknown."""
    if bool(keys) == bool(everything or reason):
        raise click.UsageError("name keys, or --reason, or --all (see: flask topmail outbox list)")
    found = operator.find(table, Choice(keys=keys, reason=reason or ""))
    return found, max(0, len(set(keys)) - len(found))


def _answer(ends: Counter[str], good: tuple[str, ...], *, as_json: bool) -> None:
    left = {name: n for name, n in ends.items() if name not in good and n}
    if as_json:
        click.echo(json.dumps({name: ends[name] for name in good} | left))
    else:
        click.echo(", ".join(f"{ends[name]} {name}" for name in good) + ".")
        for name, n in left.items():
            why = _NOT_RETRIED.get(name)
            click.echo(
                f"{n} left alone: they {why}." if why else f"{n} keys are unknown.", err=True
            )
    if left:
        raise SystemExit(1)


def _told(row: EntrySummary) -> dict[str, Any]:
    times = {name: iso(getattr(row, name)) for name in ("at", "due", "died_at")}
    return asdict(row) | times
