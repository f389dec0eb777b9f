"""``flask topmail drain``: send what waits, beside the store or instead of its processes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import click
from flask.cli import with_appcontext

from topmail_flask.cli.terminal import as_json_option, say
from topmail_flask.core import core_of
from topmail_flask.delivery.delivery import Delivery
from topmail_flask.delivery.lifecycle import Wakeup

FOLLOW_INTERVAL = 1.0
"""Seconds between two checks that the thread that sends is there."""
FLUSH_STEP = 0.25


@click.command("drain")
@click.option("--follow", is_flag=True, help="Go on until told to end (TERM, INT).")
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=300.0,
    show_default=True,
    help="Seconds to try for; not with --follow.",
)
@as_json_option
@with_appcontext
def drain_command(follow: bool, timeout: float, as_json: bool) -> None:
    """Send the views that wait on this machine, and say what became of them.

    With TOPMAIL_DELIVERY = "worker" this is the only sender: run it with --follow under whatever
    keeps your other programs running, or without from cron. It is safe beside a running store and
    beside another drain: one process of the machine sends, and when that ends another takes over.
    The signals view_delivered and view_dropped are sent in this process.

    Exits with 0 when nothing is left, and with --follow when it was told to end (TERM, INT); with 1
    when some are left, saying why (they stay on the disk for the next time), or when nothing is to
    be sent, as without a key; with 2 for a wrong command line or configuration. Told to end, it
    waits for the call that it makes, for TOPMAIL_SHUTDOWN_TIMEOUT at the most.
    """
    core = core_of(None)
    if not core.is_enabled():
        raise click.ClickException("nothing is sent: set TOPMAIL_API_KEY (and not TOPMAIL_ENABLED)")
    if core.outbox_root is None:
        raise click.ClickException(
            "nothing waits on this machine: TOPMAIL_OUTBOX is :memory:, or the system has no locks"
        )
    kind = "background" if core.settings.delivery == "worker" else core.settings.delivery
    # Not the app's own: that goes on where a process of the store runs this.
    delivery = core.delivery_by(replace(core.settings, delivery=kind))
    with _stopped_by_signal() as ended:
        _drain(delivery, ended, None if follow else timeout, as_json=as_json)


@contextmanager
def _stopped_by_signal() -> Iterator[Wakeup]:
    """Rung by TERM and INT, a second one of which changes nothing."""
    ended = Wakeup()
    before = {}
    with suppress(ValueError):  # not in the main thread: a view of the store runs this
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, lambda *_: ended.set())
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _drain(delivery: Delivery, ended: Wakeup, timeout: float | None, *, as_json: bool) -> None:
    begun = delivery.stats()
    if timeout is None:
        delivery.follow()
        while not ended.wait(FOLLOW_INTERVAL):
            delivery.follow()
    else:
        delivery.resume()
        end = time.monotonic() + timeout
        while not delivery.flush(FLUSH_STEP) and time.monotonic() < end and not ended.wait(0):
            pass
    health = delivery.health()
    delivery.close()
    stats = delivery.stats()
    report: dict[str, Any] = {
        "delivered": stats.delivered - begun.delivered,
        "given_up": stats.dead + stats.expired - begun.dead - begun.expired,
        "left": stats.pending,
        "other_sender": delivery.led_by(),
        "state": health.state,
        "reason": health.reason,
        "fix": health.fix,
    }
    given_up = f"{report['given_up']} given up"
    text = f"{report['delivered']} delivered, {given_up}, {report['left']} left."
    say(report, text, as_json=as_json)
    if stats.pending and timeout is not None:
        if not as_json:
            click.echo(_why(report), err=True)
        raise SystemExit(1)


def _why(report: dict[str, Any]) -> str:
    if report["state"] != "healthy":
        return f"Sending is {report['state']}: {report['reason']}. {report['fix']}".rstrip()
    if report["other_sender"]:
        return f"Process {report['other_sender']} sends, and has not finished in time."
    return "The time was over; they wait for the next drain."
