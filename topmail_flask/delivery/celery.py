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
Redis a copy is therefore kept until the task has ended, see :class:`UnackedCopies`.
"""

from __future__ import annotations

import os
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from celery import shared_task
from celery.exceptions import Reject
from celery.signals import worker_process_shutdown

from topmail_flask.delivery.attempt import Job, Outcome, attempt, job_of, outcome_of
from topmail_flask.delivery.claiming import Row, UnknownContact
from topmail_flask.delivery.client import TopMailClient
from topmail_flask.delivery.entry import Entry
from topmail_flask.delivery.health import FIXES
from topmail_flask.delivery.policy import BLOCKED_PROBE_INTERVAL, Pace, backoff
from topmail_flask.delivery.receivers import Notices, Receivers, logger
from topmail_flask.model.errors import (
    CallRejected,
    Conflict,
    ContactNotFound,
    RateLimited,
    RetryLater,
    SendingBlocked,
)
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
            return Outcome(job, SendingBlocked("no_celery_app", fix=FIXES["no_celery_app"]))
        entry = job.row.entry
        try:
            if self._publisher is None:
                self._publisher = Publisher(app)
            self._publisher.publish(self._account, entry.to_line().decode(), key=entry.key)
        except Exception as error:  # noqa: BLE001  # of whichever library speaks to the broker
            fix = f"Celery's broker takes no tasks ({type(error).__name__})"
            return Outcome(job, RateLimited("broker_unreachable", fix=fix, wait=BROKER_RETRY))
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
        row = Row(entry, task.request.retries, 0.0)
        event = row.event
    except ValueError:
        logger.warning("TopMail: a task of %s is damaged and was given up.", TASK)
        return True
    if served is None:
        logger.warning("TopMail: a task is for an app with another name or key; it waits.")
        _again(task, account, line, entry.key, STRANGER_COUNTDOWN)
        return False
    wall = time.time()
    if wall - entry.at > served.settings.max_age:
        served.receivers.dropped(event, Reason.EXPIRED)
        return True
    wait = served.pause()
    if wait:
        _again(task, account, line, entry.key, wait)
        return False
    end = served.send(row)
    if isinstance(end, Receipt):
        served.receivers.delivered(event, end)
        return True
    if isinstance(end, Reason):
        served.receivers.dropped(event, end)
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
            logger.info("TopMail: Redis could not be told that a task has ended (%s).", kind)


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
    same_app = [account for account in others if account.app == app]
    return next(iter(same_app + [account for account in others if account.key == key]), None)


MOST_UNKNOWN = 10_000


class Account:
    """Sends views of one app, one call at a time in each thread. Between calls, each process of a
    worker keeps the pause that TopMail asked it for, and for an hour who TopMail does not know.

    :param name: as :func:`~topmail_flask.delivery.files.app_directory` names the app and its key.
    :param receivers: told what became of each view.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        receivers: Receivers,
        *,
        dice: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app, _, self.key = name.partition("-")
        self.settings = settings
        self.receivers = receivers
        self._dice = dice
        self._clock = clock
        self._monotonic = monotonic
        self._client: TopMailClient | None = None
        self._pace = Pace(senders=settings.senders, rate=settings.rate, dice=dice)
        self._notices = Notices()
        self._unknown: dict[str, UnknownContact] = {}

    def pause(self) -> float:
        """Seconds for which no call may be made."""
        return self._pace.wait_of_pause(self._monotonic())

    def send(self, row: Row) -> Receipt | Reason | Entry | float:
        """Make one attempt.

        :returns: the receipt; or why the view will never be sent; or what to send instead, at once;
            or seconds until the next try.
        """
        entry, creates = row.entry, self.settings.unknown_contacts == "create"
        known = self._unknown.get(entry.identity)
        if known and not creates and known.ask_at > self._monotonic():
            return Reason.CONTACT_NOT_FOUND
        outcome = outcome_of(self._attempt, job_of(row, creates=creates))
        error, now = outcome.result, self._monotonic()
        if isinstance(error, Receipt):
            self._pace.answered(now)
            self._unknown.pop(entry.identity, None)
            return error
        if isinstance(error, ContactNotFound) and entry.contact_id:
            self._pace.answered(now)
            return entry.by_address()
        if isinstance(error, CallRejected):
            self._pace.answered(now)
            unknown = outcome.refused or isinstance(error, ContactNotFound)
            self._note(f"{entry.kind} {entry.key} was refused for good: {error.code}.", now)
            if unknown:
                if len(self._unknown) >= MOST_UNKNOWN:
                    self._unknown.clear()
                self._unknown[entry.identity] = UnknownContact.after(known, now)
            return Reason.CONTACT_NOT_FOUND if unknown else Reason.REJECTED
        again = backoff(row.attempts + 1, self._dice())
        if isinstance(error, Conflict):
            self._pace.answered(now)
        elif outcome.refused:
            again = max(again, BLOCKED_PROBE_INTERVAL)
        else:
            self._pace.failed(error, now, self._clock())
            self._note(f"views are sent later: {error}", now)
        asked = error.wait if isinstance(error, RetryLater) and error.wait else 0.0
        return max(again, asked, self._pace.wait_of_pause(now))

    def _attempt(self, job: Job) -> Outcome:
        if self._client is None:
            self._client = TopMailClient.of(self.settings)
        return attempt(self._client, job)

    def _note(self, sentence: str, now: float) -> None:
        self._notices.note("celery", sentence)
        self._notices.speak(now)


TASK = "topmail_flask.send"
CONFIRM_TIMEOUT = 10.0
Result = TypeVar("Result")
# Monitors and logs show a task's arguments by these texts; the real ones name a shopper.
_HIDDEN = {"argsrepr": "('…')", "kwargsrepr": "{}"}


class Publisher:
    """Hands tasks to the broker and returns when it has confirmed that it keeps them.

    RabbitMQ confirms each message; Redis answers that it has it, and keeps a copy until :meth:`end`
    (see :class:`UnackedCopies`). It may be used by many threads, and by no forked
    child.

    :param app: the Celery app.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._idle: deque[Any] = deque()

    def publish(
        self, account: str, line: str, *, key: str, retries: int = 0, countdown: float = 0.0
    ) -> None:
        """Publish the task of one view.

        :raises Exception: any of the broker's libraries; the broker may have the task all the same.
        """

        def publish(connection: Any) -> None:
            if self.keeps_copies:
                UnackedCopies(connection, account).keep(key, line, time.time() + countdown)
            self._app.send_task(
                TASK,
                (account, line),
                task_id=key,
                retries=retries,
                countdown=countdown or None,
                connection=connection,
                serializer="json",
                retry=False,
                ignore_result=True,
                add_to_parent=False,
                mandatory=True,
                confirm_timeout=CONFIRM_TIMEOUT,
                **_HIDDEN,
            )

        try:
            self._connected(publish)
        except Exception:  # noqa: BLE001  # the connection may have been cut while it was not used
            self._connected(publish)

    @cached_property
    def keeps_copies(self) -> bool:
        """Whether :meth:`end` is to be told of each view: on Redis."""
        return bool(self._app.connection_for_write().transport.driver_type == "redis")

    def end(self, account: str, key: str) -> None:
        """A view has come to an end; views whose tasks were lost before it are published again.

        :raises Exception: any of the broker's libraries; then the view is sent again under its key.
        """

        def end(connection: Any) -> list[tuple[str, str]]:
            copies = UnackedCopies(connection, account)
            before = copies.end(key)
            return [] if before is None else copies.lost(before)

        for lost, line in self._connected(end):
            self.publish(account, line, key=lost)

    def close(self) -> None:
        """Close the connections that nobody is using."""
        while self._idle:
            self._idle.pop().close()

    def _connected(self, act: Callable[[Any], Result]) -> Result:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connection()
        try:
            result = act(connection)
        except BaseException:
            _drop_connection(connection)
            raise
        self._idle.append(connection)
        return result

    def _connection(self) -> Any:
        connection = self._app.connection_for_write()
        if connection.transport.driver_type == "amqp":
            options = {"confirm_publish": True, "read_timeout": CONFIRM_TIMEOUT}
        else:
            options = {"socket_timeout": CONFIRM_TIMEOUT, "socket_connect_timeout": 4.0}
        connection.transport_options |= {"max_retries": 1, **options}
        return connection


def _drop_connection(connection: Any) -> None:
    """Close a connection that may be broken, without a word to the other side."""
    with suppress(Exception):
        amqp = connection.transport.driver_type == "amqp"
        (connection.collect if amqp else connection.close)()


SWEEP_SECONDS = 30
"""Seconds for which nobody else looks for lost views once somebody does."""
SWEEP_LIMIT = 100
KEPT_SECONDS = 7 * 86_400
"""Seconds after the last view of an app from which on Redis forgets what it kept of it."""


class UnackedCopies:
    """The copies of one app's views that Redis keeps beside Celery's queue until they have ended.

    Celery's Redis transport takes a task off its list before it notes that a worker has it
    (``BRPOP``, then ``HSET unacked``; https://github.com/celery/kombu/issues/305): a worker that is
    killed in between takes the task along. So a second copy stays here until the task has come to
    an end. The queue is first in, first out: where a copy is much older than a task that was just
    worked off, its own task is lost and is published again, under its key. Nothing is taken for
    lost because the queue is long, or because nobody works it off.

    :param connection: Celery's to Redis.
    :param account: names the app and its key; its tasks go through one queue.
    :ivar patience: seconds after which a copy is old: the transport's ``visibility_timeout``, after
        which Celery hands out again what it knows a worker to have.
    """

    def __init__(self, connection: Any, account: str) -> None:
        channel = connection.default_channel
        # Not the channel's own client: which commands it prefixes depends on kombu's version.
        from redis import Redis  # noqa: PLC0415  # not installed where RabbitMQ is used

        self._redis: Any = Redis(connection_pool=channel.client.connection_pool)
        self._lines = f"{channel.global_keyprefix}topmail_flask.held.{account}"
        self._times = f"{self._lines}.times"
        self._sweep = f"{self._lines}.sweep"
        self.patience = float(channel.visibility_timeout)

    def keep(self, key: str, line: str, at: float) -> None:
        """Keep a view that is about to be published.

        :param at: when its turn comes at the earliest, in seconds since the epoch.
        """
        with self._redis.pipeline(transaction=False) as steps:
            steps.hset(self._lines, key, line)
            steps.zadd(self._times, {key: at})
            steps.expire(self._lines, KEPT_SECONDS)
            steps.expire(self._times, KEPT_SECONDS)
            steps.execute()

    def end(self, key: str) -> float | None:
        """The view has come to an end.

        :returns: None; or, where others are lost, the time before which they were kept.
        """
        with self._redis.pipeline(transaction=False) as steps:
            steps.zscore(self._times, key)
            steps.zrem(self._times, key)
            steps.hdel(self._lines, key)
            steps.zrange(self._times, 0, 0, withscores=True)
            turn, _, _, oldest = steps.execute()
        if turn is None or not oldest:
            return None
        before = float(turn) - self.patience
        return before if oldest[0][1] < before else None

    def lost(self, before: float) -> list[tuple[str, str]]:
        """Key and line of views whose tasks are gone; to be published again.

        :param before: what :meth:`end` returned. Nothing is told while somebody else has been told.
        """
        if not self._redis.set(self._sweep, 1, nx=True, ex=SWEEP_SECONDS):
            return []
        keys = self._redis.zrangebyscore(self._times, "-inf", f"({before}", 0, SWEEP_LIMIT)
        names = [key.decode() for key in keys]
        lines = self._redis.hmget(self._lines, names) if names else []
        return [(key, line.decode()) for key, line in zip(names, lines, strict=True) if line]
