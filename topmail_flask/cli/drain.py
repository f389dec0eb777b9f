"""``flask topmail drain``: send what waits, beside the store or instead of its processes."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import replace
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from topmail_flask.app_state import state_of
from topmail_flask.delivery.front_door import Delivery

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})
LOOK = 0.25
"""Seconds between two looks at what is left."""


@click.command("drain")
@click.option("--follow", is_flag=True, help="Go on until the process is told to end (TERM, INT).")
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=300.0,
    show_default=True,
    help="Seconds to try for; not with --follow.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def drain_command(follow: bool, timeout: float, as_json: bool) -> None:
    """Send the views that wait on this machine, and say what became of them.

    Exits with 0 when none is left, or when --follow was told to end; with 1 when some are left,
    saying why. They stay on the disk for the next time. Safe beside a running store and beside
    another drain: only one of them sends, the others wait for it.

    With TOPMAIL_DELIVERY = "worker" this is the only sender: run it with --follow under a
    supervisor or in a sidecar, or without from cron. The signals view_delivered and view_dropped
    are sent in this process. With "process" the courier of the store sends, or one that is started.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    state = state_of(app)
    if not state.is_enabled():
        raise click.ClickException("nothing is sent: set TOPMAIL_API_KEY (and not TOPMAIL_ENABLED)")
    if state.settings.outbox == ":memory:":
        raise click.ClickException("nothing waits on this machine: TOPMAIL_OUTBOX is :memory:")
    if state.settings.delivery == "worker":
        state.settings = replace(state.settings, delivery="background")
    # Blocked in every thread to come, so that one place takes them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        _drain(state.delivery, follow=follow, timeout=timeout, as_json=as_json)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _drain(delivery: Delivery, *, follow: bool, timeout: float, as_json: bool) -> None:
    begun, end = delivery.stats(), time.monotonic() + timeout
    delivery.resume()
    told_to_end = False
    while not told_to_end:
        empty = delivery.flush(LOOK)
        if not follow and (empty or time.monotonic() >= end):
            break
        told_to_end = signal.sigtimedwait(STOPPING, LOOK if empty else 0) is not None
    health = delivery.health()
    delivery.close()
    stats = delivery.stats()
    told: dict[str, Any] = {
        "delivered": stats.delivered - begun.delivered,
        "given_up": stats.dead + stats.expired - begun.dead - begun.expired,
        "left": stats.pending,
        "other_sender": delivery.led_by(),
        "state": health.state,
        "reason": health.reason,
        "cure": health.cure,
    }
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(f"{told['delivered']} delivered, {told['given_up']} given up, ", nl=False)
        click.echo(f"{told['left']} left.")
    if stats.pending and not follow:
        if not as_json:
            click.echo(_why(told), err=True)
        raise SystemExit(1)


def _why(told: dict[str, Any]) -> str:
    if told["state"] != "healthy":
        return f"Sending is {told['state']}: {told['reason']}. {told['cure']}".rstrip()
    if told["other_sender"]:
        return f"Process {told['other_sender']} sends, and has not finished in time."
    return "The time was over; they wait for the next drain."
