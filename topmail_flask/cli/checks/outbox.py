"""Checks of where views wait, and of who sends them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from topmail_flask.cli.checks.finding import Finding, error, ok, warning
from topmail_flask.cli.checks.store import Store
from topmail_flask.cli.times import ago
from topmail_flask.delivery.lock_holders import holder
from topmail_flask.delivery.place import (
    LEADER_LOCK,
    NETWORK_FILE_SYSTEMS,
    PlaceRefused,
    file_system,
    prepare,
)

_ELSEWHERE = "Set TOPMAIL_OUTBOX to a directory on a local disk that the store may write to."
_FLEETING = {
    "tmpfs": "is memory: what waits is lost with the machine's next start.",
    "ramfs": "is memory: what waits is lost with the machine's next start.",
    "overlay": "belongs to the container: what waits is lost when that is replaced.",
}
_HOMES = {
    "background": "a thread of the store sends",
    "worker": "`flask topmail drain --follow` sends",
    "celery": "Celery's workers send",
}


def outbox(store: Store) -> Finding:
    """May views be kept there, and are they safe? Nothing is made or changed."""
    directory = store.outbox
    if directory is None:
        what = "Views are kept in memory only (:memory:): they are lost with their process."
        return warning(what, "Set TOPMAIL_OUTBOX to a directory on a local disk.")
    root = directory.parent
    try:
        if os.path.lexists(directory):
            prepare(directory, store.proc / "self/mountinfo")  # all is there: it only checks
        existing = next(path for path in (directory, *directory.parents) if path.exists())
        if not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):
            return error(f"{existing} cannot be written to by this user.", _ELSEWHERE)
        mode = existing.stat().st_mode & 0o7777
        free = shutil.disk_usage(existing).free
    except PlaceRefused as refusal:
        what, _, cure = str(refusal).partition(". ")
        return error(f"{what}.", cure.removeprefix("Cure: "))
    except OSError as failure:
        return error(f"{root}: {failure.strerror}.", _ELSEWHERE)
    kind = file_system(existing, store.proc / "self/mountinfo")
    if kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse."):
        return error(f"{existing} is on a network or FUSE file system ({kind}).", _ELSEWHERE)
    if existing == root and mode & 0o022:
        return error(f"{root} can be written by others.", f"chmod 700 {root}")
    if free < store.settings.max_bytes:
        what = f"Only {free // 1024**2} MB are free for {root}; TOPMAIL_MAX_BYTES allows more."
        return warning(what, "Free some space, or lower TOPMAIL_MAX_BYTES.")
    if kind in _FLEETING:
        return warning(f"{root} {_FLEETING[kind]}", "Set TOPMAIL_OUTBOX to a directory that stays.")
    made = f"mode {mode:04o}" if existing == directory else "made with the first view"
    return ok(f"{root} ({made}, {kind or 'unknown file system'}, {free // 1024**2} MB free).")


def delivery(store: Store) -> Finding:
    """Do the views of this machine reach TopMail?"""
    if store.outbox is None:
        return ok(
            "Only the store's own processes know what waits: topmail.stats(), topmail.health()."
        )
    health, stats = store.delivery.health(), store.delivery.stats()
    letters = _letters(store) if stats.dead else 0
    counts = f"{stats.pending} waiting, {stats.delivered} delivered, {letters} dead letters"
    if not health.ok:
        cure = health.cure or "See: flask topmail outbox status"
        what = f"Sending is {health.state}: {health.reason} ({counts})."
        return warning(what, cure) if health.state == "degraded" else error(what, cure)
    chosen = store.settings.delivery
    if chosen == "worker" and stats.pending and not _is_led(store.outbox):
        age = f", the oldest for {ago(health.oldest_pending)}" if health.oldest_pending else ""
        what = f"Nobody sends at the moment, and {stats.pending} views wait{age}."
        return warning(what, "Run: flask topmail drain --follow (or without --follow, from cron)")
    if letters:
        return warning(f"{counts}.", "See: flask topmail outbox list")
    return ok(f"{counts}; {_HOMES[chosen]}.")


def _letters(store: Store) -> int:
    """Dead letters that are kept: the ledger's count goes on for those that are gone."""
    operators = store.delivery.operators()
    try:
        return sum(operators[0].kept().values())
    finally:
        for operator in operators:
            operator.close()


def _is_led(directory: Path | None) -> bool:
    return directory is not None and holder(directory / LEADER_LOCK) is not None
