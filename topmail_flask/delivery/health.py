"""Whether views reach TopMail: the health of delivery, from what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from topmail_flask.model.ledger import Health

STUCK_AFTER = 30.0
"""Seconds that one turn of the sender may take: it makes no calls, but tells receivers."""
NOT_DELIVERING_AFTER = 300.0
"""Seconds that a view may wait while none is delivered."""
PAUSE_OVER_AFTER = 60.0
"""Seconds after its end from which on a pause is what a sender left behind that is no more, unless
something waits still: then no call has proved that it is over.
"""
_FIX_OF_DIRECTORY = "Give TOPMAIL_OUTBOX a directory that is writable and on a local disk."
_CHECK = "Check the network, and the log of this program."
_FIXES = {
    "unauthorized": "Set TOPMAIL_API_KEY to a valid key and restart.",
    "forbidden": "Give the key the permission in TopMail.",
    "limit_reached": "Raise the limit of the TopMail plan, and restart.",
    "workspace_not_found": "Set TOPMAIL_API_KEY to a key of an existing workspace.",
    "wrong_address": "Check TOPMAIL_BASE_URL.",
    "redirect": "Check TOPMAIL_BASE_URL.",
    "tls": "Check TOPMAIL_BASE_URL and TOPMAIL_CA.",
    "suspicious_endpoint": "Check TOPMAIL_BASE_URL and any proxy in between.",
    "rate_limited": "Wait, or lower TOPMAIL_RATE.",
    "broker_unreachable": "Check Celery's broker and its broker_url.",
    "no_celery_app": 'Put the Celery app into app.extensions["celery"], or hand it to '
    "TopMailMiddleware(celery=…).",
}


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """What every process may know of the delivery on this machine. Times since the epoch.

    :ivar paused_until: end of a pause, or None.
    :ivar pause_reason: why, e.g. ``"unauthorized"``.
    :ivar last_success: when TopMail last took a view.
    :ivar oldest_pending: time of the view that waits longest in the outbox.
    :ivar degraded: why nothing is kept on disk, or "".
    """

    paused_until: float | None = None
    pause_reason: str = ""
    last_success: float | None = None
    oldest_pending: float | None = None
    degraded: str = ""


def health_of(
    delivery: DeliveryState,
    *,
    degraded: str,
    stuck_for: float,
    pending: int,
    now: float,
    nobody_can: bool = False,
) -> Health:
    """The state that matters most.

    :param degraded: why views are kept in memory only, or "".
    :param stuck_for: seconds since the sender last moved; 0: it moves, or there is none.
    :param now: seconds since the epoch.
    :param nobody_can: no thread can run here that sends, and nobody else is seen to send.
    """
    waits = delivery.oldest_pending is not None and pending
    oldest = max(0.0, now - (delivery.oldest_pending or now)) if waits else None
    health = Health(oldest_pending=oldest, last_success=delivery.last_success)
    if stuck_for > STUCK_AFTER:
        fix = (
            "A receiver of view_delivered or view_dropped does not return, or the process that "
            "sends is stopped: fix it and restart."
        )
        return _with(health, "stuck", f"the sender has not moved for {stuck_for:.0f} s", fix)
    if nobody_can and oldest is not None and oldest > STUCK_AFTER:
        fix = "Start uWSGI with --enable-threads, or run: flask topmail drain --follow"
        return _with(health, "stuck", "the server runs no threads, and nobody else sends", fix)
    silent = now - delivery.last_success if delivery.last_success else float("inf")
    reason = delivery.pause_reason
    if oldest is not None and oldest > NOT_DELIVERING_AFTER and silent > NOT_DELIVERING_AFTER:
        fix = _FIXES.get(reason, _CHECK)
        until = delivery.paused_until
        return _with(health, "not_delivering", reason or "nothing is delivered", fix, until)
    if reason and (waits or (delivery.paused_until or now) > now - PAUSE_OVER_AFTER):
        return _with(health, "paused", reason, _FIXES.get(reason, _CHECK), delivery.paused_until)
    if degraded:
        reason, _, fix = degraded.partition(". ")
        fix = fix.removeprefix("Fix: ") or _FIX_OF_DIRECTORY
        return _with(health, "degraded", reason, fix.rstrip(".") + ".")
    return health


def _with(health: Health, state: str, reason: str, fix: str, until: float | None = None) -> Health:
    return Health(state, reason, fix, until, health.oldest_pending, health.last_success)
