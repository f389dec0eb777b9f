"""Tasks for the broker of Celery: handed over when it says that it keeps them, not before."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from topmail_flask.delivery.custody import Custody

TASK = "topmail_flask.send"
CONFIRM_TIMEOUT = 10.0
Result = TypeVar("Result")
# Monitors and logs show a task's arguments by these texts; the real ones name a shopper.
_HIDDEN = {"argsrepr": "('…')", "kwargsrepr": "{}"}


class Publisher:
    """Hands tasks to the broker and returns when it has confirmed that it keeps them.

    RabbitMQ confirms each message; Redis answers that it has it, and keeps a copy until :meth:`end`
    (see :mod:`topmail_flask.delivery.custody`). It may be used by many threads, and by no forked
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
                turn = time.time() + countdown
                self._custody(connection, account).keep(key, line, turn)
            self._send(connection, account, line, key, retries, countdown)

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
            custody = self._custody(connection, account)
            before = custody.end(key)
            return [] if before is None else custody.lost(before)

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
            _abandon(connection)
            raise
        self._idle.append(connection)
        return result

    def _send(
        self, connection: Any, account: str, line: str, key: str, retries: int, countdown: float
    ) -> None:
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

    @staticmethod
    def _custody(connection: Any, account: str) -> Custody:
        from topmail_flask.delivery.custody import Custody  # noqa: PLC0415  # only with Redis

        return Custody(connection.default_channel, account)

    def _connection(self) -> Any:
        connection = self._app.connection_for_write()
        if connection.transport.driver_type == "amqp":
            options = {"confirm_publish": True, "read_timeout": CONFIRM_TIMEOUT}
        else:
            options = {"socket_timeout": CONFIRM_TIMEOUT, "socket_connect_timeout": 4.0}
        connection.transport_options |= {"max_retries": 1, **options}
        return connection


def _abandon(connection: Any) -> None:
    """Close a connection that may be broken, without a word to the other side."""
    with suppress(Exception):
        amqp = connection.transport.driver_type == "amqp"
        (connection.collect if amqp else connection.close)()
