"""``flask topmail outbox status``: how delivery stands, in counts only."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click
from flask.cli import with_appcontext

from topmail_flask.cli.opened import app_core, outbox
from topmail_flask.cli.times import ago, iso
from topmail_flask.delivery.operating import Operator
from topmail_flask.model.ledger import Health, Stats


@click.command("status", short_help="Say how delivery stands, in counts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def status_command(as_json: bool) -> None:
    """Say how delivery stands on this machine: its core, what waits, what died and why.

    Counts only; nothing about a shopper. Exits with 0 when nothing is to be done (without a key the
    state is disabled), with 1 when it is degraded, paused, stuck or blackout, or the outbox cannot
    be read.
    """
    core = app_core()
    if core.settings.api_key is None:
        cure = "Set TOPMAIL_API_KEY: every key has an outbox of its own."
        told = _told(Health("disabled", "no key", cure), Stats(), None)
    else:
        with outbox() as operator:
            told = _told(core.health(), core.delivery.stats(), operator)
    click.echo(json.dumps(told) if as_json else _text(told))
    if not told["ok"]:
        raise SystemExit(1)


def _told(health: Health, stats: Stats, operator: Operator | None) -> dict[str, Any]:
    return {
        "ok": health.ok,
        **asdict(health),
        "until": iso(health.until),
        "last_success": iso(health.last_success),
        "exists": operator is not None and operator.exists,
        "outbox": str(operator.directory) if operator else None,
        "bytes": operator.bytes if operator else 0,
        "accepted": stats.accepted,
        "delivered": stats.delivered,
        "dead": stats.dead,
        "expired": stats.expired,
        "dropped": stats.dropped,
        "pending": stats.pending,
        "reasons": dict(sorted(stats.reasons.items())),
        "dead_letters": operator.kept() if operator else {},
    }


def _text(told: dict[str, Any]) -> str:
    lines = [f"state:      {told['state']}" + (f" ({told['reason']})" if told["reason"] else "")]
    if told["until"]:
        lines.append(f"until:      {told['until']}")
    if told["cure"]:
        lines.append(f"cure:       {told['cure']}")
    if told["outbox"] is None:
        return "\n".join(lines)
    lines.append(f"outbox:     {told['outbox']} ({told['bytes'] // 1024} KB)")
    if not told["exists"]:
        return "\n".join([*lines, "There is no outbox yet: no view was accepted with this key."])
    oldest = told["oldest_pending"]
    since = f", the oldest for {ago(oldest)}" if oldest is not None and told["pending"] else ""
    lines += [
        f"pending:    {told['pending']}{since}",
        f"delivered:  {told['delivered']}, last {told['last_success'] or 'never'}",
        f"dead:       {told['dead']}",
        f"expired:    {told['expired']}",
        f"dropped:    {told['dropped']}",
        f"accepted:   {told['accepted']}",
    ]
    lines += [f"not sent:   {n} {reason}" for reason, n in told["reasons"].items()]
    kept = ", ".join(f"{n} {reason}" for reason, n in told["dead_letters"].items())
    lines += [f"letters:    {kept} (see: flask topmail outbox list)"] if kept else []
    return "\n".join(lines)
