"""Whether views reach TopMail: the health of delivery, from what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
_CHECK = "Check the network, and the log of this program"
FIXES = {
    "unauthorized": "The key is missing, wrong or revoked: set TOPMAIL_API_KEY to a valid one, and "
    "restart",
    "forbidden": "The key lacks a permission for this call: grant it in TopMail, or use another",
    "limit_reached": "The limit of the TopMail plan is reached: raise it, and restart",
    "workspace_not_found": "The key's workspace is gone: set TOPMAIL_API_KEY to another's",
    "wrong_address": "This is not the API: check TOPMAIL_BASE_URL",
    "redirect": "The API does not redirect: check TOPMAIL_BASE_URL",
    "contact_not_found": "Create the contact first: POST /contacts",
    "tls": "The server's certificate was not accepted: check TOPMAIL_BASE_URL and TOPMAIL_CA",
    "suspicious_endpoint": "This is not the API's answer: check TOPMAIL_BASE_URL, and for a proxy "
    "or a log-in page in between",
    "rate_limited": "Wait, or lower TOPMAIL_RATE",
    "broker_unreachable": "Check Celery's broker and its broker_url",
    "no_celery_app": 'Put the Celery app into app.extensions["celery"], or hand it to '
    "TopMailMiddleware(celery=…)",
}
"""What to do about an error, by its code."""


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """What every process may know of the delivery on this machine. Times since the epoch.

    :ivar paused_until: end of a pause, or None.
    :ivar pause_reason: why, e.g. ``"unauthorized"``.
    :ivar last_success: when TopMail last took a view.
    :ivar oldest_pending: time of the view that waits longest in the outbox.
    """

    paused_until: float | None = None
    pause_reason: str = ""
    last_success: float | None = None
    oldest_pending: float | None = None


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
        why = f"the sender has not moved for {stuck_for:.0f} s"
        return replace(health, state="stuck", reason=why, fix=fix)
    if nobody_can and oldest is not None and oldest > STUCK_AFTER:
        fix = "Start uWSGI with --enable-threads, or run: flask topmail drain --follow"
        why = "the server runs no threads, and nobody else sends"
        return replace(health, state="stuck", reason=why, fix=fix)
    silent = now - delivery.last_success if delivery.last_success else float("inf")
    reason, until = delivery.pause_reason, delivery.paused_until
    paused = replace(health, reason=reason, fix=f"{FIXES.get(reason, _CHECK)}.", until=until)
    if oldest is not None and oldest > NOT_DELIVERING_AFTER and silent > NOT_DELIVERING_AFTER:
        return replace(paused, state="not_delivering", reason=reason or "nothing is delivered")
    if reason and (waits or (until or now) > now - PAUSE_OVER_AFTER):
        return replace(paused, state="paused")
    if degraded:
        reason, _, fix = degraded.partition(". ")
        fix = fix.removeprefix("Fix: ") or _FIX_OF_DIRECTORY
        return replace(health, state="degraded", reason=reason, fix=fix.rstrip(".") + ".")
    return health
