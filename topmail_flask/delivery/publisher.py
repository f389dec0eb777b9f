"""Tasks for the broker of Celery: handed over when it says that it keeps them, not before."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Any

TASK = "topmail_flask.send"
CONFIRM_TIMEOUT = 10.0
# Monitors and logs show a task's arguments by these texts; the real ones name a shopper.
_HIDDEN = {"argsrepr": "('…')", "kwargsrepr": "{}"}


class Publisher:
    """Hands tasks to the broker and returns when it has confirmed that it keeps them.

    RabbitMQ confirms each message; Redis answers that it has it. It may be used by many threads,
    and by no forked child.

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
        try:
            self._publish(account, line, key, retries, countdown)
        except Exception:  # noqa: BLE001  # the connection may have been cut while it was not used
            self._publish(account, line, key, retries, countdown)

    def close(self) -> None:
        """Close the connections that nobody is using."""
        while self._idle:
            self._idle.pop().close()

    def _publish(self, account: str, line: str, key: str, retries: int, countdown: float) -> None:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connection()
        try:
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
        except BaseException:
            _abandon(connection)
            raise
        self._idle.append(connection)

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
