"""Delivery through Celery: the leader hands views to the broker, any machine's workers send them.

For stores on many machines, or with a Celery that is looked after already. A view leaves the outbox
when the broker has confirmed it, so an outage of the broker loses nothing: views wait on the disk.
From then on ``topmail.stats()`` counts it as delivered, and what becomes of it is told where the
worker runs: ``view_delivered`` and ``view_dropped`` are sent there.

The shop's Celery app is ``app.extensions["celery"]``, as Flask's documentation lays it out, and the
worker creates the same Flask app, whose ``init_app`` registers the task there::

    flask_app = create_app()  # make_celery.py, for: celery -A make_celery worker
    celery_app = flask_app.extensions["celery"]

A queue of its own keeps the views out of other tasks' way: ``task_routes = {"topmail_flask.*":
"topmail"}``. ``worker_prefetch_multiplier = 1`` shares them evenly. While TopMail cannot be reached
the worker holds the tasks that wait; Celery's ``worker_eta_task_limit`` bounds them.

RabbitMQ loses nothing, whatever is killed. Celery's Redis transport takes a task off the list
before it notes that a worker has it: a ``kill -9`` of the worker in that moment loses the task. On
Redis a copy is therefore kept until the task has ended, see :mod:`topmail_flask.delivery.custody`.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from celery import shared_task
from celery.exceptions import Reject
from celery.signals import worker_process_shutdown

from topmail_flask.delivery.accounts import Account
from topmail_flask.delivery.contacts import Job, Outcome
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.notices import logger
from topmail_flask.delivery.publisher import TASK, Publisher
from topmail_flask.delivery.receivers import Receivers
from topmail_flask.model.errors import RateLimited, SendingBlocked
from topmail_flask.model.reasons import Reason
from topmail_flask.model.settings import Settings
from topmail_flask.model.shopper import Receipt

BROKER_RETRY = 5.0
"""Seconds between two tries to reach the broker."""
LONGEST_COUNTDOWN = 900.0
"""Seconds; on Redis a task that waits longer than the visibility timeout is delivered twice."""
STRANGER_COUNTDOWN = 300.0
HANDED_OVER = Receipt(None, None, None, None)

_accounts: WeakValueDictionary[str, Account] = WeakValueDictionary()
_publishers: dict[tuple[int, int], Publisher] = {}
_registered = False


class Forwarder:
    """What the leader's senders do instead of calling TopMail.

    :param account: names the app and its key to the worker.
    :param celery: returns the shop's Celery app, or None.
    """

    def __init__(self, account: str, celery: Callable[[], Any]) -> None:
        self._account = account
        self._celery = celery
        self._publisher: Publisher | None = None

    def forward(self, job: Job) -> Outcome:
        """Hand a view to the broker."""
        app = self._celery()
        if not hasattr(app, "send_task"):
            cure = 'Put the Celery app into app.extensions["celery"]'
            return Outcome(job, SendingBlocked("no_celery_app", cure=cure))
        entry = job.row.entry
        try:
            if self._publisher is None:
                self._publisher = Publisher(app)
            self._publisher.publish(self._account, entry.to_line().decode(), key=entry.key)
        except Exception as error:  # noqa: BLE001  # of whichever library speaks to the broker
            cure = f"Celery's broker takes no tasks ({type(error).__name__})"
            return Outcome(job, RateLimited("broker_unreachable", cure=cure, wait=BROKER_RETRY))
        return Outcome(job, HANDED_OVER)

    def take_quota(self) -> None:
        """A broker tells of none."""

    def close(self) -> None:
        """Close the connections."""
        if self._publisher is not None:
            self._publisher.close()


def serve(account: str, settings: Settings, receivers: Receivers) -> Account:
    """Have the worker of this process send the views of an app for as long as that lives.

    :param account: names the app and its key.
    :returns: to be kept for as long as the app lives.
    """
    _register(settings.rate)
    served = _accounts[account] = Account(account, settings, receivers)
    return served


def _register(rate: float) -> None:
    """Make the task known to every Celery app of this process; the first app's rate holds."""
    global _registered  # noqa: PLW0603  # once per process
    if _registered:
        return
    _registered = True
    shared_task(
        name=TASK,
        bind=True,
        acks_late=True,
        reject_on_worker_lost=True,
        ignore_result=True,
        rate_limit=f"{rate}/s",  # of a worker with all its processes
    )(send)
    worker_process_shutdown.connect(close_publishers, weak=False)


def send(task: Any, account: str, line: str) -> None:
    """The task: one attempt to send one view. It never fails, but comes again later: a task that
    fails is lost, and error trackers take its arguments along.
    """
    try:
        if _send(task, account, line):
            _end(task, account)
        return
    except Reject:
        raise
    except Exception as error:  # noqa: BLE001  # no view is lost to a mistake of ours
        logger.warning("TopMail: a task raised %s; it waits.", type(error).__name__)
    _again(task, account, line, task.request.id, STRANGER_COUNTDOWN)


def _send(task: Any, account: str, line: str) -> bool:
    """Whether the view has come to an end; if not, it was published anew."""
    served = _served(account)
    try:
        entry = Entry.from_line(line.encode())
        told = entry.told()
    except ValueError:
        logger.warning("TopMail: a task of %s is damaged and was given up.", TASK)
        return True
    if served is None:
        logger.warning("TopMail: a task is for an app with another name or key; it waits.")
        _again(task, account, line, entry.key, STRANGER_COUNTDOWN)
        return False
    wall = time.time()
    if wall - entry.at > served.settings.max_age:
        served.receivers.dropped(told, Reason.EXPIRED)
        return True
    wait = served.pause()
    if wait:
        _again(task, account, line, entry.key, wait)
        return False
    end = served.send(entry, told, task.request.retries)
    if isinstance(end, Receipt):
        served.receivers.delivered(told, end)
        return True
    if isinstance(end, Reason):
        served.receivers.dropped(told, end)
        return True
    if isinstance(end, Entry):
        _again(task, account, end.to_line().decode(), entry.key, 0.0)
    else:
        _again(task, account, line, entry.key, end, tried=1)
    return False


def _end(task: Any, account: str) -> None:
    publisher = _publisher(task.app)
    if publisher.keeps_copies:
        try:
            publisher.end(account, task.request.id)
        except Exception as error:  # noqa: BLE001  # of whichever library speaks to the broker
            kind = type(error).__name__
            logger.info("TopMail: Redis was not told of a view's end (%s).", kind)


def _again(task: Any, account: str, line: str, key: str, wait: float, *, tried: int = 0) -> None:
    """Publish the task anew and let this one be acknowledged; Celery's own retry would lose it if
    the broker could not be reached just then.
    """
    countdown = min(wait * (1.0 + 0.25 * random.random()), LONGEST_COUNTDOWN)  # noqa: S311
    retries = task.request.retries + tried
    try:
        _publisher(task.app).publish(account, line, key=key, retries=retries, countdown=countdown)
    except Exception as error:  # noqa: BLE001  # of whichever library speaks to the broker
        raise Reject(type(error).__name__, requeue=True) from None


def _publisher(app: Any) -> Publisher:
    known_as = os.getpid(), id(app)
    if known_as not in _publishers:
        _publishers[known_as] = Publisher(app)
    return _publishers[known_as]


def close_publishers(**_: object) -> None:
    """Close the connections by which tasks come again."""
    while _publishers:
        _publishers.popitem()[1].close()


def _served(account: str) -> Account | None:
    """The app of this process that a task is for: the same app, under a new key, or by that key."""
    if account in _accounts:
        return _accounts[account]
    app, _, key = account.partition("-")
    others = list(_accounts.values())
    same_app = [one for one in others if one.app == app]
    return next(iter(same_app + [one for one in others if one.key == key]), None)
