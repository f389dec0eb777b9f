"""Views that Redis keeps beside Celery's queue until they have come to an end.

Celery's Redis transport takes a task off its list before it notes that a worker has it (``BRPOP``,
then ``HSET unacked``; https://github.com/celery/kombu/issues/305): a worker that is killed in
between takes the task along. So a second copy stays here until the task has come to an end. The
queue is first in, first out: where a copy is much older than a task that was just worked off, its
own task is lost and is published again, under its key. Nothing is taken for lost because the queue
is long, or because nobody works it off.
"""

from __future__ import annotations

from typing import Any

from redis import Redis

SWEEP_SECONDS = 30
"""Seconds for which nobody else looks for lost views once somebody does."""
SWEEP_LIMIT = 100
KEPT_SECONDS = 7 * 86_400
"""Seconds after the last view of an app from which on Redis forgets what it kept of it."""


class Custody:
    """The copies of one app's views.

    :param channel: of Celery's connection to Redis.
    :param account: names the app and its key; its tasks go through one queue.
    :ivar patience: seconds after which a copy is old: the transport's ``visibility_timeout``, after
        which Celery hands out again what it knows a worker to have.
    """

    def __init__(self, channel: Any, account: str) -> None:
        # Not the channel's own client: which commands it prefixes depends on kombu's version.
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
