"""``flask topmail outbox …`` and ``forget``: what waits, what died, and what to do about it."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click
from flask.cli import with_appcontext

from topmail_flask.cli.terminal import ago, as_json_option, count_of, iso, say
from topmail_flask.core import core_of
from topmail_flask.delivery.admin import (
    EntrySummary,
    OutboxAdmin,
    OutboxUnavailable,
    Selection,
    Table,
    Work,
    by_contact_id,
    forget,
)
from topmail_flask.model.errors import InvalidValueError
from topmail_flask.model.ledger import Health, Stats
from topmail_flask.model.reasons import Reason
from topmail_flask.model.shopper import Shopper

_DEADLY = (Reason.CONTACT_NOT_FOUND, Reason.REJECTED, Reason.REPLAYED_ERROR, Reason.INVALID_ROW)
reason_option = click.option(
    "--reason",
    type=click.Choice([reason.value for reason in _DEADLY]),
    help="Only what died for this reason.",
)
all_option = click.option("--all", "everything", is_flag=True, help="All of them.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
_NOT_RETRIED = {
    "too_old": "older than TOPMAIL_MAX_AGE: TopMail would take it for new",
    "withdrawn": "of a shopper who has withdrawn consent or was forgotten",
    "bought": "a view of a shopper who has bought since",
    "waiting": "waiting already, under the same key",
    "unreadable": "unreadable",
    "unknown": "no such key",
}
_HELD = "for contacts that TopMail does not know: it is asked again after 1, 5 and 30 minutes"
_POLL_INTERVAL = 0.2
"""Seconds between two questions of what became of what was retried."""


@click.group("outbox")
def outbox_commands() -> None:
    """Look into the outbox of this machine and put it in order, beside the running store."""


@outbox_commands.command("status", short_help="Say how delivery stands, in counts.")
@as_json_option
@with_appcontext
def status_command(as_json: bool) -> None:
    """Say how delivery stands on this machine: its status, what waits, what died and why.

    Counts only; nothing about a shopper. Exits with 0 when nothing is to be done (without a key
    nothing is), with 1 when views do not arrive or the outbox cannot be read.
    """
    core = core_of(None)
    if core.settings.api_key is None:
        fix = "Set TOPMAIL_API_KEY: every key has an outbox of its own."
        report = _status(Health("disabled", "no key", fix), Stats(), None, {})
    else:
        with outbox() as admin:
            banners, _ = core.delivery.unreadable_banners.read()
            stats = core.delivery.stats()
            if banners:
                stats = stats.with_refusals({Reason.CONSENT_UNREADABLE: sum(banners.values())})
            report = _status(core.health(), stats, admin, banners)
    say(report, _status_text(report), as_json=as_json)
    if not report["ok"]:
        raise SystemExit(1)


@outbox_commands.command("list", short_help="List dead letters, or what waits.")
@click.option("--pending", is_flag=True, help="What waits, instead of the dead letters.")
@reason_option
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True)
@as_json_option
@with_appcontext
def list_command(pending: bool, reason: str | None, limit: int, as_json: bool) -> None:
    """List the newest dead letters: views and purchases that TopMail will never take as they are.

    A view is listed with its product's id, a purchase with its order's. Addresses are masked. The
    first column is the key, for retry and drop.
    """
    table = _table(pending=pending, reason=reason)
    with outbox() as admin:
        rows = admin.listed(table, Selection(reason=reason or ""), limit)
    times = ("at", "due", "died_at")
    report = [asdict(row) | {name: iso(getattr(row, name)) for name in times} for row in rows]
    nothing = "Nothing waits." if pending else "There are no dead letters."
    say(report, "\n".join(map(_line_of, rows)) or nothing, as_json=as_json)


@outbox_commands.command("retry", short_help="Have dead letters sent again.")
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@reason_option
@all_option
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="Seconds to wait for what becomes of them.",
)
@as_json_option
@with_appcontext
def retry_command(
    keys: tuple[str, ...], reason: str | None, everything: bool, wait: float, as_json: bool
) -> None:
    """Have dead letters sent again: those with these keys, of one reason, or all.

    They keep their key, so that TopMail can tell them from new ones; only those to which TopMail
    repeats a stored error (replayed_error) get a new one. What is older than TOPMAIL_MAX_AGE or
    belongs to a shopper who has withdrawn consent stays a dead letter.

    Exits with 1 when a key is unknown or something stays a dead letter.
    """
    led_by = core_of(None).delivery.led_by
    with outbox() as admin:
        found, unknown = _chosen(admin, "dead", keys, reason, everything=everything)
        renewed = set(admin.find("dead", Selection(tuple(found), Reason.REPLAYED_ERROR)))
        left = _done(admin.retry(found), "Giving back to the queue", quiet=as_json)
        retried = left.pop("retried", 0)
        still_dead = set(admin.find("dead", Selection(tuple(found))) if found else ())
        followed = [key for key in found if key not in still_dead | renewed]
        outcomes = _outcomes(admin, followed, led_by, wait)
    left += Counter(unknown=unknown)
    lines = [f"{count_of(retried, 'dead letter')} given back to the queue."]
    lines += _became(outcomes, retried - len(followed), is_sent=bool(led_by()))
    say({"retried": retried} | outcomes | dict(left), "\n".join(lines), as_json=as_json)
    _end_with(left, quiet=as_json)


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
    with outbox() as admin:
        found, unknown = _chosen(admin, table, keys, reason, everything=everything)
        if found and not (keys or yes):
            what = count_of(len(found), "waiting view" if pending else "dead letter")
            click.confirm(f"Remove {what} for good?", abort=True, err=True)
        removed = _done(admin.drop(table, found), "Removing", quiet=as_json)["removed"]
    left = +Counter(unknown=unknown)
    say({"removed": removed} | dict(left), f"{removed} removed.", as_json=as_json)
    _end_with(left, quiet=as_json)


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
    with outbox() as admin:
        age = core_of(None).settings.dead_letter_age if days is None else days * 86_400
        before, size = time.time() - age, admin.bytes
        found = admin.find("dead", Selection(died_before=before))
        removed = _done(admin.drop("dead", found), "Removing", quiet=as_json)["removed"]
        admin.tidy()
        freed = max(0, size - admin.bytes)
    text = f"{count_of(removed, 'dead letter')} removed, {freed // 1024} KB freed."
    say({"removed": removed, "freed_bytes": freed}, text, as_json=as_json)


@click.command("forget", short_help="Erase a shopper from this machine.")
@click.argument("email")
@click.option(
    "--contact-id", "contact_ids", multiple=True, help="TopMail's id of the contact, if known."
)
@as_json_option
@with_appcontext
def forget_command(email: str, contact_ids: tuple[str, ...], as_json: bool) -> None:
    """Erase a shopper from this machine: whatever waits to be sent, dead letters, what is
    remembered of the contact, the journals of running processes, and the bytes of all files.

    Safe beside a running store, whose sender is asked to begin no other call for the shopper and
    waited for. What they do after this was started is new. Run it on every machine that has an
    outbox; in TopMail itself the contact has to be deleted there.

    Exits with 0 when nothing is left here, with 1 when something may be, saying why: run it again.
    """
    try:
        shoppers = [Shopper(email), *(Shopper(contact_id=text) for text in contact_ids)]
    except InvalidValueError as error:
        raise click.UsageError(str(error)) from None
    removed: Counter[str] = Counter()
    known = set(shoppers)
    with outboxes() as admins:
        there = [admin for admin in admins if admin.exists]
        for admin in there:  # first: what one of them knows is about what is in the others
            identities = [admin.identity_of(shopper) for shopper in shoppers]
            known.update(by_contact_id(admin, identities))
        for admin in there:
            work = forget(admin, known, now=time.time())
            removed += _done(work, "Looking through the outbox", quiet=as_json)
    in_broker = core_of(None).settings.delivery == "celery"
    under_way = removed["under_way"]
    report = {
        "removed": removed["removed"],
        "under_way": under_way,
        "left_here": False,
        "maybe_in_broker": in_broker,
    }
    text = f"{removed['removed']} removed. Nothing about this shopper is left on this machine."
    if under_way:
        calls = count_of(under_way, "call")
        text += f"\n{calls} with the shopper's data had begun before, and may reach TopMail still."
    if in_broker:
        text += "\nWhat was handed to Celery before is in its broker, and will still be sent."
    say(report, text, as_json=as_json)


@contextmanager
def outboxes() -> Iterator[list[OutboxAdmin]]:
    """The app's outbox, and behind it those that former keys left on this machine.

    :raises click.ClickException: nothing is kept on disk, or it cannot be used; also while the
        block runs.
    """
    core = core_of(None)
    if core.settings.api_key is None:
        raise click.ClickException("Set TOPMAIL_API_KEY: every key has an outbox of its own.")
    if core.outbox_root is None:
        raise click.ClickException(
            "TOPMAIL_OUTBOX is :memory:, or the system has no locks. "
            "Only the store's own processes know what waits: "
            "ask topmail.stats() and topmail.health() there."
        )
    admins = core.delivery.admins()
    try:
        for admin in admins:
            admin.check()
        yield admins
    except OutboxUnavailable as error:
        raise click.ClickException(str(error)) from None
    finally:
        for admin in admins:
            admin.close()


@contextmanager
def outbox() -> Iterator[OutboxAdmin]:
    """The app's outbox; see :func:`outboxes`."""
    with outboxes() as admins:
        yield admins[0]


def _done(work: Work, label: str, *, quiet: bool) -> Counter[str]:
    """Does the work, with a progress bar on a terminal. Returns what became of how many.

    :param quiet: whether the output is for programs.
    """
    total: Counter[str] = Counter()
    if quiet or not sys.stderr.isatty():
        for ends in work.steps:
            total += ends
    else:
        with click.progressbar(length=work.total, label=label, file=sys.stderr) as bar:
            for ends in work.steps:
                total += ends
                bar.update(ends[""])
    del total[""]
    return total


def _status(
    health: Health, stats: Stats, admin: OutboxAdmin | None, banners: dict[str, int]
) -> dict[str, Any]:
    return {
        "ok": health.ok,
        **asdict(health),
        "until": iso(health.until),
        "last_success": iso(health.last_success),
        "exists": admin is not None and admin.exists,
        "outbox": str(admin.directory) if admin else None,
        "bytes": admin.bytes if admin else 0,
        **asdict(stats),
        "reasons": dict(sorted(stats.reasons.items())),
        "unreadable_banners": banners,
        "dead_letters": admin.kept() if admin else {},
        "held": admin.held() if admin else 0,
    }


def _status_text(report: dict[str, Any]) -> str:
    banners = ", ".join(f"{n} {name}" for name, n in report["unreadable_banners"].items())
    kept = ", ".join(f"{number} {reason}" for reason, number in report["dead_letters"].items())
    oldest = report["oldest_pending"]
    since = f", the oldest for {ago(oldest)}" if oldest is not None and report["pending"] else ""
    rows = [
        ("status", f"{report['state']} ({report['reason']})".removesuffix(" ()")),
        ("until", report["until"]),
        ("fix", report["fix"]),
        ("no consent", banners and f"{banners}: cookies not readable (see: flask topmail doctor)"),
        ("outbox", report["outbox"] and f"{report['outbox']} ({report['bytes'] // 1024} KB)"),
    ]
    if report["exists"]:
        rows += [
            ("pending", f"{report['pending']}{since}"),
            ("delivered", f"{report['delivered']}, last {report['last_success'] or 'never'}"),
            *((name, str(report[name])) for name in ("dead", "expired", "dropped", "accepted")),
            *(("not sent", f"{number} {reason}") for reason, number in report["reasons"].items()),
            ("dead letters", kept and f"{kept} (see: flask topmail outbox list)"),
            ("held", report["held"] and f"{report['held']} {_HELD}"),
        ]
    lines = [f"{name + ':':<15}{text}" for name, text in rows if text]
    if report["outbox"] and not report["exists"]:
        lines.append("There is no outbox yet: no view was accepted with this key.")
    return "\n".join(lines)


def _table(*, pending: bool, reason: str | None) -> Table:
    if pending and reason:
        raise click.UsageError("--reason is about dead letters; leave out --pending")
    return "waiting" if pending else "dead"


def _chosen(
    admin: OutboxAdmin, table: Table, keys: tuple[str, ...], reason: str | None, *, everything: bool
) -> tuple[list[str], int]:
    """The keys that are meant, and how many keys are unknown."""
    if bool(keys) == bool(everything or reason):
        raise click.UsageError("name keys, or --reason, or --all (see: flask topmail outbox list)")
    found = admin.find(table, Selection(keys=keys, reason=reason or ""))
    return found, max(0, len(set(keys)) - len(found))


def _outcomes(
    admin: OutboxAdmin, keys: Sequence[str], is_sent: Callable[[], int], wait: float
) -> dict[str, int]:
    """What became of dead letters that were given back: delivered, dead again, or still waiting.

    :param is_sent: whether any process sends.
    :param wait: seconds until those that still wait are left to themselves.
    """
    end, chosen = time.monotonic() + wait, Selection(keys=tuple(keys))
    while True:
        # In this order: one that is refused in between is not taken for delivered.
        waiting = set(admin.find("waiting", chosen) if keys else ())
        dead = set(admin.find("dead", chosen) if keys else ())
        if not waiting or not is_sent() or time.monotonic() >= end:
            counts = {"dead": len(dead), "waiting": len(waiting - dead)}
            return {"delivered": len(keys) - sum(counts.values()), **counts}
        time.sleep(_POLL_INTERVAL)


def _became(outcomes: dict[str, int], renewed: int, *, is_sent: bool) -> list[str]:
    words = {"delivered": "delivered", "dead": "refused again", "waiting": "still waiting"}
    said = [f"{outcomes[name]} {word}" for name, word in words.items() if outcomes[name]]
    lines = [f"{', '.join(said)}."] if said else []
    if outcomes["dead"]:
        lines.append("Why: flask topmail outbox list")
    if renewed:
        lines.append(
            f"{renewed} under a new key: what became of it says flask topmail outbox status"
        )
    if outcomes["waiting"] and not is_sent:
        lines.append("Nobody sends on this machine now: start the store, or flask topmail drain")
    return lines


def _end_with(left: Counter[str], *, quiet: bool) -> None:
    """Say what was left alone, if anything: then the command ends with 1."""
    for name, number in left.items():
        if not quiet:
            click.echo(f"{number} left alone: {_NOT_RETRIED.get(name, name)}.", err=True)
    if left:
        raise SystemExit(1)


def _line_of(row: EntrySummary) -> str:
    why = row.reason or (count_of(row.attempts, "attempt") if row.attempts else "new")
    what = f"{row.kind:<8}  {row.product_id or row.order_id}"
    return f"{row.key:<36}  {ago(time.time() - row.at):>7}  {why:<17}  {what}  {row.shopper}"
